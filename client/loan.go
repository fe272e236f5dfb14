package client

import (
	"context"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// A loan is a received message that a caller has and did not confirm yet.
type loan struct {
	by    *caller
	until time.Time
}

// A caller is one user of the core: a process at the other end of a pipe, or
// nil for this process.
type caller struct{ core *Client }

type callerKey struct{}

func callerOf(ctx context.Context) *caller {
	k, _ := ctx.Value(callerKey{}).(*caller)
	return k
}

// handle is Client.Handle for this caller.
func (k *caller) handle(ctx context.Context, method string, params []byte) (any, error) {
	return k.core.Handle(context.WithValue(ctx, callerKey{}, k), method, params)
}

// close lets go of what the caller held. It has ended, so it cannot confirm any
// more, and the next one need not wait until the holds are over.
func (k *caller) close() {
	c := k.core
	c.holding.Lock()
	for position, l := range c.held {
		if l.by == k {
			delete(c.held, position)
		}
	}
	c.holding.Unlock()
	c.changed.notify()
}

// free shows at most n of rows that nobody holds, and returns their positions.
// With what others hold, all that came after it from the same device is left
// out: if they never confirm, it comes again, and must not come late. again is
// when the first loan is over. c.holding is held.
func (c *Client) free(tx *history.Tx, by *caller, rows []history.Row, n int) (out []clientrpc.Message, taken []int64, again time.Time, err error) {
	busy := map[lane]bool{}
	for i := range rows {
		l := lane{rows[i].Chat, rows[i].Peer, rows[i].Device}
		if held, ok := c.held[rows[i].Position]; ok {
			busy[l] = busy[l] || held.by != by
			again = sooner(again, held.until)
			continue
		}
		if len(out) == n || busy[l] {
			continue
		}
		m, err := c.show(tx, &rows[i])
		if err != nil {
			return nil, nil, again, err
		}
		out, taken = append(out, m), append(taken, rows[i].Position)
	}
	return out, taken, again, nil
}

// sooner is the earlier of two times, where zero means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

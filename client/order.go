package client

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// orderWait is how long a message waits for those that its device wrote before
// it in the same chat. A server that failed makes a gap for the second or two
// until the sender's outbox tries again; what is lost for good must not hold up
// the rest, so after this time it is shown without it.
const orderWait = 15 * time.Second

// A delay is one lane that has a gap.
type delay struct {
	until   time.Time // when the gap is given up
	skipped uint32    // nothing up to here is waited for any more
}

// inOrder leaves out what has to wait for earlier messages of its lane, and
// puts the rest of each lane in the order of its sender. again is when to look
// again, zero if nothing waits. c.holding is held.
func (c *Client) inOrder(ctx context.Context, tx *history.Tx, rows []history.Row, now time.Time) (out []history.Row, again time.Time, err error) {
	tracks := map[lane]*chat.Track{}
	places := map[lane][]int{} // in out, ascending
	for _, r := range rows {
		l := lane{r.Chat, r.Peer, r.Device}
		if !r.Verified || r.Sequence == 0 {
			out = append(out, r)
			continue
		}
		t := tracks[l]
		if t == nil {
			if t, err = tx.Track(ctx, r.Chat, r.Device); err != nil {
				return nil, again, err
			}
			tracks[l] = t
		}
		if until := c.waits(l, t, r.Sequence, now); !until.IsZero() {
			again = sooner(again, until)
			continue
		}
		places[l] = append(places[l], len(out))
		out = append(out, r)
	}
	for _, p := range places {
		sortPlaces(out, p)
	}
	return out, again, nil
}

// waits returns until when a message waits at most, zero if it does not.
func (c *Client) waits(l lane, t *chat.Track, seq uint32, now time.Time) time.Time {
	d := c.delays[l]
	if len(t.Missing) == 0 {
		delete(c.delays, l)
		return time.Time{}
	}
	gap := slices.ContainsFunc(t.Missing, func(r chat.Range) bool { return r.From < seq && r.To > d.skipped })
	if !gap {
		return time.Time{}
	}
	switch {
	case d.until.IsZero():
		d.until = now.Add(orderWait)
	case !now.Before(d.until):
		d = delay{skipped: t.Highest}
	}
	c.delays[l] = d
	return d.until
}

// sortPlaces puts the rows at ascending places in the order of their sequences.
func sortPlaces(rows []history.Row, places []int) {
	var part []history.Row
	for _, p := range places {
		part = append(part, rows[p])
	}
	slices.SortStableFunc(part, func(a, b history.Row) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for i, p := range places {
		rows[p] = part[i]
	}
}

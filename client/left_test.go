package client

import (
	"context"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// TestLeft: who did something while no server can be reached is told how much of it waits,
// and why, in the process that has the home and in another one; what waited before does not
// count, and who only looked, or fetched messages, is told nothing.
func TestLeft(t *testing.T) {
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	p.stop()
	holder, err := OpenLocal(t.Context(), cfg)
	must(t, err)
	other, err := OpenLocal(t.Context(), cfg)
	must(t, err)
	looks, err := OpenLocal(t.Context(), cfg)
	must(t, err)
	core := holder.conn.(*Holder)
	core.rested = false // it has waited for a connection already
	until(t, "a connection that failed", func() bool {
		st, err := clientrpc.Status.Call(t.Context(), core, clientrpc.None{})
		return err == nil && st.Problem != nil
	})
	_, err = clientrpc.Send.Call(t.Context(), other, clientrpc.SendParams{ID: omega.ID{1}, To: fp(9).String(), Text: "x", Wait: waitNone})
	must(t, err)
	_, err = clientrpc.Chats.Call(t.Context(), looks, clientrpc.Page{})
	must(t, err)
	_, err = clientrpc.Receive.Call(t.Context(), looks, clientrpc.ReceiveParams{})
	must(t, err)
	must(t, other.Close())
	_, err = clientrpc.Send.Call(t.Context(), holder, clientrpc.SendParams{ID: omega.ID{2}, To: fp(8).String(), Text: "y", Wait: waitNone})
	must(t, err)
	for _, row := range []struct {
		who  string
		l    *Local
		want int
	}{{"another process", other, 1}, {"one that only looked", looks, 0}, {"who has the home", holder, 1}} {
		must(t, row.l.Close())
		if got, why := row.l.Left(); got != row.want || (why != nil) != (got > 0) {
			t.Errorf("%s: %d left, want %d; %v", row.who, got, row.want, why)
		}
	}
}

// A statusConn answers Status, one answer after the other, and the last one again.
type statusConn struct {
	list  []clientrpc.StatusResult
	asked int
}

func (s *statusConn) Close() error { return nil }

func (s *statusConn) Call(_ context.Context, _ string, _, resp any) error {
	*resp.(**clientrpc.StatusResult) = &s.list[min(s.asked, len(s.list)-1)]
	s.asked++
	return nil
}

// TestLeftAt: a core that has no connection yet is given a moment for one, and one that
// tried in vain is believed at once.
func TestLeftAt(t *testing.T) {
	failed := &clientrpc.Error{Code: clientrpc.CodeOffline}
	yet, tried, online := clientrpc.StatusResult{Outbox: 3}, clientrpc.StatusResult{Outbox: 3, Problem: failed}, clientrpc.StatusResult{Online: true, Outbox: 3}
	for _, row := range []struct {
		name         string
		list         []clientrpc.StatusResult
		before       int
		reach        time.Duration
		count, asked int
		why          bool
	}{
		{"connects meanwhile", []clientrpc.StatusResult{yet, online}, 1, time.Hour, 0, 2, false},
		{"finds out meanwhile that it cannot", []clientrpc.StatusResult{yet, tried}, 1, time.Hour, 2, 2, true},
		{"tried in vain", []clientrpc.StatusResult{tried}, 1, time.Hour, 2, 1, true},
		{"nothing of this one", []clientrpc.StatusResult{yet}, 3, time.Hour, 0, 1, false},
		{"less than before", []clientrpc.StatusResult{tried}, 5, time.Hour, 0, 1, false},
		{"deleted", []clientrpc.StatusResult{{Outbox: 3, Deleted: time.Unix(1, 0)}}, 0, time.Hour, 0, 1, false},
		{"not in time", []clientrpc.StatusResult{yet}, 0, 0, 3, 0, false},
	} {
		conn := &statusConn{list: row.list}
		l := leftAt(conn, row.before, row.reach)
		if l.count != row.count || (l.why != nil) != row.why || row.asked > 0 && conn.asked != row.asked {
			t.Errorf("%s: %+v after %d questions", row.name, l, conn.asked)
		}
	}
}

// TestBlockedLeft: a block that no home has heard of waits, also on an account of one
// device, which has nobody else to tell: until they know, homes take what the blocked
// account writes.
func TestBlockedLeft(t *testing.T) {
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	p.stop()
	for blocks, want := range []int{0, 1} {
		l, err := OpenLocal(t.Context(), cfg)
		must(t, err)
		core := l.conn.(*Holder)
		core.rested = false
		until(t, "a connection that failed", func() bool {
			st, err := clientrpc.Status.Call(t.Context(), core, clientrpc.None{})
			return err == nil && st.Problem != nil
		})
		if blocks > 0 {
			_, err = clientrpc.BlockContact.Call(t.Context(), l, clientrpc.BlockContactParams{ContactRef: clientrpc.ContactRef{Account: fp(9).String()}})
		} else {
			_, err = clientrpc.Folders.Call(t.Context(), l, clientrpc.Page{})
		}
		must(t, err)
		must(t, l.Close())
		if got, _ := l.Left(); got != want {
			t.Errorf("%d blocks: %d left, want %d", blocks, got, want)
		}
	}
}

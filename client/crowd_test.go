package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// What happens once for each member of a large group, and what it must not cost. (spec/group.md,
// GROUP-52)

// whileWritten runs fn while a transaction holds the database: what wants to write does not
// end before its context does.
func (c *Client) whileWritten(t *testing.T, fn func(context.Context) error) (err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must(t, c.db.Update(t.Context(), func(*history.Tx) error { err = fn(ctx); return nil }))
	return err
}

// TestLooksDoNotWrite: what is woken by everything that comes waits for nobody who writes,
// where there is nothing to write.
func TestLooksDoNotWrite(t *testing.T) {
	c, clock := newStillCore(t)
	peer := newIdentity(t, "peer")
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return tx.Park(&history.Parked{Locator: chat.Locator{1}, Sequence: 3, Sender: peer.Account(), ID: omega.ID{1}, Payload: []byte("x"), Received: clock.time()})
	}))
	asked := map[string]*pursuit{}
	tender := &groupTender{c: c, given: answers{}}
	for name, look := range map[string]func(context.Context) error{
		"what is missing": func(ctx context.Context) error { _, err := c.chaseOnce(ctx, asked); return err },
		"chores":          tender.doChores,
	} {
		if err := c.whileWritten(t, look); err != nil {
			t.Errorf("a look for %s: %v", name, err)
		}
	}
	if len(asked) != 1 {
		t.Errorf("%d are asked for, want 1", len(asked))
	}
}

// TestPursuitsAreKept: what was missed and not asked for is told to the next program when
// this one ends, and what was asked for at once.
func TestPursuitsAreKept(t *testing.T) {
	c, clock := newStillCore(t)
	peer := newIdentity(t, "peer")
	park := func(n byte) {
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
			must(t, tx.PutPeer(&history.Peer{Fingerprint: peer.Account(), Certificate: peer.Certificate.Bytes(), Checked: clock.time()}))
			return tx.Park(&history.Parked{Locator: chat.Locator{n}, Sequence: 3, Sender: peer.Account(), ID: omega.ID{n}, Payload: []byte("x"), Received: clock.time()})
		}))
	}
	kept := func() (n, times int) {
		must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
			list, err := tx.Pursuits()
			for _, p := range list {
				n, times = n+1, times+p.Times
			}
			return err
		}))
		return n, times
	}
	c.session = &session{} // somebody hears
	park(1)
	asked := map[string]*pursuit{}
	for range 2 { // it is missed, and asked for
		_, err := c.chaseOnce(t.Context(), asked)
		must(t, err)
		clock.move(chaseAfter[0])
	}
	if n, times := kept(); n != 1 || times != 1 {
		t.Errorf("%d are kept, asked for %d times, want 1 and 1", n, times)
	}
	park(2)
	_, err := c.chaseOnce(t.Context(), asked)
	must(t, err)
	if n, _ := kept(); n != 1 {
		t.Errorf("%d are kept, want 1", n)
	}
	c.session = nil
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { c.chase(ctx); close(done) }()
	for range 2 { // when it waits again it has looked
		until(t, "it looks", func() bool {
			c.missing.mu.Lock()
			defer c.missing.mu.Unlock()
			return c.missing.ch != nil
		})
		c.missing.notify()
	}
	end()
	<-done
	if n, times := kept(); n != 2 || times != 1 {
		t.Errorf("%d are kept, asked for %d times, want 2 and 1", n, times)
	}
}

// TestLookUpWakesNobody: an account that is looked up is no news for the outbox, unless
// something may have waited for it.
func TestLookUpWakesNobody(t *testing.T) {
	c, clock := newStillCore(t)
	take := func(sequence uint64) (woken bool) {
		t.Helper()
		id := newIdentity(t, "peer")
		queued := c.queued.wait()
		_, _, err := c.takePeer(t.Context(), id.Account(), entryOf(t, id, fp(1), sequence), nil)
		must(t, err)
		select {
		case <-queued:
			return true
		default:
			return false
		}
	}
	if take(1) {
		t.Error("the outbox looks though nothing waits")
	}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return tx.AddUnsealed(&history.Unsealed{ID: omega.ID{1}, To: fp(9), Text: "x", Time: clock.time()})
	}))
	if !take(1) {
		t.Error("the outbox does not look though something waits to be sealed")
	}
}

// TestLooksReadAGroupOnce: while operations of a group are written that are not committed,
// looks see the group as it was before, and do not read it anew each time.
func TestLooksReadAGroupOnce(t *testing.T) {
	c, _ := newStillCore(t)
	_, l := linked(t, c)
	look := func() (s *group.State) {
		t.Helper()
		must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) {
			s, err = c.groupState(tx, l.Group)
			return err
		}))
		return s
	}
	before := look()
	for _, tt := range []struct {
		name string
		err  error
	}{{"taken back", errors.New("it does not happen")}, {"committed", nil}} {
		var during []*group.State
		err := c.db.Update(t.Context(), func(tx *history.Tx) error {
			for i := range 3 {
				l, err := c.groupIn(tx, l.Group)
				must(t, err)
				o, err := l.Next(c.party(), c.signingTime(), group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{signer(t, byte(9+i))}})
				must(t, err)
				must(t, o.Sign(t.Context(), c.identity().Signer))
				_, err = l.add(tx, o, c.cfg.now())
				must(t, err)
				c.showGroup(l)
				during = append(during, look(), look())
			}
			return tt.err
		})
		if !errors.Is(err, tt.err) {
			t.Fatal(err)
		}
		for i, s := range during {
			if s != before {
				t.Errorf("%s: look %d while it is written sees another state, with %d invited, want %d", tt.name, i, len(s.Invited), len(before.Invited))
			}
		}
		if s := look(); tt.err != nil && s != before || tt.err == nil && len(s.Invited) != len(before.Invited)+3 {
			t.Errorf("%s: %d are invited, %d before", tt.name, len(s.Invited), len(before.Invited))
		}
	}
}

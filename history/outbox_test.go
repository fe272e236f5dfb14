package history

import (
	"fmt"
	"testing"
	"time"
)

// due lists the positions that are due some minutes after the start.
func (tx *Tx) due(t *testing.T, minutes int) string {
	t.Helper()
	list, _, err := tx.Outgoing(testTime.Add(time.Duration(minutes)*time.Minute), 0, 100)
	must(t, err)
	out := ""
	for _, o := range list {
		out += fmt.Sprint(" ", o.Position)
	}
	return out
}

// What has to be tried again holds up what is behind it, of the same peer only.
func TestOutboxOrder(t *testing.T) {
	db := openTest(t)
	after := func(minutes int) time.Time { return testTime.Add(time.Duration(minutes) * time.Minute) }
	db.update(t, func(tx *Tx) error {
		for _, peer := range []byte{1, 1, 2, 0, 1, 2, 0} { // positions from 1; 0: no peer
			o := &Outgoing{NextTry: testTime}
			if peer > 0 {
				o.Peer = fp(peer)
			}
			must(t, tx.AddOutgoing(o))
		}
		steps := []struct {
			what string
			do   func() error
			want map[int]string // what is due after so many minutes
		}{
			{"nothing failed", func() error { return nil }, map[int]string{0: " 1 2 3 4 5 6 7"}},
			{"the second fails", func() error { return tx.RetryOutgoing(2, after(4), "") }, map[int]string{0: " 1 3 4 6 7", 4: " 1 2 3 4 5 6 7"}},
			{"the first fails for a shorter time", func() error { return tx.RetryOutgoing(1, after(1), "") }, map[int]string{0: " 3 4 6 7", 1: " 1 3 4 6 7", 4: " 1 2 3 4 5 6 7"}},
			{"the last fails for a shorter time", func() error { return tx.RetryOutgoing(5, after(2), "") }, map[int]string{2: " 1 3 4 6 7", 4: " 1 2 3 4 5 6 7"}},
			{"one more", func() error { return tx.AddOutgoing(&Outgoing{Peer: fp(1), NextTry: testTime}) }, map[int]string{0: " 3 4 6 7", 4: " 1 2 3 4 5 6 7 8"}},
			{"one without a peer fails", func() error { return tx.RetryOutgoing(4, after(9), "") }, map[int]string{0: " 3 6 7", 9: " 1 2 3 4 5 6 7 8"}},
			{"the peer has it", func() error { return tx.RetryAside(3, after(9), "") }, map[int]string{0: " 6 7", 4: " 1 2 5 6 7 8"}},
			{"a new session", func() error { return tx.RetryAll(testTime) }, map[int]string{0: " 1 2 3 4 5 6 7 8"}},
		}
		for _, s := range steps {
			must(t, s.do())
			for minutes, want := range s.want {
				if got := tx.due(t, minutes); got != want {
					t.Errorf("%s: after %d minutes%s are due, want%s", s.what, minutes, got, want)
				}
			}
		}
		list, _, err := tx.Outgoing(testTime, 0, 3)
		must(t, err)
		if list[0].Peer != fp(1) || !list[2].Peer.IsZero() || list[1].Attempts != 1 {
			t.Errorf("outbox %+v", list)
		}
		return nil
	})
}

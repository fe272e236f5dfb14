package client

import (
	"os"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// handsTo gives another device of an account the history that is here, as a handover does.
func (s *somebody) handsTo(t *testing.T, c *Client) {
	t.Helper()
	d, _ := s.certificate().Device(c.acc.Device)
	ref, total, err := s.makeHistory(t.Context(), &d)
	must(t, err)
	sealed, err := os.Open(s.blobPath(ref.Name))
	must(t, err)
	defer sealed.Close()
	h := &history.Handover{Device: s.acc.Device, State: history.HandoverOffered, Since: time.Now(), Ref: ref, Total: total}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return tx.PutHandover(h) }))
	must(t, takeFrom(t.Context(), c, h, sealed))
}

// TestNewDevicesKnowWhatWasSaid: a device that is linked later is told what its account said as a
// subscriber, be it before the messages are there, or with them; and one of who may write what
// the subscribers said. (spec/group.md, GROUP-58)
func TestNewDevicesKnowWhatWasSaid(t *testing.T) {
	r := newReadership(t)
	ann, two, id := r.ann, r.two, r.id
	r.subscribe(t)
	ann.writes(t, id, "hello")
	two.reads(t, id, "hello")
	two.reacts(t, id, "👍")
	hello := two.newest(t, id)
	ann.asks(t, id, false)
	until(t, "two has the poll", func() bool { return two.newest(t, id).Poll != nil })
	must(t, two.votes(t, id, 1))
	until(t, "ann knows", func() bool { return ann.tallies(t, id) == [3]int{0, 1, 1} })

	// While it is away from its homes it has what is handed to it.
	alone := secondDevice(t, two.Client)
	two.handsTo(t, alone)
	must(t, alone.db.View(t.Context(), func(tx *history.Tx) error {
		rows, err := tx.InChat(omega.ChatID(id[:16]), hello.ID)
		must(t, err)
		if got := rows[0].Reactions; len(got) != 1 || got[0].Account != two.acc.Fingerprint {
			t.Errorf("of a history it has %+v", got)
		}
		return nil
	}))

	late, other := two.second(t), ann.second(t)
	link := func(c *Client, m omega.ID) (l chat.Link) {
		must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
			rows, err := tx.InChat(omega.ChatID(id[:16]), m)
			l = rows[0].Ref
			return err
		}))
		return l
	}
	poll := two.newest(t, id).ID
	words := func(s *somebody, l chat.Link) (n int) {
		must(t, s.db.View(t.Context(), func(tx *history.Tx) error {
			own, err := tx.OwnWordsOf(omega.ChatID(id[:16]), l, two.acc.Fingerprint)
			must(t, err)
			of, err := tx.WordsOf(omega.ChatID(id[:16]), l, 9)
			n = len(own) + len(of)
			return err
		}))
		return n
	}
	for _, s := range []*somebody{late, other} {
		until(t, s.acc.Name+" on a new device is told", func() bool { return words(s, link(two.Client, hello.ID)) == 1 && words(s, link(two.Client, poll)) == 1 })
	}
	two.handsTo(t, late.Client)
	if p := late.newest(t, id).Poll; p == nil || !p.Options[1].Mine || p.Voters != 1 {
		t.Errorf("a new device shows %+v", p)
	}
	ann.handsTo(t, other.Client)
	if got := other.voted(t, id, 1); len(got) != 1 || got[0] != "reader-dos subscriber" {
		t.Errorf("who may write is told of %q on a new device", got)
	}
	if got := other.channel(t, id).Role; got != clientrpc.RoleOwner {
		t.Errorf("it is %s", got)
	}
}

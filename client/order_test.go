package client

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// Texts of one device come in its order. A gap is waited for, but not for ever,
// and not twice.
func TestInOrder(t *testing.T) {
	db, err := history.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	chatID := omega.ChatID{1}
	one, err1 := omega.ParseFingerprint("1111111111111111111111111111111111111111")
	two, err2 := omega.ParseFingerprint("2222222222222222222222222222222222222222")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	row := func(device omega.Fingerprint, seq uint32) history.Row {
		return history.Row{Message: chat.Message{Chat: chatID, Peer: one, Device: device, Sequence: seq, Verified: true}}
	}
	doubtful := row(two, 9)
	doubtful.Verified = false
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

	steps := []struct {
		name    string
		missing []chat.Range // of device one, of which 9 is the highest
		rows    []history.Row
		after   time.Duration
		want    []uint32
		again   time.Duration
	}{
		{"in order", nil, []history.Row{row(one, 1), row(two, 5), row(one, 2)}, 0, []uint32{1, 5, 2}, 0},
		{"filled late", nil, []history.Row{row(one, 5), row(two, 7), row(one, 4), row(one, 3)}, 0, []uint32{3, 7, 4, 5}, 0},
		{"gap", []chat.Range{{From: 3, To: 4}}, []history.Row{row(one, 2), row(one, 5), row(two, 8), doubtful}, 0, []uint32{2, 8, 9}, orderWait},
		{"gap, a little later", []chat.Range{{From: 3, To: 4}}, []history.Row{row(one, 5), row(one, 6)}, orderWait - 1, nil, orderWait},
		{"half filled", []chat.Range{{From: 4, To: 4}}, []history.Row{row(one, 5), row(one, 3)}, orderWait - 1, []uint32{3}, orderWait},
		{"too late", []chat.Range{{From: 4, To: 4}}, []history.Row{row(one, 6), row(one, 5)}, orderWait, []uint32{5, 6}, 0},
		{"not waited for twice", []chat.Range{{From: 4, To: 4}}, []history.Row{row(one, 7)}, orderWait, []uint32{7}, 0},
		{"filled", nil, []history.Row{row(one, 4)}, 2 * orderWait, []uint32{4}, 0},
		{"another gap", []chat.Range{{From: 8, To: 8}}, []history.Row{row(one, 9)}, 2 * orderWait, nil, 3 * orderWait},
		{"the clock was set back", []chat.Range{{From: 8, To: 8}}, []history.Row{row(one, 9)}, -1000 * orderWait, nil, -999 * orderWait},
	}
	for _, s := range steps {
		err := db.Update(t.Context(), func(tx *history.Tx) error {
			track := &chat.Track{Chat: chatID, Device: one, Low: 1, Highest: 9, Missing: s.missing}
			if err := tx.PutTrack(t.Context(), track, nil); err != nil {
				return err
			}
			// Every look is one of another process.
			o := newOrdering(start.Add(s.after))
			got, err := o.inOrder(t.Context(), tx, s.rows)
			if err != nil {
				return err
			}
			for l, d := range o.changed {
				if err := tx.PutDelay(l.chat, l.device, d); err != nil {
					return err
				}
			}
			var seqs []uint32
			for _, r := range got {
				seqs = append(seqs, r.Sequence)
			}
			if len(seqs) != len(s.want) {
				t.Fatalf("%s: got %v, want %v", s.name, seqs, s.want)
			}
			for i := range seqs {
				if seqs[i] != s.want[i] {
					t.Fatalf("%s: got %v, want %v", s.name, seqs, s.want)
				}
			}
			var want time.Time
			if s.again != 0 {
				want = start.Add(s.again)
			}
			if !o.again.Equal(want) {
				t.Errorf("%s: looks again at %v, want %v", s.name, o.again, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOrderOfCommands: a message behind a gap is shown in time also where every
// look is a command of its own that does not live that long.
func TestOrderOfCommands(t *testing.T) {
	p := newFakeProxy(t)
	clock := &hand{now: time.Now()}
	cfg := p.newHome(t)
	cfg.Clock = clock.time
	m := chat.Message{
		ID: omega.ID{1}, Chat: omega.ChatID{1}, Peer: fp(1), From: fp(1), Device: fp(2), Sequence: 3, Verified: true,
		Content: chat.NewText("x"),
	}
	look := func() (n int) {
		c, err := Open(t.Context(), cfg)
		must(t, err)
		defer c.Close()
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
			track := &chat.Track{Chat: m.Chat, Device: m.Device, Low: 1, Highest: 3, Missing: []chat.Range{{From: 2, To: 2}}}
			if err := tx.PutTrack(t.Context(), track, nil); err != nil {
				return err
			}
			_, err := tx.PutMessage(&history.Row{Message: m})
			return err
		}))
		out, _, err := c.unprinted(t.Context(), 1)
		must(t, err)
		return len(out)
	}
	for i, want := range []int{0, 0, 1} {
		if got := look(); got != want {
			t.Fatalf("command %d: %d messages, want %d", i+1, got, want)
		}
		clock.move(orderWait * 2 / 3)
	}
}

// TestSameID: somebody uses the id of another's message, which is known to the
// servers on its way. Who confirms the one has not seen the other.
func TestSameID(t *testing.T) {
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	for _, handover := range []bool{false, true} {
		c, err := Open(t.Context(), cfg)
		must(t, err)
		put := func(text string, from omega.Fingerprint) {
			must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
				_, err := tx.PutMessage(&history.Row{Message: chat.Message{
					ID: omega.ID{1}, Chat: omega.DirectChat(c.acc.Fingerprint, from), Peer: from, From: from, Device: from,
					Content: chat.NewText(text), Transcript: []byte(text + "\n\n"),
				}})
				return err
			}))
		}
		for i, text := range []string{"mallory's", "bob's"} {
			if put(text, fp(byte(i+1))); handover {
				put(text+" later", fp(byte(i+3)))
			}
		}
		var got []string
		for range 9 {
			r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Count: 1})
			must(t, err)
			if len(r.Messages) == 0 {
				break
			}
			got = append(got, r.Messages[0].Text)
			if handover {
				must(t, c.Close())
				c, err = Open(t.Context(), cfg)
				must(t, err)
			}
			_, err = clientrpc.Confirm.Call(t.Context(), c, clientrpc.ConfirmParams{IDs: []omega.ID{r.Messages[0].ID}})
			must(t, err)
		}
		want := []string{"mallory's", "bob's"}
		if handover {
			want = []string{"mallory's later", "bob's later"} // the others are known
		}
		if !slices.Equal(got, want) {
			t.Errorf("handover %v: got %q, want %q", handover, got, want)
		}
		must(t, c.Close())
	}
}

// TestAsideFirst: a text that was put aside was written before one that need not
// be, and keeps its place also when the core has not come to it yet.
func TestAsideFirst(t *testing.T) {
	p := newFakeProxy(t)
	c, err := Open(t.Context(), p.newHome(t))
	must(t, err)
	defer c.Close()
	peer := newIdentity(t, "peer")
	must(t, c.putAside(t.Context(), peer.Account(), letter{id: omega.ID{1}, content: chat.NewText("first")}))
	must(t, c.putAside(t.Context(), fp(9), letter{id: omega.ID{7}, content: chat.NewText("to somebody else")}))
	for range 2 { // a call that is repeated changes nothing
		must(t, c.queueText(t.Context(), peer.Certificate, omega.ID{2}, chat.NewText("second")))
	}
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		for i := range byte(2) {
			m, err := tx.Message(omega.ID{i + 1})
			if err != nil {
				return err
			}
			if m.Sequence != uint32(i+1) {
				t.Errorf("message %d has sequence %d", i+1, m.Sequence)
			}
		}
		left, err := tx.Unsealed(time.Now(), 9)
		if len(left) != 1 || left[0].ID != (omega.ID{7}) {
			t.Errorf("still aside: %+v", left)
		}
		return err
	}))
}

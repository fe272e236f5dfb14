package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

func TestMessageRoundTrip(t *testing.T) {
	db := openTest(t)
	full := message(1, "two\n\nblank\x00 lines 你好")
	full.Problem, full.Verified, full.ListDiffers = chat.ProblemClock, false, true
	lines := message(2, "see")
	lines.Content.Lines, lines.Content.Seen = []string{"Media: x"}, omega.ID{5}
	poll := message(3, "which?")
	poll.Content.Kind = "unheard-of"
	receipt := mine(4, "", "queued")
	receipt.Content = &chat.Content{Kind: chat.KindRead, Receipt: &chat.Receipt{Device: fp(3), UpTo: 3, IDs: []omega.ID{}}}
	failed := mine(5, "to nobody", "failed")
	failed.Transcript, failed.Sequence, failed.Why, failed.Received = nil, 0, "not_found", time.Time{}
	failed.Signature = [64]byte{}
	all := []*Row{full, lines, poll, receipt, failed}
	db.update(t, func(tx *Tx) error { return tx.put(all...) })
	db.view(t, func(tx *Tx) error {
		for i, want := range all {
			got, err := tx.Message(want.ID)
			must(t, err)
			want.Position, want.Ref, want.Place = int64(i+1), linkColumn(&want.Message), got.Place
			gotRaw, err := got.Content.Raw()
			must(t, err)
			wantRaw, err := want.Content.Raw()
			must(t, err)
			if !bytes.Equal(gotRaw, wantRaw) || got.Content.Kind != want.Content.Kind || got.Content.Text != want.Content.Text {
				t.Errorf("content %+v, want %+v", got.Content, want.Content)
			}
			got.Content = want.Content
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		}
		if _, err := tx.Message(omega.ID{99}); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown id: %v", err)
		}
		r, err := tx.MessageBySequence(receipt.Chat, fp(4), 4)
		if err != nil || r.ID != receipt.ID {
			t.Errorf("by sequence: %v, %v", r, err)
		}
		if _, err := tx.MessageBySequence(receipt.Chat, fp(3), 4); !errors.Is(err, ErrNotFound) {
			t.Errorf("by sequence of another device: %v", err)
		}
		return nil
	})
}

func TestPutMessageTwice(t *testing.T) {
	db := openTest(t)
	bad, good := message(1, "x"), message(1, "x")
	bad.Verified, bad.Problem, bad.Signature = false, chat.ProblemSignature, [64]byte{9}
	other := message(1, "y") // the same id and sequence, another text
	other.Verified, other.Problem = false, chat.ProblemReplay
	db.update(t, func(tx *Tx) error {
		positions := map[string]int64{}
		for i, row := range []*Row{bad, bad, good, bad, other, good, other} {
			got, err := tx.PutMessage(row)
			must(t, err)
			if want := positions[row.Content.Text]; want != 0 && got != want {
				t.Errorf("step %d: position %d, want %d", i, got, want)
			}
			positions[row.Content.Text] = got
		}
		got, err := tx.Message(good.ID)
		if err != nil || !got.Verified || got.Problem != "" || got.Signature != good.Signature {
			t.Errorf("the verified copy did not take the place: %+v, %v", got, err)
		}
		c, err := tx.Chat(good.Chat)
		if err != nil || c.Unread != 2 {
			t.Errorf("chat %+v, %v", c, err)
		}
		return nil
	})
}

func TestReceive(t *testing.T) {
	db := openTest(t)
	receipt := message(3, "")
	receipt.Content = &chat.Content{Kind: chat.KindRead, Receipt: &chat.Receipt{Device: fp(3)}}
	db.update(t, func(tx *Tx) error {
		return tx.put(message(1, "a"), mine(2, "mine", "queued"), receipt, message(4, "b"), message(5, "c"))
	})
	for _, tt := range []struct {
		confirm []int64
		want    []string
	}{
		{nil, []string{"a", "b"}},
		{[]int64{1, 1, 88}, []string{"b", "c"}},
		{[]int64{5}, []string{"b"}},
		{[]int64{2, 3}, []string{"b"}},
		{[]int64{4}, nil},
	} {
		db.update(t, func(tx *Tx) error {
			must(t, tx.SetPrinted(tt.confirm))
			rows, err := tx.Unprinted(2)
			if got := texts(rows); !slices.Equal(got, tt.want) {
				t.Errorf("unprinted %q, want %q", got, tt.want)
			}
			all, _ := tx.Unprinted(100)
			if c, err := tx.Chat(message(1, "").Chat); err != nil || c.Unread != len(all) {
				t.Errorf("unread %d, want %d", c.Unread, len(all))
			}
			return err
		})
	}
}

func TestStates(t *testing.T) {
	db := openTest(t)
	for i, tt := range []struct{ from, to, want string }{
		{"queued", "stored", "stored"},
		{"queued", "failed", "failed"},
		{"stored", "queued", "stored"},
		{"stored", "failed", "stored"},
		{"delivered", "stored", "delivered"},
		{"queued", "read", "read"},
		{"read", "delivered", "read"},
		{"failed", "queued", "queued"},
		{"failed", "delivered", "delivered"},
	} {
		r := mine(i+1, "x", tt.from)
		db.update(t, func(tx *Tx) error {
			must(t, tx.put(r))
			must(t, tx.SetState(r.ID, tt.to, "why"))
			got, err := tx.Message(r.ID)
			if got.State != tt.want || (got.Why == "why") != (tt.from != tt.want) {
				t.Errorf("%s to %s: %s because %q, want %s", tt.from, tt.to, got.State, got.Why, tt.want)
			}
			return err
		})
	}
	db.update(t, func(tx *Tx) error {
		if err := tx.SetState(message(1, "").ID, "nonsense", ""); err == nil {
			t.Error("a state that does not exist")
		}
		must(t, tx.put(message(50, "of another")))
		if err := tx.SetState(message(50, "").ID, "read", ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("state of somebody else's message: %v", err)
		}
		return nil
	})
}

func TestMarkUpTo(t *testing.T) {
	db := openTest(t)
	c := message(1, "").Chat
	db.update(t, func(tx *Tx) error {
		for n := range 6 {
			must(t, tx.put(mine(n+1, "x", "stored")))
		}
		elsewhere := mine(7, "x", "stored")
		elsewhere.Chat, elsewhere.Sequence = omega.ChatID{5}, 1
		must(t, tx.put(elsewhere, message(8, "not mine")))
		must(t, tx.MarkUpTo(c, fp(4), 3, []omega.ID{mine(5, "", "").ID, elsewhere.ID, message(8, "").ID}, "delivered"))
		must(t, tx.MarkUpTo(c, fp(4), 1, nil, "read"))
		must(t, tx.MarkUpTo(c, fp(4), 2, nil, "stored"))
		return tx.MarkUpTo(c, fp(5), 6, nil, "read") // another device
	})
	db.view(t, func(tx *Tx) error {
		for i, want := range []string{"read", "delivered", "delivered", "stored", "delivered", "stored", "stored", ""} {
			r, err := tx.Message(message(i+1, "").ID)
			must(t, err)
			if r.State != want {
				t.Errorf("message %d: %s, want %s", i+1, r.State, want)
			}
		}
		return nil
	})
}

func TestPages(t *testing.T) {
	db := openTest(t)
	c := message(1, "").Chat
	var want []string
	db.update(t, func(tx *Tx) error {
		for n := 1; n <= 25; n++ {
			must(t, tx.put(message(n, fmt.Sprint(n))))
			want = append(want, fmt.Sprint(n))
			hidden := mine(100+n, "", "queued")
			hidden.Content = &chat.Content{Kind: chat.KindRead, Receipt: &chat.Receipt{}}
			must(t, tx.put(hidden))
		}
		return nil
	})
	db.view(t, func(tx *Tx) error {
		var got []string
		before := omega.ID{}
		for {
			page, err := tx.Page(c, before, 10)
			must(t, err)
			if len(page) == 0 {
				break
			}
			got = append(texts(page), got...)
			before = page[0].ID
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages %q", got)
		}
		var all []string
		err := tx.All(c, func(r *Row) error { all = append(all, r.Content.Text); return nil })
		if !slices.Equal(all, want) {
			t.Errorf("all %q, %v", all, err)
		}
		stop := errors.New("stop")
		if err := tx.All(c, func(*Row) error { return stop }); err != stop {
			t.Errorf("All = %v", err)
		}
		if _, err := tx.Page(omega.ChatID{1}, omega.ID{}, 5); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown chat: %v", err)
		}
		if _, err := tx.Page(c, omega.ID{99}, 5); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown message: %v", err)
		}
		return nil
	})
}

func TestChats(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		must(t, tx.put(message(1, "a")))
		other := message(2, "b")
		other.Chat, other.Peer = omega.ChatID{1}, fp(7)
		must(t, tx.put(other, message(3, "c")))
		return tx.called(fp(2), "小明")
	})
	db.view(t, func(tx *Tx) error {
		list, err := tx.Chats()
		if len(list) != 2 || list[0].Name != "小明" || list[0].Last.Content.Text != "c" || list[0].Unread != 2 || list[1].Peer != fp(7) || list[1].Name != "" {
			t.Errorf("chats %+v", list)
		}
		if _, err := tx.Chat(omega.ChatID{77}); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown chat: %v", err)
		}
		return err
	})
}

// TestSilentChats: of people who are in one group the devices write to each other, which
// makes chats in which nothing is shown.
func TestSilentChats(t *testing.T) {
	db := openTest(t)
	silent := func(want bool) {
		t.Helper()
		db.view(t, func(tx *Tx) error {
			ch, err := tx.Chat(message(1, "").Chat)
			if err == nil && ch.Silent != want {
				t.Errorf("silent: %t", ch.Silent)
			}
			return err
		})
	}
	db.update(t, func(tx *Tx) error {
		return tx.put(operation(1, 2, &chat.Content{Kind: chat.KindDelivered, Receipt: &chat.Receipt{Device: fp(4), UpTo: 1}}))
	})
	silent(true)
	db.update(t, func(tx *Tx) error { return tx.put(message(2, "a")) })
	silent(false)
}

func TestOutbox(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		for n := range 5 {
			must(t, tx.AddOutgoing(&Outgoing{Message: omega.ID{byte(n)}, Envelope: []byte{byte(n)}, NextTry: testTime.Add(time.Duration(n%2) * time.Hour)}))
		}
		must(t, tx.RemoveOutgoing(1))
		return tx.RetryOutgoing(3, testTime.Add(time.Minute), "unavailable")
	})
	db.view(t, func(tx *Tx) error {
		due, next, err := tx.Outgoing(testTime, 0, 10)
		if len(due) != 1 || due[0].Position != 5 || due[0].Message != (omega.ID{4}) || due[0].Envelope[0] != 4 || !next.Equal(testTime.Add(time.Minute)) {
			t.Errorf("due %+v, next %v, %v", due, next, err)
		}
		due, next, err = tx.Outgoing(testTime.Add(2*time.Hour), 2, 2)
		if len(due) != 2 || due[0].Position != 3 || due[0].Attempts != 1 || due[0].Why != "unavailable" || !next.IsZero() {
			t.Errorf("later due %+v, next %v, %v", due, next, err)
		}
		n, err := tx.CountOutgoing()
		if n != 4 {
			t.Errorf("%d wait, want 4", n)
		}
		return err
	})
	later := &Unsealed{ID: omega.ID{3}, To: fp(2), Text: "later", Content: []byte{1}, Time: testTime, Due: testTime.Add(time.Hour)}
	db.update(t, func(tx *Tx) error {
		must(t, tx.AddUnsealed(later))
		if list, err := tx.Scheduled(testTime); err != nil || len(list) != 1 || list[0].Text != "later" || !list[0].Due.Equal(later.Due) {
			t.Errorf("scheduled %+v, %v", list, err)
		}
		if list, err := tx.UnsealedTo(fp(2), testTime); err != nil || len(list) != 0 {
			t.Errorf("due %+v, %v", list, err)
		}
		if list, err := tx.UnsealedTo(fp(2), later.Due); err != nil || len(list) != 1 {
			t.Errorf("due %+v, %v", list, err)
		}
		return tx.RemoveUnsealed(later.ID)
	})
	u := &Unsealed{ID: omega.ID{1}, To: fp(2), Text: "你好", Content: []byte("more"), Time: testTime}
	db.update(t, func(tx *Tx) error {
		must(t, tx.AddUnsealed(u))
		must(t, tx.AddUnsealed(u))
		return tx.AddUnsealed(&Unsealed{ID: omega.ID{2}, To: fp(2), Time: testTime})
	})
	db.update(t, func(tx *Tx) error {
		list, err := tx.Unsealed(testTime, 10)
		u.Position = list[0].Position
		if len(list) != 2 || !reflect.DeepEqual(list[0], *u) {
			t.Errorf("unsealed %+v", list)
		}
		must(t, err)
		must(t, tx.RemoveUnsealed(u.ID))
		list, err = tx.Unsealed(testTime, 10)
		if len(list) != 1 {
			t.Errorf("unsealed %+v", list)
		}
		return err
	})
}

func TestParked(t *testing.T) {
	db := openTest(t)
	a := &Parked{Locator: chat.Locator{1}, Sequence: 4, Sender: fp(2), ID: omega.ID{1}, Payload: []byte("payload"), Received: testTime}
	b := &Parked{Locator: chat.Locator{2}, ID: omega.ID{1}, Payload: []byte("of somebody who took the id"), Received: testTime}
	db.update(t, func(tx *Tx) error {
		must(t, tx.Park(a))
		must(t, tx.Park(a))
		return tx.Park(b)
	})
	db.update(t, func(tx *Tx) error {
		must(t, tx.Park(&Parked{ID: omega.ID{7}, Received: testTime.Add(-time.Hour)}))
		return tx.DropParked(testTime)
	})
	db.update(t, func(tx *Tx) error {
		got, err := tx.Parked(a.Locator, 10)
		a.Position = 1
		if len(got) != 1 || !reflect.DeepEqual(got[0], *a) {
			t.Errorf("parked %+v, %v", got, err)
		}
		keys, err := tx.WantedKeys(10)
		if want := []WantedKey{{a.Sender, a.Locator, []uint32{4}}, {b.Sender, b.Locator, []uint32{0}}}; !reflect.DeepEqual(keys, want) {
			t.Fatalf("wanted %+v, %v", keys, err)
		}
		other, err := tx.Parked(b.Locator, 10)
		must(t, err)
		must(t, tx.Unpark(other[0].Position))
		for _, step := range []struct {
			sender omega.Fingerprint
			left   int
		}{{fp(3), 1}, {a.Sender, 0}} {
			must(t, tx.UnparkMessage(a.ID, step.sender))
			if n, err := tx.CountParked(); n != step.left || err != nil {
				t.Errorf("%d still parked, want %d, %v", n, step.left, err)
			}
		}
		return nil
	})
}

func TestParkedBounds(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		for n := range 30 {
			must(t, tx.Park(&Parked{ID: omega.ID{byte(n)}, Payload: make([]byte, 10)}))
		}
		must(t, tx.trimParked(25, 1000))
		first, err := tx.Parked(chat.Locator{}, 1) // all have this one
		if n, _ := tx.CountParked(); n != 25 || first[0].Position != 6 {
			t.Errorf("%d parked, first %d, %v", n, first[0].Position, err)
		}
		must(t, tx.trimParked(25, 100))
		if n, _ := tx.CountParked(); n != 10 {
			t.Errorf("%d parked of 100 octets", n)
		}
		for n := range 20 {
			must(t, tx.Park(&Parked{ID: omega.ID{byte(n), 99, 9}, Payload: make([]byte, 1<<20)}))
		}
		n, err := tx.CountParked()
		if n != maxParkedBytes>>20 {
			t.Errorf("%d parked of 1 MiB", n)
		}
		return err
	})
}

// TestRealMessages lets chat work on the database: keys, tracks, sightings
// and the sender's state survive being stored.
func TestRealMessages(t *testing.T) {
	path := t.TempDir() + "/x.db"
	db := reopen(t, path)
	alice, bob := newPerson(t, 1), newPerson(t, 2)
	receiver, err := chat.NewReceiver(bob.id, finder{alice, bob})
	must(t, err)
	roster, err := chat.NewRoster(alice.cert, alice.id.Device(), bob.cert, testTime)
	must(t, err)
	send := func(text string) (out *chat.Sealed) {
		db.update(t, func(tx *Tx) error {
			state, err := tx.Sender(roster.Chat)
			must(t, err)
			s, err := chat.NewSender(alice.id, zeroes{}, "Alice", state)
			must(t, err)
			out, err = s.SealAs(t.Context(), testTime, roster, omega.ID{byte(state.Sequence + 1)}, chat.NewText(text))
			must(t, err)
			return tx.PutSender(s.State())
		})
		return out
	}
	open := func(id omega.ID, payload []byte) (r *chat.Result) {
		db.update(t, func(tx *Tx) error {
			r, err = receiver.Open(t.Context(), tx, &chat.Arrival{ID: id, Payload: payload, Now: testTime})
			return err
		})
		return r
	}
	one, two, three := send("one"), send("two"), send("three")
	if two.KeyRecord != nil || three.Message.Sequence != 3 {
		t.Fatal("the sender's state was lost")
	}
	if r := open(three.Message.ID, three.Payload); r.Verdict != chat.VerdictNeedKey {
		t.Fatalf("without key: %v", r.Verdict)
	}
	// A key that was read in a transaction that failed is not remembered.
	db.Update(t.Context(), func(tx *Tx) error {
		receiver.Open(t.Context(), tx, &chat.Arrival{Payload: one.KeyRecord, Now: testTime})
		receiver.Open(t.Context(), tx, &chat.Arrival{ID: three.Message.ID, Payload: three.Payload, Now: testTime})
		return errors.New("no")
	})
	if r := open(three.Message.ID, three.Payload); r.Verdict != chat.VerdictNeedKey {
		t.Fatalf("after a failure: %v", r.Verdict)
	}
	if r := open(omega.ID{99}, one.KeyRecord); r.Verdict != chat.VerdictKey {
		t.Fatalf("key: %v (%v)", r.Verdict, r.Reason)
	}
	for i, s := range []*chat.Sealed{three, one} {
		if i == 1 {
			must(t, db.Close())
			db = reopen(t, path)
		}
		if r := open(s.Message.ID, s.Payload); r.Verdict != chat.VerdictMessage || !r.Message.Verified {
			t.Fatalf("%v (%v)", r.Verdict, r.Reason)
		}
	}
	if r := open(one.Message.ID, one.Payload); r.Verdict != chat.VerdictDuplicate {
		t.Errorf("again: %v", r.Verdict)
	}
	db.view(t, func(tx *Tx) error {
		gaps, err := tx.Gaps(10)
		if err != nil || len(gaps) != 1 || !slices.Equal(gaps[0].Missing, []chat.Range{{From: 2, To: 2}}) || gaps[0].Device != alice.id.Device() {
			t.Errorf("gaps %+v", gaps)
		}
		seen, err := tx.SignatureSeen(context.Background(), roster.Chat, alice.id.Device(), [16]byte(one.Message.Signature[:16]))
		if !seen {
			t.Error("a signature is not remembered")
		}
		if seen, _ = tx.SignatureSeen(context.Background(), roster.Chat, alice.id.Device(), [16]byte{1}); seen {
			t.Error("a signature is remembered that never was")
		}
		return err
	})
	open(two.Message.ID, two.Payload)
	db.view(t, func(tx *Tx) error {
		gaps, err := tx.Gaps(10)
		if len(gaps) != 0 {
			t.Errorf("gaps %+v", gaps)
		}
		return err
	})
}

// zeroes is randomness that shows mistakes early.
type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) { clear(b); return len(b), nil }

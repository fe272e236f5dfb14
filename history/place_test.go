package history

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// wrongClocks makes a talk of three devices whose clocks are off by up to days and jump
// now and then, and answers of messages that were written before.
func wrongClocks(rnd *rand.Rand, n int) (list []*Row) {
	between := func(a, b time.Duration) time.Duration { return a + time.Duration(rnd.Int64N(int64(b-a))) }
	off, seqs := map[byte]time.Duration{}, map[byte]int{}
	now := testTime
	for i := range n {
		now = now.Add(between(0, 20*time.Second))
		d := byte(3 + rnd.IntN(3))
		if off[d] == 0 || rnd.IntN(8) == 0 {
			off[d] = between(-48*time.Hour, 48*time.Hour)
		}
		seqs[d]++
		r := message(i+1, fmt.Sprint(i))
		r.Device, r.Sequence, r.Time = fp(d), uint32(seqs[d]), now.Add(off[d]).Truncate(time.Millisecond)
		r.Received = now.Add(between(0, 1500*time.Millisecond)).Truncate(time.Millisecond)
		if i > 0 && rnd.IntN(3) == 0 {
			r.Content = chat.NewText(r.Content.Text)
			r.Content.Reply = &chat.Reply{Target: list[rnd.IntN(i)].Link()}
		}
		list = append(list, r)
	}
	return list
}

// arrived stores them in any order and returns them in that of the chat, with their places.
func arrived(t *testing.T, rnd *rand.Rand, list []*Row) (out []Row) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		for _, i := range rnd.Perm(len(list)) {
			must(t, tx.put(list[i]))
		}
		return tx.All(list[0].Chat, func(r *Row) error { out = append(out, *r); return nil })
	})
	pages(t, db, out)
	return out
}

// pages reads a chat page by page, both ways: it is the same.
func pages(t *testing.T, db *DB, all []Row) {
	t.Helper()
	var back, on []string
	db.view(t, func(tx *Tx) error {
		for before := (omega.ID{}); ; {
			rows, err := tx.Page(all[0].Chat, before, 7)
			must(t, err)
			if len(rows) == 0 {
				break
			}
			back, before = append(texts(rows), back...), rows[0].ID
		}
		on = append(on, all[0].Content.Text)
		for after := all[0].ID; ; {
			rows, err := tx.PageAfter(all[0].Chat, after, 7)
			must(t, err)
			if len(rows) == 0 {
				return nil
			}
			on, after = append(on, texts(rows)...), rows[len(rows)-1].ID
		}
	})
	if want := texts(all); !slices.Equal(back, want) || !slices.Equal(on, want) {
		t.Errorf("all      %v\nbackward %v\nforward  %v", want, back, on)
	}
}

// TestOrderWithWrongClocks: whatever the clocks of those who write say, and in whatever order
// their messages come, each stands where it does on every device: behind what it
// answers and what its device wrote before, and no more than seconds from where the homes had them.
// (spec/chat.md, CHAT-96)
func TestOrderWithWrongClocks(t *testing.T) {
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 96))
		list := wrongClocks(rnd, 40)
		rows, again := arrived(t, rnd, list), arrived(t, rnd, list)
		at, places := map[chat.Link]int{}, map[omega.ID]int64{}
		for i := range rows {
			at[rows[i].Link()] = i
			places[rows[i].ID] = rows[i].Place
		}
		for i := range again {
			if r := &again[i]; places[r.ID] != r.Place {
				t.Errorf("seed %d: message %s stands at %d, and at %d where they came in another order", seed, r.Content.Text, places[r.ID], r.Place)
			}
		}
		for i := range rows {
			r := &rows[i]
			if c := r.Content.Reply; c != nil && at[c.Target] > i {
				t.Errorf("seed %d: %s stands before what it answers", seed, r.Content.Text)
			}
			for j := range rows[:i] {
				if s := &rows[j]; s.Device == r.Device && s.Sequence > r.Sequence {
					t.Errorf("seed %d: %s stands before %s of the same device", seed, s.Content.Text, r.Content.Text)
				} else if s.Received.Sub(r.Received) > 5*time.Second {
					t.Errorf("seed %d: %s stands before %s, %v later", seed, s.Content.Text, r.Content.Text, s.Received.Sub(r.Received))
				}
			}
		}
	}
}

// TestOrderByTheFacts: who has no connection stands where its mail came, a message of one's own by the
// corrected clock, and what was imported where its file says.
func TestOrderByTheFacts(t *testing.T) {
	db := openTest(t)
	put := func(n int, device byte, wrote, received, heard time.Duration) *Row {
		r := message(n, fmt.Sprint(n))
		r.Device, r.Sequence, r.Time, r.Received = fp(device), 1, testTime.Add(wrote), time.Time{}
		if received > 0 {
			r.Received = testTime.Add(received)
		}
		if heard > 0 {
			r.Heard = testTime.Add(heard)
		}
		return r
	}
	var got []string
	db.update(t, func(tx *Tx) error {
		must(t, tx.put(
			put(1, 3, 10*time.Minute, 10*time.Minute, 0),
			put(2, 4, 5*time.Minute, 20*time.Minute, 0),     // written without a connection
			put(3, 5, 75*time.Minute, 0, 15*time.Minute),    // one's own, by a clock that is an hour ahead
			put(4, 6, time.Minute, 16*time.Minute, 0),       // by a clock that is behind
			put(5, 7, 12*time.Minute, 12*time.Minute, 0),    // came last
			put(6, 8, 19*time.Minute+59*time.Second, 0, 0))) // nothing is known but its time
		rows, err := tx.Page(message(1, "").Chat, omega.ID{}, 50)
		got = texts(rows)
		return err
	})
	if want := []string{"1", "5", "3", "4", "6", "2"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

// TestWhatIsWrittenStandsLast: what this device writes stands below all that it shows, whatever its
// clock says.
func TestWhatIsWrittenStandsLast(t *testing.T) {
	db := openTest(t)
	var got []string
	db.update(t, func(tx *Tx) error {
		there, own, answer := message(1, "there"), mine(2, "own", "queued"), message(3, "answer")
		there.Received, answer.Received = testTime.Add(time.Hour), testTime.Add(time.Hour+time.Second)
		own.Received, own.Heard = time.Time{}, testTime
		must(t, tx.put(there, own, answer))
		rows, err := tx.Page(there.Chat, omega.ID{}, 9)
		got = texts(rows)
		return err
	})
	if want := []string{"there", "own", "answer"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

// TestOldHistoriesKeepTheirOrder: what was there before places were stays in the order in
// which it was seen.
func TestOldHistoriesKeepTheirOrder(t *testing.T) {
	db := openTest(t)
	var got []int64
	db.update(t, func(tx *Tx) error {
		for n, at := range []time.Duration{5, 3, 9, 4, 20, 1} {
			r := message(n+1, fmt.Sprint(n))
			r.Time, r.Received, r.Sequence = testTime.Add(at*time.Minute), testTime.Add(10*time.Minute), 0
			must(t, tx.put(r))
		}
		_, err := tx.exec("as before", `UPDATE message SET place = 0`)
		must(t, err)
		text, err := schemas.ReadFile("sql/0044.sql")
		must(t, err)
		begin := []byte("UPDATE message SET place")
		_, rest, ok := bytes.Cut(text, begin)
		if !ok {
			t.Fatal("the schema does not place what is there")
		}
		statement, _, _ := bytes.Cut(rest, []byte(";"))
		_, err = tx.exec("place", string(append(begin, statement...)))
		must(t, err)
		return tx.All(message(1, "").Chat, func(r *Row) error { got = append(got, r.Position); return nil })
	})
	if !slices.IsSorted(got) || len(got) != 6 {
		t.Errorf("positions %v", got)
	}
}

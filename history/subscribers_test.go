package history

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// TestSubscribers: of what is said of an account the latest stands, and of what is said
// at one time the strongest, whatever comes first. (spec/group.md, GROUP-40)
func TestSubscribers(t *testing.T) {
	group, other := chat.Hash{1}, chat.Hash{2}
	at := testTime.Truncate(time.Millisecond)
	said := []chat.Subscriber{
		{Account: fp(1), Time: at},
		{Account: fp(1), State: chat.Unsubscribed, Time: at.Add(time.Millisecond)},
		{Account: fp(1), Time: at.Add(time.Minute)},
		{Account: fp(2), State: chat.SubscriberOut, Time: at},
		{Account: fp(2), Time: at},
		{Account: fp(2), State: chat.Unsubscribed, Time: at},
		{Account: fp(4), State: chat.Unsubscribed, Time: at},
		{Account: fp(4), State: chat.Unsubscribed, Time: at, Ended: true},
		{Account: fp(3), State: chat.Unsubscribed, Time: at.Add(time.Hour)},
	}
	want := []chat.Subscriber{said[2], said[3], said[8], said[7]}
	for range 5 {
		db := openTest(t)
		db.update(t, func(tx *Tx) error {
			for _, i := range rand.Perm(len(said)) {
				_, err := tx.Bearer(group, omega.Fingerprint{}).Put(&said[i])
				must(t, err)
				if taken, err := tx.Bearer(group, omega.Fingerprint{}).Put(&said[i]); taken || err != nil {
					t.Errorf("the same again: %v, %v", taken, err)
				}
			}
			return nil
		})
		db.view(t, func(tx *Tx) error {
			list, err := tx.Subscribers(group)
			must(t, err)
			if len(list) != len(want) {
				t.Fatalf("%d entries", len(list))
			}
			for i := range want {
				if got := list[i]; got.Account != want[i].Account || got.State != want[i].State || !got.Time.Equal(want[i].Time) || got.Ended != want[i].Ended {
					t.Errorf("%+v, want %+v", got, want[i])
				}
			}
			for since, want := range map[time.Time]bool{at.Add(time.Hour): true, at.Add(time.Hour + time.Millisecond): false} {
				if ended, err := tx.SubscriberEnded(group, since); ended != want || err != nil {
					t.Errorf("ended since %v: %v, %v", since, ended, err)
				}
			}
			if _, err := tx.Subscriber(other, fp(1)); !errors.Is(err, ErrNotFound) {
				t.Errorf("in another group: %v", err)
			}
			return nil
		})
	}
}

// TestBearersOfSubscribers: who brings the entries of a list fills half of it alone, and of
// what is left half; this account's own doing has all the room, and what stands can be
// changed by anybody who may. (spec/group.md, GROUP-45)
func TestBearersOfSubscribers(t *testing.T) {
	group := chat.Hash{1}
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		next := byte(0)
		brings := func(bearer omega.Fingerprint) (n int) {
			t.Helper()
			b := tx.Bearer(group, bearer)
			b.room = 16
			for range 20 {
				next++
				taken, err := b.Put(&chat.Subscriber{Account: fp(next), Time: testTime})
				must(t, err)
				if taken {
					n++
				}
			}
			return n
		}
		for _, row := range []struct {
			name   string
			bearer omega.Fingerprint
			want   int
		}{
			{"one alone", fp(201), 8},
			{"the same again", fp(201), 0},
			{"another one", fp(202), 4},
			{"this account", omega.Fingerprint{}, 4},
			{"when it is full", fp(203), 0},
		} {
			if n := brings(row.bearer); n != row.want {
				t.Errorf("%s: %d, want %d", row.name, n, row.want)
			}
		}
		out := &chat.Subscriber{Account: fp(1), State: chat.SubscriberOut, Time: testTime.Add(time.Hour)}
		full := tx.Bearer(group, fp(203))
		full.room = 16
		if taken, err := full.Put(out); err != nil || !taken {
			t.Errorf("an entry that stands is not changed: %v", err)
		}
		return nil
	})
}

// TestBearerCountsOnce: entries that are new one after the other have the list counted once
// for all of them.
func TestBearerCountsOnce(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		b := tx.Bearer(chat.Hash{1}, fp(200))
		for n := byte(1); n <= 3; n++ {
			if taken, err := b.Put(&chat.Subscriber{Account: fp(n), Time: testTime}); !taken || err != nil {
				t.Fatal(taken, err)
			}
		}
		// A row that came by no Put is not seen by one that has counted.
		_, err := tx.exec("fill", `INSERT INTO subscriber (grp, account, state, time, bearer) VALUES (?, ?, 0, 1, x'')`, b.group[:], fp(9).Wire())
		must(t, err)
		taken, err := b.Put(&chat.Subscriber{Account: fp(4), Time: testTime})
		if want := maxSubscribers - 4*2; !taken || err != nil || b.left != want {
			t.Errorf("%v, %v: %d left, want %d", taken, err, b.left, want)
		}
		return nil
	})
}

// TestUntold: what is to be told of an account is the latest, stays until just that was
// told, and what was tried in vain comes last. (spec/group.md, GROUP-46)
func TestUntold(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		in := chat.Subscriber{Account: fp(1), Time: testTime.Truncate(time.Millisecond)}
		out := in
		out.State, out.Time = chat.Unsubscribed, in.Time.Add(time.Second)
		must(t, tx.PutUntold(chat.Hash{1}, &in))
		before, err := tx.Untold(9)
		must(t, err)
		must(t, tx.PutUntold(chat.Hash{1}, &out))
		must(t, tx.PutUntold(chat.Hash{2}, &in))
		must(t, tx.EndUntold(&before[0])) // it was told meanwhile
		list, err := tx.Untold(9)
		if err != nil || len(list) != 2 || list[0].Subscriber != out || list[1].Group != (chat.Hash{2}) {
			t.Fatalf("%+v, %v", list, err)
		}
		must(t, tx.RetryUntold(&list[0]))
		if list, err = tx.Untold(9); err != nil || len(list) != 2 || list[1].Subscriber != out || list[1].Tries != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		must(t, tx.EndUntold(&list[1]))
		if list, err = tx.Untold(9); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		return nil
	})
}

package history

import (
	"testing"
	"time"

	"github.com/omega-im/omega/chat"
)

// TestChores: what is to be done is there until it is ended, the oldest first, and one
// account has this device remember only so much.
func TestChores(t *testing.T) {
	db, ann, bob := openTest(t), fp(1), fp(2)
	at := time.UnixMilli(1_700_000_000_123).UTC()
	db.update(t, func(tx *Tx) error {
		for i := range maxChoresOf + 3 {
			kept, err := tx.PutChore(&Chore{Account: ann, Device: bob, Time: at, Content: []byte{byte(i)}})
			if err != nil || kept != (i < maxChoresOf) {
				t.Errorf("chore %d: kept %v, %v", i, kept, err)
			}
		}
		kept, err := tx.PutChore(&Chore{Account: bob, Device: ann, Time: at, Content: []byte("b")})
		if !kept {
			t.Error("others have no room")
		}
		return err
	})
	db.update(t, func(tx *Tx) error {
		list, err := tx.Chores(0, 2)
		if err != nil || len(list) != 2 || list[0].Account != ann || list[0].Device != bob || !list[0].Time.Equal(at) || list[1].Content[0] != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		if err := tx.EndChore(list[0].Number); err != nil {
			return err
		}
		if err := tx.RetryChore(list[1].Number); err != nil {
			return err
		}
		list, err = tx.Chores(0, 1000)
		if err != nil || len(list) != maxChoresOf || list[0].Tries != 1 || list[0].Content[0] != 1 || list[len(list)-1].Account != bob {
			t.Errorf("%d, %v", len(list), err)
		}
		rest, err := tx.Chores(list[0].Number, 1000)
		if err != nil || len(rest) != len(list)-1 {
			t.Errorf("%d behind the first, %v", len(rest), err)
		}
		return err
	})
}

// TestPursuits: what was asked for is known to the next run, as it was last.
func TestPursuits(t *testing.T) {
	db := openTest(t)
	at := time.UnixMilli(1_700_000_000_123).UTC()
	db.update(t, func(tx *Tx) error {
		for _, p := range []Pursuit{{"a", 0, at}, {"b", 1, at}, {"a", 2, at.Add(time.Hour)}} {
			if err := tx.PutPursuit(p); err != nil {
				return err
			}
		}
		if err := tx.EndPursuit("b"); err != nil {
			return err
		}
		list, err := tx.Pursuits()
		if err != nil || len(list) != 1 || list[0].Key != "a" || list[0].Times != 2 || !list[0].Next.Equal(at.Add(time.Hour)) {
			t.Errorf("%+v, %v", list, err)
		}
		return err
	})
}

// TestHosts: who made a link by which this account asked, or invited it and is waited
// for, is let in as long as that is so, unless it is blocked.
func TestHosts(t *testing.T) {
	db, ann, bob := openTest(t), fp(1), fp(2)
	at := time.UnixMilli(1_700_000_000_123).UTC()
	id := chat.Hash{7}
	want := func(tx *Tx, hosts int, knows bool) {
		t.Helper()
		list, err := tx.Hosts()
		a, err2 := tx.Admission(ann)
		s, err3 := tx.Standing(ann)
		if err != nil || err2 != nil || err3 != nil || len(list) != hosts || a.Knows != knows || s.Known != knows {
			t.Errorf("%v, %+v, %+v, %v %v %v", list, a, s, err, err2, err3)
		}
	}
	db.update(t, func(tx *Tx) error {
		want(tx, 0, false)
		g := Group{ID: id, Ticket: chat.Ticket{1}, Maker: ann}
		if err := tx.PutGroup(&g); err != nil {
			return err
		}
		want(tx, 1, true)
		g.Ticket, g.Refuser, g.Refused = chat.Ticket{}, bob, at
		if err := tx.PutGroup(&g); err != nil {
			return err
		}
		want(tx, 0, false)
		got, err := tx.KnownGroup(id)
		if err != nil || got.Refuser != bob || !got.Refused.Equal(at) || got.Maker != ann {
			t.Errorf("%+v, %v", got, err)
		}
		g.Inviter, g.Accepted = ann, at
		if err := tx.PutGroup(&g); err != nil {
			return err
		}
		want(tx, 1, true)
		return nil
	})
}

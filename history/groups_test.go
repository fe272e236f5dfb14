package history

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// TestGroups: groups, their operations in order, who is wanted and who asks.
func TestGroups(t *testing.T) {
	db := openTest(t)
	id, at := chat.Hash{1, 2, 3}, time.UnixMilli(1_790_000_000_000).UTC()
	ann, bob := fp(1), fp(2)
	db.update(t, func(tx *Tx) error {
		if _, err := tx.KnownGroup(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("a group that is not there: %v", err)
		}
		return errors.Join(
			tx.PutGroup(&Group{ID: id, Inviter: ann, Ticket: chat.Ticket{9}, Accepted: at}),
			tx.PutGroupChat(omega.ChatID(id[:16]), "登山"), tx.PutGroupChat(omega.ChatID(id[:16]), "登山社"),
			tx.AddOperation(id, &Operation{Hash: chat.Hash{5}, Data: []byte("five"), Taken: at}),
			tx.AddOperation(id, &Operation{Hash: chat.Hash{4}, Data: []byte("four"), Taken: at.Add(time.Second)}),
			tx.AddOperation(id, &Operation{Hash: chat.Hash{5}, Data: []byte("again"), Taken: at}),
			tx.WantOperations(id, ann, at, nil), tx.WantOperations(id, ann, at.Add(time.Hour), nil), tx.WantOperations(chat.Hash{8}, bob, at.Add(time.Minute), nil),
			tx.PutGroupRequest(&GroupAccount{Group: id, Account: bob, Text: "hi", Time: at}),
			tx.PutGroupRequest(&GroupAccount{Group: id, Account: bob, Text: "hello", Time: at.Add(time.Second)}),
		)
	})
	db.view(t, func(tx *Tx) error {
		g, err := tx.KnownGroup(id)
		if err != nil || g.Inviter != ann || g.Ticket != (chat.Ticket{9}) || !g.Accepted.Equal(at) {
			t.Errorf("%+v, %v", g, err)
		}
		if got, err := tx.Group(t.Context(), omega.ChatID(id[:16])); err != nil || got != id {
			t.Errorf("group of its chat: %v, %v", got, err)
		}
		c, err := tx.Chat(omega.ChatID(id[:16]))
		if err != nil || !c.Group || c.Name != "登山社" || !c.Peer.IsZero() {
			t.Errorf("%+v, %v", c, err)
		}
		ops, err := tx.Operations(id)
		if err != nil || len(ops) != 2 || string(ops[0].Data) != "five" || ops[1].Hash != (chat.Hash{4}) || !ops[1].Taken.Equal(at.Add(time.Second)) {
			t.Errorf("%+v, %v", ops, err)
		}
		if last, err := tx.LastOperation(id); err != nil || last != (chat.Hash{4}) {
			t.Errorf("last: %v, %v", last, err)
		}
		want, err := tx.WantedOperations(9)
		if err != nil || len(want) != 2 || want[0].Account != ann || !want[0].Time.Equal(at) {
			t.Errorf("%+v, %v", want, err)
		}
		asked, err := tx.GroupRequests(id)
		if err != nil || len(asked) != 1 || asked[0].Text != "hello" {
			t.Errorf("%+v, %v", asked, err)
		}
		waiting, err := tx.GroupsWaiting()
		if err != nil || len(waiting) != 1 {
			t.Errorf("%+v, %v", waiting, err)
		}
		return nil
	})
	db.update(t, func(tx *Tx) error {
		return errors.Join(tx.WantOperations(id, bob, at, nil), tx.HaveOperations(id, ann, func(chat.Hash) bool { return false }), tx.RemoveGroupRequest(id, bob), tx.PutGroup(&Group{ID: id}))
	})
	db.view(t, func(tx *Tx) error {
		want, _ := tx.WantedOperations(9)
		asked, _ := tx.GroupRequests(id)
		waiting, _ := tx.GroupsWaiting()
		if len(want) != 2 || len(asked) != 0 || len(waiting) != 0 {
			t.Errorf("%v %v %v", want, asked, waiting)
		}
		return nil
	})
}

// TestReach: with whom messages of a group have come how far, by runs and one by
// one, whatever comes first.
func TestReach(t *testing.T) {
	db := openTest(t)
	id := chat.Hash{1}
	at := omega.ChatID(id[:16])
	me, ann, bob := fp(1), fp(2), fp(3)
	row := &Row{Message: chat.Message{ID: omega.ID{7}, Chat: at, From: me, Device: me, Sequence: 5, Content: chat.NewText("x")}, Own: true, State: "stored"}
	db.update(t, func(tx *Tx) error {
		if err := tx.PutGroupChat(at, "g"); err != nil {
			return err
		}
		if _, err := tx.PutMessage(row); err != nil {
			return err
		}
		return errors.Join(
			tx.Reach(ann, &chat.Receipt{Chat: at, Device: me, UpTo: 5}, "read"),
			tx.Reach(ann, &chat.Receipt{Chat: at, Device: me, UpTo: 9}, "delivered"),
			tx.Reach(bob, &chat.Receipt{Chat: at, Device: me, UpTo: 4, IDs: []omega.ID{{7}, {8}}}, "delivered"))
	})
	db.view(t, func(tx *Tx) error {
		got, err := tx.ReachOf(row)
		slices.SortFunc(got, func(a, b Reached) int { return a.Account.Compare(b.Account) })
		if err != nil || !slices.Equal(got, []Reached{{ann, "read"}, {bob, "delivered"}}) {
			t.Errorf("%+v, %v", got, err)
		}
		var n int
		if err := tx.row("count", `SELECT count(*) FROM reach_one`, nil, &n); err != nil || n != 1 {
			t.Errorf("%d single receipts are kept, %v", n, err)
		}
		return nil
	})
}

// What an account was to be asked for is not wanted any more once all of it is
// here, whoever brought it.
func TestLacks(t *testing.T) {
	db := openTest(t)
	id, a, b, c := chat.Hash{7}, chat.Hash{1}, chat.Hash{2}, chat.Hash{3}
	ann, bob, cat := fp(1), fp(2), fp(3)
	here := map[chat.Hash]bool{}
	wanted := func() (out []omega.Fingerprint) {
		t.Helper()
		db.update(t, func(tx *Tx) error {
			return tx.HaveOperations(id, omega.Fingerprint{}, func(h chat.Hash) bool { return here[h] })
		})
		db.view(t, func(tx *Tx) error {
			list, err := tx.WantedOperations(9)
			for _, w := range list {
				out = append(out, w.Account)
			}
			return err
		})
		return out
	}
	db.update(t, func(tx *Tx) error {
		return errors.Join(tx.WantOperations(id, ann, time.UnixMilli(1), []chat.Hash{a}), tx.WantOperations(id, bob, time.UnixMilli(2), []chat.Hash{b}),
			tx.WantOperations(id, bob, time.UnixMilli(3), []chat.Hash{c}), tx.WantOperations(id, cat, time.UnixMilli(4), nil))
	})
	for _, step := range []struct {
		comes chat.Hash
		want  []omega.Fingerprint
	}{{c, []omega.Fingerprint{ann, bob, cat}}, {a, []omega.Fingerprint{bob, cat}}, {b, []omega.Fingerprint{cat}}} {
		here[step.comes] = true
		if got := wanted(); !slices.Equal(got, step.want) {
			t.Errorf("with %v: %v still asked, want %v", step.comes[0], got, step.want)
		}
	}
}

// Of groups that somebody brings and this account has nothing to do with, the
// latest stay; those that it asked for, accepted or was in stay all. (GROUP-25)
func TestOffers(t *testing.T) {
	db := openTest(t)
	ann, bob := fp(1), fp(2)
	bring := func(n int, by omega.Fingerprint, g Group) (id chat.Hash) {
		t.Helper()
		id = chat.Hash{1, byte(n), byte(n >> 8)}
		g.ID = id
		db.update(t, func(tx *Tx) error {
			if err := errors.Join(tx.PutGroup(&g), tx.AddOperation(id, &Operation{Hash: id, Data: []byte("genesis"), Taken: time.UnixMilli(1)})); err != nil {
				return err
			}
			_, err := tx.OfferGroup(id, by)
			return err
		})
		return id
	}
	kept := []chat.Hash{bring(0, ann, Group{Ticket: chat.Ticket{1}}), bring(1, ann, Group{Accepted: time.UnixMilli(9)}), bring(2, bob, Group{})}
	in := bring(3, ann, Group{})
	db.update(t, func(tx *Tx) error { return tx.PutGroupChat(omega.ChatID(in[:16]), "in it") })
	kept = append(kept, in)
	first := bring(4, ann, Group{})
	for n := range offersByOne {
		kept = append(kept, bring(5+n, ann, Group{}))
	}
	db.view(t, func(tx *Tx) error {
		all, err := tx.KnownGroups()
		var got []chat.Hash
		for _, g := range all {
			got = append(got, g.ID)
		}
		slices.SortFunc(kept, func(a, b chat.Hash) int { return slices.Compare(a[:], b[:]) })
		if err != nil || !slices.Equal(got, kept) {
			t.Errorf("%d groups, want %d, %v", len(got), len(kept), err)
		}
		if ops, err := tx.Operations(first); err != nil || len(ops) != 0 {
			t.Errorf("operations of a forgotten group: %v, %v", ops, err)
		}
		return nil
	})
	db.update(t, func(tx *Tx) error { _, err := tx.forgetOffers(0, ``); return err })
	db.view(t, func(tx *Tx) error {
		if all, err := tx.KnownGroups(); err != nil || len(all) != 3 {
			t.Errorf("%d groups, %v", len(all), err)
		}
		return nil
	})
}

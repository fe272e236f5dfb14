package history

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// TestChanges: every writer tells what people can see of it, in the order of the
// transactions, and nothing else.
func TestChanges(t *testing.T) {
	db := openTest(t)
	var told [][]Change
	db.OnChange(func(list []Change) { told = append(told, list) })
	c := message(1, "").Chat
	group := omega.ChatID{9}
	changed := Change{What: ChangedChat, Chat: c}
	of := func(what What, n int) Change { return Change{What: what, Chat: c, Message: message(n, "").ID} }
	from := func(what What, n int) Change {
		ch := of(what, n)
		ch.Account = fp(2)
		return ch
	}
	edit := operation(3, 2, &chat.Content{Kind: chat.KindEdit, Text: "y", Edit: &chat.Edit{Target: message(1, "x").Link(), Version: 1}})
	react := operation(4, 2, &chat.Content{Kind: chat.KindReaction, Reaction: &chat.Reaction{Target: message(1, "x").Link(), Version: 1, Emoji: []string{"推"}}})
	gone := operation(5, 2, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{message(1, "x").Link()}}})
	set := func(name string, subject []byte, value string) func(*Tx) error {
		return func(tx *Tx) error {
			_, err := tx.PutSetting(&chat.Setting{Name: name, Subject: subject, Value: []byte(value), Stamp: chat.Stamp{Version: 1, Time: testTime, Device: fp(3)}})
			return err
		}
	}
	said := testTime
	subscribe := func(state chat.SubscriberState, who ...byte) func(*Tx) error {
		return func(tx *Tx) error {
			said = said.Add(time.Second)
			for _, n := range who {
				if _, err := tx.Bearer(chat.Hash{9}, omega.Fingerprint{}).Put(&chat.Subscriber{Account: fp(n), State: state, Time: said}); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, tt := range []struct {
		name string
		do   func(*Tx) error
		want []Change
	}{
		{"first message", func(tx *Tx) error { return tx.put(message(1, "x")) }, []Change{{What: NewChat, Chat: c, Account: fp(2)}, from(NewMessage, 1), changed}},
		{"the same again", func(tx *Tx) error { return tx.put(message(1, "x")) }, nil},
		{"own message", func(tx *Tx) error { return tx.put(mine(2, "z", "queued")) }, []Change{of(NewMessage, 2), changed}},
		{"state", func(tx *Tx) error { return tx.SetState(message(2, "").ID, "stored", "") }, []Change{of(MessageState, 2)}},
		{"receipt", func(tx *Tx) error { return tx.MarkUpTo(c, fp(4), 2, nil, "delivered") }, []Change{of(MessageState, 2)}},
		{"receipt again", func(tx *Tx) error { return tx.MarkUpTo(c, fp(4), 2, nil, "delivered") }, nil},
		{"receipt by id", func(tx *Tx) error { return tx.MarkUpTo(c, fp(4), 0, []omega.ID{message(2, "").ID}, "read") }, []Change{of(MessageState, 2)}},
		{"edit", func(tx *Tx) error { return tx.do(edit) }, []Change{of(ChangedMessage, 1)}},
		{"reaction", func(tx *Tx) error { return tx.do(react) }, []Change{of(ChangedMessage, 1)}},
		{"printed", func(tx *Tx) error { return tx.SetPrinted([]int64{1}) }, []Change{changed}},
		{"deleted", func(tx *Tx) error { return tx.do(gone) }, []Change{of(GoneMessage, 1)}},
		{"name", func(tx *Tx) error {
			return errors.Join(tx.PutPeer(&Peer{Fingerprint: fp(2)}), tx.called(fp(2), "小明"))
		}, []Change{{What: ChangedContact, Account: fp(2)}, changed}},
		{"a name again", func(tx *Tx) error { return tx.called(fp(2), "小明") }, nil},
		{"own name: strangers may look like it", set(chat.SettingName, nil, "阿安"), []Change{{What: ChangedName}, changed}},
		{"muted", set(chat.SettingMuted, c[:], "x"), []Change{changed}},
		{"of a chat that is not here", set(chat.SettingMuted, group[:], "x"), nil},
		{"folder", set(chat.SettingFolder, []byte("12345678"), "x"), []Change{{What: ChangedFolders}}},
		{"in a folder", set(chat.SettingInFolder, append([]byte("12345678"), c[:]...), "x"), []Change{{What: ChangedFolders}}},
		{"group", func(tx *Tx) error {
			return errors.Join(tx.AddOperation(chat.Hash{9}, &Operation{Hash: chat.Hash{1}, Data: []byte{1}}), tx.AddOperation(chat.Hash{9}, &Operation{Hash: chat.Hash{2}, Data: []byte{1}}))
		}, []Change{{What: ChangedGroup, Chat: group}}},
		{"subscribed", func(tx *Tx) error {
			return errors.Join(tx.PutGroup(&Group{ID: chat.Hash{9}}), tx.PutGroup(&Group{ID: chat.Hash{9}, Subscribed: testTime}))
		}, []Change{{What: ChangedGroup, Chat: group}}},
		{"many subscribe", subscribe(chat.Subscribes, 3, 4, 5), []Change{{What: ChangedGroup, Chat: group}}},
		{"the same again", subscribe(chat.Subscribes, 3), nil},
		{"one subscribes no more", subscribe(chat.Unsubscribed, 3), []Change{{What: ChangedGroup, Chat: group}}},
		{"one is taken out that had gone", subscribe(chat.SubscriberOut, 3), nil},
		{"title", func(tx *Tx) error { return tx.PutGroupChat(group, "登山社") }, []Change{{What: NewChat, Chat: group}}},
		{"reach", func(tx *Tx) error {
			return tx.Reach(fp(2), &chat.Receipt{Chat: group, Device: fp(4), UpTo: 3}, "read")
		}, []Change{{What: MessageState, Chat: group}}},
		{"notice", func(tx *Tx) error {
			_, err := tx.AddNotice(&Notice{Account: fp(2), Kind: NoticeFork, Time: testTime})
			return err
		}, []Change{{What: ChangedNotices, Account: fp(2)}}},
		{"settled", func(tx *Tx) error { return tx.SettleNotices(fp(2), NoticeFork, 9, testTime) }, []Change{{What: ChangedNotices, Account: fp(2)}}},
		{"contact", set(chat.SettingContact, fp(5).Wire(), "x"), []Change{{What: ChangedContact, Account: fp(5)}}},
		{"name of a contact: strangers may look like it", func(tx *Tx) error {
			_, err := tx.PutSetting(&chat.Setting{Name: chat.SettingContact, Subject: fp(6).Wire(), Value: []byte{chat.Contact}, Stamp: chat.Stamp{Version: 1, Device: fp(3)}})
			return errors.Join(err, tx.called(fp(6), "小美"), tx.called(fp(6), "小麗"))
		}, []Change{{What: ChangedContact, Account: fp(6)}, changed}},
		{"petname", set(chat.SettingPetname, fp(5).Wire(), "阿明"), []Change{{What: ChangedContact, Account: fp(5)}}},
		{"scheduled", func(tx *Tx) error {
			return tx.AddUnsealed(&Unsealed{ID: omega.ID{1}, To: fp(2), Text: "x", Time: testTime, Due: testTime.Add(time.Hour)})
		}, []Change{{What: ChangedScheduled}}},
		{"not scheduled", func(tx *Tx) error {
			return tx.AddUnsealed(&Unsealed{ID: omega.ID{2}, To: fp(2), Text: "x", Time: testTime})
		}, nil},
		{"scheduled no more", func(tx *Tx) error { return errors.Join(tx.RemoveUnsealed(omega.ID{1}), tx.RemoveUnsealed(omega.ID{2})) }, []Change{{What: ChangedScheduled}}},
		{"handover", func(tx *Tx) error {
			return tx.PutHandover(&Handover{Device: fp(7), Gives: true, State: HandoverWanted})
		}, []Change{{What: ChangedHandover, Account: fp(7)}}},
		{"nothing that is seen", func(tx *Tx) error { return tx.SetSetting("x", []byte{1}) }, nil},
	} {
		told = nil
		db.update(t, tt.do)
		switch {
		case tt.want == nil && len(told) == 0:
		case tt.want == nil || len(told) != 1 || !slices.Equal(told[0], tt.want):
			t.Errorf("%s: %v, want %v", tt.name, told, tt.want)
		}
	}
}

// TestChangesOfOneCommit: what was rolled back is not told, nor with the next
// transaction; what is too much is told as such.
func TestChangesOfOneCommit(t *testing.T) {
	db := openTest(t)
	calls, last := 0, []Change(nil)
	db.OnChange(func(list []Change) { calls, last = calls+1, list })
	if err := db.Update(t.Context(), func(tx *Tx) error { return errors.Join(tx.put(message(1, "x")), context.Canceled) }); err == nil {
		t.Fatal("committed")
	}
	db.update(t, func(tx *Tx) error { return tx.SetSetting("x", nil) })
	if calls > 0 {
		t.Fatalf("told %v of what did not happen", last)
	}
	db.update(t, func(tx *Tx) error {
		for n := range MaxChanges {
			must(t, tx.put(message(n+1, "x")))
		}
		return nil
	})
	if calls != 1 || last != nil {
		t.Errorf("told %d times, %d changes", calls, len(last))
	}
	db.update(t, func(tx *Tx) error { return tx.put(message(MaxChanges+1, "x")) })
	if calls != 2 || len(last) != 2 {
		t.Errorf("told %d times, %v", calls, last)
	}

	// Many changes of a few things: which they were is not known to the end.
	for _, tt := range []struct{ rows, told int }{{8*MaxChanges - 1, 3}, {8 * MaxChanges, 0}} {
		calls = 0
		db.update(t, func(tx *Tx) error {
			_, err := tx.exec("many", `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
				INSERT INTO temp.change (what, message) SELECT 2, unhex(printf('%032x', i % 3)) FROM n`, tt.rows)
			return err
		})
		if calls != 1 || len(last) != tt.told || (last == nil) != (tt.told == 0) {
			t.Errorf("%d changes of three messages: told %d times, %v", tt.rows, calls, last)
		}
	}
}

// TestMovedIsTold: one that comes late moves what its device wrote after it, and that is said
// once, however many those are. (spec/chat.md, CHAT-96)
func TestMovedIsTold(t *testing.T) {
	db := openTest(t)
	written := func(n int, sequence uint32, received time.Duration) *Row {
		r := message(n, "x")
		r.Sequence, r.Received = sequence, testTime.Add(received)
		return r
	}
	db.update(t, func(tx *Tx) error {
		return tx.put(written(1, 1, 0), written(2, 3, time.Second), written(5, 5, time.Second), written(6, 6, time.Second))
	})
	var told []Change
	db.OnChange(func(list []Change) { told = append(told, list...) })
	db.update(t, func(tx *Tx) error { return tx.put(written(3, 2, 2*time.Second)) })
	var rows []Row
	db.update(t, func(tx *Tx) (err error) {
		rows, err = tx.Page(message(1, "").Chat, omega.ID{}, 10)
		return err
	})
	if len(rows) != 5 || rows[1].Sequence != 2 || rows[2].Sequence != 3 || rows[1].Place >= rows[2].Place {
		t.Errorf("rows: %+v", rows)
	}
	c := message(1, "").Chat
	if want := []Change{{What: NewMessage, Chat: c, Message: message(3, "").ID, Account: fp(2)}, {What: ChangedChat, Chat: c}, {What: ChangedOrder, Chat: c}}; !slices.Equal(told, want) {
		t.Errorf("told %+v, want %+v", told, want)
	}
	// Nothing moves: nothing is said of an order.
	told = nil
	db.update(t, func(tx *Tx) error { return tx.put(written(7, 7, 3*time.Second)) })
	if slices.ContainsFunc(told, func(c Change) bool { return c.What == ChangedOrder }) {
		t.Errorf("told %+v", told)
	}
}

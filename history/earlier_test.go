package history

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// said is message n of a chat, of minute n; its link is that of its transcript.
func said(c omega.ChatID, n byte) *Row {
	return &Row{Message: chat.Message{
		ID: omega.ID{n}, Chat: c, From: fp(2), Device: fp(91), Sequence: uint32(n), Time: testTime.Add(time.Duration(n) * time.Minute),
		Content: chat.NewText("x"), Verified: true, Transcript: []byte{n},
	}}
}

// TestPageBack: pages of what was before somebody came end before the message that is
// named, or its time where it is not here, at the time when it came, and with the last
// messages that the rules allow. (spec/group.md, GROUP-48)
func TestPageBack(t *testing.T) {
	db := openTest(t)
	c := omega.ChatID{7}
	minute := func(n int) time.Time { return testTime.Add(time.Duration(n) * time.Minute) }
	db.update(t, func(tx *Tx) error {
		must(t, tx.PutGroupChat(c, "g"))
		for n := byte(1); n <= 9; n++ {
			_, err := tx.PutMessage(said(c, n))
			must(t, err)
		}
		unproven := said(c, 10)
		unproven.Verified, unproven.Sequence = false, 0
		_, err := tx.PutMessage(unproven)
		must(t, err)
		line := GroupLine{Chat: c, Operation: chat.Hash{1}, Account: fp(1), Kind: LineRenamed, Time: minute(5), Noted: minute(5)}
		return tx.PutGroupLine(&line)
	})
	db.update(t, func(tx *Tx) error {
		for what, row := range map[string]struct {
			p       PageBack
			want    string
			limited bool
		}{
			"before a message":       {PageBack{Before: chat.LinkOf([]byte{7}), Time: minute(2), Until: minute(99), Count: 3}, "6 5 4 ", false},
			"before one not here":    {PageBack{Before: chat.Link{1}, Time: minute(4), Until: minute(99), Count: 9}, "3 2 1 ", false},
			"before it came":         {PageBack{Before: chat.LinkOf([]byte{9}), Until: minute(4), Count: 9}, "3 2 1 ", false},
			"before it came, no one": {PageBack{Time: minute(99), Until: minute(20), Count: 2}, "9 8 ", false},
			"the last five":          {PageBack{Before: chat.LinkOf([]byte{7}), Until: minute(20), Last: 5, Count: 9}, "6 5 ", true},
			"nothing of the last":    {PageBack{Before: chat.LinkOf([]byte{5}), Until: minute(20), Last: 5, Count: 9}, "", true},
			"more than there are":    {PageBack{Before: chat.LinkOf([]byte{3}), Until: minute(20), Last: 50, Count: 9}, "2 1 ", false},
		} {
			row.p.Chat = c
			rows, limited, err := tx.PageBack(&row.p)
			must(t, err)
			var got string
			for _, r := range rows {
				got += fmt.Sprint(r.ID[0], " ")
			}
			if got != row.want || limited != row.limited {
				t.Errorf("%s: %q, limited: %v; want %q, %v", what, got, limited, row.want, row.limited)
			}
		}
		if r, err := tx.First(c); err != nil || r.ID[0] != 1 {
			t.Errorf("the first is %+v, %v", r, err)
		}
		for most, want := range map[int]int{9: 4, 3: 3} {
			if n, err := tx.CountBefore(c, minute(5), most); err != nil || n != want {
				t.Errorf("%d before, %v; want %d", n, err, want)
			}
		}
		_, err := tx.Earlier(chat.Hash{1})
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("nothing was asked for: %v", err)
		}
		want := &Earlier{Group: chat.Hash{1}, Before: chat.Link{2}, Time: testTime.UTC(), Giver: fp(1), Whole: true, Without: []omega.Fingerprint{fp(3), fp(4)}}
		must(t, tx.PutEarlier(want))
		if got, err := tx.Earlier(chat.Hash{1}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		return nil
	})
}

// TestPutInFront: what was before stands first, is no news, and counts as read.
func TestPutInFront(t *testing.T) {
	var news []Change
	db := openTest(t)
	db.OnChange(func(list []Change) { news = append(news, list...) })
	c := omega.ChatID{7}
	at := int64(0)
	db.update(t, func(tx *Tx) error {
		must(t, tx.PutGroupChat(c, "g"))
		_, err := tx.exec("as a new home does", `INSERT INTO sqlite_sequence (name, seq) VALUES ('message', 1000)`)
		must(t, err)
		at, err = tx.PutMessage(said(c, 9))
		return err
	})
	news = nil
	db.update(t, func(tx *Tx) error {
		for n := byte(8); n >= 6; n-- {
			must(t, tx.PutInFront(said(c, n), testTime))
		}
		return tx.PutInFront(said(c, 7), testTime) // once more
	})
	db.update(t, func(tx *Tx) error {
		rows, err := tx.Page(c, omega.ID{}, 100)
		must(t, err)
		if len(rows) != 4 || rows[0].ID[0] != 6 || rows[3].ID[0] != 9 || rows[0].Position >= rows[1].Position || rows[2].Position >= at {
			t.Errorf("%+v", rows)
		}
		ch, err := tx.Chat(c)
		if err != nil || ch.Unread != 1 || ch.Last.ID[0] != 9 {
			t.Errorf("%+v, %v", ch, err)
		}
		if rows, err := tx.Unprinted(9); err != nil || len(rows) != 1 {
			t.Errorf("new: %+v, %v", rows, err)
		}
		return nil
	})
	for _, n := range news {
		if n.What == NewMessage {
			t.Errorf("%+v is told as news", n)
		}
	}
}

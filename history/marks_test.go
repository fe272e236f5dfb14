package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// operation makes up one by account 1 or 2 in the chat of message.
func operation(n int, account byte, c *chat.Content) *Row {
	r := message(n, c.Text)
	r.From, r.Device, r.Own, r.Content = fp(account), fp(account+2), account == 1, c
	return r
}

// do stores rows and lets them act, as a client does in one transaction.
func (tx *Tx) do(rows ...*Row) error {
	for _, r := range rows {
		if err := tx.put(r); err != nil {
			return err
		}
		if err := tx.Apply(&r.Message); err != nil {
			return err
		}
	}
	return nil
}

// look shows what a person sees of a chat.
func look(t *testing.T, tx *Tx, c omega.ChatID) (out []string) {
	t.Helper()
	rows, err := tx.Page(c, omega.ID{}, 100)
	must(t, err)
	for _, r := range rows {
		s := fmt.Sprintf("%s %q", r.ID, r.Now().Text)
		if r.Edited != nil {
			s += " edited " + r.EditTime.Format(time.StampMilli)
		}
		if r.Deleted {
			s += " gone"
		}
		if r.Pinned {
			s += " pinned"
		}
		for _, a := range r.Reactions {
			s += fmt.Sprint(" ", a.Account, a.Emoji)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func TestOperations(t *testing.T) {
	db := openTest(t)
	one := message(1, "第一版")
	link := one.Link()
	c := one.Chat
	edit := func(n int, account byte, version uint32, text string) *Row {
		return operation(n, account, &chat.Content{Kind: chat.KindEdit, Text: text, Edit: &chat.Edit{Target: link, Version: version}})
	}
	react := func(n int, account byte, version uint32, emoji ...string) *Row {
		return operation(n, account, &chat.Content{Kind: chat.KindReaction, Reaction: &chat.Reaction{Target: link, Version: version, Emoji: emoji}})
	}
	remove := func(n int, account byte) *Row {
		return operation(n, account, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{link}}})
	}
	pin := func(n int, account byte, version uint32, pinned bool) *Row {
		return operation(n, account, &chat.Content{Kind: chat.KindPin, Pin: &chat.Pin{Target: link, Version: version, Pinned: pinned}})
	}
	found := func(tx *Tx, text string) int {
		rows, err := tx.Search(text, c, 9)
		must(t, err)
		return len(rows)
	}
	get := func(tx *Tx) *Row {
		r, err := tx.Linked(c, link)
		must(t, err)
		return r
	}
	db.update(t, func(tx *Tx) error {
		must(t, tx.do(edit(2, 2, 1, "第二版"), one, edit(3, 1, 9, "被竄改")))
		if r := get(tx); r.Now().Text != "第二版" || string(r.Transcript) != string(one.Transcript) || r.Content.Text != "第一版" {
			t.Errorf("%q, signed %q", r.Now().Text, r.Transcript)
		}
		if found(tx, "二版") != 1 || found(tx, "第一") != 0 {
			t.Error("the search finds what is not shown")
		}
		must(t, tx.do(edit(5, 2, 3, "第四版"), edit(4, 2, 2, "第三版"), react(6, 1, 1, "👍"), react(7, 2, 1, "推", "❤️"), react(8, 1, 2), pin(9, 1, 1, true)))
		r := get(tx)
		if r.Now().Text != "第四版" || len(r.Reactions) != 1 || !slices.Equal(r.Reactions[0].Emoji, []string{"推", "❤️"}) || !r.Pinned {
			t.Errorf("%q %v %v", r.Now().Text, r.Reactions, r.Pinned)
		}
		if pins, err := tx.Pinned(c, 0, 9); err != nil || len(pins) != 1 || pins[0].ID != one.ID {
			t.Errorf("pinned %v, %v", pins, err)
		}
		must(t, tx.PutMark(&chat.Mark{Chat: c, Target: chat.Link{9}, Kind: chat.MarkPin, Stamp: chat.Stamp{Version: 4294967295}}, fp(2)))
		if v, err := tx.NextVersion(&chat.Mark{Chat: c, Target: chat.Link{9}, Kind: chat.MarkPin}); v != 4294967295 || err != nil {
			t.Errorf("after the last version %d, %v", v, err)
		}
		if v, err := tx.NextVersion(&chat.Mark{Chat: c, Target: link, Kind: chat.MarkEdit, Account: fp(2)}); v != 4 || err != nil {
			t.Errorf("next version %d, %v", v, err)
		}
		// Readers are told of the operations of others; the page has none of them.
		rows, err := tx.Unprinted(20)
		must(t, err)
		var kinds []string
		for _, r := range rows {
			kinds = append(kinds, fmt.Sprint(r.Sequence, r.Content.Kind))
		}
		if want := []string{"1text", "5edit", "7reaction"}; !slices.Equal(kinds, want) {
			t.Errorf("news %q, want %q", kinds, want)
		}
		if page, _ := tx.Page(c, omega.ID{}, 9); len(page) != 1 {
			t.Errorf("%d messages in the page", len(page))
		}
		if ch, _ := tx.Chat(c); ch.Unread != 1 {
			t.Errorf("unread %d", ch.Unread)
		}
		must(t, tx.do(remove(10, 1)))
		if get(tx).Deleted {
			t.Error("somebody else took it back")
		}
		must(t, tx.do(remove(11, 2), edit(12, 2, 9, "太晚了"), react(13, 1, 9, "👍")))
		r = get(tx)
		if !r.Deleted || r.Now().Text != "" || len(r.Transcript) > 0 || len(r.Reactions) > 0 || r.Pinned || r.Signature[0] != 0 {
			t.Errorf("left of it: %+v", r)
		}
		if ch, _ := tx.Chat(c); ch.Unread != 0 || ch.Last == nil || !ch.Last.Deleted {
			t.Errorf("unread %d, last %+v", ch.Unread, ch.Last)
		}
		if found(tx, "版") != 0 {
			t.Error("the search finds what is gone")
		}
		return nil
	})
	// Nothing of the texts is in a row any more.
	db.view(t, func(tx *Tx) error {
		var n int
		must(t, tx.row("look", `SELECT count(*) FROM message WHERE own = 0 AND (text LIKE '%版%' OR CAST(content AS TEXT) LIKE '%版%' OR CAST(edited AS TEXT) LIKE '%版%')`, nil, &n))
		must(t, tx.row("look", `SELECT count(*) + ? FROM mark WHERE CAST(value AS TEXT) LIKE '%版%'`, []any{n}, &n))
		if n != 0 {
			t.Errorf("%d rows still hold the text", n)
		}
		return nil
	})
}

// TestHidden: what was deleted for this account only leaves nothing.
func TestHidden(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		must(t, tx.do(message(1, "one"), message(2, "two")))
		m := message(2, "two")
		must(t, tx.PutMark(&chat.Mark{Chat: m.Chat, Target: m.Link(), Kind: chat.MarkHide, Account: fp(1)}, fp(1)))
		page, err := tx.Page(m.Chat, omega.ID{}, 9)
		if err != nil || !slices.Equal(texts(page), []string{"one"}) {
			t.Errorf("%q, %v", texts(page), err)
		}
		ch, err := tx.Chat(m.Chat)
		if err != nil || ch.Unread != 1 || ch.Last.Content.Text != "one" {
			t.Errorf("%+v, %v", ch, err)
		}
		for n, late := range []bool{false, true} { // nor what is not verified
			bad := message(7+n, "junk")
			bad.Verified, bad.Problem = false, chat.ProblemSignature
			hide := &chat.Mark{Chat: m.Chat, Target: bad.Link(), Kind: chat.MarkHide}
			if late {
				must(t, tx.PutMark(hide, fp(1)))
			}
			must(t, tx.put(bad))
			if !late {
				must(t, tx.PutMark(hide, fp(1)))
			}
		}
		must(t, tx.put(message(2, "two")))
		if page, _ := tx.Page(m.Chat, omega.ID{}, 9); len(page) != 1 {
			t.Error("it came again")
		}
		return nil
	})
}

// TestWaitingIsBounded: marks without a message are forgotten, the oldest first,
// and those of one author only.
func TestWaitingIsBounded(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		must(t, tx.put(message(1, "")))
		c := message(1, "").Chat
		wait := func(n int, author byte) {
			m := chat.Mark{Chat: c, Target: chat.Link{byte(n >> 8), byte(n), author}, Kind: chat.MarkDelete, Account: fp(author)}
			must(t, tx.PutMark(&m, fp(author)))
		}
		wait(0, 1)
		for n := range maxWaiting + 10 {
			wait(n, 2)
		}
		var n, first int
		must(t, tx.row("count", `SELECT count(*) FROM mark WHERE waiting = 1`, nil, &n))
		must(t, tx.row("count", `SELECT count(*) FROM mark WHERE author = ? AND target < ?`, []any{address(fp(2)), []byte{0, 10}}, &first))
		if n != maxWaiting+1 || first != 0 {
			t.Errorf("%d marks wait, of them %d of the oldest", n, first)
		}
		return nil
	})
}

// TestOrderDoesNotMatter: messages and operations in any order leave one state.
func TestOrderDoesNotMatter(t *testing.T) {
	db := openTest(t)
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var script []func(c omega.ChatID) *Row
		add := func(f func() *Row) {
			script = append(script, func(c omega.ChatID) *Row {
				r := f()
				r.Chat = c
				return r
			})
		}
		for n := range 3 {
			add(func() *Row { return message(n+1, fmt.Sprint("message ", n)) })
		}
		for n := range 15 {
			target := message(rnd.IntN(3)+1, "")
			target.Transcript = []byte(fmt.Sprintf("Omega-Message: 1\nSequence: %d\n\nmessage %d", target.Sequence, target.Sequence-1))
			link, version, account := target.Link(), rnd.Uint32N(3)+1, byte(rnd.IntN(2)+1)
			var c *chat.Content
			switch rnd.IntN(9) {
			case 0:
				c = &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{link}}}
			case 1, 2:
				c = &chat.Content{Kind: chat.KindPin, Pin: &chat.Pin{Target: link, Version: version, Pinned: rnd.IntN(2) == 0}}
			case 3, 4:
				c = &chat.Content{Kind: chat.KindReaction, Reaction: &chat.Reaction{Target: link, Version: version, Emoji: []string{[]string{"👍", "噓"}[rnd.IntN(2)]}}}
			default:
				c = &chat.Content{Kind: chat.KindEdit, Text: fmt.Sprint("edit ", n), Edit: &chat.Edit{Target: link, Version: version}}
			}
			add(func() *Row { return operation(n+10, account, c) })
		}
		var want []string
		for round := range 4 {
			c := omega.ChatID{byte(seed), byte(round), 1}
			db.update(t, func(tx *Tx) error {
				for _, i := range rnd.Perm(len(script)) {
					must(t, tx.do(script[i](c)))
				}
				got := look(t, tx, c)
				if want == nil {
					want = got
				}
				if !slices.Equal(got, want) {
					t.Errorf("seed %d, order %d:\n%q, want\n%q", seed, round, got, want)
				}
				return nil
			})
		}
	}
}

package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega/chat"
)

// answer makes up an operation on a poll or list at a time.
func answer(n int, account byte, at time.Duration, c *chat.Content) *Row {
	r := operation(n, account, c)
	r.Time = testTime.Add(at)
	return r
}

// TestAnswers: votes and lines count as CHAT-29 and CHAT-30 say, in any order of
// arrival.
func TestAnswers(t *testing.T) {
	db := openTest(t)
	poll, list := message(1, "吃什麼？"), message(2, "團購")
	poll.Content = &chat.Content{Kind: chat.KindPoll, Text: "吃什麼？", Lines: chat.PollLines([]string{"飯", "麵"}), Poll: &chat.Poll{}}
	list.Content = &chat.Content{Kind: chat.KindList, Text: "團購"}
	vote := func(n int, account byte, at time.Duration, version uint32, options ...uint32) *Row {
		return answer(n, account, at, &chat.Content{Kind: chat.KindVote, Vote: &chat.Vote{Target: poll.Link(), Version: version, Options: options}})
	}
	line := func(n int, account byte, at time.Duration, slot byte, version uint32, text string) *Row {
		return answer(n, account, at, &chat.Content{Kind: chat.KindEntry, Text: text, Entry: &chat.Entry{Target: list.Link(), Slot: chat.Slot{slot}, Version: version}})
	}
	end := func(n int, account byte, at time.Duration, of *Row) *Row {
		return answer(n, account, at, &chat.Content{Kind: chat.KindClose, Close: &chat.Close{Target: of.Link()}})
	}
	script := []*Row{
		poll, list,
		vote(3, 1, 1, 1, 0), vote(4, 1, 2, 2, 1), // changed
		vote(5, 2, 3, 1, 0, 1),            // one only
		vote(6, 2, time.Second, 2, 0),     // counts
		vote(7, 2, 2*time.Hour, 3, 1),     // of the same account, too late: it takes away what was before
		end(8, 2, time.Hour, poll),        // by its author
		end(9, 1, time.Millisecond, list), // not by its author
		line(10, 1, 1, 5, 1, "王小明 1 盒"),   // changed
		line(11, 1, 2, 5, 2, "王小明 2 盒"),
		line(12, 2, 3, 3, 1, "李小華 1 盒"), // made before
		line(13, 2, 4, 5, 1, "李小華 再 1 盒"),
		line(14, 2, 5, 9, 1, "算了"), line(15, 2, 6, 9, 2, ""), // taken out
		answer(16, 2, 1, &chat.Content{Kind: chat.KindEntry, Text: "錯地方", Entry: &chat.Entry{Target: poll.Link(), Slot: chat.Slot{1}, Version: 1}}),
		answer(17, 2, 1, &chat.Content{Kind: chat.KindEdit, Text: "改問題", Edit: &chat.Edit{Target: poll.Link(), Version: 1}}),
	}
	for round := range 6 {
		db.update(t, func(tx *Tx) error {
			order := slices.Clone(script)
			for i := range order { // another chat, another order
				c := *order[i]
				c.Chat[0], c.ID[15] = byte(round), byte(round)
				order[i] = &c
			}
			if round%2 == 1 {
				slices.Reverse(order)
			}
			k := round * 3 % len(order)
			must(t, tx.do(append(order[k:len(order):len(order)], order[:k]...)...))
			get := func(r *Row) (out []string, closed bool) {
				c := r.Chat
				c[0] = byte(round)
				row, err := tx.Linked(c, r.Link())
				must(t, err)
				answers, at, err := tx.Answers(row)
				must(t, err)
				for _, a := range answers {
					out = append(out, fmt.Sprint(a.Account == fp(1), a.Options, a.Text))
				}
				if row.Edited != nil {
					t.Error("a poll was edited")
				}
				return out, !at.IsZero()
			}
			votes, closed := get(poll)
			if want := []string{"true [1]"}; !slices.Equal(votes, want) || !closed {
				t.Errorf("round %d: votes %q, closed %v, want %q", round, votes, closed, want)
			}
			lines, closed := get(list)
			if want := []string{"false []李小華 1 盒", "true []王小明 2 盒", "false []李小華 再 1 盒"}; !slices.Equal(lines, want) || closed {
				t.Errorf("round %d: lines %q, closed %v, want %q", round, lines, closed, want)
			}
			return nil
		})
	}
}

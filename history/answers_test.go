package history

import (
	"fmt"
	"iter"
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
		vote(7, 2, 2*time.Hour, 3, 1),     // of the same account, too late: it takes nothing away
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
			if want := []string{"true [1]", "false [0]"}; !slices.Equal(votes, want) || !closed {
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

// TestLateAnswers: what came too late neither counts nor takes away what counted, in
// whatever order votes, lines, closes and the poll itself arrive.
func TestLateAnswers(t *testing.T) {
	poll, list := message(1, "吃什麼？"), message(2, "團購")
	poll.Content = &chat.Content{Kind: chat.KindPoll, Text: "吃什麼？", Lines: chat.PollLines([]string{"飯", "麵", "粥"}), Poll: &chat.Poll{}}
	list.Content = &chat.Content{Kind: chat.KindList, Text: "團購"}
	vote := func(n int, at time.Duration, version uint32, options ...uint32) *Row {
		return answer(n, 2, at, &chat.Content{Kind: chat.KindVote, Vote: &chat.Vote{Target: poll.Link(), Version: version, Options: options}})
	}
	line := func(n int, at time.Duration, version uint32, text string) *Row {
		return answer(n, 2, at, &chat.Content{Kind: chat.KindEntry, Text: text, Entry: &chat.Entry{Target: list.Link(), Slot: chat.Slot{7}, Version: version}})
	}
	end := func(n int, by byte, at time.Duration, of *Row) *Row {
		return answer(n, by, at, &chat.Content{Kind: chat.KindClose, Close: &chat.Close{Target: of.Link()}})
	}
	for _, tt := range []struct {
		name   string
		of     *Row
		script []*Row
		want   []string
		late   bool // something that stands
	}{
		{"a change in time, one too late", poll, []*Row{vote(3, time.Minute, 1, 0), vote(4, 2*time.Minute, 2, 1), vote(5, 2*time.Hour, 3, 2), end(6, 2, time.Hour, poll)}, []string{"[1] "}, true},
		{"taken back too late", poll, []*Row{vote(3, time.Minute, 1, 0), vote(4, 2*time.Hour, 2), end(6, 2, time.Hour, poll)}, []string{"[0] "}, true},
		{"taken back in time", poll, []*Row{vote(3, time.Minute, 1, 0), vote(4, 2*time.Minute, 2), vote(5, 2*time.Hour, 3, 2), end(6, 2, time.Hour, poll)}, nil, true},
		{"all too late", poll, []*Row{vote(3, 2*time.Hour, 1, 0), vote(4, 3*time.Hour, 2, 1), end(6, 2, time.Hour, poll)}, nil, true},
		{"not closed", poll, []*Row{vote(3, time.Minute, 1, 0), vote(4, 2*time.Hour, 2, 1)}, []string{"[1] "}, false},
		{"on the dot", poll, []*Row{vote(3, time.Minute, 1, 0), vote(4, time.Hour, 2, 1), end(6, 2, time.Hour, poll)}, []string{"[1] "}, false},
		{"closed by somebody else", poll, []*Row{vote(3, time.Minute, 1, 0), vote(4, 2*time.Hour, 2, 1), end(6, 1, time.Hour, poll)}, []string{"[1] "}, false},
		{"a line changed too late", list, []*Row{line(3, time.Minute, 1, "1 盒"), line(4, 2*time.Minute, 2, "2 盒"), line(5, 2*time.Hour, 3, "99 盒"), end(6, 2, time.Hour, list)}, []string{"[] 2 盒"}, true},
		{"a line taken out too late", list, []*Row{line(3, time.Minute, 1, "1 盒"), line(4, 2*time.Hour, 2, ""), end(6, 2, time.Hour, list)}, []string{"[] 1 盒"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, round := openTest(t), 0
			for order := range permutations(append([]*Row{tt.of}, tt.script...)) {
				round++
				db.update(t, func(tx *Tx) error {
					for i, r := range order { // another chat for each order
						c := *r
						c.Chat[0], c.Chat[1], c.ID[14], c.ID[15] = byte(round>>8), byte(round), byte(round>>8), byte(round)
						order[i] = &c
					}
					must(t, tx.do(order...))
					c := tt.of.Chat
					c[0], c[1] = byte(round>>8), byte(round)
					row, err := tx.Linked(c, tt.of.Link())
					must(t, err)
					answers, _, err := tx.Answers(row)
					must(t, err)
					var got []string
					for _, a := range answers {
						got = append(got, fmt.Sprint(a.Options, " ", a.Text))
					}
					if !slices.Equal(got, tt.want) {
						t.Errorf("order %d: %q, want %q", round, got, tt.want)
					}
					said := chat.MarkVote
					if tt.of == list {
						said = chat.MarkEntry
					}
					if late, err := tx.SaidLate(&chat.Mark{Chat: c, Target: tt.of.Link(), Kind: said, Account: fp(2)}); err != nil || late != tt.late {
						t.Errorf("order %d: late %v, %v", round, late, err)
					}
					return nil
				})
			}
		})
	}
}

// permutations yields every order of a list.
func permutations[E any](list []E) iter.Seq[[]E] {
	return func(yield func([]E) bool) {
		var rest func(k int) bool
		work := slices.Clone(list)
		rest = func(k int) bool {
			if k == len(work) {
				return yield(slices.Clone(work))
			}
			for i := k; i < len(work); i++ {
				work[k], work[i] = work[i], work[k]
				if !rest(k + 1) {
					return false
				}
				work[k], work[i] = work[i], work[k]
			}
			return true
		}
		rest(0)
	}
}

// TestOutdoneAnswers: of one account's votes so many are kept, whatever came first, and
// nothing of them is left when the poll is taken back.
func TestOutdoneAnswers(t *testing.T) {
	poll := message(1, "吃什麼？")
	poll.Content = &chat.Content{Kind: chat.KindPoll, Text: "吃什麼？", Lines: chat.PollLines([]string{"飯", "麵"}), Poll: &chat.Poll{}}
	const votes = maxEarly + maxOutdone + 9
	var script []*Row
	for i := range votes {
		script = append(script, answer(3+i, 2, time.Duration(i)*time.Minute, &chat.Content{Kind: chat.KindVote, Vote: &chat.Vote{Target: poll.Link(), Version: uint32(i + 1), Options: []uint32{uint32(i % 2)}}}))
	}
	for _, backwards := range []bool{false, true} {
		db := openTest(t)
		db.update(t, func(tx *Tx) error {
			order := slices.Clone(script)
			if backwards {
				slices.Reverse(order)
			}
			must(t, tx.do(append(order, poll)...))
			kept := func(early, high int) {
				t.Helper()
				var gotEarly, gotHigh int
				must(t, tx.row("count", `SELECT count(*) FILTER (WHERE version <= ?1), count(*) FILTER (WHERE version > ?1) FROM outdone`, []any{maxEarly}, &gotEarly, &gotHigh))
				if gotEarly != early || gotHigh != high {
					t.Errorf("backwards %v: %d early and %d later ones are kept, want %d and %d", backwards, gotEarly, gotHigh, early, high)
				}
			}
			kept(maxEarly, maxOutdone)
			must(t, tx.do(order...)) // the same again changes nothing
			kept(maxEarly, maxOutdone)
			shut := operation(300, 2, &chat.Content{Kind: chat.KindClose, Close: &chat.Close{Target: poll.Link()}})
			shut.Time = script[2].Time.Add(time.Second) // only three votes came before it
			must(t, tx.do(shut))
			row, err := tx.Linked(poll.Chat, poll.Link())
			must(t, err)
			list, _, err := tx.Answers(row)
			if err != nil || len(list) != 1 || !list[0].Time.Equal(script[2].Time) {
				t.Errorf("backwards %v: %+v, %v, want the third vote", backwards, list, err)
			}
			del := operation(301, 2, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{poll.Link()}}})
			must(t, tx.do(del))
			kept(0, 0)
			return nil
		})
	}
}

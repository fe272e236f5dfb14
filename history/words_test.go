package history

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// wordOf makes up a word of an account.
func wordOf(target *Row, account byte, version uint32, at time.Duration, value string) *chat.Word {
	return &chat.Word{Kind: chat.MarkReaction, Version: version, Time: testTime.Add(at).Truncate(time.Millisecond), Target: target.Link(), Account: fp(account), Value: []byte(value)}
}

func voted(target *Row, account byte, version uint32, at time.Duration, options ...byte) *chat.Word {
	w := wordOf(target, account, version, at, string(options))
	w.Kind = chat.MarkVote
	return w
}

func channelOf(c omega.ChatID) (g chat.Hash) {
	copy(g[:], c[:])
	return g
}

// TestWords: what subscribers say comes to the same in whatever order it comes, also before
// the message that it is about; only those in the list count, once each, and what was voted
// after a poll's close takes nothing away. (spec/group.md, GROUP-53 to GROUP-55)
func TestWords(t *testing.T) {
	poll, text := message(1, "吃什麼？"), message(2, "hello")
	poll.Content = &chat.Content{Kind: chat.KindPoll, Text: "吃什麼？", Lines: chat.PollLines([]string{"飯", "麵"}), Poll: &chat.Poll{}}
	end := answer(3, 2, time.Hour, &chat.Content{Kind: chat.KindClose, Close: &chat.Close{Target: poll.Link()}})
	group := channelOf(text.Chat)
	type step any
	script := []step{
		poll, text, end,
		wordOf(text, 10, 1, 1, "👍"), wordOf(text, 10, 2, 2, "👍 噓"), // changed
		wordOf(text, 11, 1, 3, "👍"), wordOf(text, 11, 2, 4, ""), // taken back
		wordOf(text, 12, 1, 5, "👍"), // taken out of the list
		wordOf(text, 13, 1, 6, "噓"), // banned
		wordOf(text, 14, 1, 7, "👍"),
		voted(poll, 10, 1, time.Second, 0), voted(poll, 10, 2, 2*time.Hour, 1), // too late
		voted(poll, 11, 1, 2*time.Hour, 1),    // never in time
		voted(poll, 14, 1, time.Second, 0, 1), // one only
		voted(text, 14, 2, time.Second, 0),    // no poll
		voted(poll, 12, 1, time.Second, 0),
	}
	wantText := &chat.Counted{Target: text.Link(), Heard: 5, Emoji: []chat.EmojiCount{{Emoji: "👍", Times: 2}, {Emoji: "噓", Times: 1}}}
	wantPoll := &chat.Counted{Target: poll.Link(), Heard: 4, Voters: 1, Votes: []int{1, 0}, MemberVotes: []int{0, 0}}
	for range 8 {
		db := openTest(t)
		db.update(t, func(tx *Tx) error {
			must(t, tx.put(message(99, "so that there is a chat")))
			for n := byte(10); n < 15; n++ {
				s := chat.Subscriber{Account: fp(n), Time: testTime}
				if n == 12 {
					s.State = chat.Unsubscribed
				}
				_, err := tx.Bearer(group, omega.Fingerprint{}).Put(&s)
				must(t, err)
			}
			for _, i := range rand.Perm(len(script)) {
				switch s := script[i].(type) {
				case *Row:
					must(t, tx.do(s))
				case *chat.Word:
					_, err := tx.PutWord(s.Mark(text.Chat), fp(10))
					must(t, err)
				}
			}
			for _, row := range []struct {
				of   *Row
				want *chat.Counted
			}{{text, wantText}, {poll, wantPoll}} {
				r, err := tx.Linked(text.Chat, row.of.Link())
				must(t, err)
				got, err := tx.CountWords(group, r, func(e *chat.Subscriber, _ time.Time) bool { return e.State == chat.Subscribes && e.Account != fp(13) })
				must(t, err)
				if !reflect.DeepEqual(got, row.want) {
					t.Errorf("%+v, want %+v", got, row.want)
				}
				if len(r.Reactions) > 0 {
					t.Errorf("words are shown as reactions: %+v", r.Reactions)
				}
				if answers, _, err := tx.Answers(r); err != nil || len(answers) > 0 {
					t.Errorf("words are shown as answers: %+v, %v", answers, err)
				}
			}
			return nil
		})
	}
}

// TestTally: what one who may write counted stands at its message until something of a higher
// version comes, and goes with it.
func TestTally(t *testing.T) {
	db := openTest(t)
	m := message(1, "hello")
	put := func(tx *Tx, version uint32, n int) {
		c := &chat.Counted{Target: m.Link(), Version: version, Heard: n, Emoji: []chat.EmojiCount{{Emoji: "👍", Times: n}}}
		must(t, tx.PutMark(c.Mark(m.Chat, testTime.Add(time.Duration(version)*time.Second), testTime, fp(3)), fp(2)))
	}
	db.update(t, func(tx *Tx) error {
		must(t, tx.put(message(9, "so that there is a chat")))
		put(tx, 2, 7) // before its message
		must(t, tx.do(m))
		put(tx, 1, 5)
		r, err := tx.Linked(m.Chat, m.Link())
		must(t, err)
		if r.Tally == nil || r.Tally.Heard != 7 || r.Tally.By != fp(2) || r.Tally.Version != 2 || !r.Tally.Came.Equal(testTime) || !reflect.DeepEqual(r.Tally.Emoji, []chat.EmojiCount{{Emoji: "👍", Times: 7}}) {
			t.Errorf("%+v", r.Tally)
		}
		if v, err := tx.NextVersion(&chat.Mark{Chat: m.Chat, Target: m.Link(), Kind: chat.MarkCounts}); v != 3 || err != nil {
			t.Errorf("version %d, %v", v, err)
		}
		_, err = tx.exec("damage counts", `UPDATE mark SET value = x'01' WHERE kind = 11`)
		must(t, err)
		if r, err = tx.Linked(m.Chat, m.Link()); err != nil || r.Tally != nil {
			t.Errorf("counts that nobody can read: %+v, %v", r, err)
		}
		must(t, tx.do(operation(4, 2, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{m.Link()}}})))
		if r, err = tx.Linked(m.Chat, m.Link()); err != nil || r.Tally != nil {
			t.Errorf("%+v, %v", r.Tally, err)
		}
		return nil
	})
}

// TestUntoldWords: of words about one message that are to be told the latest is, until just
// that was told; what was taken back is told to nobody; what an account said is counted anew
// when it is in the list no more.
func TestUntoldWords(t *testing.T) {
	db := openTest(t)
	m, other := message(1, "hello"), message(2, "other")
	group := channelOf(m.Chat)
	db.update(t, func(tx *Tx) error {
		must(t, tx.do(m, other))
		first, second := wordOf(m, 10, 1, 1, "👍"), wordOf(m, 10, 2, 2, "噓")
		for _, w := range []*chat.Word{first, wordOf(other, 10, 1, 1, "👍")} {
			_, err := tx.PutWord(w.Mark(m.Chat), fp(10))
			must(t, err)
			must(t, tx.PutUntoldWord(group, w.Mark(m.Chat)))
		}
		before, err := tx.UntoldWords(fp(10), true, 9)
		must(t, err)
		if len(before) != 2 || before[0].Group != group || !reflect.DeepEqual(before[0].Word, *first) {
			t.Fatalf("%+v", before)
		}
		_, err = tx.PutWord(second.Mark(m.Chat), fp(10))
		must(t, err)
		must(t, tx.PutUntoldWord(group, second.Mark(m.Chat)))
		must(t, tx.EndUntoldWord(before[0].Number)) // it was told meanwhile
		must(t, tx.RetryUntoldWord(before[1].Number))
		must(t, tx.WordTold(group, first.Mark(m.Chat))) // an earlier one
		list, err := tx.UntoldWords(fp(10), true, 9)
		if err != nil || len(list) != 2 || !reflect.DeepEqual(list[0].Word, *second) || list[1].Tries != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		must(t, tx.PutUntoldWord(group, second.Mark(m.Chat)))
		must(t, tx.WordTold(group, second.Mark(m.Chat)))
		if list, err = tx.UntoldWords(fp(10), true, 9); err != nil || len(list) != 1 {
			t.Errorf("told by somebody else, it is to be told: %+v, %v", list, err)
		}
		must(t, tx.PutUntoldWord(group, second.Mark(m.Chat)))
		must(t, tx.PutDueBy(group, fp(10), testTime))
		must(t, tx.PutDue(group, m.Link(), testTime.Add(time.Hour)))
		must(t, tx.CountsTold(group, testTime))
		must(t, tx.CountsTold(group, testTime.Add(-time.Hour)))
		dues, err := tx.Dues()
		if err != nil || len(dues) != 1 || dues[0] != (Due{group, testTime, testTime}) {
			t.Errorf("%+v, %v", dues, err)
		}
		must(t, tx.EndDue(group, m.Link()))
		if in, err := tx.DueIn(group, 9); err != nil || len(in) != 1 || in[0] != other.Link() {
			t.Errorf("%v, %v", in, err)
		}
		must(t, tx.do(operation(4, 2, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{m.Link()}}})))
		if list, err = tx.UntoldWords(fp(10), true, 9); err != nil || len(list) != 2 || !list[0].Gone || list[1].Gone {
			t.Errorf("%+v, %v", list, err)
		}
		if of, err := tx.WordsOf(m.Chat, other.Link(), 9); err != nil || len(of) != 1 || of[0].Account != fp(10) {
			t.Errorf("%+v, %v", of, err)
		}
		return nil
	})
}

// TestMadeUpWords: what an account says of itself wins over what another one made up of it,
// however high the version of that, and later words of it do; what comes late does not.
func TestMadeUpWords(t *testing.T) {
	db := openTest(t)
	m := message(1, "hello")
	db.update(t, func(tx *Tx) error {
		must(t, tx.do(m))
		for _, row := range []struct {
			what   string
			bearer byte
			word   *chat.Word
			counts bool
		}{
			{"made up", 11, wordOf(m, 10, math.MaxUint32, time.Hour, "🎉"), true},
			{"passed on", 12, wordOf(m, 10, 1, 2*time.Hour, "👍"), false},
			{"its own, late", 10, wordOf(m, 10, 1, time.Minute, "👍"), false},
			{"its own, with the clock behind", 10, wordOf(m, 10, 2, time.Hour-time.Minute, "👍"), true},
			{"its next", 10, wordOf(m, 10, 3, 2*time.Hour, "噓"), true},
			{"made up again", 11, wordOf(m, 10, math.MaxUint32, time.Hour, "🎉"), false},
			{"an older one of its own", 10, wordOf(m, 10, 2, 3*time.Hour, "👍"), false},
		} {
			if counts, err := tx.PutWord(row.word.Mark(m.Chat), fp(row.bearer)); err != nil || counts != row.counts {
				t.Errorf("%s: %v, %v, want %v", row.what, counts, err, row.counts)
			}
		}
		of, err := tx.WordsOf(m.Chat, m.Link(), 9)
		if err == nil && (len(of) != 1 || string(of[0].Value) != "噓") {
			t.Errorf("what counts is %+v", of)
		}
		return err
	})
}

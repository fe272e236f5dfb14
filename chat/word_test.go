package chat

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// TestWordForm: words of subscribers, and what they come to, are read as they were written,
// or not at all. (spec/group.md, GROUP-53, GROUP-55)
func TestWordForm(t *testing.T) {
	who := testAccount(t, 1)
	word := Word{MarkReaction, 2, testTime.Truncate(time.Millisecond), Link{1}, who, []byte("👍 ❤️")}
	vote := Word{MarkVote, 1, word.Time, Link{2}, who, []byte{0, 3}}
	none := Word{MarkReaction, 3, word.Time, Link{1}, who, []byte{}}
	counted := Counted{Target: Link{2}, Version: 7, Heard: 9, Emoji: []EmojiCount{{"👍", 5, 0}, {"噓", 1, 2}}, Voters: 3, Votes: []int{0, 3}, MemberVoters: 1, MemberVotes: []int{1, 0}}
	change := func(w Word, f func(*Word)) Word { f(&w); return w }
	count := func(f func(*Counted)) Counted { c := counted; f(&c); return c }
	for _, row := range []struct {
		what string
		news GroupNews
		ok   bool
	}{
		{"words", GroupNews{Words: []Word{word, vote, none}}, true},
		{"counts", GroupNews{Counts: []Counted{counted}}, true},
		{"a question", GroupNews{WordsOf: []Link{{3}}}, true},
		{"too many words", GroupNews{Words: slices.Repeat([]Word{word}, MaxWords+1)}, false},
		{"too many counts", GroupNews{Counts: make([]Counted, MaxCounts+1)}, false},
		{"too many questions", GroupNews{WordsOf: make([]Link, MaxWordsOf+1)}, false},
		{"version 0", GroupNews{Words: []Word{change(word, func(w *Word) { w.Version = 0 })}}, false},
		{"a kind that subscribers cannot say", GroupNews{Words: []Word{change(word, func(w *Word) { w.Kind = MarkDelete })}}, false},
		{"text for an emoji", GroupNews{Words: []Word{change(word, func(w *Word) { w.Value = []byte("buy") })}}, false},
		{"an emoji twice", GroupNews{Words: []Word{change(word, func(w *Word) { w.Value = []byte("👍 👍") })}}, false},
		{"an answer twice", GroupNews{Words: []Word{change(vote, func(w *Word) { w.Value = []byte{1, 1} })}}, false},
		{"an answer that no poll has", GroupNews{Words: []Word{change(vote, func(w *Word) { w.Value = []byte{MaxOptions} })}}, false},
		{"before 1970", GroupNews{Words: []Word{change(word, func(w *Word) { w.Time = time.UnixMilli(-1) })}}, false},
		{"counts of version 0", GroupNews{Counts: []Counted{count(func(c *Counted) { c.Version = 0 })}}, false},
		{"counts of text", GroupNews{Counts: []Counted{count(func(c *Counted) { c.Emoji = []EmojiCount{{"buy", 1, 0}} })}}, false},
		{"an emoji counted twice", GroupNews{Counts: []Counted{count(func(c *Counted) { c.Emoji = []EmojiCount{{"👍", 1, 0}, {"👍", 2, 0}} })}}, false},
		{"more than there are people", GroupNews{Counts: []Counted{count(func(c *Counted) { c.Voters = 1 << 31 })}}, false},
		{"too many answers", GroupNews{Counts: []Counted{count(func(c *Counted) { c.Votes = make([]int, MaxOptions+1) })}}, false},
	} {
		row.news.ID = Hash{1}
		b, err := (&Content{Kind: KindGroup, Group: &row.news}).Raw()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeContent(b)
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.what, err)
		}
		if err == nil && !reflect.DeepEqual(*got.Group, row.news) {
			t.Errorf("%s: %+v, want %+v", row.what, *got.Group, row.news)
		}
	}
	back, came, err := counted.Mark(omega.ChatID{1}, testTime, word.Time, who).Counted()
	if err != nil || !reflect.DeepEqual(*back, counted) || !came.Equal(word.Time) {
		t.Errorf("a mark says %+v (%v), want %+v", back, err, counted)
	}
}

// TestCountedSort: the most frequent stay, in an order that does not hang on that of words.
func TestCountedSort(t *testing.T) {
	c := Counted{Emoji: []EmojiCount{{"b", 1, 0}, {"c", 1, 2}, {"a", 1, 0}}}
	for i := range MaxCountedEmoji {
		c.Emoji = append(c.Emoji, EmojiCount{string(rune('k' + i)), 2, 0})
	}
	c.Sort()
	if len(c.Emoji) != MaxCountedEmoji || c.Emoji[0].Emoji != "c" || c.Emoji[1].Emoji != "k" {
		t.Errorf("%v", c.Emoji)
	}
}

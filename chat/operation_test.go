package chat

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
)

func TestValidEmoji(t *testing.T) {
	for _, s := range []string{"👍", "❤️", "推", "噓", "👩‍👩‍👧‍👦", "1️⃣", "🇹🇼", "👍🏽", "‼️", "🏴\U000e0067\U000e0062\U000e007f"} {
		if !ValidEmoji(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", "好", "推推", "a", "1", "👍a", " 👍", "👍 ", "\u200d", "👍\u202e", "\xff"} {
		if ValidEmoji(s) {
			t.Errorf("%q is taken", s)
		}
	}
}

// TestOperationContents: what an operation must say, and what does not belong.
func TestOperationContents(t *testing.T) {
	l := Link{1}
	many := make([]Link, MaxTargets+1)
	for _, tt := range []struct {
		name string
		c    *Content
		ok   bool
	}{
		{"edit", &Content{Kind: KindEdit, Text: "x", Edit: &Edit{l, 1}, Entities: []Entity{{Type: EntityBold, Length: 1}}}, true},
		{"edit without a version", &Content{Kind: KindEdit, Text: "x", Edit: &Edit{l, 0}}, false},
		{"edit of nothing", &Content{Kind: KindEdit, Text: "x"}, false},
		{"delete", &Content{Kind: KindDelete, Delete: &Delete{[]Link{l}}}, true},
		{"delete nothing", &Content{Kind: KindDelete, Delete: &Delete{}}, false},
		{"delete too many", &Content{Kind: KindDelete, Delete: &Delete{many}}, false},
		{"reaction", &Content{Kind: KindReaction, Reaction: &Reaction{l, 1, []string{"👍", "推"}}}, true},
		{"none any more", &Content{Kind: KindReaction, Reaction: &Reaction{l, 2, nil}}, true},
		{"words", &Content{Kind: KindReaction, Reaction: &Reaction{l, 1, []string{"hello"}}}, false},
		{"twice", &Content{Kind: KindReaction, Reaction: &Reaction{l, 1, []string{"👍", "👍"}}}, false},
		{"pin", &Content{Kind: KindPin, Pin: &Pin{l, 1, true}}, true},
		{"pin in a reaction", &Content{Kind: KindReaction, Reaction: &Reaction{l, 1, nil}, Pin: &Pin{l, 1, true}}, false},
		{"text with a pin", &Content{Kind: KindText, Text: "x", Pin: &Pin{l, 1, true}}, false},
		{"reply", &Content{Kind: KindText, Text: "x", Reply: &Reply{Target: l, Quote: "y", Offset: 1}}, true},
		{"reply to nothing", &Content{Kind: KindText, Text: "x", Reply: &Reply{}}, false},
		{"long quote", &Content{Kind: KindText, Text: "x", Reply: &Reply{Target: l, Quote: string(make([]byte, MaxQuote+1))}}, false},
		{"poll", &Content{Kind: KindPoll, Text: "吃什麼？", Lines: PollLines([]string{"飯", "麵"}), Poll: &Poll{}}, true},
		{"poll with one answer", &Content{Kind: KindPoll, Text: "?", Lines: PollLines([]string{"飯"}), Poll: &Poll{}}, false},
		{"poll with an empty answer", &Content{Kind: KindPoll, Text: "?", Lines: PollLines([]string{"飯", ""}), Poll: &Poll{}}, false},
		{"text with answers", &Content{Kind: KindText, Text: "?", Lines: PollLines([]string{"飯", "麵"}), Poll: &Poll{}}, false},
		{"vote", &Content{Kind: KindVote, Vote: &Vote{l, 1, []uint32{0, 3}}}, true},
		{"vote no more", &Content{Kind: KindVote, Vote: &Vote{l, 2, nil}}, true},
		{"vote twice for one", &Content{Kind: KindVote, Vote: &Vote{l, 1, []uint32{1, 1}}}, false},
		{"vote far away", &Content{Kind: KindVote, Vote: &Vote{l, 1, []uint32{MaxOptions}}}, false},
		{"list", &Content{Kind: KindList, Text: "團購"}, true},
		{"entry", &Content{Kind: KindEntry, Text: "王小明 2 盒", Entry: &Entry{l, NewSlot(testTime, [2]byte{1, 2}), 1}}, true},
		{"long entry", &Content{Kind: KindEntry, Text: string(make([]byte, MaxEntry+1)), Entry: &Entry{l, Slot{}, 1}}, false},
		{"close", &Content{Kind: KindClose, Close: &Close{l}}, true},
		{"close nothing", &Content{Kind: KindClose}, false},
		{"silent", &Content{Kind: KindText, Text: "x", Silent: true}, true},
		{"with a lifetime", &Content{Kind: KindText, Text: "x", Lifetime: time.Minute}, true},
		{"half a second", &Content{Kind: KindText, Text: "x", Lifetime: time.Second / 2}, false},
		{"for ever", &Content{Kind: KindText, Text: "x", Lifetime: MaxMessageLife + time.Second}, false},
		{"pin with a lifetime", &Content{Kind: KindPin, Pin: &Pin{l, 1, true}, Lifetime: time.Minute}, false},
		{"silent pin", &Content{Kind: KindPin, Pin: &Pin{l, 1, true}, Silent: true}, false},
		{"forward", &Content{Kind: KindText, Text: "x", Forward: &Forward{testAccount(t, 1), "小明", testTime}}, true},
		{"from somebody", &Content{Kind: KindText, Text: "x", Forward: &Forward{}}, true},
		{"forward by a strange name", &Content{Kind: KindText, Text: "x", Forward: &Forward{Name: "a\u202eb"}}, false},
	} {
		raw, err := tt.c.Raw()
		if tt.ok != (err == nil) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil {
			continue
		}
		got, err := DecodeContent(raw)
		must(t, err)
		got.raw, got.hash = nil, Hash{}
		if again, err := got.Raw(); err != nil || string(again) != string(raw) {
			t.Errorf("%s: %x, %v, want %x", tt.name, again, err, raw)
		}
	}
	if _, err := DecodeContent([]byte("\x12\x04edit")); !errors.Is(err, ErrMalformed) {
		t.Errorf("an edit of nothing: %v", err)
	}
}

func TestVotesThatCount(t *testing.T) {
	single := &Content{Kind: KindPoll, Lines: PollLines([]string{"a", "b", "c"}), Poll: &Poll{}}
	multiple := &Content{Kind: KindPoll, Lines: single.Lines, Poll: &Poll{Multiple: true}}
	for _, tt := range []struct {
		poll    *Content
		options []uint32
		want    int
	}{{single, nil, 0}, {single, []uint32{2}, 1}, {single, []uint32{3}, 0}, {single, []uint32{0, 1}, 0}, {multiple, []uint32{0, 2}, 2}, {multiple, []uint32{0, 3}, 0}, {NewText("x"), []uint32{0}, 0}} {
		if got := tt.poll.Counts(tt.options); len(got) != tt.want {
			t.Errorf("%v of %v: %v", tt.options, tt.poll.Poll, got)
		}
	}
	if s := NewSlot(testTime, [2]byte{1, 2}); !s.Time().Equal(testTime) || s[6] != 1 {
		t.Error(s, s.Time())
	}
}

func TestQuotes(t *testing.T) {
	r := &Reply{Target: Link{1}, Quote: "🐦b", Offset: 2}
	for text, want := range map[string]bool{"a黃🐦bc": true, "a黃🐦": false, "🐦🐦b": true, "🐦b": false} {
		if r.Quotes(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// A board is what marks come to, kept as a store keeps them.
type board map[place3]Mark

type place3 struct {
	target  Link
	kind    MarkKind
	account omega.Fingerprint
}

func (b board) take(m Mark) {
	p := place3{m.Target, m.Kind, m.Account}
	if old, ok := b[p]; !ok || m.Wins(&old) {
		b[p] = m
	}
}

// TestMarksConverge: whatever the order, and however often operations arrive, the
// same marks are left, and what knew of another wins.
func TestMarksConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var marks []Mark
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			m := &Message{
				From: fingerprint(rapid.IntRange(1, 2).Draw(t, "author")), Device: fingerprint(rapid.IntRange(10, 13).Draw(t, "device")),
				Time: testTime.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "time")) * time.Millisecond),
			}
			version, target := uint32(rapid.IntRange(1, 3).Draw(t, "version")), Link{byte(rapid.IntRange(1, 2).Draw(t, "target"))}
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				m.Content = &Content{Kind: KindEdit, Text: rapid.StringMatching("[ab]").Draw(t, "text"), Edit: &Edit{target, version}}
			case 1:
				m.Content = &Content{Kind: KindDelete, Delete: &Delete{[]Link{target}}}
			case 2:
				m.Content = &Content{Kind: KindReaction, Reaction: &Reaction{target, version, []string{rapid.SampledFrom([]string{"👍", "推"}).Draw(t, "emoji")}}}
			case 3:
				m.Content = &Content{Kind: KindPin, Pin: &Pin{target, version, rapid.Bool().Draw(t, "pinned")}}
			}
			made, err := m.Marks()
			if err != nil {
				t.Fatal(err)
			}
			marks = append(marks, made...)
		}
		want := board{}
		for _, m := range marks {
			want.take(m)
		}
		for _, shuffled := range [][]Mark{rapid.Permutation(marks).Draw(t, "order"), append(slices.Clone(marks), marks...)} {
			got := board{}
			for _, m := range shuffled {
				got.take(m)
			}
			if !equalBoards(got, want) {
				t.Fatalf("%v, want %v", got, want)
			}
		}
		for p, winner := range want {
			for _, m := range marks {
				if (place3{m.Target, m.Kind, m.Account}) == p && m.Stamp.Version > winner.Stamp.Version {
					t.Fatalf("version %d lost to %d", m.Stamp.Version, winner.Stamp.Version)
				}
			}
		}
	})
}

func equalBoards(a, b board) bool {
	if len(a) != len(b) {
		return false
	}
	for p, m := range a {
		if o, ok := b[p]; !ok || m.Wins(&o) || o.Wins(&m) {
			return false
		}
	}
	return true
}

// fingerprint makes one up.
func fingerprint(n int) omega.Fingerprint {
	f, err := omega.FingerprintV4(append(make([]byte, 19), byte(n)))
	if err != nil {
		panic(err)
	}
	return f
}

package history

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// TestShortIDs: ids are found by how they begin, in all chats or in one, and told apart
// by as few digits as that takes; what is shown to nobody is not found.
func TestShortIDs(t *testing.T) {
	db := openTest(t)
	id := func(text string) (out omega.ID) { // padded with zeros
		out, err := omega.ParseID((text + "00000000000000000000000000000000")[:32])
		must(t, err)
		return out
	}
	var rows []*Row
	for i, text := range []string{"abcd1", "abcd2", "abc3", "ff", "ffff"} {
		r := message(i+1, text)
		r.ID = id(text)
		if text == "ffff" {
			r.Chat[0]++
		}
		rows = append(rows, r)
	}
	hidden := operation(9, 2, &chat.Content{Kind: chat.KindReaction, Reaction: &chat.Reaction{Target: rows[0].Link(), Version: 1, Emoji: []string{"推"}}})
	hidden.ID = id("abcd3")
	db.update(t, func(tx *Tx) error {
		must(t, tx.do(append(rows, hidden)...))
		return tx.AddUnsealed(&Unsealed{ID: id("0a"), To: fp(2), Text: "later", Time: testTime, Due: testTime})
	})
	db.view(t, func(tx *Tx) error {
		for _, tt := range []struct {
			prefix string
			chat   omega.ChatID
			want   []string
		}{
			{"abcd1", omega.ChatID{}, []string{"abcd1"}},
			{"abcd", omega.ChatID{}, []string{"abcd1", "abcd2"}},
			{"abc", omega.ChatID{}, []string{"abc3", "abcd1"}}, // no more than asked for
			{"abcd3", omega.ChatID{}, nil},
			{"ff", omega.ChatID{}, []string{"ff", "ffff"}},
			{"ff", rows[4].Chat, []string{"ffff"}},
			{"0a", omega.ChatID{}, []string{"0a"}},
			{"0a", rows[4].Chat, nil},
			{id("abcd2").String(), omega.ChatID{}, []string{"abcd2"}},
		} {
			got, err := tx.Beginning(tt.prefix, tt.chat, 2)
			must(t, err)
			var want []omega.ID
			for _, text := range tt.want {
				want = append(want, id(text))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", tt.prefix, got, want)
			}
		}
		for _, bad := range []string{"", "g", fmt.Sprintf("%033d", 0)} {
			if got, err := tx.Beginning(bad, omega.ChatID{}, 2); err == nil || errors.Is(err, ErrDamaged) {
				t.Errorf("%q: %v, %v", bad, got, err)
			}
		}
		for text, want := range map[string]int{"abcd1": 5, "abcd2": 5, "abc3": 4, "ff": 3, "ffff": 3, "0a": 1} {
			if got, err := tx.Digits(id(text)); err != nil || got != want {
				t.Errorf("%s: %d digits, %v, want %d", text, got, err, want)
			}
		}
		return nil
	})
}

package history

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// Voted are those of the subscribers that count whose word for an answer of a poll is here;
// what was voted after its close is not. Only who may write in the channel keeps words.
// (spec/group.md, GROUP-54 and GROUP-55)
func (tx *Tx) Voted(group chat.Hash, r *Row, option uint32, counts Counts) (out []omega.Fingerprint, err error) {
	_, closed, err := tx.Answers(r)
	if err != nil {
		return nil, err
	}
	err = tx.eachWord(group, r, chat.MarkVoted, closed, counts, func(m *chat.Mark) {
		if slices.Contains(r.Content.Counts(m.Chosen()), option) {
			out = append(out, m.Account)
		}
	})
	return out, err
}

// Said is what those of the subscribers that count said of a message by emoji, without when.
func (tx *Tx) Said(group chat.Hash, r *Row, counts Counts) (out []Reaction, err error) {
	err = tx.eachWord(group, r, chat.MarkSaid, time.Time{}, counts, func(m *chat.Mark) {
		out = append(out, Reaction{Account: m.Account, Emoji: m.Emoji()})
	})
	return out, err
}

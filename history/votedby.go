package history

import (
	"math"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// Voted are those of the subscribers that count, as counts has it, whose word for an answer of
// a poll is here; what was voted after its close is not. Only who may write in the channel
// keeps words. (spec/group.md, GROUP-54 and GROUP-55)
func (tx *Tx) Voted(group chat.Hash, r *Row, option uint32, counts func(omega.Fingerprint) bool) (out []omega.Fingerprint, err error) {
	_, closed, err := tx.Answers(r)
	if err != nil {
		return nil, err
	}
	until := int64(math.MaxInt64)
	if !closed.IsZero() {
		until = millis(closed)
	}
	var who omega.Fingerprint
	known := func(fp omega.Fingerprint) bool { who = fp; return counts(fp) }
	err = tx.eachWord(group, r, chat.MarkVoted, until, known, func(m *chat.Mark) {
		for _, o := range r.Content.Counts(m.Chosen()) {
			if uint32(o) == option {
				out = append(out, who)
			}
		}
	})
	return out, err
}

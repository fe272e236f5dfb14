package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestManyReactions: of a message to which very many reacted some are named, this account among
// them, and all are counted.
func TestManyReactions(t *testing.T) {
	c, _ := newStillCore(t)
	const most = clientrpc.MaxReactions
	for _, row := range []struct {
		what               string
		all, named, others int
		own                bool // reacted, last of all
	}{
		{"few", 3, 3, 0, false},
		{"as many as there is room for", most, most, 0, true},
		{"one more", most + 1, most, 1, false},
		{"many", 5 * most, most, 4 * most, true},
	} {
		r := &history.Row{}
		for n := range row.all {
			a := history.Reaction{Account: nthReader(t, n), Emoji: []string{"👍"}}
			if row.own && n == row.all-1 {
				a.Account = c.acc.Fingerprint
			}
			r.Reactions = append(r.Reactions, a)
		}
		var m clientrpc.Message
		c.showReactions(r, &m)
		said := m.SaidByEmoji()
		mine := func(fp omega.Fingerprint) (found bool) {
			for _, a := range m.Reactions {
				found = found || a.From == fp
			}
			return found
		}
		others := 0
		for _, e := range m.OtherReactions {
			others += e.Count
		}
		if len(m.Reactions) != row.named || others != row.others || len(said) != 1 || said[0].Count != row.all || mine(c.acc.Fingerprint) != row.own {
			t.Errorf("%s: %d named, %d others, %v", row.what, len(m.Reactions), others, said)
		}
	}
}

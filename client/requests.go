package client

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
)

// What strangers may have here until this account's person says something of them.
// (spec/chat.md, CHAT-64)
const (
	maxRequests       = 256       // accounts
	maxRequestTexts   = 64        // messages of one
	maxRequestOctets  = 256 << 10 // of one
	maxKnownInOneTurn = 1024      // senders that a batch remembers
)

// tooMuch reports whether mail of a sender is not opened, since it is a stranger's and
// there is enough of those. It is acknowledged: what is missing of it is asked for when
// somebody whom this account knows then writes again.
func (t *taken) tooMuch(tx *history.Tx, from omega.Fingerprint) (bool, error) {
	if from == t.c.acc.Fingerprint || t.known[from] {
		return false, nil
	}
	s, err := tx.Standing(from)
	if err != nil {
		return false, err
	}
	if !s.Known {
		fellow, err := t.c.fellowToken(tx, from)
		if err != nil {
			return false, err
		}
		s.Known = !fellow.IsZero()
	}
	switch {
	case s.Known:
		if t.known == nil || len(t.known) >= maxKnownInOneTurn {
			t.known = map[omega.Fingerprint]bool{}
		}
		t.known[from] = true
		return false, nil
	case s.Messages >= maxRequestTexts || s.Octets >= maxRequestOctets:
		return true, nil
	case s.Messages > 0:
		return false, nil
	}
	n, err := tx.CountRequests(maxRequests)
	return n >= maxRequests, err
}

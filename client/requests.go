package client

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// What strangers may have here until this account's person says something of them.
// (spec/chat.md, CHAT-64)
const (
	maxRequests       = 256       // accounts
	maxRequestTexts   = 64        // messages of one
	maxRequestOctets  = 256 << 10 // of one
	maxKnownInOneTurn = 1024      // senders that a batch remembers

	maxRequestAge = 14 * 24 * time.Hour // from the first message on an account has a place
)

// What strangers may send of secure chats that comes to nothing: it costs time to find
// that out. (spec/secure.md, SEC-28)
const (
	maxStrangerTries      = 64        // of one
	maxStrangerTryOctets  = 256 << 10 // of one
	maxStrangersTries     = 2048      // of all; half of what may wait
	strangerTriesInterval = 7 * 24 * time.Hour
)

// standing is how a sender stands; whoever is in a group with this account is known.
func (t *taken) standing(tx *history.Tx, from omega.Fingerprint) (history.Standing, error) {
	if from == t.c.acc.Fingerprint || t.known[from] {
		return history.Standing{Known: true}, nil
	}
	s, err := tx.Standing(from)
	if err != nil {
		return s, err
	}
	if !s.Known {
		fellow, err := t.c.fellowToken(tx, from)
		if err != nil {
			return s, err
		}
		s.Known = !fellow.IsZero()
	}
	if s.Known {
		if t.known == nil || len(t.known) >= maxKnownInOneTurn {
			t.known = map[omega.Fingerprint]bool{}
		}
		t.known[from] = true
	}
	return s, nil
}

// tooMuch reports whether mail of a sender is not opened, since it is a stranger's and
// there is enough of those. It is acknowledged: what is missing of it is asked for when
// somebody whom this account knows then writes again.
func (t *taken) tooMuch(tx *history.Tx, from omega.Fingerprint, payload []byte) (bool, error) {
	s, err := t.standing(tx, from)
	if err != nil || s.Known {
		return false, err
	}
	if isSecure(payload) {
		if much, err := t.triedEnough(tx, from, len(payload)); err != nil || much {
			return much, err
		}
	}
	switch {
	case s.Messages >= maxRequestTexts || s.Octets >= maxRequestOctets:
		return true, nil
	}
	placed, err := t.place(tx, from, s.Messages > 0)
	return !placed, err
}

// place reports whether a stranger has a place, or gives it one: those whose first home is
// one server have at most as many as are free beside them, and so have all together whose
// first home this device does not know as a server, since anybody can make those up. Who is not known yet has to be
// looked up first, and comes again. began: it wrote before.
func (t *taken) place(tx *history.Tx, from omega.Fingerprint, began bool) (bool, error) {
	var home omega.Fingerprint
	peer, err := tx.Peer(from)
	known := err == nil && len(peer.Certificate) > 0
	if err := ignoreNotFound(err); err != nil {
		return false, err
	}
	if known {
		if rec, err := wire.DecodeRecord(peer.Record); err == nil && len(rec.Homes) > 0 && t.c.knowsServer(rec.Homes[0]) {
			home = rec.Homes[0]
		}
	}
	now := t.c.cfg.now()
	p, err := tx.Placed(from, home, now.Add(-maxRequestAge))
	switch {
	case err != nil || p.Has:
		return p.Has, err
	case p.Total >= maxRequests:
		return began, nil // what began stays, and makes way for others
	case !known:
		return true, nil
	case p.Home >= maxRequests-p.Total:
		return began, nil
	}
	return true, tx.Place(from, home, now, now.Add(-maxRequestAge))
}

// triedEnough reports whether so much of a stranger's secure payloads came to nothing
// that no more are tried. Of all that strangers may try, one has at most as much as is
// free beside it.
func (t *taken) triedEnough(tx *history.Tx, from omega.Fingerprint, size int) (bool, error) {
	own, all, err := tx.Tries(from, t.c.cfg.now().Add(-strangerTriesInterval))
	if err != nil {
		return false, err
	}
	return own.Count >= maxStrangerTries || own.Octets+int64(size) > maxStrangerTryOctets || own.Count >= maxStrangersTries-all, nil
}

// triedInVain counts a stranger's secure payload that came to nothing.
func (t *taken) triedInVain(tx *history.Tx, from omega.Fingerprint, size int) error {
	s, err := t.standing(tx, from)
	if err != nil || s.Known {
		return err
	}
	now := t.c.cfg.now()
	return tx.CountTry(from, size, now, now.Add(-strangerTriesInterval))
}

package client

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

const (
	readerKeyAge = time.Hour // of a group key that a subscriber's revoked device ends (spec/group.md, GROUP-47)
	unknownOnce  = 256       // subscribers that nothing is known of who are looked up at once (spec/group.md, GROUP-45)
)

// someUnknown leaves out of a channel's subscribers all but some of those of whom nothing is
// known, others each time: whoever enters accounts that there are not has nobody look for
// all of them before each message.
func someUnknown(readers []omega.Fingerprint, ages map[omega.Fingerprint]history.PeerAge, now time.Time) (out []omega.Fingerprint) {
	var unknown []omega.Fingerprint
	for _, fp := range readers {
		if _, known := ages[fp]; known {
			out = append(out, fp)
		} else {
			unknown = append(unknown, fp)
		}
	}
	if len(unknown) <= unknownOnce {
		return append(out, unknown...)
	}
	n := uint64(len(unknown))
	turn := uint64(now.Unix()/int64(verdictAge/time.Second)) % n * unknownOnce // whatever the clock says, and where int has 32 bits
	for i := range uint64(unknownOnce) {
		out = append(out, unknown[(turn+i)%n])
	}
	return out
}

// lostReader reports whether a device of a subscriber was revoked after a group key was made
// that it was wrapped for, among accounts that lost one. A key serves for an hour all the
// same: anybody may subscribe, and a new key costs a message for each subscriber.
// (spec/group.md, GROUP-47)
func (c *Client) lostReader(tx *history.Tx, s *group.State, k *chat.GroupKey, suspects []omega.Fingerprint, now time.Time) (bool, error) {
	if !c.hasList(s) || young(now, k.Time, readerKeyAge) {
		return false, nil
	}
	for _, fp := range suspects {
		e, err := c.subscriber(tx, s, fp)
		if err != nil {
			return false, err
		}
		cert := c.certIn(tx, fp)
		if e == nil || cert == nil {
			continue
		}
		for _, d := range cert.Devices() {
			if d.Revoked && d.Added.Before(k.Time) && d.RevokedAt.After(k.Time) {
				return true, nil
			}
		}
	}
	return false, nil
}

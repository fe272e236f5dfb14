package mesh

import (
	"slices"

	"github.com/omega-im/omega"
)

// Urgent reports whether the record of a server tells of a loss, compared with
// the one before it (nil: there was none): that a link is gone which its other
// end still lists, or that the server forwards no more. Others go on sending over
// what is no longer there until they hear of it, while anything else can wait a
// moment. (spec/cloud.md, CLOUD-38)
func (db *DB) Urgent(before *Record) bool {
	if before == nil {
		return false
	}
	now := db.records[before.Server]
	if now == nil || before.Transit() && !now.Transit() {
		return now != nil
	}
	return slices.ContainsFunc(before.Links, func(l Link) bool {
		peer := db.records[l.Peer]
		return peer != nil && !now.lists(l.Peer) && peer.lists(before.Server)
	})
}

// lists reports whether an announcement lists a link to a server.
func (a *Announcement) lists(peer omega.Fingerprint) bool {
	_, found := slices.BinarySearchFunc(a.Links, peer, func(l Link, fp omega.Fingerprint) int { return l.Peer.Compare(fp) })
	return found
}

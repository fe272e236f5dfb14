package mesh

import (
	"errors"
	"time"

	"github.com/omega-im/omega"
)

// Load applies a snapshot. Every announcement is verified like one from the
// network, and what cannot be used is skipped and counted: a database on disk
// is a cache, not an authority. A damaged end loses what comes after the
// damage. This server's own announcement only raises its sequence, as
// the links in it are gone.
func (db *DB) Load(now time.Time, snapshot []byte) (skipped int, err error) {
	err = eachIn(snapshot, func(b []byte) {
		if _, err := db.apply(now, b, false); err != nil && !errors.Is(err, ErrOwn) {
			skipped++
		}
	})
	return skipped, err
}

// FormerLinks returns what a server announced in a snapshot that was its own. It
// proves nothing: they say where to ask first. (spec/cloud.md, CLOUD-45)
func FormerLinks(snapshot []byte, self omega.Fingerprint) (links []Link) {
	_ = eachIn(snapshot, func(b []byte) { // Load tells of damage
		if a, err := Decode(b); err == nil && a.Server == self {
			links = a.Links
		}
	})
	return links
}

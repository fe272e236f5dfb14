package mesh

import (
	"time"

	"github.com/omega-im/omega"
)

// A rate is a token bucket kept as one instant: when the last of the taken
// tokens will be back (the virtual scheduling form of the leaky bucket).
type rate struct{ full time.Time }

// mayAnnounce reports whether the origin has an announcement left. It charges
// nothing: only a verified announcement does, so that forged ones cannot use
// up what belongs to somebody else.
func (db *DB) mayAnnounce(now time.Time, origin omega.Fingerprint) bool {
	return db.rates[origin].full.Sub(now) <= (OriginBurst-1)*OriginInterval
}

// charge takes one announcement from the origin's allowance.
func (db *DB) charge(now time.Time, origin omega.Fingerprint) {
	db.rates[origin] = rate{maxTime(db.rates[origin].full, now).Add(OriginInterval)}
}

// forgetRates drops the buckets that are full again.
func (db *DB) forgetRates(now time.Time) {
	for fp, r := range db.rates {
		if !r.full.After(now) {
			delete(db.rates, fp)
		}
	}
}

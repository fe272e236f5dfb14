package fallback

import (
	"maps"
	"time"

	"github.com/omega-im/omega"
)

// How often public key servers are asked: for one account, and for all
// (KEYS-16). They are other people's machines.
const (
	accountPace  = 20 * time.Second
	accountBurst = 5
	serverPace   = time.Second
	serverBurst  = 10

	maxAccounts = 10_000 // that are remembered, each for two minutes
)

// What nobody has is not asked for again for so long, and so many of these are
// remembered.
const (
	absence    = 24 * time.Hour
	maxAbsents = 10_000
)

var errNowhere = omega.Errorf(omega.CodeNotFound, "the public key servers that are asked do not have it either")

// rations are token buckets, each kept as the instant when it is full again.
type rations struct {
	all     time.Time
	account map[omega.Fingerprint]time.Time
}

func newRations() rations { return rations{account: make(map[omega.Fingerprint]time.Time)} }

// take takes one look-up from the account's ration and from that of all.
func (r *rations) take(account omega.Fingerprint, now time.Time) bool {
	if len(r.account) >= maxAccounts {
		maps.DeleteFunc(r.account, func(_ omega.Fingerprint, full time.Time) bool { return !full.After(now) })
	}
	_, known := r.account[account]
	one, okOne := pay(r.account[account], now, accountPace, accountBurst)
	all, okAll := pay(r.all, now, serverPace, serverBurst)
	if !okOne || !okAll || !known && len(r.account) >= maxAccounts {
		return false
	}
	r.account[account], r.all = one, all
	return true
}

// pay takes one from a bucket that is full again at full.
func pay(full, now time.Time, pace time.Duration, burst int) (time.Time, bool) {
	if full.Before(now) {
		full = now
	}
	full = full.Add(pace)
	return full, full.Sub(now) <= time.Duration(burst)*pace
}

// admit says whether fp may be asked for now. What is known to be nowhere costs
// nothing.
func (f *Finder) admit(account, fp omega.Fingerprint) error {
	now := f.cfg.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.absent[fp]) {
		return errNowhere
	}
	if !f.rations.take(account, now) {
		return omega.Errorf(omega.CodeRateLimited, "public key servers were asked too often; wait a minute")
	}
	return nil
}

// miss notes that nobody has fp. When there is no room an arbitrary one is
// forgotten.
func (f *Finder) miss(fp omega.Fingerprint) {
	now := f.cfg.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.absent) >= maxAbsents {
		maps.DeleteFunc(f.absent, func(_ omega.Fingerprint, until time.Time) bool { return !until.After(now) })
	}
	for other := range f.absent {
		if len(f.absent) < maxAbsents {
			break
		}
		delete(f.absent, other)
	}
	f.absent[fp] = now.Add(absence)
}

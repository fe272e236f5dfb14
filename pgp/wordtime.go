package pgp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// ErrLate says that the time to contest is over, or that whoever says something of a
// device has no say any more. (spec/keys.md, KEYS-38)
var ErrLate = errors.New("comes too late")

// Timely judges what somebody brings to a server that knew before: what devices say anew,
// and what stands by it, must be said by devices in the list, or by ones that can contest
// that they are not, and what was removed longer ago than ContestTime stays so. What does
// not stand changes nothing, so a client may bring it to a server that has not heard of
// it. open tells whether a removal that stands in before can still be contested. The error
// is ErrLate. What servers tell each other is not judged by it, so that they agree.
// (spec/keys.md, KEYS-38)
func Timely(before, after *Certificate, open func(*Word) bool) error {
	old := before.Words()
	for _, w := range after.Words() {
		if w.State != WordStands || slices.ContainsFunc(old, func(o Word) bool { return o.Kind == w.Kind && o.About == w.About && o.Sig == w.Sig }) {
			continue
		}
		for i := range old {
			if o := &old[i]; isRemoval(*o) && o.State == WordStands && o.About == w.By && (before.Earlier(o.By, o.About) || !open(o)) {
				return fmt.Errorf("device %s, which was removed, %w", w.By, ErrLate)
			}
		}
	}
	now := after.Removals()
	for i := range old {
		o := &old[i]
		if !isRemoval(*o) || o.State != WordStands || open(o) {
			continue
		}
		d, _ := after.Device(o.By)
		stands := slices.ContainsFunc(now, func(w Word) bool { return w.By == o.By && w.About == o.About && w.State == WordStands })
		if !stands && (!d.Revoked || d.Removed) {
			return fmt.Errorf("a contest of the removal of device %s %w", o.About, ErrLate)
		}
	}
	return nil
}

// Contestable reports whether a device that others removed may be in the list again: a
// removal of it that stands is open, as for Timely.
func (c *Certificate) Contestable(device omega.Fingerprint, open func(*Word) bool) bool {
	return slices.ContainsFunc(c.Removals(), func(w Word) bool {
		return w.About == device && w.State == WordStands && open(&w)
	})
}

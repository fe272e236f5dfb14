package secure

import (
	"slices"

	"github.com/omega-im/omega"
)

// A View is what a client knows when it chooses an epoch to send in.
type View struct {
	// Devices are those that are in the chat now; an epoch with any other is no
	// place to send in.
	Devices map[omega.Fingerprint]bool

	// Owners are the accounts that own the group; nil in a chat of two.
	Owners map[omega.Fingerprint]bool

	// Avoid are epochs that the device does not send in any more.
	Avoid map[Hash]bool
}

// Choose returns the epoch to send in out of all that are known, nil if a new
// one must be opened: of those that are nobody's parent the one that leaves out
// most of those who left, then one by an owner, then the one with the lowest
// name; and none that lists a device which has left, or lacks one that is
// here. (spec/secure.md, SEC-6)
func Choose(records []*Record, v *View) *Record {
	var best *Record
	for _, r := range Leaves(records) {
		if best == nil || v.better(r, best) {
			best = r
		}
	}
	if best == nil || !v.fits(best) {
		return nil
	}
	return best
}

// Leaves are the records that are no other's parent: what the next epoch names
// as parents, the lowest names first, MaxParents of them at most.
func Leaves(records []*Record) []*Record {
	parents := map[Hash]bool{}
	for _, r := range records {
		for _, p := range r.Parents {
			parents[p] = true
		}
	}
	var out []*Record
	for _, r := range records {
		if !parents[r.hash] {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *Record) int { return compareHash(a.hash, b.hash) })
	return out[:min(len(out), MaxParents)]
}

func (v *View) better(a, b *Record) bool {
	if x, y := v.strangers(a), v.strangers(b); x != y {
		return x < y
	}
	if x, y := v.Owners[a.Opener], v.Owners[b.Opener]; x != y {
		return x
	}
	return compareHash(a.hash, b.hash) < 0
}

// strangers counts the devices of an epoch that are not in the chat any more.
func (v *View) strangers(r *Record) int {
	n := 0
	for _, d := range r.Devices() {
		if !v.Devices[d.Signing] {
			n++
		}
	}
	return n
}

func (v *View) fits(r *Record) bool {
	return v.strangers(r) == 0 && len(r.Devices()) == len(v.Devices) && !v.Avoid[r.hash]
}

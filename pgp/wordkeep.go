package pgp

import (
	"cmp"
	"slices"

	"github.com/omega-im/omega"
)

// A dispute is what settle looks at: the devices of one certificate, in the order in
// which they were linked, and what they say of each other.
type dispute struct {
	c       *core
	at      map[omega.Fingerprint]int // places of devices, by their signing subkeys
	signing []*subkey                 // by place
	out     []bool                    // by place: the primary key revoked it
	blocks  []int                     // by place: octets of the revocations that were made before
}

// settle drops words that say nothing or are over the budget, and revocations that nobody
// uses, judges the others, and notes which devices are removed by them. The subkeys are
// sorted. (spec/keys.md, KEYS-35, KEYS-36)
func (c *core) settle() {
	if !slices.ContainsFunc(c.subkeys, func(s subkey) bool { return len(s.words) > 0 || s.revocation != nil && s.revocation.before }) {
		return // as nearly always
	}
	d := newDispute(c)
	d.keep()
	removed := d.judge()
	for i := range c.subkeys {
		s := &c.subkeys[i]
		k, ok := d.at[s.owner()]
		s.removed = ok && removed[k]
		if s.revocation != nil && s.revocation.before && !(ok && slices.ContainsFunc(d.signing[k].words, isRemoval)) {
			s.revocation = nil // nobody uses it
		}
	}
}

func newDispute(c *core) *dispute {
	d := &dispute{c: c, at: make(map[omega.Fingerprint]int)}
	for i := range c.subkeys {
		s := &c.subkeys[i]
		if s.key.alg != ECDH {
			d.at[s.key.fp] = len(d.signing)
			d.signing = append(d.signing, s)
		}
	}
	d.out, d.blocks = make([]bool, len(d.signing)), make([]int, len(d.signing))
	for i := range c.subkeys {
		s := &c.subkeys[i]
		k, ok := d.at[s.owner()]
		switch {
		case !ok || s.revocation == nil:
		case s.revocation.before:
			d.blocks[k] += len(s.revocation.body(c.primary.id))
		default:
			d.out[k] = true
		}
	}
	return d
}

// says reports whether w says something: not of or by a device about which the primary key
// has spoken, no removal of one that nothing revokes, and no contest of what a device said
// that was linked before.
func (d *dispute) says(w *Word) bool {
	by, known := d.at[w.By]
	about := d.at[w.About]
	if !known || d.out[by] || d.out[about] {
		return false
	}
	if isRemoval(*w) {
		return d.blocks[about] > 0
	}
	return by < about
}

// keep drops the words that say nothing, and those for which there is no room: words of
// devices that were linked first stand first, so no later one pushes an earlier one out.
// The last that is kept may go over the budget: then whatever comes behind it is out in
// every copy, and copies that were cut merge to what would be left of all. The words of
// one device end up in their order in the certificate.
func (d *dispute) keep() {
	var list []Word
	for _, s := range d.signing {
		for i := range s.words {
			if d.says(&s.words[i]) {
				list = append(list, s.words[i])
			}
		}
		s.words = nil
	}
	slices.SortFunc(list, func(a, b Word) int {
		return cmp.Or(cmp.Compare(d.at[a.By], d.at[b.By]), cmp.Compare(b.Kind, a.Kind), cmp.Compare(d.at[a.About], d.at[b.About]))
	})
	budget := min(wordBudget, omega.MaxCertificate-(wordRoom-wordBudget)-d.c.bareSize())
	for i := range list {
		if budget <= 0 {
			break
		}
		w := &list[i]
		about := d.signing[d.at[w.About]]
		budget -= wordSize
		if isRemoval(*w) {
			budget -= d.blocks[d.at[w.About]]
		}
		about.words = append(about.words, *w)
	}
	for _, s := range d.signing { // signers are in order
		slices.SortStableFunc(s.words, func(a, b Word) int { return cmp.Compare(a.Kind, b.Kind) })
	}
}

// bareSize is how long the certificate would be without words and the revocations that
// they use, in octets.
func (c *core) bareSize() int {
	bare := *c
	bare.subkeys = slices.Clone(c.subkeys)
	for i := range bare.subkeys {
		s := &bare.subkeys[i]
		s.words, s.removed = nil, false
		if s.revocation != nil && s.revocation.before {
			s.revocation = nil
		}
	}
	return len(bare.serialize())
}

// judge judges the words that are left, and returns which devices are removed by them.
func (d *dispute) judge() (removed []bool) {
	var claims []claimOf
	var from []*Word
	for k, s := range d.signing {
		for i := range s.words {
			w := &s.words[i]
			claims = append(claims, claimOf{d.at[w.By], k, w.Kind == WordContest, w.Since.Unix(), w.At.Unix()})
			from = append(from, w)
		}
	}
	removed = make([]bool, len(d.signing))
	for i, state := range settle(len(d.signing), claims) {
		from[i].State = state
		if state == WordStands && !claims[i].contest {
			removed[claims[i].about] = true
		}
	}
	return removed
}

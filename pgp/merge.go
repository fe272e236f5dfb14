package pgp

import (
	"fmt"
	"time"
)

// Merge returns the union of two copies of one certificate: of each kind the
// newest self-signature and binding, and every revocation. Both must have the
// same primary key. It is commutative, associative and idempotent, so copies
// that travelled different ways end up with the same bytes. Every signature
// was verified when a and b were parsed. It fails with ErrPolicy if the union is
// over a limit.
func Merge(a, b *Certificate, now time.Time) (*Certificate, error) {
	if !a.primary.Equal(b.primary) {
		return nil, fmt.Errorf("merge %s and %s: %w: different primary keys", a.primary.fp, b.primary.fp, ErrPolicy)
	}
	if a.hash == b.hash {
		return a, nil
	}
	return a.join(&b.core, now)
}

// join is the union with what was verified of the same primary key.
func (c *Certificate) join(o *core, now time.Time) (*Certificate, error) {
	u := c.copy()
	u.revocation = worse(c.revocation, o.revocation)
	u.uidSig = newer(c.uidSig, o.uidSig)
	for _, s := range o.subkeys {
		u.add(s)
	}
	return u.finish(now)
}

// add joins s into the subkeys.
func (c *core) add(s subkey) {
	for i := range c.subkeys {
		if o := &c.subkeys[i]; o.key.fp == s.key.fp {
			o.binding = newer(o.binding, s.binding)
			o.revocation = worse(o.revocation, s.revocation)
			o.words = joinWords(o.words, s.words)
			return
		}
	}
	c.subkeys = append(c.subkeys, s)
}

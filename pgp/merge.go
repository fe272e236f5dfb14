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
	c := a.copy()
	c.revocation = worse(a.revocation, b.revocation)
	c.uidSig = newer(a.uidSig, b.uidSig)
	for _, s := range b.subkeys {
		c.add(s)
	}
	return c.finish(now)
}

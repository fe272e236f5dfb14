package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A pool holds all that an owner may have signed for one account: several
// bindings, revocations and self-signatures of each kind, some of one second.
type pool struct {
	primary     *PublicKey
	uidSigs     []*signature
	revocations []*signature
	subkeys     []subkey // each with one binding and perhaps a revocation
}

func newPool(tb testing.TB) *pool {
	tb.Helper()
	ctx, a := tb.Context(), newAccount(tb, 1, 0)
	p := &pool{primary: a.cert.Primary()}
	check := func(c *Certificate, err error) *Certificate {
		if err != nil {
			tb.Fatal(err)
		}
		return c
	}
	for i := range 4 {
		at := testTime.Add(time.Duration(i/2) * time.Second)
		p.uidSigs = append(p.uidSigs, check(Renew(ctx, a.primary, a.cert, testTime.AddDate(1+i, 0, 0), at)).uidSig)
		p.revocations = append(p.revocations, check(Revoke(ctx, a.primary, a.cert, Reason(i), at)).revocation)
		for j := range 3 {
			d := testDevice(tb, byte(10+j), fmt.Sprint("name ", i))
			if i == 3 {
				d.Encryption = testDevice(tb, byte(20+j), "spare").Encryption
			}
			bound := a.add(tb, a.cert, d, at)
			revoked := check(RevokeDevice(ctx, a.primary, bound, d.Signing.Public().Fingerprint(), Reason(i), at))
			p.subkeys = append(p.subkeys, bound.subkeys...)
			p.subkeys = append(p.subkeys, revoked.subkeys...)
		}
	}
	return p
}

// draw returns a certificate with a part of the pool.
func (p *pool) draw(t *rapid.T, label string) *Certificate {
	c := core{primary: p.primary}
	for _, s := range rapid.SliceOfN(rapid.SampledFrom(p.uidSigs), 1, 2).Draw(t, label+" self-signatures") {
		c.uidSig = newer(c.uidSig, s)
	}
	if rapid.IntRange(0, 4).Draw(t, label+" revoked") == 0 {
		c.revocation = rapid.SampledFrom(p.revocations).Draw(t, label+" revocation")
	}
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(p.subkeys)-1), 0, 8).Draw(t, label+" subkeys") {
		c.add(p.subkeys[i])
	}
	cert, err := c.finish(testTime)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// shuffled writes the certificate in another order, with some packets twice.
func shuffled(tb testing.TB, c *Certificate, r *rand.Rand) []byte {
	list := packets(tb, c.bytes)
	var groups [][][]byte // a key or User ID and its signatures
	for _, p := range list[1:] {
		if tag, _, _, _ := nextPacket(p); tag == tagSignature && len(groups) > 0 {
			groups[len(groups)-1] = append(groups[len(groups)-1], p)
		} else {
			groups = append(groups, [][]byte{p})
		}
	}
	b := bytes.Clone(list[0])
	if tag, _, _, _ := nextPacket(list[1]); tag == tagSignature {
		b, groups = append(b, list[1]...), groups[1:]
	}
	groups = append(groups, groups[r.IntN(len(groups))])
	r.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	for _, g := range groups {
		sigs := slices.Clone(g[1:])
		r.Shuffle(len(sigs), func(i, j int) { sigs[i], sigs[j] = sigs[j], sigs[i] })
		b = append(b, g[0]...)
		b = append(b, join(sigs...)...)
	}
	return b
}

func TestMergeIsAUnion(t *testing.T) {
	p, tb := newPool(t), t
	now := testTime.Add(time.Hour)
	merge := func(t *rapid.T, a, b *Certificate) *Certificate {
		c, err := Merge(a, b, now)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := p.draw(t, "a"), p.draw(t, "b"), p.draw(t, "c")
		ab := merge(t, a, b)
		if ba := merge(t, b, a); ab.Hash() != ba.Hash() {
			t.Error("merge is not commutative")
		}
		if x, y := merge(t, ab, c), merge(t, a, merge(t, b, c)); x.Hash() != y.Hash() {
			t.Error("merge is not associative")
		}
		if merge(t, a, a).Hash() != a.Hash() || merge(t, ab, a).Hash() != ab.Hash() {
			t.Error("merge is not idempotent")
		}
		for _, s := range a.subkeys {
			i := slices.IndexFunc(ab.subkeys, func(o subkey) bool { return o.key.Equal(s.key) })
			if i < 0 || s.revocation != nil && ab.subkeys[i].revocation == nil || ab.subkeys[i].binding.created.Before(s.binding.created) {
				t.Errorf("merge lost something of %s", s.key.Fingerprint())
			}
		}
		if a.Check(testTime) != nil && ab.Check(testTime) == nil {
			t.Error("merge lost the revocation of the account")
		}
		seed := rapid.Uint64().Draw(t, "seed")
		got, err := ParseCertificate(shuffled(tb, ab, rand.New(rand.NewPCG(seed, 1))), now)
		if err != nil || got.Hash() != ab.Hash() {
			t.Errorf("another order of packets gives another certificate: %v", err)
		}
	})
}

func TestMergeOfTwoAccounts(t *testing.T) {
	if _, err := Merge(newAccount(t, 1, 1).cert, newAccount(t, 2, 1).cert, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("merge = %v, want %v", err, ErrPolicy)
	}
}

// TestHardRevocationStands merges a soft and a hard one.
func TestHardRevocationStands(t *testing.T) {
	a := newAccount(t, 1, 0)
	soft, err := Revoke(t.Context(), a.primary, a.cert, ReasonRetired, testTime)
	if err != nil {
		t.Fatal(err)
	}
	hard, err := Revoke(t.Context(), a.primary, a.cert, ReasonCompromised, testTime.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	both, err := Merge(soft, hard, testTime.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if both.Hash() != hard.Hash() {
		t.Error("the soft revocation stands")
	}
}

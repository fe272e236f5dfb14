package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"pgregory.net/rapid"
)

// history grows certificates of one account in random ways.
type history struct {
	a       *testAccount
	devices []*DeviceSecrets
	spare   map[omega.Fingerprint]*SecretKey // second encryption key, by device
	ctx     testing.TB
}

// step returns c with one more change by the owner.
func (h *history) step(t *rapid.T, c *Certificate) *Certificate {
	now := testTime.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
	d := *rapid.SampledFrom(h.devices).Draw(t, "device")
	var next *Certificate
	var err error
	switch rapid.IntRange(0, 9).Draw(t, "change") {
	case 0, 1, 2, 3:
		d.Name = fmt.Sprint("name ", rapid.IntRange(0, 2).Draw(t, "name"))
		return h.a.add(h.ctx, c, &d, now)
	case 4:
		d.Encryption = h.spare[d.Signing.Public().Fingerprint()]
		return h.a.add(h.ctx, c, &d, now)
	case 5, 6:
		expires := testTime.Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "years")) * 8760 * time.Hour)
		next, err = Renew(h.ctx.Context(), h.a.primary, c, expires, now)
	case 7, 8:
		why := rapid.SampledFrom([]Reason{ReasonNone, ReasonRetired, ReasonCompromised}).Draw(t, "reason")
		next, err = RevokeDevice(h.ctx.Context(), h.a.primary, c, d.Signing.Public().Fingerprint(), why, now)
		if errors.Is(err, ErrPolicy) { // the device is not there
			return c
		}
	case 9:
		next, err = Revoke(h.ctx.Context(), h.a.primary, c, ReasonNone, now)
	}
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// draw returns a certificate that grew from base.
func (h *history) draw(t *rapid.T, base *Certificate, label string) *Certificate {
	for range rapid.IntRange(0, 5).Draw(t, label) {
		base = h.step(t, base)
	}
	return base
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
	h := &history{a: newAccount(t, 1, 0), ctx: t, spare: make(map[omega.Fingerprint]*SecretKey)}
	for i := range 3 {
		d := testDevice(t, byte(10+i), fmt.Sprint(i))
		h.devices = append(h.devices, d)
		h.spare[d.Signing.Public().Fingerprint()] = testDevice(t, byte(20+i), "spare").Encryption
	}
	now := testTime.Add(time.Hour)
	merge := func(t *rapid.T, a, b *Certificate) *Certificate {
		c, err := Merge(a, b, now)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	rapid.Check(t, func(t *rapid.T) {
		base := h.draw(t, h.a.cert, "base")
		a, b, c := h.draw(t, base, "a"), h.draw(t, base, "b"), h.draw(t, base, "c")
		ab := merge(t, a, b)
		if ba := merge(t, b, a); ab.Hash() != ba.Hash() {
			t.Error("merge is not commutative")
		}
		if x, y := merge(t, ab, c), merge(t, a, merge(t, b, c)); x.Hash() != y.Hash() {
			t.Error("merge is not associative")
		}
		if merge(t, a, a).Hash() != a.Hash() || merge(t, ab, a).Hash() != ab.Hash() || merge(t, base, a).Hash() != a.Hash() {
			t.Error("merge is not idempotent")
		}
		for _, d := range a.Devices() {
			if m, ok := ab.Device(d.Signing.Fingerprint()); !ok || d.Revoked && !m.Revoked && m.Encryption.Equal(d.Encryption) {
				t.Errorf("merge lost %+v", d)
			}
		}
		if a.Check(testTime) != nil && ab.Check(testTime) == nil {
			t.Error("merge lost the revocation of the account")
		}
		seed := rapid.Uint64().Draw(t, "seed")
		got, err := ParseCertificate(shuffled(h.ctx, ab, rand.New(rand.NewPCG(seed, 1))), now)
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

package pgp

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// fp names a device of the account.
func (a *testAccount) fp(i int) omega.Fingerprint { return a.devices[i].Signing.Public().Fingerprint() }

// What was signed before revokes its device where another one says so in its own name,
// and says no time; what the primary key signs later stands before it, in whatever order
// they meet. Alone it does nothing in ω IM.
func TestRevokeBefore(t *testing.T) {
	now := testTime
	a := newAccount(t, 1, 2)
	laptop, phone := a.devices[0].Signing, a.fp(1)
	block, err := RevokeBefore(t.Context(), a.primary, a.cert, phone, now)
	must(t, err)
	later := now.Add(1000 * time.Hour)
	if _, err := Remove(t.Context(), a.devices[1].Signing, a.cert, a.fp(0), block, later); !errors.Is(err, ErrPolicy) {
		t.Errorf("it revokes another device: %v", err)
	}
	own, _, err := Own(block)
	must(t, err)
	if alone, err := a.cert.Update(own, later); err != nil || alone.Hash() != a.cert.Hash() {
		t.Errorf("without a word of a device it changes the certificate: %v", err)
	}
	revoked, err := Remove(t.Context(), laptop, a.cert, phone, block, later)
	must(t, err)
	if d, _ := revoked.Device(phone); !d.Revoked || !d.Removed || !d.RevokedAt.IsZero() || d.Active(now) {
		t.Errorf("the phone is %+v", d)
	}
	if d, _ := revoked.Device(a.fp(0)); d.Revoked {
		t.Error("the laptop is revoked as well")
	}
	read, err := ParseCertificate(revoked.Bytes(), later)
	if err != nil || read.Hash() != revoked.Hash() {
		t.Fatalf("read again it is another certificate: %v", err)
	}
	fresh, err := RevokeDevice(t.Context(), a.primary, a.cert, phone, ReasonRetired, later)
	must(t, err)
	one, err := Merge(revoked, fresh, later)
	must(t, err)
	other, err := Merge(fresh, revoked, later)
	if err != nil || !bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Fatalf("the order makes a difference: %v", err)
	}
	if d, _ := one.Device(phone); !d.RevokedAt.Equal(later) || d.Removed {
		t.Errorf("revoked at %v, want %v", d.RevokedAt, later)
	}
	// Nobody else's does anything.
	stranger := newAccount(t, 2, 2)
	if err := CheckRevocation(stranger.cert, stranger.fp(1), block, later); err == nil {
		t.Error("it is of another account")
	}
	if _, err := Remove(t.Context(), stranger.devices[0].Signing, a.cert, phone, block, later); !errors.Is(err, ErrPolicy) {
		t.Errorf("a device of another account removes it: %v", err)
	}
	for i := range block {
		bad := bytes.Clone(block)
		bad[i] ^= 1
		if CheckRevocation(a.cert, a.fp(0), bad, later) == nil {
			t.Fatalf("with octet %d changed it revokes the laptop", i)
		}
	}
}

// What was stored as a revocation before there were words, or from which somebody cut the
// words, which nobody signed, revokes nothing. (spec/keys.md, KEYS-42)
func TestRevokedBeforeWithoutWords(t *testing.T) {
	a := newAccount(t, 1, 2)
	later := testTime.Add(1000 * time.Hour)
	block, err := RevokeBefore(t.Context(), a.primary, a.cert, a.fp(1), testTime)
	must(t, err)
	removed, err := Remove(t.Context(), a.devices[0].Signing, a.cert, a.fp(1), block, later)
	must(t, err)
	c := removed.copy()
	for i := range c.subkeys {
		c.subkeys[i].words = nil
	}
	stored := c.serialize()
	if n := bytes.Count(stored, []byte(notationBefore)); n != 2 {
		t.Fatalf("%d revocations are stored", n)
	}
	for _, read := range []func([]byte, time.Time) (*Certificate, error){ParseCertificate, ReadOwn} {
		cert, err := read(stored, later)
		must(t, err)
		if d, _ := cert.Device(a.fp(1)); d.Revoked || cert.Hash() != a.cert.Hash() {
			t.Errorf("the phone is %+v", d)
		}
		if again, err := Remove(t.Context(), a.devices[0].Signing, cert, a.fp(1), block, later); err != nil || again.Hash() != removed.Hash() {
			t.Errorf("removed once more: %v", err)
		}
	}
}

// Who adds a device leaves room for what devices say of each other.
func TestAddDeviceLeavesRoom(t *testing.T) {
	a := newAccount(t, 1, 0)
	c := a.cert
	for i := range maxSubkeys / 2 {
		d, err := GenerateDevice(seeded(byte(100+i)), "device", testTime)
		must(t, err)
		req, err := d.Request(t.Context(), a.primary.Public(), testTime)
		must(t, err)
		next, err := AddDevice(t.Context(), a.primary, c, req, testTime)
		if err != nil {
			if n := len(c.Bytes()); !errors.Is(err, ErrPolicy) || i < 28 || n < omega.MaxCertificate-wordRoom-1500 || n > omega.MaxCertificate-wordRoom {
				t.Errorf("device %d, beside %d octets: %v", i, n, err)
			}
			return
		}
		if i >= 2 { // active ones have a limit of their own
			next, err = RevokeDevice(t.Context(), a.primary, next, d.Signing.Public().fp, ReasonCompromised, testTime)
			must(t, err)
		}
		c = next
	}
	t.Errorf("any number of devices fits into %d octets", len(c.Bytes()))
}

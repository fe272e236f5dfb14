package pgp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// twoDevices makes an account with two devices.
func twoDevices(t *testing.T, now time.Time) (primary *SecretKey, cert *Certificate, first, second omega.Fingerprint) {
	t.Helper()
	primary, err := GenerateSigning(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = NewCertificate(t.Context(), primary, time.Time{}, now); err != nil {
		t.Fatal(err)
	}
	var list []omega.Fingerprint
	for _, name := range []string{"laptop", "phone"} {
		dev, err := GenerateDevice(rand.Reader, name, now)
		if err != nil {
			t.Fatal(err)
		}
		req, err := dev.Request(t.Context(), cert.Primary(), now)
		if err != nil {
			t.Fatal(err)
		}
		if cert, err = AddDevice(t.Context(), primary, cert, req, now); err != nil {
			t.Fatal(err)
		}
		list = append(list, dev.Signing.Public().Fingerprint())
	}
	return primary, cert, list[0], list[1]
}

// What was signed before revokes its device, without the primary key, and says no time;
// what the primary key signs later stands before it, in whatever order they meet.
func TestRevokeBefore(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	primary, cert, laptop, phone := twoDevices(t, now)
	block, err := RevokeBefore(t.Context(), primary, cert, phone, now)
	if err != nil {
		t.Fatal(err)
	}
	later := now.Add(1000 * time.Hour)
	if _, err := RevokedBy(cert, laptop, block, later); !errors.Is(err, ErrPolicy) {
		t.Errorf("it revokes another device: %v", err)
	}
	revoked, err := RevokedBy(cert, phone, block, later)
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := revoked.Device(phone); !d.Revoked || !d.RevokedAt.IsZero() || d.Active(now) {
		t.Errorf("the phone is %+v", d)
	}
	if d, _ := revoked.Device(laptop); d.Revoked {
		t.Error("the laptop is revoked as well")
	}
	read, err := ParseCertificate(revoked.Bytes(), later)
	if err != nil || read.Hash() != revoked.Hash() {
		t.Fatalf("read again it is another certificate: %v", err)
	}
	fresh, err := RevokeDevice(t.Context(), primary, cert, phone, ReasonRetired, later)
	if err != nil {
		t.Fatal(err)
	}
	one, err := Merge(revoked, fresh, later)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Merge(fresh, revoked, later)
	if err != nil || !bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Fatalf("the order makes a difference: %v", err)
	}
	if d, _ := one.Device(phone); !d.RevokedAt.Equal(later) {
		t.Errorf("revoked at %v, want %v", d.RevokedAt, later)
	}
	if again, err := RevokedBy(fresh, phone, block, later); err != nil || again.Hash() != fresh.Hash() {
		t.Errorf("one that was made before replaces a fresh one: %v", err)
	}
	// Nobody else's does anything.
	_, others, _, stranger := twoDevices(t, now)
	if _, err := RevokedBy(others, stranger, block, later); err == nil {
		t.Error("it is of another account")
	}
	for i := range block {
		bad := bytes.Clone(block)
		bad[i] ^= 1
		if c, err := RevokedBy(cert, phone, bad, later); err == nil {
			if d, _ := c.Device(laptop); d.Revoked {
				t.Fatalf("with octet %d changed it revokes the laptop", i)
			}
		}
	}
}

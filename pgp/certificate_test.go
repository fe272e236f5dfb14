package pgp

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/omega-im/omega"
)

func TestCertificateOfEveryKind(t *testing.T) {
	// Kinds that are not here are read in TestGoldenCertificates: they are slow.
	signers := []Signer{testKey(t, 1), newLibSigner(t, "rsa2048"), newLibSigner(t, "nistp384"), newLibSigner(t, "brainpoolP256r1")}
	for i, s := range signers {
		a := adopt(t, s, 10, 1)
		again, err := ParseCertificate([]byte(a.cert.Armor()), testTime)
		if err != nil {
			t.Errorf("%d: armored certificate: %v", i, err)
			continue
		}
		if again.Hash() != a.cert.Hash() || !bytes.Equal(again.Bytes(), a.cert.Bytes()) {
			t.Errorf("%d: certificate changed on the way through armor", i)
		}
		if got := len(again.Active(testTime)); got != 1 {
			t.Errorf("%d: %d active devices, want 1", i, got)
		}
		t.Logf("%s: %d octets with a device", s.Public().Algorithm(), len(a.cert.Bytes()))
	}
}

func TestCertificateSaysWhatWasPutIn(t *testing.T) {
	a := newAccount(t, 1, 2)
	if got, want := a.cert.Fingerprint(), a.primary.Public().Fingerprint(); got != want {
		t.Errorf("fingerprint = %s, want %s", got, want)
	}
	fp := a.cert.Fingerprint().String()
	if got, want := a.cert.UserID(), "ω "+fp[:4]+" "+fp[4:8]; !strings.HasPrefix(got, want) || len(got) != len("ω")+50 {
		t.Errorf("User ID = %q, want %q…", got, want)
	}
	if !a.cert.Expires().IsZero() || a.cert.Check(testTime.AddDate(80, 0, 0)) != nil {
		t.Errorf("certificate expires at %s, want never", a.cert.Expires())
	}
	for i, d := range a.devices {
		got, ok := a.cert.Device(d.Signing.Public().Fingerprint())
		if !ok || got.Name != d.Name || !got.Encryption.Equal(d.Encryption.Public()) || got.Revoked || !got.Added.Equal(testTime) {
			t.Errorf("device %d = %+v, %v", i, got, ok)
		}
		id, err := NewIdentity(a.cert, d)
		if err != nil || id.Account() != a.cert.Fingerprint() || id.Device() != d.Signing.Public().Fingerprint() {
			t.Errorf("identity of device %d: %v", i, err)
		}
	}
	if _, err := NewIdentity(a.cert, testDevice(t, 77, "stranger")); !errors.Is(err, ErrPolicy) {
		t.Errorf("identity of a stranger: %v, want %v", err, ErrPolicy)
	}
}

func TestDevicesStandInOrderOfAdded(t *testing.T) {
	a := newAccount(t, 1, 0)
	c := a.cert
	for i := range 5 {
		c = a.add(t, c, testDevice(t, byte(50-i), fmt.Sprint(i)), testTime.Add(time.Duration(i)*time.Second))
	}
	for i, d := range c.Devices() {
		if d.Name != fmt.Sprint(i) {
			t.Errorf("device %d is %q", i, d.Name)
		}
	}
}

func TestExpiry(t *testing.T) {
	ctx := t.Context()
	primary := testKey(t, 1)
	c, err := NewCertificate(ctx, primary, testTime.Add(time.Hour), testTime)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(testTime.Add(time.Hour - time.Second)); err != nil {
		t.Errorf("a second before its time: %v", err)
	}
	if err := c.Check(testTime.Add(time.Hour)); !errors.Is(err, ErrExpired) {
		t.Errorf("at its time: %v, want %v", err, ErrExpired)
	}
	// An expired account can renew, and also shorten.
	for _, want := range []time.Time{testTime.Add(2 * time.Hour), {}, testTime.Add(3 * time.Hour)} {
		if c, err = Renew(ctx, primary, c, want, testTime.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := c.Expires(); !got.Equal(want) {
			t.Errorf("renewed until %v, want %v", got, want)
		}
	}
	if _, err := NewCertificate(ctx, primary, testTime.Add(-time.Hour), testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("expiry before creation: %v, want %v", err, ErrPolicy)
	}
	if _, err := Renew(ctx, testKey(t, 2), c, time.Time{}, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("renewed by another: %v, want %v", err, ErrPolicy)
	}
}

func TestRevokeDevice(t *testing.T) {
	ctx := t.Context()
	a := newAccount(t, 1, 2)
	gone := a.devices[0].Signing.Public().Fingerprint()
	before := a.cert.DeviceListHash(testTime)
	c, err := RevokeDevice(ctx, a.primary, a.cert, gone, ReasonRetired, testTime.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := c.Device(gone); !d.Revoked || d.Active(testTime) {
		t.Errorf("device after its revocation: %+v", d)
	}
	if got := c.Active(testTime); len(got) != 1 || got[0].Signing.Fingerprint() == gone {
		t.Errorf("active devices after the revocation: %d", len(got))
	}
	if c.DeviceListHash(testTime) == before {
		t.Error("device list hash did not change")
	}
	// Neither a new binding nor an older copy brings it back.
	again := a.add(t, c, a.devices[0], testTime.Add(90*time.Second))
	merged, err := Merge(a.cert, again, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []*Certificate{again, merged} {
		if d, _ := c.Device(gone); !d.Revoked {
			t.Errorf("%d: the device is back", i)
		}
	}
	if _, err := RevokeDevice(ctx, a.primary, c, a.cert.Fingerprint(), ReasonNone, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("revoked a device that is not there: %v", err)
	}
}

func TestRevokedAccount(t *testing.T) {
	a := newAccount(t, 1, 1)
	c, err := Revoke(t.Context(), a.primary, a.cert, ReasonCompromised, testTime)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := Merge(a.cert, c, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Certificate{c, merged, mustParse(t, c.Bytes())} {
		if err := c.Check(testTime); !errors.Is(err, ErrRevoked) {
			t.Errorf("check = %v, want %v", err, ErrRevoked)
		}
	}
}

// What was made for the day when the primary key is gone ends the account without it.
func TestRevocation(t *testing.T) {
	a := newAccount(t, 1, 1)
	text, err := Revocation(t.Context(), a.primary, a.cert, testTime)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert.Revoked() {
		t.Error("making it revokes")
	}
	block, err := dearmor([]byte(text), 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	own, _, err := Own(block)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.cert.Update(own, testTime)
	if err != nil || !c.Revoked() || c.Deleted() {
		t.Fatalf("update: %v", err)
	}
	if err := c.Check(testTime); !errors.Is(err, ErrRevoked) {
		t.Errorf("check = %v, want %v", err, ErrRevoked)
	}
}

func TestRenamedDevice(t *testing.T) {
	a := newAccount(t, 1, 1)
	d := *a.devices[0]
	d.Name = "renamed"
	c := a.add(t, a.cert, &d, testTime) // in the same second
	if got := c.Devices(); len(got) != 1 || got[0].Name != "renamed" {
		t.Errorf("devices after renaming: %+v", got)
	}
}

func TestNewEncryptionKeyReplacesTheOld(t *testing.T) {
	a := newAccount(t, 1, 1)
	key, err := GenerateEncryption(seeded(200), testTime.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	d := &DeviceSecrets{Signing: a.devices[0].Signing, Encryption: key, Name: "device 0"}
	c := a.add(t, a.cert, d, testTime.Add(time.Minute))
	got := c.Devices()
	if len(got) != 1 || !got[0].Encryption.Equal(key.Public()) {
		t.Errorf("devices after a new encryption key: %d", len(got))
	}
	if _, err := NewIdentity(c, a.devices[0]); !errors.Is(err, ErrPolicy) {
		t.Errorf("identity with the old encryption key: %v, want %v", err, ErrPolicy)
	}
}

func TestAddDeviceWithClockAhead(t *testing.T) {
	a := newAccount(t, 1, 0)
	d, err := GenerateDevice(seeded(9), "ahead", testTime.Add(100*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	c := a.add(t, a.cert, d, testTime)
	if got := len(c.Devices()); got != 1 {
		t.Errorf("%d devices, want 1", got)
	}
	d, err = GenerateDevice(seeded(9), "far ahead", testTime.Add(omega.ClockTolerance+time.Second))
	if err != nil {
		t.Fatal(err)
	}
	req, err := d.Request(t.Context(), a.cert.Primary(), testTime)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AddDevice(t.Context(), a.primary, a.cert, req, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("keys from the future: %v, want %v", err, ErrPolicy)
	}
}

func TestAddDeviceChecksTheRequest(t *testing.T) {
	ctx := t.Context()
	a, other := newAccount(t, 1, 0), newAccount(t, 2, 0)
	d, e := testDevice(t, 3, "mine"), testDevice(t, 4, "theirs")
	good, err := d.Request(ctx, a.cert.Primary(), testTime)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := d.Request(ctx, other.cert.Primary(), testTime)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good.CrossSignature)
	flipped[len(flipped)-1] ^= 1
	tests := []struct {
		name   string
		change func(*DeviceRequest)
		want   error
	}{
		{"name with a line feed", func(r *DeviceRequest) { r.Name = "a\nb" }, ErrPolicy},
		{"name that turns around", func(r *DeviceRequest) { r.Name = "a\u202Eb" }, ErrPolicy},
		{"no name", func(r *DeviceRequest) { r.Name = "" }, ErrPolicy},
		{"name of 65 octets", func(r *DeviceRequest) { r.Name = strings.Repeat("x", 65) }, ErrPolicy},
		{"name that is no UTF-8", func(r *DeviceRequest) { r.Name = "\xff" }, ErrPolicy},
		{"another's signing key", func(r *DeviceRequest) { r.Signing = e.Signing.Public() }, ErrSignature},
		{"cross-signature over another account", func(r *DeviceRequest) { r.CrossSignature = foreign.CrossSignature }, ErrSignature},
		{"damaged cross-signature", func(r *DeviceRequest) { r.CrossSignature = flipped }, ErrSignature},
		{"no cross-signature", func(r *DeviceRequest) { r.CrossSignature = nil }, ErrMalformed},
		{"two cross-signatures", func(r *DeviceRequest) { r.CrossSignature = join(r.CrossSignature, r.CrossSignature) }, ErrMalformed},
		{"keys the wrong way round", func(r *DeviceRequest) { r.Signing, r.Encryption = r.Encryption, r.Signing }, ErrPolicy},
		{"no encryption key", func(r *DeviceRequest) { r.Encryption = nil }, ErrPolicy},
		{"primary key as device", func(r *DeviceRequest) { r.Signing = a.cert.Primary() }, ErrPolicy},
	}
	for _, tt := range tests {
		req := *good
		tt.change(&req)
		if _, err := AddDevice(ctx, a.primary, a.cert, &req, testTime); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := AddDevice(ctx, other.primary, a.cert, good, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("another primary: %v, want %v", err, ErrPolicy)
	}
}

func TestAddDeviceWithAnothersEncryptionKey(t *testing.T) {
	a := newAccount(t, 1, 1)
	thief := testDevice(t, 9, "thief")
	thief.Encryption = a.devices[0].Encryption
	req, err := thief.Request(t.Context(), a.cert.Primary(), testTime)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AddDevice(t.Context(), a.primary, a.cert, req, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("another device's encryption key: %v, want %v", err, ErrPolicy)
	}
}

func TestAtMost32ActiveDevices(t *testing.T) {
	a := newAccount(t, 1, omega.MaxDevices)
	t.Logf("%d devices: %d octets", omega.MaxDevices, len(a.cert.Bytes()))
	d := testDevice(t, 99, "one more")
	req, err := d.Request(t.Context(), a.cert.Primary(), testTime)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AddDevice(t.Context(), a.primary, a.cert, req, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("device %d: %v, want %v", omega.MaxDevices+1, err, ErrPolicy)
	}
	// Two halves that are within the limit and a union that is not.
	b := &testAccount{primary: a.primary}
	one, err := NewCertificate(t.Context(), a.primary, time.Time{}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	one = b.add(t, one, d, testTime)
	if _, err := Merge(a.cert, one, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("merged to %d devices: %v, want %v", omega.MaxDevices+1, err, ErrPolicy)
	}
}

// A wrongSigner claims to be one key and signs with another.
type wrongSigner struct {
	*SecretKey
	claims *PublicKey
}

func (s wrongSigner) Public() *PublicKey { return s.claims }

// A failingSigner stands for a passphrase dialogue that was cancelled.
type failingSigner struct {
	Signer
	err error
}

func (s failingSigner) SignDigest(context.Context, crypto.Hash, []byte) ([]byte, error) {
	return nil, s.err
}

func TestSignerThatFails(t *testing.T) {
	ctx := t.Context()
	liar := wrongSigner{testKey(t, 2), testKey(t, 1).Public()}
	if _, err := NewCertificate(ctx, liar, time.Time{}, testTime); !errors.Is(err, ErrSignature) {
		t.Errorf("certificate by the wrong secret: %v, want %v", err, ErrSignature)
	}
	if _, err := SignCompact(ctx, liar, []byte("x"), testTime); !errors.Is(err, ErrSignature) {
		t.Errorf("compact signature by the wrong secret: %v, want %v", err, ErrSignature)
	}
	cancelled := errors.New("cancelled")
	if _, err := NewCertificate(ctx, failingSigner{testKey(t, 1), cancelled}, time.Time{}, testTime); !errors.Is(err, cancelled) {
		t.Errorf("certificate by a signer that fails: %v, want %v", err, cancelled)
	}
}

func TestRefusedKeys(t *testing.T) {
	rsa1024 := []byte{4, 0, 0, 0, 0, 1}
	n := bytes.Repeat([]byte{0xFF}, 128)
	rsa1024 = appendMPI(appendMPI(rsa1024, n), []byte{1, 0, 1})
	even := []byte{4, 0, 0, 0, 0, 1}
	n = bytes.Repeat([]byte{0xFE}, 256)
	even = appendMPI(appendMPI(even, n), []byte{1, 0, 1})
	big := []byte{4, 0, 0, 0, 0, 1}
	n = bytes.Repeat([]byte{0xFF}, 520)
	big = appendMPI(appendMPI(big, n), []byte{1, 0, 1})
	bodies := map[string][]byte{
		"RSA of 1024 bits": rsa1024,
		"RSA of 4160 bits": big,
		"even modulus":     even,
		"version 3":        {3, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0xFF, 0, 2, 3},
	}
	for name, body := range bodies {
		if _, err := ParsePublicKey(appendPacket(nil, tagPublicKey, body)); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v, want %v", name, err, ErrPolicy)
		}
	}
	for name, c := range map[string]packet.Config{
		"secp256k1":      {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveSecP256k1},
		"native Ed25519": {Algorithm: packet.PubKeyAlgoEd25519},
		"v6":             {Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true},
	} {
		if _, err := libKey(t, libEntity(t, c)); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v, want %v", name, err, ErrPolicy)
		}
	}
}

func TestSharedByGoroutines(t *testing.T) {
	a := adopt(t, newLibSigner(t, "brainpoolP256r1"), 10, 1)
	rsa := adopt(t, newLibSigner(t, "rsa2048"), 20, 1)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for _, c := range []*Certificate{a.cert, rsa.cert} {
				if _, err := Merge(c, mustParse(t, c.Bytes()), testTime); err != nil {
					t.Error(err)
				}
				for _, d := range c.Active(testTime) {
					if err := VerifyCompact(d.Signing, []byte("x"), testTime, Compact{}); !errors.Is(err, ErrSignature) {
						t.Error(err)
					}
				}
				if err := c.uidSig.verify(c.primary, coverUserID(c.primary)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestReadOwn(t *testing.T) {
	a := newAccount(t, 1, 2)
	revoked, err := RevokeDevice(t.Context(), a.primary, a.cert, a.devices[0].Signing.Public().Fingerprint(), ReasonCompromised, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Certificate{a.cert, revoked, adopt(t, newLibSigner(t, "rsa2048"), 10, 1).cert} {
		own, err := ReadOwn(c.Bytes(), testTime)
		if err != nil {
			t.Fatal(err)
		}
		if own.Hash() != c.Hash() || len(own.Active(testTime)) != len(c.Active(testTime)) {
			t.Errorf("%s was not read as it was written", c)
		}
	}
	// What is not in canonical form was never written by us: it is verified.
	forged := bytes.Clone(a.cert.Bytes())
	forged[len(forged)-1] ^= 1 // the last signature
	if c, err := ReadOwn(append(forged, 0xC0|tagMarker, 3, 'P', 'G', 'P'), testTime); err == nil && len(c.Devices()) == 2 {
		t.Error("a signature that does not verify was taken")
	}
}

// What was parsed is kept in caches; where it came from is a buffer that is used
// again.
func TestCertificateDoesNotReferToItsSource(t *testing.T) {
	a, b := newAccount(t, 1, 1), newAccount(t, 1, 2)
	for _, read := range []func([]byte, time.Time) (*Certificate, error){ParseCertificate, ReadOwn} {
		source := a.cert.Bytes()
		c, err := read(source, testTime)
		if err != nil {
			t.Fatal(err)
		}
		clear(source)
		merged, err := Merge(c, b.cert, testTime)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := mustParse(t, merged.Bytes()).Hash(), b.cert.Hash(); got != want {
			t.Error("the merge of a certificate whose source was overwritten does not hold")
		}
	}
}

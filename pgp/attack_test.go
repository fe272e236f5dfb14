package pgp

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/omega-im/omega"
)

// bind makes a binding with the given hashed subpackets, be they as they may.
func bind(tb testing.TB, by Signer, primary, sub *PublicKey, at time.Time, subs []byte) []byte {
	tb.Helper()
	k := by.Public()
	area, err := appendBase(nil, k, at)
	if err != nil {
		tb.Fatal(err)
	}
	s := &signature{typ: sigSubkeyBinding, alg: k.alg, hash: crypto.SHA256, hashed: append(area, subs...)}
	digest := s.digest(coverSubkey(primary, sub))
	s.tag = [2]byte(digest)
	if s.mpis, err = by.SignDigest(tb.Context(), s.hash, digest); err != nil {
		tb.Fatal(err)
	}
	return s.packet(k)
}

// signingSubs are the subpackets of a signing subkey's binding.
func signingSubs(tb testing.TB, d *DeviceSecrets, by Signer, primary *PublicKey, at time.Time) []byte {
	tb.Helper()
	s, err := sign(tb.Context(), by, sigCross, at, nil, coverSubkey(primary, d.Signing.Public()))
	if err != nil {
		tb.Fatal(err)
	}
	subs := appendSub(nil, subKeyFlags, flagSign|flagAuth)
	subs = appendSubNotation(subs, notationDevice, d.Name)
	return appendSub(subs, subEmbedded, s.body(by.Public().id)...)
}

func encryptionSubs(d *DeviceSecrets) []byte {
	subs := appendSub(nil, subKeyFlags, flagEncryptComms)
	subs = appendSubNotation(subs, notationDevice, d.Name)
	return appendSubNotation(subs, notationKey, d.Signing.Public().Fingerprint().String())
}

// sha1Signature is a signature that is right but for its hash algorithm.
func sha1Signature(tb testing.TB, by *SecretKey, typ byte, subs, covered []byte) []byte {
	tb.Helper()
	area, err := appendBase(nil, by.pub, testTime)
	if err != nil {
		tb.Fatal(err)
	}
	area = append(area, subs...)
	body := []byte{4, typ, byte(EdDSA), 2, byte(len(area) >> 8), byte(len(area))}
	body = append(body, area...)
	h := crypto.SHA1.New()
	h.Write(covered)
	h.Write(body)
	h.Write([]byte{4, 0xFF, 0, 0, byte(len(body) >> 8), byte(len(body))})
	digest := h.Sum(nil)
	body = append(body, 0, 0, digest[0], digest[1])
	sig := edSign(by, digest)
	return appendPacket(nil, tagSignature, append(body, sig...))
}

// TestBindingsThatDoNotHold puts a device under a certificate in ways that
// must not make it a device.
func TestBindingsThatDoNotHold(t *testing.T) {
	a, other := newAccount(t, 1, 0), newAccount(t, 2, 0)
	p, d := a.cert.Primary(), testDevice(t, 3, "device")
	s, e := d.Signing.Public(), d.Encryption.Public()
	good := signingSubs(t, d, d.Signing, p, testTime)
	late := testTime.Add(omega.ClockTolerance + time.Second)
	encryption := join(e.Packet(true), bind(t, a.primary, p, e, testTime, encryptionSubs(d)))
	noCross := appendSubNotation(appendSub(nil, subKeyFlags, flagSign), notationDevice, "device")
	noName := appendSub(good[:3:3], subEmbedded, good[len(good)-1]) // flags and a broken rest
	tests := []struct {
		name    string
		binding []byte
		want    int // devices
	}{
		{"as it should be", bind(t, a.primary, p, s, testTime, good), 1},
		{"from a little ahead", bind(t, a.primary, p, s, testTime.Add(omega.ClockTolerance), good), 1},
		{"no binding", nil, 0},
		{"no cross-signature", bind(t, a.primary, p, s, testTime, noCross), 0},
		{"broken cross-signature", bind(t, a.primary, p, s, testTime, noName), 0},
		{"cross-signed by another key", bind(t, a.primary, p, s, testTime, signingSubs(t, d, testKey(t, 9), p, testTime)), 0},
		{"cross-signature over another account", bind(t, a.primary, p, s, testTime, signingSubs(t, d, d.Signing, other.cert.Primary(), testTime)), 0},
		{"cross-signature from the future", bind(t, a.primary, p, s, testTime, signingSubs(t, d, d.Signing, p, late)), 0},
		{"bound by another key", bind(t, other.primary, p, s, testTime, good), 0},
		{"bound by the subkey itself", bind(t, d.Signing, p, s, testTime, good), 0},
		{"binding of another subkey", bind(t, a.primary, p, testKey(t, 8).Public(), testTime, good), 0},
		{"binding of another account", bind(t, a.primary, other.cert.Primary(), s, testTime, good), 0},
		{"from the future", bind(t, a.primary, p, s, late, good), 0},
		{"from before the key", bind(t, a.primary, p, s, testTime.Add(-time.Second), good), 0},
		{"SHA-1", sha1Signature(t, a.primary.(*SecretKey), sigSubkeyBinding, good, coverSubkey(p, s)), 0},
		{"may certify", bind(t, a.primary, p, s, testTime, join(appendSub(nil, subKeyFlags, flagSign|flagCertify), good[3:])), 0},
		{"may only authenticate", bind(t, a.primary, p, s, testTime, join(appendSub(nil, subKeyFlags, flagAuth), good[3:])), 0},
		{"without a name", bind(t, a.primary, p, s, testTime, join(good[:3], good[3+len(appendSubNotation(nil, notationDevice, d.Name)):])), 0},
		{"signature that expires", bind(t, a.primary, p, s, testTime, appendSubTime(bytes.Clone(good), subSigExpires, 60)), 0},
		{"local signature", bind(t, a.primary, p, s, testTime, appendSub(bytes.Clone(good), subExportable, 0)), 0},
		{"critical unknown subpacket", bind(t, a.primary, p, s, testTime, appendSub(bytes.Clone(good), 0x80|100, 1)), 0},
		{"unknown subpacket", bind(t, a.primary, p, s, testTime, appendSub(bytes.Clone(good), 100, 1)), 1},
		{"critical unknown notation", bind(t, a.primary, p, s, testTime, appendSub(bytes.Clone(good), 0x80|subNotation, 0, 0, 0, 0, 0, 1, 0, 1, 'a', 'b')), 0},
		{"unknown notation", bind(t, a.primary, p, s, testTime, appendSubNotation(bytes.Clone(good), "a@example.org", "b")), 1},
	}
	for _, tt := range tests {
		b := join(a.cert.Bytes(), s.Packet(true), tt.binding, encryption)
		c, err := ParseCertificate(b, testTime)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := len(c.Devices()); got != tt.want {
			t.Errorf("%s: %d devices, want %d", tt.name, got, tt.want)
		}
	}
}

func TestForeignRevocationsDoNothing(t *testing.T) {
	ctx := t.Context()
	a, other := newAccount(t, 1, 1), newAccount(t, 2, 0)
	p, s := a.cert.Primary(), a.devices[0].Signing.Public()
	revoke := func(by Signer, typ byte, covered []byte, at time.Time) []byte {
		sig, err := sign(ctx, by, typ, at, appendSub(nil, subReason, 0), covered)
		if err != nil {
			t.Fatal(err)
		}
		return sig.packet(by.Public())
	}
	key, sub := appendKeyForHash(nil, p), coverSubkey(p, s)
	list := packets(t, a.cert.Bytes()) // primary, uid, self-signature, S, binding, E, binding
	foreign := [][]byte{
		revoke(other.primary, sigRevokeKey, key, testTime),
		revoke(a.devices[0].Signing, sigRevokeKey, key, testTime),
		revoke(a.primary, sigRevokeKey, key, testTime.Add(time.Hour)),
		sha1Signature(t, a.primary.(*SecretKey), sigRevokeKey, nil, key),
		revoke(other.primary, sigRevokeSubkey, sub, testTime),
		revoke(a.devices[0].Signing, sigRevokeSubkey, sub, testTime),
		revoke(a.primary, sigRevokeSubkey, coverSubkey(p, testKey(t, 7).Public()), testTime),
	}
	for i, r := range foreign {
		b := join(list[0], r, list[1], list[2], list[3], r, list[4], r, list[5], list[6], r)
		if c := mustParse(t, b); c.Hash() != a.cert.Hash() {
			t.Errorf("revocation %d changed the certificate", i)
		}
	}
	// And the right ones do, wherever they stand beside their key.
	b := join(list[0], revoke(a.primary, sigRevokeKey, key, testTime), join(list[1:]...))
	if err := mustParse(t, b).Check(testTime); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked primary: %v", err)
	}
	b = join(join(list...), list[3], revoke(a.primary, sigRevokeSubkey, sub, testTime))
	if d := mustParse(t, b).Devices(); len(d) != 1 || !d[0].Revoked {
		t.Errorf("subkey whose revocation stands apart: %+v", d)
	}
}

func TestUserIDThatDoesNotHold(t *testing.T) {
	a, other := newAccount(t, 1, 1), newAccount(t, 2, 0)
	p := a.cert.Primary()
	list := packets(t, a.cert.Bytes())
	by := func(s Signer, at time.Time) []byte {
		sig, err := signUserID(t.Context(), s, time.Time{}, at)
		if err != nil {
			t.Fatal(err)
		}
		return sig.packet(s.Public())
	}
	tests := map[string][]byte{
		"no User ID":          join(list[0], join(list[3:]...)),
		"another's User ID":   join(list[0], appendPacket(nil, tagUserID, []byte(other.cert.UserID())), list[2], join(list[3:]...)),
		"a friendly User ID":  join(list[0], appendPacket(nil, tagUserID, []byte("Alice")), list[2], join(list[3:]...)),
		"no self-signature":   join(list[0], list[1], join(list[3:]...)),
		"another's signature": join(list[0], list[1], by(other.primary, testTime), join(list[3:]...)),
		"from the future":     join(list[0], list[1], by(a.primary, testTime.Add(time.Hour)), join(list[3:]...)),
		"SHA-1":               join(list[0], list[1], sha1Signature(t, a.primary.(*SecretKey), sigCertification, nil, coverUserID(p)), join(list[3:]...)),
		"version 3":           join(list[0], list[1], appendPacket(nil, tagSignature, []byte{3, 5, 0x13, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 22, 2, 0, 0, 0, 1, 1, 0, 1, 1})),
	}
	for name, b := range tests {
		if _, err := ParseCertificate(b, testTime); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v, want %v", name, err, ErrPolicy)
		}
	}
}

func TestThirdPartyPacketsAreDropped(t *testing.T) {
	a, friend := newAccount(t, 1, 2), newAccount(t, 2, 0)
	list := packets(t, a.cert.Bytes())
	vouch, err := sign(t.Context(), friend.primary, 0x10, testTime, nil, coverUserID(a.cert.Primary()))
	if err != nil {
		t.Fatal(err)
	}
	v := vouch.packet(friend.primary.Public())
	stranger := testDevice(t, 9, "x")
	b := join(list[0], v, appendPacket(nil, tagMarker, []byte("PGP")), list[1], v, list[2], v,
		appendPacket(nil, tagTrust, []byte{1, 2}),
		appendPacket(nil, tagUserID, []byte("Alice <alice@example.org>")), v, list[2],
		appendPacket(nil, tagUserAttr, []byte{2, 1, 1}), v,
		stranger.Signing.Public().Packet(true), v,
		appendPacket(nil, tagPublicSubkey, []byte{6, 0, 0, 0, 0, 27, 0, 0, 0, 32}), v,
		appendPacket(nil, tagPublicSubkey, []byte{3, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0xFF, 0, 2, 3}), v,
		join(list[3:]...), v)
	if c := mustParse(t, b); c.Hash() != a.cert.Hash() {
		t.Error("other people's packets changed the certificate")
	}
}

func TestCertificatesThatAreNone(t *testing.T) {
	a := newAccount(t, 1, 1)
	b, list := a.cert.Bytes(), packets(t, a.cert.Bytes())
	secret := appendPacket(nil, tagSecretSubkey, a.devices[0].Signing.secretBody())
	huge := []byte{0xC6, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
	hugeMPI := join([]byte{4, 0, 0, 0, 0, 1}, []byte{0xFF, 0xFF}, make([]byte, 100))
	tests := map[string][]byte{
		"empty":                   {},
		"text":                    []byte("hello"),
		"armor of nothing":        []byte(Armor("PGP PUBLIC KEY BLOCK", nil)),
		"armor that is cut":       []byte(a.cert.Armor())[:200],
		"secret subkey in it":     join(b, secret),
		"secret primary":          appendPacket(nil, tagSecretKey, a.primary.(*SecretKey).secretBody()),
		"two certificates":        join(b, b),
		"subkey first":            join(list[3:]...),
		"User ID first":           join(list[1:]...),
		"compressed":              appendPacket(nil, 8, join([]byte{0}, b)),
		"compressed in it":        join(b, appendPacket(nil, 8, []byte{0})),
		"encrypted packet in it":  join(b, appendPacket(nil, tagSEIPD, make([]byte, 50))),
		"literal packet in it":    join(b, appendLiteral(nil, []byte("x"))),
		"length of 4 GiB":         huge,
		"partial length":          join([]byte{0xC6, 0xE1}, b),
		"indeterminate length":    join([]byte{0x9B}, b),
		"header only":             {0xC6},
		"integer of 65535 bits":   appendPacket(nil, tagPublicKey, hugeMPI),
		"key of 6 octets":         appendPacket(nil, tagPublicKey, []byte{4, 0, 0, 0, 0, 22}),
		"over 32 KiB":             join(b, appendPacket(nil, tagPadding, make([]byte, omega.MaxCertificate))),
		"armor over 32 KiB":       []byte(Armor("PGP PUBLIC KEY BLOCK", join(b, appendPacket(nil, tagPadding, make([]byte, omega.MaxCertificate))))),
		"many packets":            join(b, bytes.Repeat(appendPacket(nil, tagMarker, []byte("PGP")), maxPackets)),
		"many User IDs":           join(b, bytes.Repeat(appendPacket(nil, tagUserID, []byte("x")), maxUserIDs)),
		"many subkeys":            join(b, bytes.Repeat(list[3], maxSubkeys)),
		"encryption key as first": join(a.devices[0].Encryption.Public().Packet(false), join(list[1:]...)),
	}
	for name, b := range tests {
		if c, err := ParseCertificate(b, testTime); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	for i := range b {
		if c, err := ParseCertificate(b[:i], testTime); err == nil && !bytes.HasPrefix(b, c.Bytes()) {
			t.Errorf("cut to %d octets: another certificate", i)
		}
	}
}

// TestFlippedCertificate changes every octet. What still parses may hold less,
// but nothing that was not there.
func TestFlippedCertificate(t *testing.T) {
	a := newAccount(t, 1, 1)
	a.cert, _ = RevokeDevice(t.Context(), a.primary, a.cert, a.devices[0].Signing.Public().Fingerprint(), ReasonRetired, testTime)
	b := a.cert.Bytes()
	known := packets(t, b)
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 1 << (i % 8)
		c, err := ParseCertificate(changed, testTime)
		if err != nil {
			continue
		}
		if c.Fingerprint() != a.cert.Fingerprint() {
			t.Fatalf("octet %d: another primary key passed", i)
		}
		for _, p := range packets(t, c.Bytes()) {
			if !slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, p) }) {
				t.Fatalf("octet %d: a changed packet passed", i)
			}
		}
	}
}

// TestFloodOfSignatures fills certificates with signatures that look right.
func TestFloodOfSignatures(t *testing.T) {
	a := newAccount(t, 1, 0)
	p, list := a.cert.Primary(), packets(t, a.cert.Bytes())
	var flood [][]byte
	for i := range 100 {
		s, err := signUserID(t.Context(), a.primary, time.Time{}, testTime.Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		s.mpis[len(s.mpis)-1] ^= 1 // the digest's octets stay right
		flood = append(flood, s.packet(p))
	}
	few := join(list[0], list[1], list[2], join(flood[:maxFailures]...))
	if c, err := ParseCertificate(few, testTime.Add(time.Hour)); err != nil || c.Hash() != a.cert.Hash() {
		t.Errorf("with %d bad signatures: %v", maxFailures, err)
	}
	if _, err := ParseCertificate(join(list[0], list[1], list[2], join(flood...)), testTime.Add(time.Hour)); !errors.Is(err, ErrPolicy) {
		t.Errorf("with %d bad signatures: %v, want %v", len(flood), err, ErrPolicy)
	}
}

func TestManySubkeysUnderASlowKey(t *testing.T) {
	s := newLibSigner(t, "brainpoolP256r1")
	a := adopt(t, s, 10, 0)
	b := a.cert.Bytes()
	for i := range maxSlowSubkeys + 1 {
		b = append(b, testKey(t, byte(i)).Public().Packet(true)...)
	}
	if _, err := ParseCertificate(b, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("%d subkeys: %v, want %v", maxSlowSubkeys+1, err, ErrPolicy)
	}
}

// TestLibraryCertificates feeds whole certificates of other programs.
func TestLibraryCertificates(t *testing.T) {
	for name, c := range map[string]packet.Config{
		"EdDSA": {Algorithm: packet.PubKeyAlgoEdDSA},
		"P-256": {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256},
		"v6":    {Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true},
	} {
		e := libEntity(t, c)
		var pub, sec bytes.Buffer
		if err := e.Serialize(&pub); err != nil {
			t.Fatal(err)
		}
		if err := e.SerializePrivate(&sec, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := ParseCertificate(pub.Bytes(), testTime); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s without our User ID: %v, want %v", name, err, ErrPolicy)
		}
		if _, err := ParseCertificate(sec.Bytes(), testTime); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with its secrets: %v, want %v", name, err, ErrMalformed)
		}
	}
}

// TestLibraryReadsOurs lets the library judge what we make.
func TestLibraryReadsOurs(t *testing.T) {
	a := newAccount(t, 1, 2)
	list, err := openpgp.ReadKeyRing(bytes.NewReader(a.cert.Bytes()))
	if err != nil || len(list) != 1 {
		t.Fatalf("read %d certificates: %v", len(list), err)
	}
	if got := len(list[0].Subkeys); got != 4 {
		t.Errorf("%d subkeys, want 4", got)
	}
	data := []byte("some data")
	sig, err := SignCompact(t.Context(), a.devices[1].Signing, data, testTime)
	if err != nil {
		t.Fatal(err)
	}
	detached := DetachedSignature(a.devices[1].Signing.Public(), data, testTime, sig)
	c := &packet.Config{Time: func() time.Time { return testTime }}
	if _, err := openpgp.CheckDetachedSignature(list, bytes.NewReader(data), bytes.NewReader(detached), c); err != nil {
		t.Errorf("detached signature: %v", err)
	}
	if key, ok := list[0].EncryptionKey(testTime); !ok || fmt.Sprintf("%X", key.PublicKey.Fingerprint) == "" {
		t.Error("the library finds no encryption key")
	}
}

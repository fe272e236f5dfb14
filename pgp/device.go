package pgp

import (
	"context"
	"fmt"
	"io"
	"time"
	"unicode"

	"github.com/omega-im/omega"
)

// DeviceSecrets are the secrets that a device makes for itself and that never
// leave it.
type DeviceSecrets struct {
	Signing    *SecretKey
	Encryption *SecretKey
	Name       string
}

// A DeviceRequest is what a new device shows to be bound to an account.
type DeviceRequest struct {
	Signing    *PublicKey
	Encryption *PublicKey
	Name       string

	// CrossSignature is the signature packet in which the signing subkey says
	// that it belongs to the account's primary key (type 0x19).
	CrossSignature []byte
}

// GenerateDevice makes the two keys of a device out of rand.
func GenerateDevice(rand io.Reader, name string, now time.Time) (*DeviceSecrets, error) {
	if err := CheckDeviceName(name); err != nil {
		return nil, fmt.Errorf("generate device: %w", err)
	}
	signing, err := GenerateSigning(rand, now)
	if err != nil {
		return nil, err
	}
	encryption, err := GenerateEncryption(rand, now)
	if err != nil {
		return nil, err
	}
	return &DeviceSecrets{Signing: signing, Encryption: encryption, Name: name}, nil
}

// CrossSign makes the cross-signature of a signing subkey over an account's
// primary key: a signature packet of type 0x19 (RFC 9580, section 5.2.1.9).
func CrossSign(ctx context.Context, sub Signer, primary *PublicKey, t time.Time) ([]byte, error) {
	s, err := sign(ctx, sub, sigCross, latest(t, sub.Public().created), nil, coverSubkey(primary, sub.Public()))
	if err != nil {
		return nil, fmt.Errorf("cross-sign %s: %w", primary.fp, err)
	}
	return s.packet(sub.Public()), nil
}

// Request returns what binds the device to the account of a primary key.
func (d *DeviceSecrets) Request(ctx context.Context, primary *PublicKey, now time.Time) (*DeviceRequest, error) {
	cross, err := CrossSign(ctx, d.Signing, primary, now)
	if err != nil {
		return nil, err
	}
	return &DeviceRequest{Signing: d.Signing.pub, Encryption: d.Encryption.pub, Name: d.Name, CrossSignature: cross}, nil
}

// NewCertificate makes a certificate without devices: the primary key and the
// neutral User ID, with flags that let it certify and nothing else. A zero
// expires means never. The primary's secret may be elsewhere; it signs once.
func NewCertificate(ctx context.Context, primary Signer, expires, now time.Time) (*Certificate, error) {
	k := primary.Public()
	sig, err := signUserID(ctx, primary, expires, now)
	if err != nil {
		return nil, fmt.Errorf("make certificate %s: %w", k.fp, err)
	}
	return core{primary: k, uidSig: sig}.checked(now)
}

// Renew returns cert with another expiration time; zero means never.
func Renew(ctx context.Context, primary Signer, cert *Certificate, expires, now time.Time) (*Certificate, error) {
	if err := cert.checkSigner(primary); err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	sig, err := signUserID(ctx, primary, expires, after(now, cert.uidSig))
	if err != nil {
		return nil, fmt.Errorf("renew %s: %w", cert.primary.fp, err)
	}
	c := cert.copy()
	c.uidSig = sig
	return c.checked(now)
}

// signUserID certifies the neutral User ID. Its preferences are for plain gpg:
// AES-256, SHA-2, no compression.
func signUserID(ctx context.Context, primary Signer, expires, now time.Time) (*signature, error) {
	k := primary.Public()
	var subs []byte
	if !expires.IsZero() {
		left := expires.Unix() - k.created.Unix()
		if left <= 0 || left > 1<<32-1 {
			return nil, fmt.Errorf("%w: expires %s, created %s", ErrPolicy, expires, k.created)
		}
		subs = appendSubTime(subs, subKeyExpires, uint32(left))
	}
	subs = appendSub(subs, subKeyFlags, flagCertify)
	subs = appendSub(subs, subPrefCipher, cipherAES256)
	subs = appendSub(subs, subPrefHash, 10, 8)
	subs = appendSub(subs, subPrefPack, 0)
	subs = appendSub(subs, subPrimaryUID, 1)
	subs = appendSub(subs, subFeatures, 1) // SEIPD version 1
	return sign(ctx, primary, sigCertification, latest(now, k.created), subs, coverUserID(k))
}

// AddDevice returns cert with the device that req asks for. It checks the
// request's cross-signature first; the primary key signs twice. A device that
// is bound already is bound anew, for instance under another name. A key that
// was revoked stays revoked.
func AddDevice(ctx context.Context, primary Signer, cert *Certificate, req *DeviceRequest, now time.Time) (*Certificate, error) {
	c, err := addDevice(ctx, primary, cert, req, now)
	if err != nil {
		return nil, fmt.Errorf("add device %q to %s: %w", req.Name, cert.primary.fp, err)
	}
	return c, nil
}

func addDevice(ctx context.Context, primary Signer, cert *Certificate, req *DeviceRequest, now time.Time) (*Certificate, error) {
	if err := cert.checkSigner(primary); err != nil {
		return nil, err
	}
	cross, err := req.check(cert.primary, now)
	if err != nil {
		return nil, err
	}
	_, known := cert.Device(req.Signing.fp)
	if !known && len(cert.Active(now)) >= omega.MaxDevices {
		return nil, fmt.Errorf("%w: there are %d active devices; revoke one first", ErrPolicy, omega.MaxDevices)
	}
	if o := cert.ownerOf(req.Encryption); !o.IsZero() && o != req.Signing.fp {
		return nil, fmt.Errorf("%w: encryption key %s belongs to device %s", ErrPolicy, req.Encryption.fp, o)
	}
	// The new device's clock may be ahead: a binding older than its key or its
	// cross-signature would not hold.
	t := latest(now, cert.primary.created, req.Signing.created, req.Encryption.created, cross.created)
	t = after(t, cert.bindings(req.Signing, req.Encryption)...)

	named := appendSubNotation(nil, notationDevice, req.Name)
	subs := appendSub(nil, subKeyFlags, flagSign|flagAuth)
	subs = append(subs, named...)
	subs = appendSub(subs, subEmbedded, cross.body(req.Signing.id)...)
	sb, err := sign(ctx, primary, sigSubkeyBinding, t, subs, coverSubkey(cert.primary, req.Signing))
	if err != nil {
		return nil, err
	}
	subs = appendSub(nil, subKeyFlags, flagEncryptComms|flagEncryptStore)
	subs = append(subs, named...)
	subs = appendSubNotation(subs, notationKey, req.Signing.fp.String())
	eb, err := sign(ctx, primary, sigSubkeyBinding, t, subs, coverSubkey(cert.primary, req.Encryption))
	if err != nil {
		return nil, err
	}
	c := cert.copy()
	c.add(subkey{key: req.Signing, binding: sb})
	c.add(subkey{key: req.Encryption, binding: eb})
	if n := c.bareSize(); !known && n > omega.MaxCertificate-wordRoom {
		return nil, fmt.Errorf("%w: with it the certificate has %d octets, which leaves no room for what devices say of each other", ErrPolicy, n)
	}
	return c.checked(now)
}

// check checks what can be checked without the primary's secret.
func (r *DeviceRequest) check(primary *PublicKey, now time.Time) (*signature, error) {
	if err := CheckDeviceName(r.Name); err != nil {
		return nil, err
	}
	if r.Signing == nil || r.Encryption == nil || r.Signing.alg != EdDSA || r.Encryption.alg != ECDH {
		return nil, fmt.Errorf("%w: a device needs an EdDSA and an ECDH subkey", ErrPolicy)
	}
	if r.Signing.fp == primary.fp {
		return nil, fmt.Errorf("%w: the primary key cannot be a device", ErrPolicy)
	}
	if latest(r.Signing.created, r.Encryption.created).After(now.Add(omega.ClockTolerance)) {
		return nil, fmt.Errorf("%w: the device's keys are from the future; check the clocks", ErrPolicy)
	}
	body, rest, err := expect(r.CrossSignature, tagSignature)
	if err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("%w: cross-signature is not one signature packet", ErrMalformed)
	}
	j := judge{primary: primary, now: now}
	if !j.crossSigned(body, r.Signing) {
		return nil, fmt.Errorf("cross-signature of %s over %s: %w", r.Signing.fp, primary.fp, ErrSignature)
	}
	return parseSignature(body)
}

// NewIdentity joins a certificate and the secrets of one of its devices. It
// fails if the certificate does not list the device.
func NewIdentity(cert *Certificate, dev *DeviceSecrets) (*Identity, error) {
	d, ok := cert.Device(dev.Signing.pub.fp)
	if !ok || !d.Encryption.Equal(dev.Encryption.pub) {
		return nil, fmt.Errorf("%w: certificate %s does not list device %s", ErrPolicy, cert.primary.fp, dev.Signing.pub.fp)
	}
	return &Identity{Certificate: cert, Signer: dev.Signing, Decrypter: dev.Encryption}, nil
}

// checkSigner refuses another key's secret.
func (c *Certificate) checkSigner(primary Signer) error {
	if !primary.Public().Equal(c.primary) {
		return fmt.Errorf("%w: %s cannot sign for %s", ErrPolicy, primary.Public().fp, c.primary.fp)
	}
	return nil
}

// bindings returns the bindings of those keys that are bound.
func (c *Certificate) bindings(keys ...*PublicKey) []*signature {
	var list []*signature
	for _, s := range c.subkeys {
		for _, k := range keys {
			if s.key.fp == k.fp {
				list = append(list, s.binding)
			}
		}
	}
	return list
}

// ownerOf returns the device that an encryption key is bound to, if any. No
// proof of possession comes with an encryption key, so a new device could name
// another's and take it away.
func (c *Certificate) ownerOf(encryption *PublicKey) omega.Fingerprint {
	for _, s := range c.subkeys {
		if s.key.fp == encryption.fp {
			return s.owner()
		}
	}
	return omega.Fingerprint{}
}

// copy returns the core with a list of subkeys of its own.
func (c *Certificate) copy() core {
	n := c.core
	n.subkeys = append([]subkey(nil), c.subkeys...)
	return n
}

// checked reads the core back as everyone else will: what we sign ourselves
// must hold under the same policy.
func (c core) checked(now time.Time) (*Certificate, error) {
	made, err := c.finish(now)
	if err != nil {
		return nil, err
	}
	read, err := ParseCertificate(made.bytes, now)
	if err != nil {
		return nil, err
	}
	if read.hash != made.hash {
		return nil, fmt.Errorf("%w: not all that was signed holds", ErrPolicy)
	}
	return read, nil
}

// latest returns the latest time.
func latest(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.After(t) {
			t = o
		}
	}
	return t
}

// after returns t, or the first second after the newest of sigs, so that a new
// signature replaces them.
func after(t time.Time, sigs ...*signature) time.Time {
	for _, s := range sigs {
		t = latest(t, s.created.Add(time.Second))
	}
	return t
}

// unprintable reports whether r may not stand in a device name.
func unprintable(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u061C', r == '\u200E', r == '\u200F', r == '\uFEFF':
		return true
	case r >= '\u2028' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return false
}

package pgp

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omega-im/omega"
)

// A Certificate is the public half of an account or a server: its primary key,
// the neutral User ID and its devices. It was parsed under policy, every
// signature in it verified, and its bytes are in canonical form. It is
// immutable and safe to share. (spec/identity.md)
type Certificate struct {
	core
	bytes   []byte
	hash    [32]byte
	devices []Device // in order of Added
}

// Bytes returns a copy of the canonical binary form, which is equal wherever
// the content is equal.
func (c *Certificate) Bytes() []byte { return bytes.Clone(c.bytes) }

// Armor returns the certificate as gpg --import takes it from a text file.
func (c *Certificate) Armor() string { return ArmorCertificate(c.bytes) }

// ArmorCertificate is Armor of the certificate of which b are the Bytes.
func ArmorCertificate(b []byte) string { return Armor("PGP PUBLIC KEY BLOCK", b) }

// Hash is SHA-256 of Bytes.
func (c *Certificate) Hash() [32]byte { return c.hash }

// Fingerprint names the account: it is the primary key's.
func (c *Certificate) Fingerprint() omega.Fingerprint { return c.primary.fp }

// Primary is the primary key.
func (c *Certificate) Primary() *PublicKey { return c.primary }

// UserID is the neutral User ID.
func (c *Certificate) UserID() string { return NeutralUserID(c.primary.fp) }

// Expires is when the primary key expires; zero means never.
func (c *Certificate) Expires() time.Time { return c.uidSig.expiryOf(c.primary) }

// Check returns nil, ErrExpired or ErrRevoked.
func (c *Certificate) Check(now time.Time) error {
	if c.revocation != nil {
		return fmt.Errorf("%s: %w", c.primary.fp, ErrRevoked)
	}
	if e := c.Expires(); !e.IsZero() && !now.Before(e) {
		return fmt.Errorf("%s: %w since %s", c.primary.fp, ErrExpired, e.Format(time.DateOnly))
	}
	return nil
}

// Revoked reports whether the primary key is revoked.
func (c *Certificate) Revoked() bool { return c.revocation != nil }

// Deleted reports whether the owner deleted the account (IDENT-13).
func (c *Certificate) Deleted() bool { return c.deleted() }

func (c *core) deleted() bool { return c.revocation != nil && c.revocation.deleted }

// Devices returns all devices in order of Added, revoked and expired ones too.
func (c *Certificate) Devices() []Device { return slices.Clone(c.devices) }

// Active returns the devices that may speak for the account at time now. It
// does not look at the primary key; see Check.
func (c *Certificate) Active(now time.Time) []Device {
	var active []Device
	for _, d := range c.devices {
		if d.Active(now) {
			active = append(active, d)
		}
	}
	return active
}

// Device returns the device with this signing subkey.
func (c *Certificate) Device(signing omega.Fingerprint) (Device, bool) {
	for _, d := range c.devices {
		if d.Signing.fp == signing {
			return d, true
		}
	}
	return Device{}, false
}

// DeviceListHash is SHA-256 over the fingerprints, in wire form, of the active
// devices' signing and encryption subkeys, sorted by signing subkey.
func (c *Certificate) DeviceListHash(now time.Time) [32]byte {
	active := c.Active(now)
	slices.SortFunc(active, func(a, b Device) int { return a.Signing.fp.Compare(b.Signing.fp) })
	b := make([]byte, 0, len(active)*2*omega.FingerprintSizeV4)
	for _, d := range active {
		b = d.Signing.fp.AppendTo(b)
		b = d.Encryption.fp.AppendTo(b)
	}
	return sha256.Sum256(b)
}

// String returns the User ID.
func (c *Certificate) String() string { return c.UserID() }

// NeutralUserID is the only User ID that certificates carry: the fingerprint
// in groups of four digits. It says nothing about its owner.
func NeutralUserID(fp omega.Fingerprint) string {
	digits := fp.String()
	var b strings.Builder
	b.WriteString("ω")
	for i := 0; i < len(digits); i += 4 {
		b.WriteByte(' ')
		b.WriteString(digits[i:min(i+4, len(digits))])
	}
	return b.String()
}

// core is what a certificate holds: verified signatures alone.
type core struct {
	primary    *PublicKey
	revocation *signature // of the primary key; nil if none
	uidSig     *signature // newest self-signature of the neutral User ID
	subkeys    []subkey   // sorted; at most one per fingerprint
}

// A subkey is a bound device subkey.
type subkey struct {
	key        *PublicKey
	binding    *signature // newest
	revocation *signature // nil if none
	words      []Word     // of signing subkeys: what other devices say of theirs
	removed    bool       // such a word removes its device
}

// owner is the signing subkey of the device that the subkey belongs to.
func (s *subkey) owner() omega.Fingerprint {
	if s.key.alg == ECDH {
		return s.binding.deviceKey
	}
	return s.key.fp
}

// revoked reports whether a revocation of the subkey counts: what was made before needs
// a device that removes its own.
func (s *subkey) revoked() bool { return s.revocation != nil && (!s.revocation.before || s.removed) }

// fresh reports whether the primary key revoked the subkey for a reason of its own.
func (s *subkey) fresh() bool { return s.revocation != nil && !s.revocation.before }

// expiryOf is when the signature lets key k expire; zero means never.
func (s *signature) expiryOf(k *PublicKey) time.Time {
	if s.keyExpires == 0 {
		return time.Time{}
	}
	return k.created.Add(time.Duration(s.keyExpires) * time.Second)
}

// finish sorts, serialises and indexes what core holds, and checks the limits.
// A deleted account has no devices, whoever brings them back.
func (c core) finish(now time.Time) (*Certificate, error) {
	if c.deleted() {
		c.subkeys = nil
	}
	if n := len(c.subkeys); n > maxSubkeys {
		return nil, fmt.Errorf("certificate %s: %w: %d subkeys", c.primary.fp, ErrPolicy, n)
	}
	c.sort()
	c.settle()
	cert := &Certificate{core: c, bytes: c.serialize(), devices: c.list()}
	if n := len(cert.bytes); n > omega.MaxCertificate {
		return nil, fmt.Errorf("certificate %s: %w: %d octets", c.primary.fp, ErrPolicy, n)
	}
	if n := len(cert.Active(now)); n > omega.MaxDevices {
		return nil, fmt.Errorf("certificate %s: %w: %d active devices", c.primary.fp, ErrPolicy, n)
	}
	cert.hash = sha256.Sum256(cert.bytes)
	return cert, nil
}

// list pairs the subkeys to devices. Of several encryption subkeys of one
// device the newest counts.
func (c *core) list() []Device {
	newest := make(map[omega.Fingerprint]*subkey)
	for i := range c.subkeys {
		s := &c.subkeys[i]
		if s.key.alg != ECDH {
			continue
		}
		if o := newest[s.owner()]; o == nil || compareKeys(o.key, s.key) < 0 {
			newest[s.owner()] = s
		}
	}
	var list []Device
	for i := range c.subkeys {
		s := &c.subkeys[i]
		e := newest[s.key.fp]
		if s.key.alg == ECDH || e == nil {
			continue
		}
		list = append(list, Device{
			Signing:    s.key,
			Encryption: e.key,
			Name:       s.binding.device,
			Added:      s.binding.created,
			Expires:    earlier(s.binding.expiryOf(s.key), e.binding.expiryOf(e.key)),
			Revoked:    s.revoked() || e.revoked(),
			Removed:    s.removed && !s.fresh() && !e.fresh(),
			RevokedAt:  revokedAt(s.revocation, e.revocation),
		})
	}
	slices.SortFunc(list, func(a, b Device) int {
		return cmp.Or(a.Added.Compare(b.Added), a.Signing.fp.Compare(b.Signing.fp))
	})
	return list
}

// earlier returns the earlier expiry; zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// revokedAt is the time of the first revocation that there is; zero if those that
// there are were made before there was a reason.
func revokedAt(list ...*signature) (at time.Time) {
	for _, s := range list {
		if s != nil && !s.before && (at.IsZero() || s.created.Before(at)) {
			at = s.created
		}
	}
	return at
}

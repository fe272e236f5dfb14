package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
)

// Limits of a certificate beside omega.MaxCertificate.
const (
	maxPackets = 320 // packets of any kind
	maxUserIDs = 16  // User IDs; ours is one of them

	// maxSubkeys bounds the bound subkeys, revoked ones included: two for each
	// active device and as many again for its predecessors.
	maxSubkeys = 4 * omega.MaxDevices

	maxNameSize = 64 // octets of a device name
)

// ParseCertificate reads a certificate, binary or armored, and verifies every
// self-signature in it. It keeps the primary key, its revocation, the neutral
// User ID and the device subkeys, each with the newest signature that holds;
// other User IDs, subkeys and signatures, such as other people's, are dropped
// and not an error, and so are signatures that do not hold: SHA-1, without a
// cross-signature, by another key, or from the future by more than the
// tolerance between clocks.
//
// The certificate does not refer to b. It fails with ErrMalformed for bytes
// that are no certificate, and with ErrPolicy if the primary key is not acceptable or the User ID has no valid
// self-signature. A revoked or expired certificate parses; see Check.
func ParseCertificate(b []byte, now time.Time) (*Certificate, error) {
	b, err := dearmor(b, omega.MaxCertificate)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return parseBinary(bytes.Clone(b), &judge{now: now})
}

// ReadOwn reads what Bytes of a certificate returned that was verified before,
// out of a place that nobody else writes to, and does not verify its
// signatures again: that costs a quarter of a millisecond. Anything that is
// not to the octet what Bytes returns now is read as ParseCertificate reads
// it.
func ReadOwn(b []byte, now time.Time) (*Certificate, error) {
	if c, err := parseBinary(bytes.Clone(b), &judge{now: now, trusting: true}); err == nil && bytes.Equal(c.bytes, b) {
		return c, nil
	}
	return ParseCertificate(b, now)
}

// parseBinary reads a certificate that is not armored, and keeps b. j has no
// primary key yet.
func parseBinary(b []byte, j *judge) (*Certificate, error) {
	var p parser
	if err := p.read(b); err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	j.primary = p.primary
	c, err := j.decide(&p)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", p.primary.fp, err)
	}
	cert, err := c.finish(j.now)
	if err == nil && bytes.Equal(cert.bytes, b) {
		cert.bytes = b // its keys and signatures lie in b: one copy of all is enough
	}
	return cert, err
}

// A parser sorts packets by what they claim to be. It verifies nothing.
type parser struct {
	primary *PublicKey
	self    claim   // signatures directly on the primary key: its revocations
	uid     claim   // of the neutral User ID
	subs    []claim // of subkeys that may be a device's, one per key
	userIDs int
	subkeys int
	at      *claim // what the next signature is about; nil if it is dropped
}

// A claim is a key with signatures that are said to be about it.
type claim struct {
	key  *PublicKey
	sigs []*signature
}

// read goes through the packets.
func (p *parser) read(b []byte) error {
	for n := 0; len(b) > 0; n++ {
		if n == maxPackets {
			return fmt.Errorf("%w: more than %d packets", ErrMalformed, maxPackets)
		}
		tag, body, rest, err := nextPacket(b)
		if err != nil {
			return err
		}
		if (tag == tagPublicKey) != (n == 0) {
			return fmt.Errorf("%w: packet %d has type %d", ErrMalformed, n, tag)
		}
		if err := p.packet(tag, body); err != nil {
			return err
		}
		b = rest
	}
	if p.primary == nil {
		return fmt.Errorf("%w: empty", ErrMalformed)
	}
	return nil
}

// packet takes one packet.
func (p *parser) packet(tag byte, body []byte) (err error) {
	switch tag {
	case tagPublicKey:
		if p.primary, err = parseKeyBody(body); err != nil {
			return err
		}
		if p.primary.alg == ECDH {
			return fmt.Errorf("%w: primary key cannot sign", ErrPolicy)
		}
		p.at = &p.self
	case tagSignature:
		if s, err := parseSignature(body); err == nil && p.at != nil {
			p.at.sigs = append(p.at.sigs, s)
		}
	case tagUserID:
		return p.userID(body)
	case tagPublicSubkey:
		return p.subkey(body)
	case tagUserAttr:
		p.at = nil
	case tagMarker, tagTrust, tagPadding:
		// Of no meaning to us, by definition.
	case tagSecretKey, tagSecretSubkey:
		return fmt.Errorf("%w: there are secret keys in it", ErrMalformed)
	default:
		return fmt.Errorf("%w: packet of type %d", ErrMalformed, tag)
	}
	return nil
}

func (p *parser) userID(body []byte) error {
	if p.userIDs++; p.userIDs > maxUserIDs {
		return fmt.Errorf("%w: more than %d User IDs", ErrPolicy, maxUserIDs)
	}
	p.at = nil
	if string(body) == NeutralUserID(p.primary.fp) {
		p.at = &p.uid
	}
	return nil
}

// subkey takes a subkey, which may stand in the packets more than once. One of
// a kind that no device has is dropped.
func (p *parser) subkey(body []byte) error {
	if p.subkeys++; p.subkeys > maxSubkeys {
		return fmt.Errorf("%w: more than %d subkeys", ErrPolicy, maxSubkeys)
	}
	p.at = nil
	k, err := parseKeyBody(body)
	if err != nil || k.alg != EdDSA && k.alg != ECDH || k.fp == p.primary.fp {
		return nil
	}
	i := slices.IndexFunc(p.subs, func(c claim) bool { return c.key.fp == k.fp })
	if i < 0 {
		i = len(p.subs)
		p.subs = append(p.subs, claim{key: k})
	}
	p.at = &p.subs[i]
	return nil
}

var errName = errors.New("device name must be 1 to 64 octets of printable text")

// CheckDeviceName returns nil if name can be a device's: 1 to 64 octets of
// UTF-8 without control characters and without those that turn the direction
// of the text around them.
func CheckDeviceName(name string) error {
	if name == "" || len(name) > maxNameSize || !utf8.ValidString(name) {
		return fmt.Errorf("%w: %w", ErrPolicy, errName)
	}
	for _, r := range name {
		if unprintable(r) {
			return fmt.Errorf("%w: %w, and has %U", ErrPolicy, errName, r)
		}
	}
	return nil
}

package pgp

import (
	"encoding/binary"
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
// It fails with ErrMalformed for bytes that are no certificate, and with
// ErrPolicy if the primary key is not acceptable or the User ID has no valid
// self-signature. A revoked or expired certificate parses; see Check.
func ParseCertificate(b []byte, now time.Time) (*Certificate, error) {
	b, err := dearmor(b, omega.MaxCertificate)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	p := parser{now: now}
	if err := p.read(b); err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return p.finish()
}

// A parser collects verified packets. Later packets attach to the key or User
// ID before them.
type parser struct {
	now     time.Time
	core    core
	userIDs int
	subkeys int
	at      target
	sub     *subkey // candidate: bound once it has a binding; while at is atSubkey
}

// target is what the next signature is about.
type target int

const (
	atPrimary target = iota
	atUserID         // the neutral User ID
	atSubkey         // p.sub
	atOther          // something that is dropped, with its signatures
)

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
	p.closeSubkey()
	if p.core.primary == nil {
		return fmt.Errorf("%w: empty", ErrMalformed)
	}
	return nil
}

// packet takes one packet.
func (p *parser) packet(tag byte, body []byte) (err error) {
	switch tag {
	case tagPublicKey:
		p.core.primary, err = parseKeyBody(body)
		if err == nil && p.core.primary.alg == ECDH {
			return fmt.Errorf("%w: primary key cannot sign", ErrPolicy)
		}
		return err
	case tagSignature:
		p.signature(body)
	case tagUserID:
		return p.userID(body)
	case tagPublicSubkey:
		return p.subkey(body)
	case tagUserAttr:
		p.closeSubkey()
		p.at = atOther
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
	p.closeSubkey()
	if p.userIDs++; p.userIDs > maxUserIDs {
		return fmt.Errorf("%w: more than %d User IDs", ErrPolicy, maxUserIDs)
	}
	p.at = atOther
	if string(body) == NeutralUserID(p.core.primary.fp) {
		p.at = atUserID
	}
	return nil
}

func (p *parser) subkey(body []byte) error {
	p.closeSubkey()
	if p.subkeys++; p.subkeys > maxSubkeys {
		return fmt.Errorf("%w: more than %d subkeys", ErrPolicy, maxSubkeys)
	}
	p.at = atOther
	k, err := parseKeyBody(body)
	if err == nil && (k.alg == EdDSA || k.alg == ECDH) && k.fp != p.core.primary.fp {
		p.at, p.sub = atSubkey, &subkey{key: k}
	}
	return nil
}

// closeSubkey keeps the last subkey if a signature of it holds. A subkey may
// stand in the packets twice, once with its binding and once with its
// revocation.
func (p *parser) closeSubkey() {
	s := p.sub
	p.sub = nil
	if s != nil && (s.binding != nil || s.revocation != nil) {
		p.core.add(*s)
	}
}

// add joins s into the subkeys.
func (c *core) add(s subkey) {
	i := slices.IndexFunc(c.subkeys, func(o subkey) bool { return o.key.fp == s.key.fp })
	if i < 0 {
		c.subkeys = append(c.subkeys, s)
		return
	}
	o := &c.subkeys[i]
	o.binding = newer(o.binding, s.binding)
	o.revocation = worse(o.revocation, s.revocation)
}

// signature takes a signature if it holds.
func (p *parser) signature(body []byte) {
	s, err := parseSignature(body)
	if err != nil || !s.timely(p.core.primary.created, p.now) {
		return
	}
	primary := p.core.primary
	switch {
	case p.at == atPrimary && s.typ == sigRevokeKey:
		if s.verify(primary, appendKeyForHash(nil, primary)) == nil {
			p.core.revocation = worse(p.core.revocation, s)
		}
	case p.at == atUserID && s.typ >= 0x10 && s.typ <= sigCertification:
		if s.verify(primary, coverUserID(primary)) == nil {
			p.core.uidSig = newer(p.core.uidSig, s)
		}
	case p.at == atSubkey && s.typ == sigRevokeSubkey:
		if s.verify(primary, coverSubkey(primary, p.sub.key)) == nil {
			p.sub.revocation = worse(p.sub.revocation, s)
		}
	case p.at == atSubkey && s.typ == sigSubkeyBinding:
		if s.binds(primary, p.sub.key, p.now) {
			p.sub.binding = newer(p.sub.binding, s)
		}
	}
}

// coverUserID is what a certification of the neutral User ID covers.
func coverUserID(primary *PublicKey) []byte {
	uid := NeutralUserID(primary.fp)
	b := appendKeyForHash(nil, primary)
	b = append(b, 0xB4)
	b = binary.BigEndian.AppendUint32(b, uint32(len(uid)))
	return append(b, uid...)
}

// coverSubkey is what bindings, cross-signatures and revocations of a subkey
// cover.
func coverSubkey(primary, sub *PublicKey) []byte {
	return appendKeyForHash(appendKeyForHash(nil, primary), sub)
}

// binds reports whether s makes sub a device subkey of the primary key.
func (s *signature) binds(primary, sub *PublicKey, now time.Time) bool {
	if s.created.Before(sub.created) || s.flags&flagCertify != 0 || !s.hasDevice {
		return false
	}
	switch sub.alg {
	case EdDSA:
		if s.flags&flagSign == 0 || s.embedded == nil || checkCross(primary, sub, s.embedded, now) != nil {
			return false
		}
	case ECDH:
		if s.flags&(flagEncryptComms|flagEncryptStore) == 0 || s.deviceKey.IsZero() {
			return false
		}
	default:
		return false
	}
	return s.verify(primary, coverSubkey(primary, sub)) == nil
}

// checkCross checks the body of a cross-signature ("primary key binding"): a
// signing subkey says that it belongs to the primary key. Without it anyone
// could claim another's device.
func checkCross(primary, sub *PublicKey, body []byte, now time.Time) error {
	s, err := parseSignature(body)
	if err != nil {
		return err
	}
	if s.typ != sigCross || !s.timely(sub.created, now) {
		return fmt.Errorf("%w: not a cross-signature of this time", ErrSignature)
	}
	return s.verify(sub, coverSubkey(primary, sub))
}

// finish checks that a certificate came together.
func (p *parser) finish() (*Certificate, error) {
	if p.core.uidSig == nil {
		return nil, fmt.Errorf("certificate %s: %w: User ID %q is missing or has no valid self-signature",
			p.core.primary.fp, ErrPolicy, NeutralUserID(p.core.primary.fp))
	}
	p.core.subkeys = slices.DeleteFunc(p.core.subkeys, func(s subkey) bool { return s.binding == nil })
	return p.core.finish(p.now)
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

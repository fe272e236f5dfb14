package pgp

import (
	"bytes"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// MaxKeyBlock is the largest key that Own reads, in octets: one that was
// flooded with some thousand signatures by others.
const MaxKeyBlock = 1 << 20

// Own reads a key block that somebody else wrote, such as gpg --export,
// binary or armored, and leaves out what certificates never keep: signatures
// that do not claim to be by the primary key, User Attributes, and User IDs
// but the neutral one. What is left is small, however many people signed the
// key. Nothing is verified but the form; fp is the primary key's fingerprint.
// The error is ErrMalformed, or ErrPolicy for a primary key of a kind that
// ω IM does not use. Two keys or two blocks are ErrMalformed.
func Own(b []byte) (own []byte, fp omega.Fingerprint, err error) {
	if bytes.Count(b, []byte("-----BEGIN PGP ")) > 1 {
		return nil, fp, fmt.Errorf("read key: %w: more than one armored block", ErrMalformed)
	}
	if b, err = dearmor(b, MaxKeyBlock); err != nil {
		return nil, fp, fmt.Errorf("read key: %w", err)
	}
	var f filter
	for len(b) > 0 {
		tag, body, rest, err := nextPacket(b)
		if err == nil {
			err = f.take(tag, body, b[:len(b)-len(rest)])
		}
		if err != nil {
			return nil, fp, fmt.Errorf("read key: %w", err)
		}
		b = rest
	}
	if f.primary == nil {
		return nil, fp, fmt.Errorf("read key: %w: there is none", ErrMalformed)
	}
	return f.kept, f.primary.fp, nil
}

// A filter keeps the packets that may be first-party.
type filter struct {
	primary *PublicKey
	foreign bool // what stands now, and signatures about it, is left out
	kept    []byte
}

// take looks at one packet, whose octets are whole.
func (f *filter) take(tag byte, body, whole []byte) (err error) {
	if (f.primary == nil) != (tag == tagPublicKey) {
		return f.misplaced(tag)
	}
	switch tag {
	case tagPublicKey:
		f.primary, err = parseKeyBody(body)
	case tagUserID:
		f.foreign = string(body) != NeutralUserID(f.primary.fp)
	case tagPublicSubkey:
		f.foreign = false
	case tagUserAttr:
		f.foreign = true
	case tagSignature:
		if !claims(body, f.primary) {
			return nil
		}
	case tagSecretSubkey:
		return f.misplaced(tag)
	}
	if err == nil && !f.foreign {
		f.kept = append(f.kept, whole...)
	}
	return err
}

func (f *filter) misplaced(tag byte) error {
	switch {
	case tag == tagSecretKey || tag == tagSecretSubkey:
		return fmt.Errorf("%w: there are secret keys in it", ErrMalformed)
	case tag == tagPublicKey:
		return fmt.Errorf("%w: more than one key", ErrMalformed)
	}
	return fmt.Errorf("%w: it begins with a packet of type %d, not with a public key", ErrMalformed, tag)
}

// claims reports whether a signature packet says that k made it, or does not
// say who did.
func claims(body []byte, k *PublicKey) bool {
	if len(body) < 6 || body[0] != 4 {
		return false
	}
	hashed, rest, err := cutArea(body[4:])
	if err != nil {
		return false
	}
	other, _, err := cutArea(rest)
	return err == nil && mayIssue(hashed, k) && mayIssue(other, k)
}

// mayIssue reports whether an area of subpackets names no issuer but k.
func mayIssue(area []byte, k *PublicKey) bool {
	for len(area) > 0 {
		n, head, err := subLength(area)
		if err != nil || n < 1 || n > len(area)-head {
			return false
		}
		kind, value := area[head]&0x7F, area[head+1:head+n]
		area = area[head+n:]
		switch kind {
		case subIssuerID:
			if !bytes.Equal(value, k.id[:]) {
				return false
			}
		case subIssuer:
			if !bytes.Equal(value, k.fp.Wire()) {
				return false
			}
		}
	}
	return true
}

// Update returns the certificate with what its owner says anew in own, which
// is what Own returned for the same primary key: renewed and new signatures of
// the primary key over itself, the neutral User ID and its devices, and
// revocations, which nothing takes back. own need not be a certificate by
// itself: what gpg exports after gpg --gen-revoke has no neutral User ID.
// Every signature is verified. The error is ErrMalformed or ErrPolicy.
func (c *Certificate) Update(own []byte, now time.Time) (*Certificate, error) {
	said, err := c.read(own, now)
	if err != nil {
		return nil, fmt.Errorf("update %s: %w", c.primary.fp, err)
	}
	return c.join(said, now)
}

// read verifies what is said in own about the same primary key and its devices.
func (c *Certificate) read(own []byte, now time.Time) (*core, error) {
	var p parser
	if err := p.read(bytes.Clone(own)); err != nil {
		return nil, err
	}
	if !p.primary.Equal(c.primary) {
		return nil, fmt.Errorf("%w: the key is %s", ErrPolicy, p.primary.fp)
	}
	j := judge{now: now, primary: p.primary}
	said, err := j.collect(&p)
	return &said, err
}

package pgp

import (
	"bytes"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
)

// Limits of a stranger's key.
const (
	maxStrangerSigs = 1024 // signatures that claim to be the key's own
	maxUserIDSize   = 255  // octets
	sigRevokeUserID = 0x30 // (RFC 9580, section 5.2.1)
)

// A Stranger is the key of somebody who need not have an account, as a key server
// of other people has it: the primary key, and what it says of itself. It is no
// certificate: nothing is encrypted to it, and no message is judged by it.
// (spec/keys.md, KEYS-18)
type Stranger struct {
	Key     *PublicKey
	UserIDs []string  // that the key itself signed and did not revoke; that they are true nobody has verified
	Revoked bool      // by its owner
	Expires time.Time // zero: never
	Bytes   []byte    // the packets of all that, at most omega.MaxCertificate octets, which ReadStranger reads
}

// ReadStranger reads a key block of at most MaxKeyBlock octets, binary or
// armored, that anybody wrote. What the key did not sign itself is left out,
// and so are subkeys, pictures, User IDs that cannot be shown, and those beyond
// the sixteenth. The error is ErrMalformed, or ErrPolicy for a key of a kind
// that ω IM does not use, or one full of signatures that do not hold. Two keys
// or two blocks are ErrMalformed.
func ReadStranger(b []byte, now time.Time) (*Stranger, error) {
	if bytes.Count(b, []byte("-----BEGIN PGP ")) > 1 {
		return nil, fmt.Errorf("read key: %w: more than one armored block", ErrMalformed)
	}
	b, err := dearmor(b, MaxKeyBlock)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	var r strangerReader
	for len(b) > 0 {
		tag, body, rest, err := nextPacket(b)
		if err == nil {
			err = r.packet(tag, body)
		}
		if err != nil {
			return nil, fmt.Errorf("read key: %w", err)
		}
		b = rest
	}
	if r.primary == nil {
		return nil, fmt.Errorf("read key: %w: there is none", ErrMalformed)
	}
	return r.decide(now)
}

// A strangerReader sorts packets by what they claim to be about.
type strangerReader struct {
	primary *PublicKey
	self    claim
	uids    []userIDClaim
	on      *claim // what the next signature is about; nil if it is dropped
	sigs    int
}

type userIDClaim struct {
	text string
	claim
}

// packet takes one packet.
func (r *strangerReader) packet(tag byte, body []byte) (err error) {
	if (r.primary == nil) != (tag == tagPublicKey) {
		return (&filter{}).misplaced(tag)
	}
	switch tag {
	case tagPublicKey:
		r.primary, err = parseKeyBody(bytes.Clone(body))
		r.on = &r.self
	case tagUserID:
		r.userID(string(body))
	case tagPublicSubkey, tagUserAttr:
		r.on = nil
	case tagSignature:
		return r.signature(body)
	case tagSecretSubkey:
		return (&filter{}).misplaced(tag)
	}
	return err
}

func (r *strangerReader) userID(text string) {
	r.on = nil
	known := slices.ContainsFunc(r.uids, func(u userIDClaim) bool { return u.text == text })
	if known || len(r.uids) == maxUserIDs || !presentable(text) {
		return
	}
	r.uids = append(r.uids, userIDClaim{text: text})
	r.on = &r.uids[len(r.uids)-1].claim
}

// presentable reports whether a User ID can be shown on a line.
func presentable(text string) bool {
	return text != "" && len(text) <= maxUserIDSize && utf8.ValidString(text) && !slices.ContainsFunc([]rune(text), unprintable)
}

func (r *strangerReader) signature(body []byte) error {
	if r.on == nil || !claims(body, r.primary) {
		return nil
	}
	s, err := parseSignature(bytes.Clone(body))
	if err != nil {
		return nil // it is as good as absent
	}
	if r.sigs++; r.sigs > maxStrangerSigs {
		return fmt.Errorf("%w: more than %d signatures in the name of the key", ErrPolicy, maxStrangerSigs)
	}
	r.on.sigs = append(r.on.sigs, s)
	return nil
}

// decide verifies what stands.
func (r *strangerReader) decide(now time.Time) (*Stranger, error) {
	j := judge{now: now, primary: r.primary}
	out := &Stranger{Key: r.primary, Bytes: r.primary.Packet(false)}
	if s := j.revocation(&r.self, sigRevokeKey, appendKeyForHash(nil, r.primary)); s != nil {
		out.Revoked = true
		out.Bytes = append(out.Bytes, s.packet(r.primary)...)
	}
	var newest *signature
	for i := range r.uids {
		u := &r.uids[i]
		s := j.newest(&u.claim, func(s *signature) bool {
			kind := s.typ >= 0x10 && s.typ <= sigCertification || s.typ == sigRevokeUserID
			return kind && j.holds(s, coverText(r.primary, u.text))
		})
		if s == nil || s.typ == sigRevokeUserID {
			continue
		}
		packets := append(appendPacket(nil, tagUserID, []byte(u.text)), s.packet(r.primary)...)
		if len(out.Bytes)+len(packets) > omega.MaxCertificate {
			continue
		}
		out.UserIDs, out.Bytes = append(out.UserIDs, u.text), append(out.Bytes, packets...)
		if newest == nil || compareAge(s, newest) > 0 {
			newest = s
		}
	}
	if newest != nil && newest.keyExpires != 0 {
		out.Expires = r.primary.created.Add(time.Duration(newest.keyExpires) * time.Second)
	}
	if j.failures > maxFailures {
		return nil, fmt.Errorf("read key %s: %w: more than %d signatures do not verify", r.primary.fp, ErrPolicy, maxFailures)
	}
	return out, nil
}

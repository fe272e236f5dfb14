package pgp

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// maxFailures is how many signatures with the right two octets of digest may
// fail to verify. Honest certificates have none, but somebody could fill one
// with them, to waste the time of its readers.
const maxFailures = 8

// maxSlowSubkeys bounds the subkeys under a brainpool key, of which one
// verification takes milliseconds.
const maxSlowSubkeys = 16

// A judge decides which claims about the keys of one certificate hold.
type judge struct {
	primary  *PublicKey
	now      time.Time
	trusting bool // the signatures were verified before: see ReadOwn
	failures int
}

// decide is collect for what is a whole certificate.
func (j *judge) decide(p *parser) (core, error) {
	c, err := j.collect(p)
	if err == nil && c.uidSig == nil {
		err = fmt.Errorf("%w: User ID %q is missing or has no valid self-signature", ErrPolicy, NeutralUserID(j.primary.fp))
	}
	return c, err
}

// collect verifies, of every kind of signature, the one that stands.
func (j *judge) collect(p *parser) (core, error) {
	c := core{primary: j.primary}
	if j.primary.slow() && len(p.subs) > maxSlowSubkeys {
		return c, fmt.Errorf("%w: more than %d subkeys under a brainpool key", ErrPolicy, maxSlowSubkeys)
	}
	c.revocation = j.revocation(&p.self, sigRevokeKey, appendKeyForHash(nil, j.primary))
	c.uidSig = j.newest(&p.uid, func(s *signature) bool {
		return s.typ >= 0x10 && s.typ <= sigCertification && j.holds(s, coverUserID(j.primary))
	})
	said := make([][]Word, 0, len(p.subs)) // of c.subkeys
	for i := range p.subs {
		s := subkey{key: p.subs[i].key}
		words := p.subs[i].loose()
		s.binding = j.newest(&p.subs[i], func(b *signature) bool { return j.binds(b, s.key) })
		if s.binding == nil {
			continue
		}
		s.revocation = j.revocation(&p.subs[i], sigRevokeSubkey, coverSubkey(j.primary, s.key))
		c.subkeys = append(c.subkeys, s)
		said = append(said, words)
	}
	if err := j.words(&c, said); err != nil {
		return c, err
	}
	if j.failures > maxFailures {
		return c, fmt.Errorf("%w: more than %d signatures do not verify", ErrPolicy, maxFailures)
	}
	return c, nil
}

// loose takes what stands unsigned with the bindings of a subkey: it returns what other
// devices say of its device, and puts revocations with the signatures.
func (c *claim) loose() (words []Word) {
	for _, s := range c.sigs {
		for area := s.loose; len(area) > 0; {
			n, head, err := subLength(area)
			if err != nil || n < 1 || n > len(area)-head {
				break // nobody signed it: what cannot be read is not there
			}
			kind, b := area[head]&0x7F, area[head+1:head+n]
			area = area[head+n:]
			switch kind {
			case subWords:
				words = append(words, readWords(b, c.key.fp)...)
			case subDormant:
				if r, err := parseSignature(b); err == nil && r.typ == sigRevokeSubkey {
					c.sigs = append(c.sigs, r)
				}
			}
		}
	}
	return words
}

// words verifies what devices say of each other and gives it to the devices that it is
// about: said has it by subkeys.
func (j *judge) words(c *core, said [][]Word) error {
	n := 0
	for i, list := range said {
		if n += len(list); n > maxWords {
			return fmt.Errorf("%w: more than %d words about devices", ErrPolicy, maxWords)
		}
		if c.subkeys[i].key.alg == ECDH {
			continue
		}
		for k := range list {
			if w := &list[k]; j.spoken(c, w) {
				c.subkeys[i].words = joinWords(c.subkeys[i].words, list[k:k+1])
			}
		}
	}
	return nil
}

// spoken reports whether a device of the account said w, and not in the future.
func (j *judge) spoken(c *core, w *Word) bool {
	by := slices.IndexFunc(c.subkeys, func(s subkey) bool { return s.key.fp == w.By && s.key.alg != ECDH })
	if by < 0 || w.By == w.About || w.At.After(j.now.Add(omega.ClockTolerance)) || j.failures > maxFailures {
		return false
	}
	if j.trusting {
		return true
	}
	if VerifyCompact(c.subkeys[by].key, w.signed(j.primary.fp), w.At, w.Sig) != nil {
		j.failures++
		return false
	}
	return true
}

// newest returns the newest signature that holds, or nil. Older ones are not
// verified.
func (j *judge) newest(c *claim, holds func(*signature) bool) *signature {
	slices.SortFunc(c.sigs, compareAge)
	for _, s := range slices.Backward(c.sigs) {
		if holds(s) {
			return s
		}
	}
	return nil
}

// revocation returns the revocation of the given type that stands, or nil.
func (j *judge) revocation(c *claim, typ byte, covered []byte) *signature {
	slices.SortFunc(c.sigs, compareRevocations)
	for _, s := range c.sigs {
		if s.typ == typ && j.holds(s, covered) {
			return s
		}
	}
	return nil
}

// holds reports whether s is a signature of now or earlier by the primary key.
func (j *judge) holds(s *signature, covered []byte) bool {
	return s.timely(j.primary.created, j.now) && j.verify(s, j.primary, covered)
}

// verify verifies s by k, as long as not too many have failed.
func (j *judge) verify(s *signature, k *PublicKey, covered []byte) bool {
	digest, ok := s.plausible(k, covered)
	if !ok || j.failures > maxFailures {
		return false
	}
	if j.trusting {
		return true
	}
	if k.verify(s.hash, digest, s.mpis) != nil {
		j.failures++
		return false
	}
	return true
}

// binds reports whether s makes sub a device subkey of the primary key.
func (j *judge) binds(s *signature, sub *PublicKey) bool {
	if s.typ != sigSubkeyBinding || s.created.Before(sub.created) || s.flags&flagCertify != 0 || !s.hasDevice {
		return false
	}
	switch sub.alg {
	case EdDSA:
		if s.flags&flagSign == 0 || !j.crossSigned(s.embedded, sub) {
			return false
		}
	case ECDH:
		if s.flags&(flagEncryptComms|flagEncryptStore) == 0 || s.deviceKey.IsZero() {
			return false
		}
	default:
		return false
	}
	return j.holds(s, coverSubkey(j.primary, sub))
}

// crossSigned reports whether body is the body of a cross-signature ("primary
// key binding") in which the signing subkey says that it belongs to the
// primary key. Without it anyone could claim another's device.
func (j *judge) crossSigned(body []byte, sub *PublicKey) bool {
	s, err := parseSignature(body)
	return err == nil && s.typ == sigCross && s.timely(sub.created, j.now) && j.verify(s, sub, coverSubkey(j.primary, sub))
}

// slow reports whether the key's curve has no fast arithmetic.
func (k *PublicKey) slow() bool { return k.ec != nil && !k.nist }

// coverUserID is what a certification of the neutral User ID covers.
func coverUserID(primary *PublicKey) []byte { return coverText(primary, NeutralUserID(primary.fp)) }

// coverText is what a certification of any User ID covers.
func coverText(primary *PublicKey, uid string) []byte {
	b := append(appendKeyForHash(nil, primary), 0xB4)
	b = binary.BigEndian.AppendUint32(b, uint32(len(uid)))
	return append(b, uid...)
}

// coverSubkey is what bindings, cross-signatures and revocations of a subkey
// cover.
func coverSubkey(primary, sub *PublicKey) []byte {
	return appendKeyForHash(appendKeyForHash(nil, primary), sub)
}

package pgp

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/omega-im/omega"
)

// The canonical form of a certificate: primary key, its revocation, the User
// ID and its self-signature, then every device's signing subkey followed by
// its encryption subkeys. Devices stand in order of their signing subkeys'
// creation. All packets have new-format headers. (spec/identity.md)

// serialize writes the sorted core.
func (c *core) serialize() []byte {
	b := c.primary.Packet(false)
	b = appendSig(b, c.revocation, c.primary)
	b = appendPacket(b, tagUserID, []byte(NeutralUserID(c.primary.fp)))
	b = appendSig(b, c.uidSig, c.primary)
	for _, s := range c.subkeys {
		b = append(b, s.key.Packet(true)...)
		if s.revoked() {
			b = appendSig(b, s.revocation, c.primary)
		}
		b = append(b, s.binding.packetWith(c.primary, s.loose(c.primary))...)
	}
	return b
}

func appendSig(dst []byte, s *signature, issuer *PublicKey) []byte {
	if s == nil {
		return dst
	}
	return append(dst, s.packet(issuer)...)
}

// loose is what stands with a binding and is not signed by it: what other devices say of
// its device, and what would revoke the subkey if they had their way, where they have
// not. (spec/keys.md, KEYS-35)
func (s *subkey) loose(issuer *PublicKey) (b []byte) {
	if len(s.words) > 0 {
		words := make([]byte, 0, len(s.words)*wordSize)
		for i := range s.words {
			words = s.words[i].append(words)
		}
		b = appendSub(b, subWords, words...)
	}
	if s.revocation != nil && !s.revoked() {
		b = appendSub(b, subDormant, s.revocation.body(issuer.id)...)
	}
	return b
}

// sort puts the subkeys in their one order.
func (c *core) sort() {
	signing := make(map[omega.Fingerprint]*PublicKey)
	for _, s := range c.subkeys {
		if s.key.alg != ECDH {
			signing[s.key.fp] = s.key
		}
	}
	slices.SortFunc(c.subkeys, func(a, b subkey) int {
		x, y := signing[a.owner()], signing[b.owner()]
		switch {
		case x != nil && y != nil:
			return cmp.Or(compareKeys(x, y), cmp.Compare(a.rank(), b.rank()), compareKeys(a.key, b.key))
		case x != nil:
			return -1
		case y != nil:
			return 1
		}
		return compareKeys(a.key, b.key) // encryption subkeys without their device come last
	})
}

// rank puts a device's signing subkey before its encryption subkeys.
func (s *subkey) rank() int {
	if s.key.alg == ECDH {
		return 1
	}
	return 0
}

// compareKeys orders keys by creation, then by fingerprint.
func compareKeys(a, b *PublicKey) int {
	return cmp.Or(a.created.Compare(b.created), a.fp.Compare(b.fp))
}

// newer returns the signature that stands: the newest, and of two from one
// second the one with the lower bytes. Either may be nil. The choice does not
// depend on the order of arrival.
func newer(a, b *signature) *signature {
	if a == nil || b == nil {
		return either(a, b)
	}
	if compareAge(a, b) < 0 {
		return b
	}
	return a
}

// compareAge orders signatures from the oldest to the one that stands.
func compareAge(a, b *signature) int {
	return cmp.Or(a.created.Compare(b.created), b.compare(a))
}

// worse returns the revocation that stands: one that deletes before one that
// does not, one that was made for a reason before one that was made before, a hard one
// before a soft one, then the earliest, then the one with the lower bytes.
func worse(a, b *signature) *signature {
	if a == nil || b == nil {
		return either(a, b)
	}
	if compareRevocations(a, b) > 0 {
		return b
	}
	return a
}

// compareRevocations orders revocations from the one that stands on.
func compareRevocations(a, b *signature) int {
	if a.deleted != b.deleted {
		if a.deleted {
			return -1
		}
		return 1
	}
	if a.before != b.before {
		if b.before {
			return -1
		}
		return 1
	}
	if a.hard() != b.hard() {
		if a.hard() {
			return -1
		}
		return 1
	}
	return cmp.Or(a.created.Compare(b.created), a.compare(b))
}

func either(a, b *signature) *signature {
	if a != nil {
		return a
	}
	return b
}

// compare orders two signatures of one key by their bytes.
func (s *signature) compare(o *signature) int {
	return cmp.Or(cmp.Compare(s.typ, o.typ), cmp.Compare(hashID(s.hash), hashID(o.hash)),
		bytes.Compare(s.hashed, o.hashed), bytes.Compare(s.mpis, o.mpis))
}

// hard reports whether a revocation voids what the key did before it too (RFC
// 9580, section 5.2.3.31): every reason but superseded and retired.
func (s *signature) hard() bool {
	return !s.hasReason || s.reason != byte(ReasonSuperseded) && s.reason != byte(ReasonRetired)
}

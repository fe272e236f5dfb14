package keyserver

import (
	"encoding/binary"
	"fmt"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Leaves is how many parts the key space has for placing entries and for the
// last level of the tree of digests. (spec/keys.md, KEYS-7)
const Leaves = 1 << 16

// A Leaf is one of them: the first two octets of the digests in it.
type Leaf uint16

// LeafOf is the part of the key space that fp falls into.
func LeafOf(fp omega.Fingerprint) Leaf {
	if fp.IsZero() {
		return 0
	}
	var buf [omega.MaxFingerprintSize]byte
	return Leaf(binary.BigEndian.Uint16(fp.AppendTo(buf[:0])[1:]))
}

// bucket is the first octet.
func (l Leaf) bucket() uint8 { return uint8(l >> 8) }

// A LeafSet is a set of leaves, the first the lowest bit.
type LeafSet [Leaves / 64]uint64

func (s *LeafSet) add(l Leaf) { s[l/64] |= 1 << (l % 64) }

// has is false of everything for nil.
func (s *LeafSet) has(l Leaf) bool { return s != nil && s[l/64]>>(l%64)&1 != 0 }

// A Depth says what two key servers compare in one leaf.
type Depth uint8

const (
	Nothing    Depth = iota // one of them keeps nothing of it
	General                 // the entries that are for everybody
	Everything              // these and those for owners and homes only: both own it
)

// A Scope is what one key server keeps of the cloud's entries. (spec/keys.md,
// KEYS-9)
//
//	u8 flags: 1 All, 2 Owned follows | 8192 octets
type Scope struct {
	All   bool     // what is for everybody, whoever owns it
	Owned *LeafSet // what it owns; nil: it does not tell, and compares nothing but General
}

// depth is how deep two servers compare a leaf.
func (s *Scope) depth(o *Scope, l Leaf) Depth {
	mine, theirs := s.Owned.has(l), o.Owned.has(l)
	switch {
	case mine && theirs:
		return Everything
	case (mine || s.All) && (theirs || o.All):
		return General
	}
	return Nothing
}

const (
	scopeAll   = 1 << 0
	scopeOwned = 1 << 1
)

// AppendTo appends the wire form.
func (s *Scope) AppendTo(b []byte) []byte {
	at := len(b)
	b = append(b, 0)
	if s.All {
		b[at] |= scopeAll
	}
	if s.Owned == nil {
		return b
	}
	b[at] |= scopeOwned
	for _, v := range s.Owned {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// DecodeScope reads a scope and returns what follows it.
func DecodeScope(b []byte) (s *Scope, rest []byte, err error) {
	if len(b) < 1 || b[0]&^(scopeAll|scopeOwned) != 0 {
		return nil, nil, fmt.Errorf("%w scope of a key server", wire.ErrMalformed)
	}
	s = &Scope{All: b[0]&scopeAll != 0}
	owned := b[0]&scopeOwned != 0
	if b = b[1:]; !owned {
		return s, b, nil
	}
	if len(b) < Leaves/8 {
		return nil, nil, fmt.Errorf("%w scope of a key server", wire.ErrMalformed)
	}
	s.Owned = new(LeafSet)
	for i := range s.Owned {
		s.Owned[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return s, b[Leaves/8:], nil
}

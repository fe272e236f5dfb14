package media

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"math/bits"
)

// Chunks is of how many chunks a blob of a size consists.
func Chunks(size int64) int { return int((size + ChunkSize - 1) / ChunkSize) }

// ChunkLen is how long chunk i of a blob of a size is.
func ChunkLen(size int64, i int) int { return int(min(ChunkSize, size-int64(i)*ChunkSize)) }

// HasTree reports whether a blob of a size is named by a root as well.
func HasTree(size int64) bool { return size > ChunkSize }

// LeafOf is the leaf of one chunk. (spec/media.md, MEDIA-1)
func LeafOf(chunk []byte) Hash {
	h := newLeaf()
	h.Write(chunk)
	return Hash(h.Sum(nil))
}

func newLeaf() hash.Hash {
	h := sha256.New()
	h.Write([]byte{0})
	return h
}

// RootOf is the root of the tree over leaves; zero if there is none.
func RootOf(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return Hash{}
	case 1:
		return leaves[0]
	}
	k := 1 << (bits.Len(uint(len(leaves)-1)) - 1)
	left, right := RootOf(leaves[:k]), RootOf(leaves[k:])
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// A Ref is how a message names a blob.
type Ref struct {
	Name Hash
	Size int64
	Root Hash // zero where HasTree is false
}

// Check holds a Ref to its form.
func (r Ref) Check() error {
	if r.Size <= 0 || r.Size > MaxSize || HasTree(r.Size) == r.Root.IsZero() {
		return fmt.Errorf("%w: a blob of %d octets, root %s", ErrBad, r.Size, r.Root)
	}
	return nil
}

// A Verifier says of the chunks of one blob whether they are right.
type Verifier struct {
	ref    Ref
	leaves []Hash // nil: the name says it
}

// NewVerifier takes the leaves, 32 octets each, that a server gave for a blob
// with a tree; those of another one are not needed. ErrWrong if they are not what
// the root says.
func NewVerifier(ref Ref, leaves []byte) (*Verifier, error) {
	if err := ref.Check(); err != nil {
		return nil, err
	}
	if !HasTree(ref.Size) {
		return &Verifier{ref: ref}, nil
	}
	list, err := ParseLeaves(leaves)
	if err == nil && (len(list) != Chunks(ref.Size) || RootOf(list) != ref.Root) {
		err = fmt.Errorf("%w: %d leaves of blob %s", ErrWrong, len(list), ref.Name)
	}
	if err != nil {
		return nil, err
	}
	return &Verifier{ref, list}, nil
}

// ParseLeaves reads leaves that stand one after the other.
func ParseLeaves(b []byte) ([]Hash, error) {
	if len(b)%sha256.Size != 0 || len(b) > MaxChunks*sha256.Size {
		return nil, fmt.Errorf("%w: %d octets of leaves", ErrBad, len(b))
	}
	out := make([]Hash, len(b)/sha256.Size)
	for i := range out {
		out[i] = Hash(b[i*sha256.Size:])
	}
	return out, nil
}

// Check returns nil if chunk i consists of these octets, else an error that
// wraps ErrWrong.
func (v *Verifier) Check(i int, chunk []byte) error {
	right := i >= 0 && i < Chunks(v.ref.Size) && len(chunk) == ChunkLen(v.ref.Size, i)
	switch {
	case !right:
	case v.leaves == nil:
		right = sha256.Sum256(chunk) == v.ref.Name
	default:
		right = LeafOf(chunk) == v.leaves[i]
	}
	if !right {
		return fmt.Errorf("%w: chunk %d of blob %s", ErrWrong, i, v.ref.Name)
	}
	return nil
}

// Count writes chunk i to h, which has seen the chunks before it, once Check was nil for
// it: its leaf is known, so it is not hashed for that again.
func (v *Verifier) Count(h *Hasher, i int, chunk []byte) {
	if v.leaves == nil || h.size != int64(i)*ChunkSize {
		h.Write(chunk)
		return
	}
	h.whole.Write(chunk)
	h.size += int64(len(chunk))
	h.leaves = append(h.leaves, v.leaves[i])
}

// Add is Check, and Count if that was nil.
func (v *Verifier) Add(h *Hasher, i int, chunk []byte) error {
	err := v.Check(i, chunk)
	if err == nil {
		v.Count(h, i, chunk)
	}
	return err
}

// A Hasher finds the Ref and the leaves of octets that are written to it, in
// order. It is for one goroutine.
type Hasher struct {
	whole  hash.Hash
	leaf   hash.Hash
	filled int // octets in leaf
	size   int64
	leaves []Hash
}

// NewHasher returns one that has seen nothing.
func NewHasher() *Hasher { return &Hasher{whole: sha256.New(), leaf: newLeaf()} }

// Size is how many octets were written.
func (h *Hasher) Size() int64 { return h.size }

// Write takes octets; it never fails.
func (h *Hasher) Write(b []byte) (int, error) {
	h.whole.Write(b)
	h.size += int64(len(b))
	for rest := b; len(rest) > 0; {
		n := min(len(rest), ChunkSize-h.filled)
		h.leaf.Write(rest[:n])
		h.filled += n
		rest = rest[n:]
		if h.filled == ChunkSize {
			h.cut()
		}
	}
	return len(b), nil
}

// cut ends a chunk.
func (h *Hasher) cut() {
	h.leaves = append(h.leaves, Hash(h.leaf.Sum(nil)))
	h.leaf.Reset()
	h.leaf.Write([]byte{0})
	h.filled = 0
}

// Whole returns the leaves of the chunks that are whole. The caller must not
// change them.
func (h *Hasher) Whole() []Hash { return h.leaves }

// Sum ends the last chunk and returns what all was. Nothing may be written after
// it.
func (h *Hasher) Sum() (Ref, []Hash) {
	if h.filled > 0 {
		h.cut()
	}
	ref := Ref{Name: Hash(h.whole.Sum(nil)), Size: h.size}
	if HasTree(h.size) {
		ref.Root = RootOf(h.leaves)
	}
	return ref, h.leaves
}

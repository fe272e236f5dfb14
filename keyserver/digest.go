package keyserver

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A Digest has one number per bucket: the exclusive or, over the entries in
// it, of the first 8 octets of SHA-256 over fingerprint, sequence and hash.
type Digest [Buckets]uint64

// DigestSize is the length of a digest on the wire, in octets.
const DigestSize = 8 * Buckets

// AppendTo appends the body of wire.TypeDigest.
func (d *Digest) AppendTo(b []byte) []byte {
	for _, v := range d {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// DecodeDigest reads the body of wire.TypeDigest.
func DecodeDigest(b []byte) (*Digest, error) {
	if len(b) != DigestSize {
		return nil, fmt.Errorf("%w digest: %d octets", wire.ErrMalformed, len(b))
	}
	d := new(Digest)
	for i := range d {
		d[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return d, nil
}

// Differing lists the buckets that differ.
func (d *Digest) Differing(o *Digest) []uint8 {
	var out []uint8
	for i := range d {
		if d[i] != o[i] {
			out = append(out, uint8(i))
		}
	}
	return out
}

// mark is what one entry contributes to its leaf.
func (s *Summary) mark() uint64 {
	var buf [omega.MaxFingerprintSize + 8 + 32]byte
	b := s.Fingerprint.AppendTo(buf[:0])
	b = binary.BigEndian.AppendUint64(b, s.Sequence)
	b = append(b, s.Hash[:]...)
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// digest is the tree of digests of what the server holds now: the leaves, and
// above them the buckets. Entries that are for owners and homes only have one
// of their own beside that of the others.
type digest struct {
	mu     sync.Mutex
	leaves [2][Leaves]uint64 // general, narrow; guarded by mu
	tops   [2]Digest         // guarded by mu
	count  [Leaves]uint32    // entries; guarded by mu
	narrow int               // entries; guarded by mu
}

// add counts an entry that was not there.
func (d *digest) add(s Summary) { d.flip(s, 1) }

// drop takes away one that was.
func (d *digest) drop(s Summary) { d.flip(s, -1) }

func (d *digest) flip(s Summary, n int) {
	mark, l, kind := s.mark(), LeafOf(s.Fingerprint), 0
	if s.Narrow {
		kind = 1
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leaves[kind][l] ^= mark
	d.tops[kind][l.bucket()] ^= mark
	d.count[l] += uint32(n)
	d.narrow += n * kind
}

// Digest returns the digest of all that the server holds.
func (s *Server) Digest() *Digest {
	s.digest.mu.Lock()
	defer s.digest.mu.Unlock()
	d := s.digest.tops[0]
	for i, v := range s.digest.tops[1] {
		d[i] ^= v
	}
	return &d
}

// DigestOf returns the digest of what two scopes share.
func (s *Server) DigestOf(a, b *Scope) *Digest {
	s.digest.mu.Lock()
	defer s.digest.mu.Unlock()
	if a.All && b.All && (a.Owned == nil || b.Owned == nil) {
		d := s.digest.tops[0]
		return &d
	}
	d := new(Digest)
	for i := range Leaves {
		l := Leaf(i)
		d[l.bucket()] ^= s.digest.at(l, a.depth(b, l))
	}
	return d
}

// at is the number of a leaf. d.mu is held.
func (d *digest) at(l Leaf, depth Depth) uint64 {
	switch depth {
	case General:
		return d.leaves[0][l]
	case Everything:
		return d.leaves[0][l] ^ d.leaves[1][l]
	}
	return 0
}

// MaxBranches is how many buckets one frame has the leaves of, and MaxListed
// how many leaves may be listed at once.
const (
	MaxBranches = 64
	MaxListed   = 256
)

// AppendLeaves appends the body of wire.TypeLeaves for the body of
// wire.TypeBranch.
func (s *Server) AppendLeaves(b, question []byte) ([]byte, error) {
	if len(question) < 2 || len(question) > 1+MaxBranches || !asks(question[0]) {
		return nil, fmt.Errorf("%w question for leaves", wire.ErrMalformed)
	}
	depth := Depth(question[0])
	b = append(b, question[0])
	s.digest.mu.Lock()
	defer s.digest.mu.Unlock()
	for _, bucket := range question[1:] {
		b = append(b, bucket)
		for i := range Buckets {
			b = binary.BigEndian.AppendUint64(b, s.digest.at(Leaf(bucket)<<8|Leaf(i), depth))
		}
	}
	return b, nil
}

func asks(depth uint8) bool { return depth == uint8(General) || depth == uint8(Everything) }

// DifferingLeaves reads the body of wire.TypeLeaves and lists the leaves that
// differ here, of those that the scopes share at its depth.
func (s *Server) DifferingLeaves(answer []byte, a, b *Scope) (out []Leaf, err error) {
	const one = 1 + DigestSize
	if len(answer) < 1 || !asks(answer[0]) || (len(answer)-1)%one != 0 || len(answer) > 1+MaxBranches*one {
		return nil, fmt.Errorf("%w leaves", wire.ErrMalformed)
	}
	depth := Depth(answer[0])
	s.digest.mu.Lock()
	defer s.digest.mu.Unlock()
	for part := answer[1:]; len(part) > 0; part = part[one:] {
		for i := range Buckets {
			l := Leaf(part[0])<<8 | Leaf(i)
			if a.depth(b, l) == depth && binary.BigEndian.Uint64(part[1+8*i:]) != s.digest.at(l, depth) {
				out = append(out, l)
			}
		}
	}
	return out, nil
}

// Branches lists for each depth the buckets among these in which the scopes
// share leaves at it.
func Branches(buckets []uint8, a, b *Scope) map[Depth][]uint8 {
	out := make(map[Depth][]uint8)
	for _, bucket := range buckets {
		var seen [Everything + 1]bool
		for i := range Buckets {
			seen[a.depth(b, Leaf(bucket)<<8|Leaf(i))] = true
		}
		for _, depth := range []Depth{General, Everything} {
			if seen[depth] {
				out[depth] = append(out[depth], bucket)
			}
		}
	}
	return out
}

// MaxSummaries is how many summaries one frame lists. A wire.TypeSummary with
// fewer is the last of its bucket.
const MaxSummaries = 1500

// maxSummary is the length of the longest summary in octets.
const maxSummary = omega.MaxFingerprintSize + 40

// appendSummaries appends { fp | u64 sequence | 32 hash }*.
func appendSummaries(b []byte, list []Summary) []byte {
	for _, s := range list {
		b = s.Fingerprint.AppendTo(b)
		b = binary.BigEndian.AppendUint64(b, s.Sequence)
		b = append(b, s.Hash[:]...)
	}
	return b
}

// decodeSummaries reads up to MaxSummaries of them.
func decodeSummaries(b []byte) (list []Summary, err error) {
	if len(b) > MaxSummaries*maxSummary {
		return nil, fmt.Errorf("%w summaries: %d octets", wire.ErrMalformed, len(b))
	}
	for len(b) > 0 {
		fp, n, err := omega.DecodeFingerprint(b)
		if err != nil || len(b) < n+40 || len(list) == MaxSummaries {
			return nil, fmt.Errorf("%w summaries", wire.ErrMalformed)
		}
		s := Summary{Fingerprint: fp, Sequence: binary.BigEndian.Uint64(b[n:])}
		copy(s.Hash[:], b[n+8:])
		list = append(list, s)
		b = b[n+40:]
	}
	return list, nil
}

// AppendSummaries appends the body of wire.TypeSummary:
//
//	u8 bucket | n × { fp | u64 sequence | 32 hash }
func AppendSummaries(b []byte, bucket uint8, list []Summary) []byte {
	return appendSummaries(append(b, bucket), list)
}

// DecodeSummaries reads the body of wire.TypeSummary.
func DecodeSummaries(b []byte) (bucket uint8, list []Summary, err error) {
	if len(b) < 1 {
		return 0, nil, fmt.Errorf("%w summaries", wire.ErrMalformed)
	}
	if list, err = decodeSummaries(b[1:]); err != nil {
		return 0, nil, err
	}
	for _, s := range list {
		if Bucket(s.Fingerprint) != b[0] {
			return 0, nil, fmt.Errorf("%w summaries: of another bucket", wire.ErrMalformed)
		}
	}
	return b[0], list, nil
}

// Bucket calls page for every frame's worth of summaries of one bucket; the
// last has fewer than MaxSummaries. The slice is only valid during the call.
func (s *Server) Bucket(ctx context.Context, bucket uint8, page func([]Summary) error) error {
	list := make([]Summary, 0, 64)
	err := s.cfg.Store.Range(ctx, bucket, func(sum Summary) error {
		list = append(list, sum)
		if len(list) < MaxSummaries {
			return nil
		}
		err := page(list)
		list = list[:0]
		return err
	})
	if err != nil {
		return err
	}
	return page(list)
}

// List answers the body of wire.TypeList with bodies of wire.TypeListed. The
// body is only valid during the call.
func (s *Server) List(ctx context.Context, question []byte, page func(body []byte) error) error {
	if len(question) < 3 || len(question)%2 != 1 || len(question) > 1+2*MaxListed || !asks(question[0]) {
		return fmt.Errorf("%w question for what leaves have", wire.ErrMalformed)
	}
	var list []Summary
	for part := question[1:]; len(part) > 0; part = part[2:] {
		err := s.cfg.Store.RangeLeaf(ctx, Leaf(binary.BigEndian.Uint16(part)), func(sum Summary) error {
			if sum.Narrow && Depth(question[0]) == General {
				return nil
			}
			if len(list) == MaxSummaries {
				if err := page(appendSummaries([]byte{1}, list)); err != nil {
					return err
				}
				list = list[:0]
			}
			list = append(list, sum)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return page(appendSummaries([]byte{0}, list))
}

// AppendList appends the body of wire.TypeList.
func AppendList(b []byte, depth Depth, leaves []Leaf) []byte {
	b = append(b, byte(depth))
	for _, l := range leaves {
		b = binary.BigEndian.AppendUint16(b, uint16(l))
	}
	return b
}

// DecodeListed reads the body of wire.TypeListed; more says that another
// follows.
func DecodeListed(b []byte) (list []Summary, more bool, err error) {
	if len(b) < 1 || b[0] > 1 {
		return nil, false, fmt.Errorf("%w list of leaves", wire.ErrMalformed)
	}
	list, err = decodeSummaries(b[1:])
	return list, b[0] == 1, err
}

// Wants lists those of another server's entries that would tell this one
// something, or may: those that differ, and those that are for everybody there
// and not here.
func (s *Server) Wants(ctx context.Context, theirs []Summary, depth Depth) ([]omega.Fingerprint, error) {
	day := Day(s.cfg.Now())
	ours := make(map[omega.Fingerprint]Summary)
	read := make(map[Leaf]bool)
	var wants []omega.Fingerprint
	for _, t := range theirs {
		if l := LeafOf(t.Fingerprint); !read[l] {
			read[l] = true
			err := s.cfg.Store.RangeLeaf(ctx, l, func(sum Summary) error {
				ours[sum.Fingerprint] = sum
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("compare with another server: %w", err)
			}
		}
		have, ok := ours[t.Fingerprint]
		if (!ok || !have.same(t) || have.Narrow && depth == General) && !s.budgets.wasLeft(t, day) {
			wants = append(wants, t.Fingerprint)
		}
	}
	return wants, nil
}

// same reports whether both servers hold the same, for whomever it is.
func (s Summary) same(o Summary) bool { return s.Sequence == o.Sequence && s.Hash == o.Hash }

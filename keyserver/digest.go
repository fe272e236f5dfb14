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

// mark is what one entry contributes to its bucket.
func (s *Summary) mark() uint64 {
	var buf [omega.MaxFingerprintSize + 8 + 32]byte
	b := s.Fingerprint.AppendTo(buf[:0])
	b = binary.BigEndian.AppendUint64(b, s.Sequence)
	b = append(b, s.Hash[:]...)
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// digest is the digest of what the server holds now.
type digest struct {
	mu sync.Mutex
	d  Digest // guarded by mu
}

// flip adds an entry that was not there, and takes away one that was.
func (d *digest) flip(s Summary) {
	mark := s.mark()
	d.mu.Lock()
	d.d[Bucket(s.Fingerprint)] ^= mark
	d.mu.Unlock()
}

// Digest returns the digest of what the server holds.
func (s *Server) Digest() *Digest {
	s.digest.mu.Lock()
	defer s.digest.mu.Unlock()
	d := s.digest.d
	return &d
}

// MaxSummaries is how many summaries one frame lists. A frame with fewer is
// the last of its bucket.
const MaxSummaries = 1500

// AppendSummaries appends the body of wire.TypeSummary:
//
//	u8 bucket | n × { fp | u64 sequence | 32 hash }
func AppendSummaries(b []byte, bucket uint8, list []Summary) []byte {
	b = append(b, bucket)
	for _, s := range list {
		b = s.Fingerprint.AppendTo(b)
		b = binary.BigEndian.AppendUint64(b, s.Sequence)
		b = append(b, s.Hash[:]...)
	}
	return b
}

// DecodeSummaries reads the body of wire.TypeSummary.
func DecodeSummaries(b []byte) (bucket uint8, list []Summary, err error) {
	bad := func() (uint8, []Summary, error) {
		return 0, nil, fmt.Errorf("%w summaries", wire.ErrMalformed)
	}
	if len(b) < 1 || len(b) > 1+MaxSummaries*(omega.MaxFingerprintSize+40) {
		return bad()
	}
	bucket, b = b[0], b[1:]
	for len(b) > 0 {
		fp, n, err := omega.DecodeFingerprint(b)
		if err != nil || len(b) < n+40 || Bucket(fp) != bucket || len(list) == MaxSummaries {
			return bad()
		}
		s := Summary{Fingerprint: fp, Sequence: binary.BigEndian.Uint64(b[n:])}
		copy(s.Hash[:], b[n+8:])
		list = append(list, s)
		b = b[n+40:]
	}
	return bucket, list, nil
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

// Wants lists those entries of another server's bucket that would tell this
// one something, or may: those that differ.
func (s *Server) Wants(ctx context.Context, theirs []Summary) ([]omega.Fingerprint, error) {
	if len(theirs) == 0 {
		return nil, nil
	}
	ours := make(map[omega.Fingerprint]Summary)
	err := s.cfg.Store.Range(ctx, Bucket(theirs[0].Fingerprint), func(sum Summary) error {
		ours[sum.Fingerprint] = sum
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compare with another server: %w", err)
	}
	var wants []omega.Fingerprint
	for _, t := range theirs {
		if have, ok := ours[t.Fingerprint]; !ok || have != t {
			wants = append(wants, t.Fingerprint)
		}
	}
	return wants, nil
}

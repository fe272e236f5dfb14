package media

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math/bits"
)

// Sizes in octets of sealed blobs. (spec/media.md, MEDIA-14)
const (
	SealedPart = MaxPart // of a sealed part; the last one may be shorter
	openedPart = SealedPart - tagSize
	tagSize    = 16
	minPadded  = 4 << 10
)

// MaxSealed is the most that a sealed blob holds, in octets: with padding and
// tags it is no more than MaxSize.
const MaxSealed = 7 << 29

// A Seal is what opens a sealed blob. Who has it can read the blob; it travels in
// sealed messages only.
type Seal struct {
	Key  [32]byte
	Size int64 // octets of what was sealed
	Hash Hash  // SHA-256 of what was sealed
}

// PaddedSize is the size that what is sealed is filled up to with zeros: of a
// size of e bits no more than the highest bits of e's length are left.
func PaddedSize(size int64) int64 {
	if size <= minPadded {
		return minPadded
	}
	e := bits.Len64(uint64(size)) - 1
	low := int64(1)<<(e-bits.Len(uint(e))) - 1
	return (size + low) &^ low
}

// SealedSize is the size of the blob that seals so many octets.
func SealedSize(size int64) int64 {
	padded := PaddedSize(size)
	return padded + tagSize*((padded+openedPart-1)/openedPart)
}

// Check holds a Seal to the blob that it is for.
func (s *Seal) Check(ref Ref) error {
	if s.Size <= 0 || s.Size > MaxSealed || s.Key == [32]byte{} || s.Hash.IsZero() || SealedSize(s.Size) != ref.Size {
		return fmt.Errorf("%w: %d octets sealed in %d", ErrBad, s.Size, ref.Size)
	}
	return ref.Check()
}

// sealNonce is that of a part: no key seals two blobs.
func sealNonce(part int, last bool) []byte {
	var n [12]byte
	binary.BigEndian.PutUint32(n[7:], uint32(part))
	if last {
		n[11] = 1
	}
	return n[:]
}

func (s *Seal) aead() cipher.AEAD {
	block, err := aes.NewCipher(s.Key[:])
	if err != nil {
		panic(err) // the key has its length
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has its block size
	}
	return aead
}

// A Sealer seals what is written to it, in order, and writes the blob to another
// writer. It is for one goroutine.
type Sealer struct {
	w    io.Writer
	seal Seal
	aead cipher.AEAD
	hash hash.Hash
	part []byte // begun
	out  []byte
	n    int // parts that were written
}

// NewSealer returns one with a key that was never used and never is again.
func NewSealer(w io.Writer, key [32]byte) *Sealer {
	s := &Sealer{w: w, seal: Seal{Key: key}, hash: sha256.New(), part: make([]byte, 0, openedPart), out: make([]byte, 0, SealedPart)}
	s.aead = s.seal.aead()
	return s
}

// Write takes octets. More than MaxSealed are an error that wraps ErrBad.
func (s *Sealer) Write(b []byte) (int, error) {
	if s.seal.Size+int64(len(b)) > MaxSealed {
		return 0, fmt.Errorf("%w: more than %d octets cannot be sealed", ErrBad, int64(MaxSealed))
	}
	s.seal.Size += int64(len(b))
	s.hash.Write(b)
	return len(b), s.add(b)
}

func (s *Sealer) add(b []byte) error {
	for len(b) > 0 {
		if len(s.part) == openedPart {
			if err := s.flush(false); err != nil {
				return err
			}
		}
		n := min(openedPart-len(s.part), len(b))
		s.part, b = append(s.part, b[:n]...), b[n:]
	}
	return nil
}

func (s *Sealer) flush(last bool) error {
	s.out = s.aead.Seal(s.out[:0], sealNonce(s.n, last), s.part, nil)
	s.n++
	s.part = s.part[:0]
	_, err := s.w.Write(s.out)
	return err
}

// Finish pads and writes the last part, and returns what opens the blob. Nothing
// at all is an error that wraps ErrBad.
func (s *Sealer) Finish() (Seal, error) {
	if s.seal.Size == 0 {
		return Seal{}, fmt.Errorf("%w: nothing to seal", ErrBad)
	}
	s.seal.Hash = Hash(s.hash.Sum(nil))
	zeros := make([]byte, openedPart)
	for left := PaddedSize(s.seal.Size) - s.seal.Size; left > 0; {
		n := min(left, int64(len(zeros)))
		if err := s.add(zeros[:n]); err != nil {
			return Seal{}, err
		}
		left -= n
	}
	return s.seal, s.flush(true)
}

// An Opener reads what a sealed blob holds. It may be used concurrently.
type Opener struct {
	seal   Seal
	sealed int64 // size of the blob
	aead   cipher.AEAD
}

// NewOpener returns the one of a blob.
func NewOpener(ref Ref, s Seal) (*Opener, error) {
	if err := s.Check(ref); err != nil {
		return nil, err
	}
	return &Opener{s, ref.Size, s.aead()}, nil
}

// part opens part i of the blob in r. Padding is not given out. An error that
// wraps ErrWrong says that the octets are others than were sealed there.
func (o *Opener) part(r io.ReaderAt, i int64) ([]byte, error) {
	at := i * SealedPart
	b := make([]byte, min(SealedPart, o.sealed-at))
	if _, err := r.ReadAt(b, at); err != nil && err != io.EOF {
		return nil, err
	}
	plain, err := o.aead.Open(b[:0], sealNonce(int(i), at+int64(len(b)) == o.sealed), b, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: part %d of a sealed blob does not open", ErrWrong, i)
	}
	end := max(0, min(int64(len(plain)), o.seal.Size-i*openedPart))
	if len(bytes.TrimLeft(plain[end:], "\x00")) > 0 {
		return nil, fmt.Errorf("%w: padding of a sealed blob", ErrWrong)
	}
	return plain[:end], nil
}

// Range is the part of the blob, from an octet to before another, that has to be
// at hand to read length octets of what it holds from offset on.
func (o *Opener) Range(offset, length int64) (from, to int64) {
	last := (offset + max(length, 1) - 1) / openedPart
	return offset / openedPart * SealedPart, min((last+1)*SealedPart, o.sealed)
}

// ReadAt fills b with what the blob in r holds, from an offset on: fewer octets
// than b has only where it ends. Every octet was checked.
func (o *Opener) ReadAt(r io.ReaderAt, b []byte, offset int64) (n int, err error) {
	if offset < 0 || offset >= o.seal.Size {
		return 0, fmt.Errorf("%w: octet %d of %d", ErrBad, offset, o.seal.Size)
	}
	for n < len(b) && offset < o.seal.Size {
		plain, err := o.part(r, offset/openedPart)
		if err != nil {
			return n, err
		}
		did := copy(b[n:], plain[offset%openedPart:])
		n, offset = n+did, offset+int64(did)
	}
	return n, nil
}

// Copy writes all that the blob in r holds. The error wraps ErrWrong where what was
// written is not what was sealed: it must not be used then.
func (o *Opener) Copy(w io.Writer, r io.ReaderAt) error {
	h := sha256.New()
	for i := int64(0); i*SealedPart < o.sealed; i++ {
		plain, err := o.part(r, i)
		if err != nil {
			return err
		}
		h.Write(plain)
		if _, err := w.Write(plain); err != nil {
			return err
		}
	}
	if Hash(h.Sum(nil)) != o.seal.Hash {
		return fmt.Errorf("%w: what a sealed blob holds is not what the message says", ErrWrong)
	}
	return nil
}

package media

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/omega-im/omega/spec"
)

func sealed(t testing.TB, key byte, plain []byte) ([]byte, Ref, Seal) {
	t.Helper()
	var out bytes.Buffer
	s := NewSealer(&out, [32]byte{key, 1: 9})
	for rest := plain; len(rest) > 0; { // in odd parts
		n := min(len(rest), 70001)
		if _, err := s.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	seal, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	ref, _ := refOf(out.Bytes())
	return out.Bytes(), ref, seal
}

func open(ref Ref, seal Seal, blob []byte) ([]byte, error) {
	o, err := NewOpener(ref, seal)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = o.Copy(&out, bytes.NewReader(blob))
	return out.Bytes(), err
}

var sealSizes = []int{1, 4095, 4096, 4097, openedPart - 1, openedPart, openedPart + 1, 3 * openedPart, ChunkSize, ChunkSize + 77, 2_500_000}

func TestSealedComesBack(t *testing.T) {
	for _, size := range sealSizes {
		plain := octets(size)
		blob, ref, seal := sealed(t, 1, plain)
		if int64(len(blob)) != SealedSize(int64(size)) || seal.Size != int64(size) {
			t.Errorf("%d octets are sealed in %d, want %d", size, len(blob), SealedSize(int64(size)))
		}
		if got, err := open(ref, seal, blob); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d octets come back as %d: %v", size, len(got), err)
		}
		o, err := NewOpener(ref, seal)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range [][2]int{{0, 1}, {size - 1, 5}, {size / 2, 100}, {max(0, openedPart-3), 7}, {0, size}} {
			if r[0] >= size {
				continue
			}
			b := make([]byte, r[1])
			from, to := o.Range(int64(r[0]), int64(r[1]))
			near := only(blob, from, to)
			n, err := o.ReadAt(near, b, int64(r[0]))
			want := plain[r[0]:min(size, r[0]+r[1])]
			if err != nil || !bytes.Equal(b[:n], want) {
				t.Errorf("%d octets at %d of %d: %d octets, %v", r[1], r[0], size, n, err)
			}
		}
		if _, err := o.ReadAt(bytes.NewReader(blob), make([]byte, 1), int64(size)); !errors.Is(err, ErrBad) {
			t.Errorf("behind the end of %d octets: %v", size, err)
		}
	}
}

// only is a reader of some octets of a blob; the others are wrong.
func only(blob []byte, from, to int64) *bytes.Reader {
	b := bytes.Repeat([]byte{0xee}, len(blob))
	copy(b[from:to], blob[from:to])
	return bytes.NewReader(b)
}

// Whatever a server or a member does with the octets, nothing wrong is given out.
func TestSealedAttacks(t *testing.T) {
	plain := octets(3*openedPart + 1000)
	blob, ref, seal := sealed(t, 1, plain)
	other, _, _ := sealed(t, 2, plain)
	again, _, _ := sealed(t, 1, octets(3*openedPart+1001))
	whole := len(blob) / SealedPart * SealedPart
	edit := func(f func(b []byte)) []byte {
		b := bytes.Clone(blob)
		f(b)
		return b
	}
	for name, b := range map[string][]byte{
		"a flipped bit":           edit(func(b []byte) { b[SealedPart+5] ^= 1 }),
		"a flipped bit of a tag":  edit(func(b []byte) { b[len(b)-1] ^= 1 }),
		"parts in another order":  edit(func(b []byte) { copy(b, blob[SealedPart:2*SealedPart]); copy(b[SealedPart:], blob[:SealedPart]) }),
		"a part twice":            edit(func(b []byte) { copy(b[SealedPart:], blob[:SealedPart]) }),
		"a part of another blob":  edit(func(b []byte) { copy(b[SealedPart:], other[SealedPart:2*SealedPart]) }),
		"the end of another blob": edit(func(b []byte) { copy(b[whole:], again[whole:]) }),
		"zeros":                   make([]byte, len(blob)),
	} {
		got, err := open(ref, seal, b)
		if !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(got, plain[:len(got)]) {
			t.Errorf("%s: wrong octets were given out", name)
		}
	}
	for name, b := range map[string][]byte{"cut": blob[:len(blob)-1], "cut at a part": blob[:whole], "longer": append(bytes.Clone(blob), 0), "nothing": {}} {
		cut, _ := refOf(b)
		if _, err := open(cut, seal, b); !errors.Is(err, ErrBad) { // its size is not that of what the seal says
			t.Errorf("%s: %v", name, err)
		}
	}
	// One that ends at a part of the other's middle: the mark of the last part tells.
	short := blob[:2*SealedPart]
	o := &Opener{seal: Seal{Key: seal.Key, Size: 2 * openedPart}, sealed: int64(len(short)), aead: seal.aead()}
	if err := o.Copy(new(bytes.Buffer), bytes.NewReader(short)); !errors.Is(err, ErrWrong) {
		t.Errorf("cut off, with a seal that says so: %v", err)
	}
	for name, f := range map[string]func(*Seal){
		"another key": func(s *Seal) { s.Key[3]++ }, "another hash": func(s *Seal) { s.Hash[0]++ }, "a size that cuts": func(s *Seal) { s.Size-- },
		"a size that shows padding": func(s *Seal) { s.Size++ },
	} {
		s := seal
		if f(&s); SealedSize(s.Size) != ref.Size {
			t.Fatalf("%s: another size of the blob", name)
		}
		if _, err := open(ref, s, blob); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]Seal{"no key": {Size: seal.Size, Hash: seal.Hash}, "no hash": {Key: seal.Key, Size: seal.Size}, "no size": {Key: seal.Key, Hash: seal.Hash},
		"too large": {Key: seal.Key, Hash: seal.Hash, Size: MaxSealed + 1}, "negative": {Key: seal.Key, Hash: seal.Hash, Size: -1}} {
		if _, err := NewOpener(ref, s); !errors.Is(err, ErrBad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The same octets sealed twice are two blobs that nothing links, and sizes that are
// near each other are one.
func TestSealedTellNothing(t *testing.T) {
	plain := octets(100_000)
	a, refA, _ := sealed(t, 1, plain)
	b, refB, _ := sealed(t, 2, plain)
	if refA.Name == refB.Name || bytes.Equal(a[:64], b[:64]) {
		t.Error("two uploads of one file are linked")
	}
	if bytes.Contains(a, plain[:32]) {
		t.Error("what was sealed stands in the blob")
	}
	if SealedSize(1) != SealedSize(4000) || SealedSize(100_000) != SealedSize(99_900) {
		t.Error("sizes tell more than they should")
	}
	for size := int64(1); size <= MaxSealed; size += size/3 + 1 {
		p := PaddedSize(size)
		if p < size || PaddedSize(p) != p || size > minPadded && p > size+size/8 || PaddedSize(size+1) < p {
			t.Fatalf("%d octets are padded to %d", size, p)
		}
	}
	if SealedSize(MaxSealed) > MaxSize {
		t.Errorf("the largest sealed blob has %d octets", SealedSize(MaxSealed))
	}
}

// A sealVector is one blob of spec/vectors/media-sealed.json.
type sealVector struct {
	Size   int    `json:"size"` // of what is sealed, as in media.json
	Key    string `json:"key"`
	Hash   string `json:"hash"`
	Sealed int64  `json:"sealed_size"`
	Name   string `json:"name"`
	Root   string `json:"root"`
	Head   string `json:"first_octets"`
	Tail   string `json:"last_octets"`
}

func TestSealVectors(t *testing.T) {
	var list []sealVector
	for i, size := range sealSizes {
		blob, ref, seal := sealed(t, byte(i), octets(size))
		v := sealVector{
			size, hex.EncodeToString(seal.Key[:]), seal.Hash.String(), ref.Size, ref.Name.String(), "", hex.EncodeToString(blob[:32]), hex.EncodeToString(blob[len(blob)-32:]),
		}
		if HasTree(ref.Size) {
			v.Root = ref.Root.String()
		}
		list = append(list, v)
	}
	got, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile("../spec/vectors/media-sealed.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := spec.Vectors.ReadFile("vectors/media-sealed.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("sealed blobs are others than those of spec/vectors/media-sealed.json")
	}
}

// FuzzOpener: what a hostile server and a hostile member give together is refused, or
// is what the hash says.
func FuzzOpener(f *testing.F) {
	for _, size := range []int{1, 5000, openedPart + 5} {
		blob, _, seal := sealed(f, 3, octets(size))
		f.Add(blob, uint64(seal.Size), uint32(0))
	}
	f.Fuzz(func(t *testing.T, blob []byte, size uint64, at uint32) {
		if len(blob) == 0 {
			return
		}
		ref, _ := refOf(blob)
		seal := Seal{Key: [32]byte{3, 1: 9}, Size: int64(size), Hash: Hash{1}}
		o, err := NewOpener(ref, seal)
		if err != nil {
			return
		}
		if o.Copy(new(bytes.Buffer), bytes.NewReader(blob)) == nil {
			t.Fatal("a hash that nothing has")
		}
		b := make([]byte, 1+binary.BigEndian.Uint16(binary.BigEndian.AppendUint32(nil, at)))
		if n, err := o.ReadAt(bytes.NewReader(blob), b, int64(at)); err == nil && int64(n) > seal.Size-int64(at) {
			t.Fatalf("%d octets at %d of %d", n, at, seal.Size)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	plain := octets(8 << 20)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		s := NewSealer(discard{}, [32]byte{1})
		s.Write(plain)
		s.Finish()
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

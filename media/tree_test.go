package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/omega-im/omega/spec"
)

var update = flag.Bool("update", false, "write spec/vectors/media.json anew")

// octets are size octets that are the same every time: those of the vectors,
// octet i is the low octet of i*i/251 + i.
func octets(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(uint64(i)*uint64(i)/251 + uint64(i))
	}
	return b
}

func refOf(b []byte) (Ref, []Hash) {
	h := NewHasher()
	for len(b) > 0 { // in odd parts
		n := min(len(b), 70001)
		h.Write(b[:n])
		b = b[n:]
	}
	return h.Sum()
}

func flatten(leaves []Hash) (b []byte) {
	for _, l := range leaves {
		b = append(b, l[:]...)
	}
	return b
}

// A vector is one blob of spec/vectors/media.json.
type vector struct {
	Size   int      `json:"size"`
	Name   string   `json:"name"`
	Leaves []string `json:"leaves"`
	Root   string   `json:"root"` // empty: it has none
}

func vectors() (out []vector) {
	for _, size := range []int{1, 1000, ChunkSize, ChunkSize + 1, 2 * ChunkSize, 5*ChunkSize - 7, 7*ChunkSize + 3} {
		ref, leaves := refOf(octets(size))
		v := vector{Size: size, Name: ref.Name.String()}
		for _, l := range leaves {
			v.Leaves = append(v.Leaves, l.String())
		}
		if HasTree(ref.Size) {
			v.Root = ref.Root.String()
		}
		out = append(out, v)
	}
	return out
}

func TestVectors(t *testing.T) {
	got, err := json.MarshalIndent(vectors(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile("../spec/vectors/media.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := spec.Vectors.ReadFile("vectors/media.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("names, leaves or roots are others than those of spec/vectors/media.json")
	}
}

// rootByLevels is RFC 6962's tree the other way round: level by level, where an
// odd one moves up as it is.
func rootByLevels(level []Hash) Hash {
	for len(level) > 1 {
		var next []Hash
		for i := 0; i < len(level); i += 2 {
			if i+1 == len(level) {
				next = append(next, level[i])
				continue
			}
			next = append(next, sha256.Sum256(append(append([]byte{1}, level[i][:]...), level[i+1][:]...)))
		}
		level = next
	}
	return level[0]
}

func TestRootIsThatOfLevels(t *testing.T) {
	for n := 1; n < 70; n++ {
		leaves := make([]Hash, n)
		for i := range leaves {
			leaves[i] = LeafOf([]byte{byte(i)})
		}
		if got, want := RootOf(leaves), rootByLevels(leaves); got != want {
			t.Errorf("root of %d leaves = %s, want %s", n, got, want)
		}
	}
}

func TestVerifierFindsEveryWrongOctet(t *testing.T) {
	for _, size := range []int{1, 77, ChunkSize, ChunkSize + 1, 3*ChunkSize + 5} {
		b := octets(size)
		ref, leaves := refOf(b)
		v, err := NewVerifier(ref, flatten(leaves))
		if err != nil {
			t.Fatalf("%d octets: %v", size, err)
		}
		for i := range Chunks(ref.Size) {
			chunk := bytes.Clone(b[i*ChunkSize:][:ChunkLen(ref.Size, i)])
			if err := v.Check(i, chunk); err != nil {
				t.Errorf("%d octets, chunk %d: %v", size, i, err)
			}
			for range 20 {
				at := rand.IntN(len(chunk))
				chunk[at] ^= 1 << rand.IntN(8)
				if err := v.Check(i, chunk); !errors.Is(err, ErrWrong) {
					t.Fatalf("%d octets: a wrong octet at %d of chunk %d: %v", size, at, i, err)
				}
				copy(chunk, b[i*ChunkSize:])
			}
			if v.Check(i+1, chunk) == nil && Chunks(ref.Size) > 1 {
				t.Errorf("chunk %d counts as the next one", i)
			}
			if v.Check(i, chunk[:len(chunk)-1]) == nil {
				t.Errorf("a short chunk %d counts", i)
			}
		}
	}
}

func TestVerifierRefusesOtherLeaves(t *testing.T) {
	ref, leaves := refOf(octets(3 * ChunkSize))
	flat := flatten(leaves)
	rows := map[string][]byte{
		"none": nil, "one less": flat[:64], "one more": append(bytes.Clone(flat), flat[:32]...), "an odd one": flat[:95],
		"swapped": flatten([]Hash{leaves[1], leaves[0], leaves[2]}), "a node as leaf": flatten([]Hash{RootOf(leaves[:2]), leaves[2]}),
	}
	for name, b := range rows {
		if _, err := NewVerifier(ref, b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestRefCheck(t *testing.T) {
	some := Hash{1}
	for _, r := range []Ref{{some, 0, Hash{}}, {some, -1, Hash{}}, {some, MaxSize + 1, some}, {some, ChunkSize, some}, {some, ChunkSize + 1, Hash{}}} {
		if r.Check() == nil {
			t.Errorf("%+v passes", r)
		}
	}
	for _, r := range []Ref{{some, 1, Hash{}}, {some, ChunkSize, Hash{}}, {some, ChunkSize + 1, some}, {some, MaxSize, some}} {
		if err := r.Check(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestParseHash(t *testing.T) {
	h := Hash{0xab, 1}
	if got, err := ParseHash(h.String()); err != nil || got != h {
		t.Errorf("ParseHash = %v, %v", got, err)
	}
	for _, s := range []string{"", "ab", h.String() + "00", "AB" + h.String()[2:], "zz" + h.String()[2:]} {
		if _, err := ParseHash(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

func FuzzVerifier(f *testing.F) {
	ref, leaves := refOf(octets(2*ChunkSize + 9))
	f.Add(flatten(leaves), ref.Size, []byte("chunk"))
	f.Add([]byte{}, int64(5), []byte("chunk"))
	f.Fuzz(func(t *testing.T, flat []byte, size int64, chunk []byte) {
		r := Ref{Name: sha256.Sum256(chunk), Size: size}
		if HasTree(size) {
			list, err := ParseLeaves(flat)
			if err != nil {
				return
			}
			r.Root = RootOf(list)
		}
		v, err := NewVerifier(r, flat)
		if err != nil {
			return
		}
		if v.Check(0, chunk) == nil && len(chunk) != ChunkLen(size, 0) {
			t.Errorf("a chunk of %d octets counts as the first of %d", len(chunk), size)
		}
	})
}

// TestCountedChunks: chunks that were checked and counted make the same Ref and leaves as
// octets that were hashed for both, wherever counting begins.
func TestCountedChunks(t *testing.T) {
	for _, size := range []int{1, ChunkSize, ChunkSize + 1, 3*ChunkSize - 5, 4 * ChunkSize} {
		octets := make([]byte, size)
		for i := range octets {
			octets[i] = byte(i * i >> 3)
		}
		h := NewHasher()
		h.Write(octets)
		want, leaves := h.Sum()
		var raw []byte
		for _, l := range leaves {
			raw = append(raw, l[:]...)
		}
		v, err := NewVerifier(want, raw)
		if err != nil {
			t.Fatal(err)
		}
		for first := range Chunks(int64(size)) { // those before it are written
			got := NewHasher()
			got.Write(octets[:first*ChunkSize])
			for i := first; i < Chunks(int64(size)); i++ {
				chunk := octets[i*ChunkSize:][:ChunkLen(int64(size), i)]
				if err := v.Add(got, i, chunk); err != nil {
					t.Fatal(err)
				}
			}
			if ref, list := got.Sum(); ref != want || !slices.Equal(list, leaves) || got.Size() != want.Size {
				t.Errorf("%d octets, counted from chunk %d on: %v, want %v", size, first, ref, want)
			}
		}
		octets[size-1] ^= 1
		got := NewHasher()
		if err := v.Add(got, Chunks(int64(size))-1, octets[(Chunks(int64(size))-1)*ChunkSize:]); !errors.Is(err, ErrWrong) || got.Size() != 0 {
			t.Errorf("a wrong chunk: %v, and %d octets are counted", err, got.Size())
		}
	}
}

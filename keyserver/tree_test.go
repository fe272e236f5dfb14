package keyserver_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
)

// summaries is a store that has nothing but summaries, by leaf: a million fit.
type summaries struct {
	keyserver.Store
	leaves [keyserver.Leaves][]keyserver.Summary
}

func (s *summaries) RangeLeaf(_ context.Context, l keyserver.Leaf, fn func(keyserver.Summary) error) error {
	for _, sum := range s.leaves[l] {
		if err := fn(sum); err != nil {
			return err
		}
	}
	return nil
}

func (s *summaries) Range(ctx context.Context, bucket uint8, fn func(keyserver.Summary) error) error {
	for i := range 256 {
		if err := s.RangeLeaf(ctx, keyserver.Leaf(bucket)<<8|keyserver.Leaf(i), fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *summaries) add(sum keyserver.Summary) {
	l := keyserver.LeafOf(sum.Fingerprint)
	s.leaves[l] = append(s.leaves[l], sum)
}

func summary(n uint64) keyserver.Summary {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	fp, err := omega.FingerprintV4(sum[:20])
	if err != nil {
		panic(err)
	}
	return keyserver.Summary{Fingerprint: fp, Sequence: 1, Hash: sum}
}

func load(t testing.TB, store keyserver.Store) *keyserver.Server {
	t.Helper()
	s, err := keyserver.New(keyserver.Config{Store: store, Self: fpOf(1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// compare goes down the tree as two servers do, and returns what a wants of b
// and how many octets of bodies went over the wire.
func compare(t testing.TB, a, b *keyserver.Server) (wants []omega.Fingerprint, octets int) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	ask := func(mine keyserver.Scope) (*keyserver.Scope, *keyserver.Digest) {
		question := mine.AppendTo(nil)
		asked, rest, err := keyserver.DecodeScope(question)
		if err != nil || len(rest) > 0 {
			t.Fatalf("scope: %d octets left, %v", len(rest), err)
		}
		theirs := b.Scope(asked.Owned != nil)
		answer := b.DigestOf(&theirs, asked).AppendTo(theirs.AppendTo(nil))
		octets += len(question) + len(answer)
		told, rest, err := keyserver.DecodeScope(answer)
		check(err)
		tops, err := keyserver.DecodeDigest(rest)
		check(err)
		return told, tops
	}
	mine := a.Scope(false)
	told, tops := ask(mine)
	if mine.Owned == nil && told.Owned != nil {
		mine = a.Scope(true)
		told, tops = ask(mine)
	}
	for depth, buckets := range keyserver.Branches(a.DigestOf(&mine, told).Differing(tops), &mine, told) {
		for part := range slices.Chunk(buckets, keyserver.MaxBranches) {
			question := append([]byte{byte(depth)}, part...)
			answer, err := b.AppendLeaves(nil, question)
			check(err)
			octets += len(question) + len(answer)
			leaves, err := a.DifferingLeaves(answer, &mine, told)
			check(err)
			for some := range slices.Chunk(leaves, keyserver.MaxListed) {
				question := keyserver.AppendList(nil, depth, some)
				octets += len(question)
				last := false
				check(b.List(t.Context(), question, func(body []byte) error {
					octets += len(body)
					list, more, err := keyserver.DecodeListed(body)
					if err != nil {
						return err
					}
					last = !more
					w, err := a.Wants(t.Context(), list, depth)
					wants = append(wants, w...)
					return err
				}))
				if !last {
					t.Fatal("the last page says that there are more")
				}
			}
		}
	}
	return wants, octets
}

// Whatever two servers have, one wants exactly what the other has and it has
// not, or has otherwise, in what both keep.
func TestTreeFindsWhatDiffers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var have [2]summaries
		want := map[omega.Fingerprint]bool{}
		n := rapid.IntRange(0, 300).Draw(rt, "entries")
		for i := range n {
			sum := summary(uint64(i))
			sum.Narrow = rapid.IntRange(0, 9).Draw(rt, "narrow") == 0
			switch rapid.IntRange(0, 5).Draw(rt, "where") {
			case 0:
				have[0].add(sum)
			case 1:
				have[1].add(sum)
				want[sum.Fingerprint] = true
			case 2:
				have[0].add(sum)
				sum.Hash[0] ^= 1
				have[1].add(sum)
				want[sum.Fingerprint] = true
			default:
				have[0].add(sum)
				have[1].add(sum)
			}
		}
		a, b := load(t, &have[0]), load(t, &have[1])
		servers := someServers(2, 0)
		if rapid.Bool().Draw(rt, "placed") { // two share everything
			for _, s := range []*keyserver.Server{a, b} {
				s.Place([]keyserver.Candidate{{Server: fpOf(1)}, servers[0]}, now)
			}
		} else { // they own nothing: narrow entries are nothing to them
			for _, s := range []*keyserver.Server{a, b} {
				s.Place(servers, now)
			}
			for i := range n {
				if l := keyserver.LeafOf(summary(uint64(i)).Fingerprint); slices.ContainsFunc(have[1].leaves[l], func(s keyserver.Summary) bool {
					return s.Narrow && s.Fingerprint == summary(uint64(i)).Fingerprint
				}) {
					delete(want, summary(uint64(i)).Fingerprint)
				}
			}
		}
		got, _ := compare(t, a, b)
		for _, fp := range got {
			if !want[fp] {
				rt.Errorf("wants %v, which is the same or not shared", fp)
			}
			delete(want, fp)
		}
		for fp := range want {
			rt.Errorf("does not want %v", fp)
		}
	})
}

// many returns two servers with n entries, of which so many differ.
func many(t testing.TB, n, differing int) (a, b *keyserver.Server) {
	var have [2]*summaries
	for i := range have {
		have[i] = new(summaries)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		sum := summary(uint64(i))
		have[0].add(sum)
		if r.IntN(n-i) < differing {
			differing--
			sum.Hash[0] ^= 1
			sum.Sequence++
		}
		have[1].add(sum)
	}
	return load(t, have[0]), load(t, have[1])
}

// That one of very many differs is found with a few kilobytes. (What a million
// cost, the benchmark tells.)
func TestManyComparedCheaply(t *testing.T) {
	a, b := many(t, 100_000, 1)
	if wants, octets := compare(t, a, b); len(wants) != 1 || octets > 8<<10 {
		t.Errorf("found %d differences with %d octets, want 1 with 8 KiB at most", len(wants), octets)
	}
	if wants, octets := compare(t, a, a); len(wants) != 0 || octets > 4<<10 {
		t.Errorf("found %d differences from itself with %d octets", len(wants), octets)
	}
}

func BenchmarkCompareMillion(b *testing.B) {
	for _, differing := range []int{0, 1, 100, 10_000} {
		b.Run(fmt.Sprintf("%d differ", differing), func(b *testing.B) {
			x, y := many(b, 1_000_000, differing)
			octets := 0
			for b.Loop() {
				wants, n := compare(b, x, y)
				if len(wants) != differing {
					b.Fatalf("%d differences, want %d", len(wants), differing)
				}
				octets = n
			}
			b.ReportMetric(float64(octets), "octets/op")
		})
	}
}

func FuzzTree(f *testing.F) {
	have := new(summaries)
	for i := range 100 {
		have.add(summary(uint64(i)))
	}
	s := load(f, have)
	scope := s.Scope(true)
	f.Add(scope.AppendTo(nil))
	f.Add(keyserver.AppendList(nil, keyserver.General, []keyserver.Leaf{1, 2}))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, _, err := keyserver.DecodeScope(b); err == nil {
			s.DigestOf(&scope, o)
		}
		if leaves, err := s.AppendLeaves(nil, b); err == nil {
			if _, err := s.DifferingLeaves(leaves, &scope, &scope); err != nil {
				t.Errorf("own leaves: %v", err)
			}
		}
		_, _ = s.DifferingLeaves(b, &scope, &scope)
		_ = s.List(t.Context(), b, func(body []byte) error {
			if _, _, err := keyserver.DecodeListed(body); err != nil {
				t.Errorf("own list: %v", err)
			}
			return nil
		})
		if list, _, err := keyserver.DecodeListed(b); err == nil {
			_, _ = s.Wants(t.Context(), list, keyserver.General)
		}
		_, _ = keyserver.DecodeHeld(b, 2)
	})
}

package keyserver_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
)

// someServers are n servers of so many operators.
func someServers(n, operators int) []keyserver.Candidate {
	out := make([]keyserver.Candidate, n)
	for i := range out {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8), 7})
		fp, err := omega.FingerprintV4(sum[:20])
		if err != nil {
			panic(err)
		}
		out[i] = keyserver.Candidate{Server: fp}
		if operators > 0 {
			out[i].Operator = fmt.Sprint("operator ", i%operators)
		}
	}
	return out
}

// slowOwners is Owners as KEYS-7 says it.
func slowOwners(servers []keyserver.Candidate, l keyserver.Leaf, epoch uint64) (out []omega.Fingerprint) {
	mix := func(x uint64) uint64 {
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		return x ^ x>>31
	}
	weight := func(c keyserver.Candidate) uint64 {
		b := binary.BigEndian.AppendUint64([]byte("omega-im/place/v1\n"), epoch)
		sum := sha256.Sum256(c.Server.AppendTo(b))
		return mix(binary.BigEndian.Uint64(sum[:]) ^ uint64(l))
	}
	ranked := slices.Clone(servers)
	slices.SortFunc(ranked, func(a, b keyserver.Candidate) int { return cmp.Compare(weight(b), weight(a)) })
	var rest []omega.Fingerprint
	seen := map[string]bool{}
	for _, c := range ranked {
		name := cmp.Or(c.Operator, c.Server.String())
		if seen[name] || len(out) == keyserver.Copies {
			rest = append(rest, c.Server)
			continue
		}
		seen[name] = true
		out = append(out, c.Server)
	}
	for _, s := range rest {
		if len(out) < keyserver.Copies {
			out = append(out, s)
		}
	}
	return out
}

func TestOwners(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		servers := someServers(rapid.IntRange(0, 40).Draw(t, "servers"), rapid.IntRange(0, 6).Draw(t, "operators"))
		p := keyserver.NewPlacement(rapid.Permutation(servers).Draw(t, "order"))
		l := keyserver.Leaf(rapid.Uint16().Draw(t, "leaf"))
		epoch := rapid.Uint64().Draw(t, "epoch")
		if got, want := p.Owners(l, epoch), slowOwners(servers, l, epoch); !slices.Equal(got, want) {
			t.Fatalf("owners %v, want %v", got, want)
		}
	})
}

// A server that comes or goes changes nothing but its own share.
func TestOwnersMoveLittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		servers := someServers(rapid.IntRange(keyserver.Copies+1, 40).Draw(t, "servers"), 0)
		gone := rapid.IntRange(0, len(servers)-1).Draw(t, "gone")
		before := keyserver.NewPlacement(servers)
		after := keyserver.NewPlacement(slices.Delete(slices.Clone(servers), gone, gone+1))
		l, epoch := keyserver.Leaf(rapid.Uint16().Draw(t, "leaf")), rapid.Uint64().Draw(t, "epoch")
		had, has := before.Owners(l, epoch), after.Owners(l, epoch)
		if !slices.Contains(had, servers[gone].Server) {
			if !slices.Equal(had, has) {
				t.Fatalf("owners %v were %v, though none of them went", has, had)
			}
			return
		}
		for _, s := range had {
			if s != servers[gone].Server && !slices.Contains(has, s) {
				t.Fatalf("%v owns nothing any more, though another went", s)
			}
		}
	})
}

// Shares are even, and epochs shuffle them anew: who sits on a leaf now is there
// next time no more often than anybody.
func TestSharesAreEven(t *testing.T) {
	const n = 20
	servers := someServers(n, 0)
	p := keyserver.NewPlacement(servers)
	share := map[omega.Fingerprint]int{}
	again := 0
	for i := range keyserver.Leaves {
		l := keyserver.Leaf(i)
		now, next := p.Owners(l, 100), p.Owners(l, 101)
		for _, s := range now {
			share[s]++
			if slices.Contains(next, s) {
				again++
			}
		}
	}
	want := float64(keyserver.Leaves) * keyserver.Copies / n
	for s, got := range share {
		if math.Abs(float64(got)-want) > want/20 {
			t.Errorf("%v owns %d leaves, want %.0f", s, got, want)
		}
	}
	if got, want := float64(again)/(keyserver.Leaves*keyserver.Copies), float64(keyserver.Copies)/n; math.Abs(got-want) > 0.01 {
		t.Errorf("%.3f of the owners stay, want %.3f", got, want)
	}
}

// Leaves change their epoch one after another, each once.
func TestEpochsAreStaggered(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	step := keyserver.EpochLength / 100
	most, changes := 0, make([]int, keyserver.Leaves)
	for at := time.Duration(0); at < keyserver.EpochLength; at += step {
		n := 0
		for i := range keyserver.Leaves {
			l := keyserver.Leaf(i)
			if d := keyserver.EpochOf(l, start.Add(at+step)) - keyserver.EpochOf(l, start.Add(at)); d > 0 {
				n++
				changes[i] += int(d)
			}
		}
		most = max(most, n)
	}
	if most > keyserver.Leaves/100+2 {
		t.Errorf("%d leaves change within a hundredth of an epoch", most)
	}
	for l, n := range changes {
		if n != 1 {
			t.Fatalf("leaf %d changed %d times in one epoch", l, n)
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	for _, n := range []int{100, 1000} {
		servers := someServers(n, 0)
		b.Run(fmt.Sprintf("%d servers", n), func(b *testing.B) {
			s, err := keyserver.New(keyserver.Config{Store: keyserver.NewMem(), Self: servers[0].Server})
			if err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				s.Place(servers[:n-i%2], now) // one comes and goes
			}
		})
	}
}

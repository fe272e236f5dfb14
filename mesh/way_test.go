package mesh

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// A way is where the next hops of the servers on it lead, also where paths are
// equally short.
func TestWayFollowsNextHops(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		g := evenGraph(rng, 12)
		var dead []LinkID
		for range rng.IntN(4) {
			e := g.edge(int32(rng.IntN(len(g.edges))))
			dead = append(dead, LinkBetween(e.B, e.A))
		}
		for _, from := range g.nodes {
			for _, to := range g.nodes {
				if from == to {
					continue
				}
				want := []omega.Fingerprint{from}
				for at := from; at != to; {
					hop, ok := g.SPF(at).avoiding(g.edgesOf(nil, dead)).NextHop(to)
					if !ok {
						want = nil
						break
					}
					want = append(want, hop)
					at = hop
				}
				if got := g.Way(from, to, dead); !slices.Equal(got, want) {
					t.Fatalf("from %v to %v: %v, want %v", from, to, got, want)
				}
			}
		}
	}
}

// evenGraph has few different round trips, so that many paths are equal, and
// some servers that forward for nobody.
func evenGraph(rng *rand.Rand, n int) *Graph {
	var servers []omega.Fingerprint
	for i := range n {
		servers = append(servers, fp(string(rune('a'+i))))
	}
	var links []Edge
	for range 2 * n {
		links = append(links, Edge{servers[rng.IntN(n)], servers[rng.IntN(n)], time.Duration(1+rng.IntN(2)) * time.Millisecond})
	}
	leaves := map[omega.Fingerprint]bool{servers[rng.IntN(n)]: true, servers[rng.IntN(n)]: true}
	return NewGraph(servers, links, func(fp omega.Fingerprint) bool { return !leaves[fp] })
}

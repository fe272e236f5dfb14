package cloud

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// A cloud that has what it needs is left alone by its members for hours. Then each
// looks by itself: it measures at most 64 others, and gets one link at a time
// to where the way through the mesh is twice as long as the direct one. Nobody
// gets more than eight links that way, one that is refused is not asked again at
// once, and the cloud keeps its rule.
func TestMembersLookForNearerWays(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		var mu sync.Mutex
		probes := map[string][]time.Time{} // by who measures
		nodes := n.cloudOf(12, func(i int, cfg *Config) {
			cfg.HelloInterval = 20 * time.Second // hours go by
			self := cfg.Announcement.Peer
			cfg.Probe = func(context.Context, transport.Address) (time.Duration, error) {
				mu.Lock()
				defer mu.Unlock()
				probes[self] = append(probes[self], time.Now())
				return 2 * n.latency, nil
			}
		})
		links := func() (all int, each map[string]int) {
			each = map[string]int{}
			for _, e := range nodes[0].Topology().Links {
				all++
				each[n.name(e.A)]++
				each[n.name(e.B)]++
			}
			return all, each
		}
		begin, stop := time.Now(), time.Now().Add(mesh.LookMin-time.Minute)
		mu.Lock()
		clear(probes) // of those who joined
		mu.Unlock()
		for time.Now().Before(stop) {
			time.Sleep(10 * time.Minute)
		}
		before, _ := links()
		mu.Lock()
		if len(probes) > 0 {
			t.Errorf("%d members look before %v", len(probes), mesh.LookMin)
		}
		mu.Unlock()
		n.await("links that members looked for", 2*mesh.LookMax, func() bool {
			now, _ := links()
			return now >= before+3
		})
		// Two may ask the same member at once; it gives up what is too much.
		n.await("members with no more links than they keep", time.Hour, func() bool {
			_, each := links()
			for _, count := range each {
				if count > mesh.SurplusLinks {
					return false
				}
			}
			return true
		})
		n.await("the rule holds", time.Minute, func() bool { return n.agree(nodes) })
		mu.Lock()
		defer mu.Unlock()
		for name, at := range probes {
			if looks := int(time.Since(begin)/mesh.LookMin) + 1; len(at) > looks*2*mesh.LookServers {
				t.Errorf("%s measured %d times in %v", name, len(at), time.Since(begin))
			}
		}
		t.Logf("%d links, then %d after %v; %d members looked", before, before+3, time.Since(begin), len(probes))
	})
}

package node

import (
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega/keyserver"
)

// TestHanding: a round has each leaf once; what owners did not take comes again after 15
// seconds, then after twice as long each time, and not after it was taken or the owners
// changed. (spec/keys.md, KEYS-8)
func TestHanding(t *testing.T) {
	leaves := []keyserver.Leaf{3, 500, 40_000}
	existing := func(from keyserver.Leaf) (keyserver.Leaf, bool) {
		i := slices.IndexFunc(leaves, func(l keyserver.Leaf) bool { return l >= from })
		if i < 0 {
			return keyserver.Leaves - 1, false
		}
		return leaves[i], true
	}
	start := time.Unix(1_700_000_000, 0)
	stubborn := map[keyserver.Leaf]bool{3: true, 40_000: true}
	var h handing
	h.begin(start)
	seen := map[keyserver.Leaf][]time.Duration{}
	tick := func(at time.Duration) {
		l, ok := h.next(start.Add(at), existing)
		if !ok {
			return
		}
		seen[l] = append(seen[l], at)
		if stubborn[l] {
			h.failed(l)
		}
	}
	for at := time.Duration(0); at < 3*time.Minute; at += time.Second {
		if at == 60*time.Second {
			delete(stubborn, 3)
		}
		tick(at)
	}
	s := func(n ...int) (out []time.Duration) {
		for _, n := range n {
			out = append(out, time.Duration(n)*time.Second)
		}
		return out
	}
	want := map[keyserver.Leaf][]time.Duration{3: s(0, 18, 49, 110), 500: s(1), 40_000: s(2, 19, 50, 111)}
	for l, at := range want {
		if !slices.Equal(seen[l], at) {
			t.Errorf("leaf %d at %v, want %v", l, seen[l], at)
		}
	}
	clear(seen)
	clear(stubborn)
	h.begin(start.Add(3 * time.Minute))
	for at := 3 * time.Minute; at < time.Hour; at += time.Second {
		tick(at)
	}
	for _, l := range leaves {
		if len(seen[l]) != 1 {
			t.Errorf("leaf %d after the owners changed: %v", l, seen[l])
		}
	}
	for at := time.Hour; at < time.Hour+4*time.Minute; at += time.Second {
		tick(at)
	}
	if len(seen[500]) != 2 {
		t.Errorf("leaf 500 in a second hour: %v", seen[500])
	}
}

package churn

import (
	"math/rand/v2"
	"testing"
)

// What the ledger finds near a change is what a search of everything finds:
// random links come and go, servers with them, and after each change the graph
// is three-connected exactly when the loss of any server leaves no cut vertex.
func TestLedgerAgreesWithSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var sound, unsound int
	for range 30 {
		w := newWorld(&Config{Servers: 40, Seed: 1, Progress: func(string) {}})
		n := 10 + rng.IntN(20)
		for range n {
			i := w.addServer()
			w.pop.all[i].nat = false
			w.setAlive(i, true)
			w.servers[i].full = true
		}
		for range 2*n + rng.IntN(2*n) {
			if a, b := int32(rng.IntN(n)), int32(rng.IntN(n)); a != b && w.servers[a].linkTo(b) == nil {
				w.tie(a, b)
			}
		}
		o := newLedger(w)
		o.survey(w)
		for range 60 {
			change(w, o, rng)
			got := o.judge()
			var whole ledger
			if want := whole.survey(w); got != want {
				t.Fatalf("the ledger says three-connected: %v; a search: %v", got, want)
			}
			if got {
				sound++
			} else {
				unsound++
			}
		}
	}
	if sound < 100 || unsound < 100 {
		t.Errorf("%d times three-connected, %d times not: the graphs are no test", sound, unsound)
	}
}

// change makes or breaks a link, or ends a server.
func change(w *world, o *ledger, rng *rand.Rand) {
	alive := w.aliveServers()
	a, b := alive[rng.IntN(len(alive))], alive[rng.IntN(len(alive))]
	switch s := &w.servers[a]; {
	case a == b && len(alive) > 6:
		w.setAlive(a, false)
		s.full = false
		o.leave(w, a)
	case a == b:
	case s.linkTo(b) != nil && rng.IntN(3) == 0:
		s.linkTo(b).announced = false
		o.untie(w, a, b)
	case s.linkTo(b) != nil:
		s.linkTo(b).announced, w.servers[b].linkTo(a).announced = true, true
		o.tie(w, a, b)
	default:
		w.tie(a, b)
		o.tie(w, a, b)
	}
}

// Three disjoint ways go between two servers without a link exactly when no
// two others separate them.
func TestWaysAgreeWithRemoval(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	var f ways
	counts := map[bool]int{}
	for range 200 {
		n := 6 + rng.IntN(10)
		near := make([][]int32, n)
		for range 2 * n {
			a, b := int32(rng.IntN(n)), int32(rng.IntN(n))
			if a != b && !has(near[a], b) {
				near[a], near[b] = append(near[a], b), append(near[b], a)
			}
		}
		for s := range int32(n) {
			for u := s + 1; int(u) < n; u++ {
				if has(near[s], u) {
					continue
				}
				want := !separable(near, s, u)
				if got := f.three(near, s, u); got != want {
					t.Fatalf("three ways from %d to %d: %v, want %v in %v", s, u, got, want, near)
				}
				counts[want]++
			}
		}
	}
	if counts[true] < 100 || counts[false] < 100 {
		t.Error(counts)
	}
}

func has(of []int32, v int32) bool {
	for _, x := range of {
		if x == v {
			return true
		}
	}
	return false
}

// separable tries all pairs of servers.
func separable(near [][]int32, s, t int32) bool {
	for a := range int32(len(near)) {
		for b := a; int(b) < len(near); b++ {
			if a == s || a == t || b == s || b == t {
				continue
			}
			seen := map[int32]bool{s: true, a: true, b: true}
			line := []int32{s}
			for len(line) > 0 {
				v := line[0]
				line = line[1:]
				for _, u := range near[v] {
					if !seen[u] {
						seen[u] = true
						line = append(line, u)
					}
				}
			}
			if !seen[t] {
				return true
			}
		}
	}
	return false
}

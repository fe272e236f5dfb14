package fault

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Kinds of faults.
const (
	faultKill    = "kill -9"
	faultPower   = "power cut"
	faultStop    = "stop"
	faultCut     = "cut"
	faultOneWay  = "one-way cut"
	faultLink    = "loss on a link"
	faultLoss    = "loss at a server"
	faultDisk    = "full disk"
	faultClock   = "clock jump"
	faultSplit   = "split"
	faultRolling = "rolling restart"
	faultCloud   = "whole cloud stops"
)

// singleFaults are the failures of one server or one link.
var singleFaults = []string{faultKill, faultPower, faultStop, faultCut, faultOneWay, faultLink, faultLoss, faultDisk, faultClock}

// A fault is one thing that goes wrong for a while.
type fault struct {
	kind  string
	who   []int         // servers it strikes; a link is two, a split the smaller half
	lasts time.Duration // until it is mended
	then  time.Duration // until the next one
	share float64       // of packets that are lost
	jump  time.Duration // of the clock
	seed  uint64        // of what is kept at a power cut
	bare  bool          // power cut: nothing that was not synced is kept; full disk: not an octet is free; whole cloud: kill -9
}

// single reports whether the fault is the failure of one server or one link.
func (f *fault) single() bool { return slices.Contains(singleFaults, f.kind) }

func (f *fault) String() string {
	var s strings.Builder
	s.WriteString(f.kind)
	for _, i := range f.who {
		fmt.Fprintf(&s, " s%d", i+1)
	}
	switch f.kind {
	case faultLink, faultLoss:
		fmt.Fprintf(&s, " of %.1f %%", 100*f.share)
	case faultClock:
		fmt.Fprintf(&s, " by %v", f.jump)
	case faultPower, faultDisk, faultCloud:
		if f.bare {
			s.WriteString(", the hard way")
		}
	}
	fmt.Fprintf(&s, ", mended after %v, next after %v", f.lasts.Round(time.Millisecond), f.then.Round(time.Millisecond))
	return s.String()
}

// A roster says which servers a fault of some kinds can strike.
type roster struct {
	servers int
	power   []int // those whose kill is a power cut; the others can be killed
	disk    int   // the one on a small disk
}

// newPlan makes a schedule from its seed: every kind is dealt once before any
// comes again, like cards. In the short form none lasts long, and the whole
// cloud is neither stopped nor restarted.
func newPlan(seed uint64, r roster, n int, short bool) []fault {
	rng := rand.New(rand.NewPCG(seed, 7))
	var deck []string
	var out []fault
	for len(out) < n {
		if len(deck) == 0 {
			deck = append(append(deck, singleFaults...), faultSplit)
			if !short {
				deck = append(deck, faultRolling, faultCloud)
			}
			rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		out = append(out, newFault(rng, r, deck[0], short))
		deck = deck[1:]
	}
	return out
}

func newFault(rng *rand.Rand, r roster, kind string, short bool) fault {
	f := fault{kind: kind, seed: rng.Uint64(), lasts: time.Second + upTo(rng, 3*time.Second), then: 500*time.Millisecond + upTo(rng, 2*time.Second)}
	order := rng.Perm(r.servers)
	f.who = order[:1]
	long := 5*time.Second + upTo(rng, 15*time.Second)
	switch kind {
	case faultKill, faultPower:
		f.lasts = upTo(rng, 4*time.Second)
		f.bare = rng.IntN(2) == 0
		f.who = []int{pick(order, func(i int) bool { return slices.Contains(r.power, i) == (kind == faultPower) })}
	case faultStop:
		f.lasts = 2 * time.Second
		long = 20 * time.Second
	case faultCut, faultOneWay:
		f.who = order[:2]
	case faultLink, faultLoss:
		f.share = 0.01 + 0.04*rng.Float64()
		if kind == faultLink {
			f.who = order[:2]
		}
	case faultDisk:
		f.who = []int{r.disk}
		f.bare = rng.IntN(2) == 0
	case faultClock:
		f.jump = (5*time.Minute + upTo(rng, 115*time.Minute)).Truncate(time.Second)
		if rng.IntN(2) == 0 {
			f.jump = -f.jump
		}
	case faultSplit:
		f.who = order[:r.servers/2]
		long = 20 * time.Second
	case faultRolling, faultCloud:
		f.who = order
		f.bare = kind == faultCloud && rng.IntN(2) == 0
		f.lasts = upTo(rng, 2*time.Second)
		return f
	}
	// Half of the long form's faults last long enough to be noticed for good.
	if !short && rng.IntN(2) == 0 && kind != faultKill && kind != faultPower || !short && kind == faultSplit {
		f.lasts = long
	}
	if !short {
		f.then += 3 * time.Second
	}
	return f
}

// pick is the first of a list that is good.
func pick(list []int, good func(int) bool) int { return list[slices.IndexFunc(list, good)] }

func TestPlan(t *testing.T) {
	t.Parallel()
	r := roster{servers: 6, power: []int{1, 4}, disk: 5}
	for seed := range uint64(50) {
		for _, short := range []bool{true, false} {
			kinds := len(singleFaults) + 3
			if short {
				kinds -= 2
			}
			p := newPlan(seed, r, 3*kinds, short)
			if !reflect.DeepEqual(p, newPlan(seed, r, 3*kinds, short)) {
				t.Fatalf("seed %d gives different schedules", seed)
			}
			count := map[string]int{}
			for _, f := range p {
				count[f.kind]++
				if power := slices.Contains(r.power, f.who[0]); f.kind == faultKill && power || f.kind == faultPower && !power {
					t.Errorf("seed %d: %v", seed, &f)
				}
				if f.lasts > 20*time.Second || short && f.lasts > 4*time.Second {
					t.Errorf("seed %d: %v", seed, &f)
				}
			}
			for kind, n := range count {
				if n != 3 {
					t.Errorf("seed %d: %d times %s, want 3", seed, n, kind)
				}
			}
		}
		if reflect.DeepEqual(newPlan(seed, r, 5, false), newPlan(seed+1, r, 5, false)) {
			t.Errorf("seeds %d and %d give the same schedule", seed, seed+1)
		}
	}
}

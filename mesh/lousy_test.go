package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// A lousyWorld is one in which everybody sees what was some rounds ago, dials
// time out, servers take no more than five links in a round, and some cannot be
// dialled at all.
type lousyWorld struct {
	*world
	nat     map[omega.Fingerprint]bool
	failing float64 // share of dials that time out
	bases   []*View // what there was to see, the newest last
	most    int     // dials that one server got in one round
	resting map[[2]omega.Fingerprint]int
	round   int
}

func newLousyWorld(t *testing.T, seed uint64, failing float64) *lousyWorld {
	return &lousyWorld{
		world: newWorld(t, seed), nat: map[omega.Fingerprint]bool{}, failing: failing, resting: map[[2]omega.Fingerprint]int{},
	}
}

// snapshot notes what there is to see now.
func (w *lousyWorld) snapshot() {
	db := w.look()
	for f := range w.nat {
		if rec, ok := db.Get(f); ok {
			a := *rec.Announcement
			a.Flags |= FlagNAT
			db.put(&Record{Announcement: &a, Hash: [32]byte{2}})
		}
	}
	w.bases = append(w.bases, db.View(w.now, &w.stand))
	if len(w.bases) > 4 {
		w.bases = w.bases[1:]
	}
}

// step lets everybody act once on what it happens to see, and returns how many
// links were wanted.
func (w *lousyWorld) step() int {
	w.round++
	w.now = w.now.Add(time.Minute)
	w.snapshot()
	inbound, accepted, wanted := map[omega.Fingerprint]int{}, map[omega.Fingerprint]int{}, 0
	for _, self := range w.alive() {
		base := w.bases[w.rng.IntN(len(w.bases))]
		if base.Record(self) == nil {
			base = w.bases[len(w.bases)-1]
		}
		v := w.as(base, self)
		for _, want := range v.Plan(w.input(self), w.rng) {
			wanted++
			inbound[want.Peer]++
			w.most = max(w.most, inbound[want.Peer])
			if w.links[want.Peer] == nil || w.nat[want.Peer] || w.rng.Float64() < w.failing || accepted[want.Peer] >= 5 || len(w.links[want.Peer]) >= LinkCap {
				w.resting[[2]omega.Fingerprint{self, want.Peer}] = w.round + 2
				continue
			}
			accepted[want.Peer]++
			w.link(self, want.Peer)
		}
	}
	return wanted
}

func (w *lousyWorld) input(self omega.Fingerprint) PlanInput {
	in := PlanInput{
		Quiet: time.Duration(w.round%8) * RepairTurn,
		Skip:  func(to omega.Fingerprint) bool { return w.resting[[2]omega.Fingerprint{self, to}] > w.round },
	}
	for to := range w.links[self] {
		in.Links = append(in.Links, to)
	}
	slices.SortFunc(in.Links, omega.Fingerprint.Compare)
	return in
}

// whole reports whether the cloud is as it has to be at rest.
func (w *lousyWorld) whole() bool {
	full := w.bases[len(w.bases)-1].Full()
	cuts := full.Cuts(w.rng.Uint64)
	for f := range w.links {
		if !w.nat[f] && !full.Has(f) {
			return false
		}
	}
	return len(cuts.Bridges)+len(cuts.Vertices)+cuts.TwoCuts == 0 && full.MinDegree() >= RequiredLinks && len(full.Components()) == 1
}

func (w *lousyWorld) settle() (rounds int) {
	for rounds = range 200 {
		w.step()
		if w.whole() {
			return rounds + 1
		}
	}
	w.t.Fatalf("not whole after %d rounds", rounds)
	return 0
}

// grow makes n servers join, batch of them between two times of rest.
func (w *lousyWorld) grow(n, batch int) {
	for i := range n {
		name := fmt.Sprintf("s%04d", i)
		w.join(name)
		if i > 10 && w.rng.Float64() < 0.1 {
			w.nat[fp(name)] = true
		}
		if i%batch == batch-1 {
			w.settle()
		}
	}
	w.settle()
}

// Repair comes to its end with stale views, dials that time out, servers
// behind NAT and five links in a round, and it stays at rest then.
func TestRepairInALousyWorld(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newLousyWorld(t, 100+seed, 0.2)
			w.grow(60, 8)
			for range 20 { // one dies in every other round
				alive := w.alive()
				w.kill(alive[w.rng.IntN(len(alive))])
				w.step()
				w.step()
			}
			w.settle()
			alive := w.alive() // a third dies at once
			w.rng.Shuffle(len(alive), func(i, j int) { alive[i], alive[j] = alive[j], alive[i] })
			for _, f := range alive[:len(alive)/3] {
				w.kill(f)
			}
			made := w.made
			rounds := w.settle()
			t.Logf("mended in %d rounds with %.2f links per survivor", rounds, float64(w.made-made)/float64(len(w.links)))
			for range 8 { // what was seen long ago is no longer seen
				w.step()
			}
			made = w.made
			for range 20 {
				w.step()
			}
			if w.made > made {
				t.Errorf("%d links made while all was well", w.made-made)
			}
			for f, l := range w.links {
				if len(l) > LinkCap {
					t.Errorf("%v has %d links", nameOf(f), len(l))
				}
			}
		})
	}
}

// After 30 % die at once nobody gets more than a few dials in one round, of
// which it takes five, and the survivors make few links. (At 10,000 the
// simulator counts; this is the rule alone, and most rounds stay far below.)
func TestNoStampede(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newLousyWorld(t, seed, 0)
			w.grow(200, 50)
			alive := w.alive()
			w.rng.Shuffle(len(alive), func(i, j int) { alive[i], alive[j] = alive[j], alive[i] })
			for _, f := range alive[:60] {
				w.kill(f)
			}
			w.most, w.bases = 0, nil // everybody knows
			made := w.made
			rounds := w.settle()
			t.Logf("mended in %d rounds, %.2f links per survivor, at most %d dials to one server in a round", rounds, float64(w.made-made)/140, w.most)
			if w.most > 8 {
				t.Errorf("%d dials to one server in a round, at most 8", w.most)
			}
			if rounds > 5 {
				t.Errorf("%d rounds", rounds)
			}
		})
	}
}

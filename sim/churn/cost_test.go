package churn

import (
	"math/rand/v2"
	"testing"

	"github.com/omega-im/omega/mesh"
)

// BenchmarkCost measures what viewCost and planCost say, at 10,000 servers with
// about eight links each.
func BenchmarkCost(b *testing.B) {
	cfg := &Config{Servers: 10_000, Seed: 1, NAT: -1}
	if err := cfg.check(); err != nil {
		b.Fatal(err)
	}
	w := newWorld(cfg)
	for range cfg.Servers {
		w.setAlive(w.addServer(), true)
	}
	for i := range w.servers {
		for len(w.servers[i].links) < 4 {
			if to := int32(w.rng.IntN(len(w.servers))); int(to) != i && w.servers[i].linkTo(to) == nil && len(w.servers[to].links) < mesh.LinkCap {
				w.tie(int32(i), to)
			}
		}
	}
	db := mesh.NewDB(mesh.Config{Self: w.pop.all[0].fp, Verify: verify})
	for i := range w.servers {
		if i > 0 {
			if _, err := db.Apply(w.clock(), w.sign(int32(i)).octets); err != nil {
				b.Fatal(err)
			}
		}
	}
	own, err := mesh.Decode(w.sign(0).octets)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := db.Originate(w.clock(), *own, signAs(own.Server)); err != nil {
		b.Fatal(err)
	}
	var s mesh.Standing
	b.Run("View", func(b *testing.B) {
		for b.Loop() {
			db.View(w.clock(), &s)
		}
	})
	rng := rand.New(rand.NewPCG(1, 1))
	b.Run("ViewAndPlan", func(b *testing.B) {
		for b.Loop() {
			db.View(w.clock(), &s).Plan(w.planInput(0, 0), rng)
		}
	})
}

package churn

import "testing"

// BenchmarkSpread measures one flood among 2,000 servers, whole and offered.
func BenchmarkSpread(b *testing.B) {
	cfg := &Config{Servers: 2_000, Seed: 1}
	if err := cfg.check(); err != nil {
		b.Fatal(err)
	}
	w := newWorld(cfg)
	w.grow(cfg.Servers)
	for _, c := range []struct {
		name  string
		whole bool
	}{{"whole", true}, {"offered", false}} {
		b.Run(c.name, func(b *testing.B) {
			from := int32(0)
			for b.Loop() {
				w.flood.release(w.flood.spread(w, from, c.whole).arrive)
				from = (from + 7) % int32(len(w.servers))
			}
		})
	}
}

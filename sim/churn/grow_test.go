package churn

import (
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
)

// grown is a cloud of n servers that came by joins alone.
func grown(t testing.TB, n int, seed uint64) *world {
	t.Helper()
	cfg := &Config{Servers: n, Seed: seed}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	w := newWorld(cfg)
	w.grow(n)
	if w.tally.refused > 0 {
		t.Fatalf("%d announcements were refused", w.tally.refused)
	}
	return w
}

func TestGrowthKeepsTheRule(t *testing.T) {
	for seed := range uint64(2) {
		w := grown(t, 120, seed)
		s := w.shape()
		if s.Bridges+s.Vertices+s.TwoCuts > 0 || s.PairCuts > 0 || s.MinDegree < mesh.TargetLinks || s.MaxDegree > mesh.LinkCap || s.Components != 1 {
			t.Errorf("seed %d: %+v", seed, s)
		}
		if s.Bypass.Share < 1 {
			t.Errorf("seed %d: a way around %v of the links", seed, s.Bypass.Share)
		}
	}
}

// One server after the other goes or restarts. At no instant is there a bridge
// or a cut vertex, or a member with fewer than three links.
func TestChurnKeepsTheRule(t *testing.T) {
	w := grown(t, 150, 1)
	w.watch = newWatch(w.now)
	w.cfg.Restarts, w.cfg.Deaths = 10, 3
	w.churn(2 * time.Hour)
	r := w.watch.result
	if r.AloneSeen < 40 || r.Alone > 0 || r.Splits > 0 {
		t.Errorf("%+v", r)
	}
	if w.tally.joins.quantiles().Count == 0 {
		t.Error("nobody joined")
	}
}

func TestDisasterMends(t *testing.T) {
	w := grown(t, 150, 1)
	for _, share := range []float64{0.3, 0.5} {
		c := w.clone(uint64(100 * share))
		d := c.disaster("random", c.randomVictims(share))
		if d.Parts < 1 || d.BridgelessS < 0 || d.WholeS < 0 || d.MaxDegree > mesh.LinkCap {
			d.Course = nil
			t.Errorf("%+v", d)
		}
	}
}

func TestSplitHeals(t *testing.T) {
	c := grown(t, 120, 1).clone(5)
	s := c.split()
	if s.TogetherS < 0 || s.WholeS < 0 || s.AgreeS < 0 || s.LinksLost == 0 {
		t.Errorf("%+v", s)
	}
	if c.tally.refused > 0 {
		t.Errorf("%d announcements were refused", c.tally.refused)
	}
}

func TestMailIsKept(t *testing.T) {
	m := grown(t, 100, 1).mailboxes()
	if m.Lost > 0 || m.Stored == 0 || m.Moved == 0 || m.BelowMean <= 0 || m.BelowMean > 0.02 {
		t.Errorf("%+v", m)
	}
}

// Homes that die faster than copies are made do lose mail: the count is not
// nought because nothing is counted.
func TestMailIsLostWhenAllHomesDie(t *testing.T) {
	w := grown(t, 60, 1)
	w.cfg.Deaths = 20
	if m := w.mailboxes(); m.Lost == 0 || m.Lost > m.Stored {
		t.Errorf("%+v", m)
	}
}

package mesh

import (
	"fmt"
	"testing"
	"time"
)

// Over many hours servers give up links one at a time, and the cloud keeps its
// promise after each.
func TestSurplusIsGivenUpCalmly(t *testing.T) {
	w := newWorld(t, 5)
	for i := range 16 {
		w.join(fmt.Sprintf("s%03d", i))
		w.settle()
	}
	all := w.alive()
	for range 90 { // repairs left too many
		a, b := all[w.rng.IntN(len(all))], all[w.rng.IntN(len(all))]
		if a != b && len(w.links[a]) < LinkCap && len(w.links[b]) < LinkCap {
			w.link(a, b)
		}
	}
	dropped := 0
	for hour := range 30 {
		base := w.look().View(w.now, &w.stand)
		for _, self := range all {
			v := w.as(base, self)
			if _, ok := v.Surplus(SurplusQuiet-1, SurplusGap, w.rng.Uint64); ok {
				t.Fatal("given up while there was news")
			}
			if _, ok := v.Surplus(SurplusQuiet, SurplusGap-1, w.rng.Uint64); ok {
				t.Fatal("given up twice within an hour")
			}
			peer, ok := v.Surplus(SurplusQuiet, SurplusGap, w.rng.Uint64)
			if !ok {
				continue
			}
			if self.Compare(peer) > 0 || len(w.links[self])-1 < TargetLinks || len(w.links[peer])-1 < TargetLinks {
				t.Fatalf("%v gives up %v", nameOf(self), nameOf(peer))
			}
			delete(w.links[self], peer)
			delete(w.links[peer], self)
			dropped++
			break // the database changes: nobody else acts for ten minutes
		}
		w.check(fmt.Sprintf("hour %d", hour))
		if cuts := w.look().View(w.now, &w.stand).Full().Cuts(w.rng.Uint64); cuts.TwoCuts > 0 || len(cuts.Vertices) > 0 {
			t.Fatalf("hour %d: %+v", hour, cuts)
		}
	}
	made := w.made
	w.settle()
	if w.made != made {
		t.Errorf("%d links are made again: it goes back and forth", w.made-made)
	}
	if dropped == 0 {
		t.Error("nobody gave up a link")
	}
	t.Logf("%d links given up", dropped)
}

func BenchmarkSurplus(b *testing.B) {
	g := meshGraph(seeded(1), 10_000, 18)
	db := NewDB(Config{Self: g.nodes[0], Verify: fakeVerify})
	for i, f := range g.nodes {
		a := &Announcement{Server: f, Flags: FlagTransit, Peer: "192.0.2.1:1", Operator: fmt.Sprint(i), Issued: t0, Expires: t0.Add(MaxAge)}
		for _, arc := range g.arcsOf(int32(i)) {
			a.Links = append(a.Links, Link{g.nodes[arc.to], time.Duration(arc.cost) * time.Microsecond})
		}
		db.put(&Record{Announcement: a})
	}
	v := db.View(t0, new(Standing))
	for b.Loop() {
		v.Surplus(SurplusQuiet, SurplusGap, seeded(1).Uint64)
	}
}

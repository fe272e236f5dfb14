package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
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
	dropped, far := 0, 0
	for hour := range 30 {
		base := w.look().View(w.now, &w.stand)
		for _, self := range all {
			v := w.as(base, self)
			peer, ok := v.Surplus(w.rng.Uint64)
			if !ok {
				continue
			}
			for _, f := range all {
				near := f == self || f == peer || v.Graph.linked(self, f) || v.Graph.linked(peer, f)
				if p, ok := v.withNews(f).Surplus(w.rng.Uint64); near && ok && p == peer {
					t.Fatalf("%v gives up %v while there is news of %v", nameOf(self), nameOf(peer), nameOf(f))
				} else if !near && !ok {
					t.Fatalf("%v gives up nobody while there is news of %v, which is far away", nameOf(self), nameOf(f))
				} else if !near {
					far++
				}
			}
			if around := w.around(self, peer); around > w.links[self][peer]*11/10 {
				t.Fatalf("%v gives up %v: %v instead of %v", nameOf(self), nameOf(peer), around, w.links[self][peer])
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
	if dropped == 0 || far == 0 {
		t.Errorf("%d links given up, %d looked at while there was news far away", dropped, far)
	}
	t.Logf("%d links given up", dropped)
}

// withNews is the view after an announcement of a server that changed nothing.
func (v *View) withNews(f omega.Fingerprint) *View {
	o := *v
	o.Records = slices.Clone(v.Records)
	a := *v.Record(f).Announcement
	a.Issued = v.Time
	o.Records[v.Graph.index[f]] = &Record{Announcement: &a}
	return &o
}

// linked reports whether there is a link between two servers.
func (g *Graph) linked(a, b omega.Fingerprint) bool {
	return slices.ContainsFunc(g.arcsOf(g.index[a]), func(x arc) bool { return g.nodes[x.to] == b })
}

// around is the shortest way between two servers without the link that they have.
func (w *world) around(a, b omega.Fingerprint) time.Duration {
	var rest []Edge
	for f, links := range w.links {
		for to, rtt := range links {
			if f.Compare(to) < 0 && !(f == a && to == b || f == b && to == a) {
				rest = append(rest, Edge{f, to, rtt})
			}
		}
	}
	d, ok := NewGraph(w.alive(), rest, nil).SPF(a).Distance(b)
	if !ok {
		w.t.Fatal("no way around")
	}
	return d
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
	v := db.View(t0.Add(time.Hour), new(Standing))
	for b.Loop() {
		v.Surplus(seeded(1).Uint64)
	}
}

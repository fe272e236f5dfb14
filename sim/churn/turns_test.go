package churn

import (
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
)

// One thing after the other befalls a cloud, and each is repaired before the
// next. Nothing that happens makes a bridge, a cut vertex or a split, and when
// the cloud has settled everybody has three links and no two servers split it;
// with databases that are behind, and with some that are not.
func TestTurnsKeepTheRule(t *testing.T) {
	for _, exact := range []bool{false, true} {
		w := grown(t, 120, 2).clone(0xa0)
		turns := newTurns(w)
		turns.exact = exact
		r := turns.run(w, 600, 0)
		k, c, s := r.Kinds, r.Changes, r.Settled
		if min(k.Left, k.Silent, k.LinksLost, k.LinksBack, k.Newcomers, k.Cold, k.Returned) == 0 {
			t.Errorf("not every kind of event: %+v", k)
		}
		if c.Checks < 600 || c.Bridges+c.Vertices+c.Splits > 0 {
			t.Errorf("at changes: %+v", c)
		}
		if s.Checks != 600 || s.LeastLinks < mesh.RequiredLinks || s.Below+s.Unmended+s.Unsettled+s.Disagree > 0 || s.Whole == 0 {
			t.Errorf("when settled: %+v", s)
		}
		if len(r.Violations) > 0 || r.Refused > 0 {
			t.Errorf("%d announcements refused; violations %v", r.Refused, r.Violations)
		}
	}
}

// Links go one after the other, and nobody repairs. The ledger says when the
// graph is no longer three-connected, and counts every change at which there
// is a bridge, a cut vertex or a split, as a search of everything does.
func TestLedgerCountsViolations(t *testing.T) {
	w := grown(t, 60, 3).clone(1)
	o := newLedger(w)
	if !o.survey(w) {
		t.Fatal("the grown cloud is not three-connected")
	}
	var want Changes
	for i := int32(0); want.Splits < 5; i = (i + 1) % int32(len(w.servers)) {
		s := &w.servers[i]
		if len(o.near[i]) == 0 {
			continue
		}
		peer := o.near[i][0]
		s.linkTo(peer).announced = false
		o.untie(w, i, peer)
		c := w.truth(nil, w.member).cuts()
		for n, is := range map[*int]bool{&want.Bridges: len(c.bridges) > 0, &want.Vertices: len(c.vertices) > 0, &want.Splits: c.parts > 1} {
			if is {
				*n++
			}
		}
	}
	got := o.found
	if got.Bridges != want.Bridges || got.Vertices != want.Vertices || got.Splits != want.Splits || want.Bridges == 0 || want.Vertices == 0 {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// A flood that nobody followed has reached a server when the one that was
// followed says so.
func TestArrivalsAgreeWithFloods(t *testing.T) {
	w := grown(t, 200, 3)
	var f arrivals
	for from := int32(0); from < 200; from += 7 {
		sp := w.flood.spread(w, from, true)
		e := &entry{records: []*record{w.servers[from].own}, asked: true, whole: true}
		for to := range int32(200) {
			for _, late := range []uint32{0, 1} {
				w.now = 0
				e.issued = -tick * time.Duration(sp.arrive[to]+late-1)
				if got, want := f.reached(w, e, to), late == 1; got != want && from != to {
					t.Fatalf("from %d to %d at tick %d of %d: %v", from, to, sp.arrive[to]+late-1, sp.arrive[to], got)
				}
			}
		}
	}
}

// Two halves hang together by two servers only, and nobody lacks links. Those
// near them find it and mend it.
func TestSplittingPairIsMended(t *testing.T) {
	w := newWorld(&Config{Servers: 40, Seed: 1, Progress: func(string) {}})
	for range 40 {
		i := w.addServer()
		w.pop.all[i].nat = false
		w.setAlive(i, true)
		w.servers[i].full = true
	}
	w.now = time.Hour
	for i := range int32(40) {
		for _, step := range []int32{1, 3} { // around each half
			if to := i/20*20 + (i+step)%20; w.servers[i].linkTo(to) == nil {
				w.tie(i, to)
			}
		}
	}
	for _, to := range []int32{20, 26, 33} {
		w.tie(0, to)
		w.tie(9, to+1)
	}
	w.record()
	c := w.clone(1)
	turns := newTurns(c)
	if turns.ledger.survey(c) {
		t.Fatal("it is three-connected already")
	}
	turns.mend(c, "test")
	if r := turns.result; r.Settled.Unmended > 0 || len(r.Violations) > 0 || !turns.ledger.survey(c) {
		t.Errorf("not mended: %+v", r)
	}
}

package churn

import (
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
)

// A flood reaches everybody exactly when the sum of the delays of the fastest
// way says, and takes one message per link and direction but for the one that
// each server heard it by.
func TestSpread(t *testing.T) {
	w := grown(t, 200, 3)
	sp := w.flood.spread(w, 5, true)
	g := w.truth(nil, func(int32) bool { return true })
	r := newRouter(w, g)
	clear(r.leaf) // announcements go through everybody
	r.from(5, -1)
	for i := range w.servers {
		if sp.arrive[i] != r.dist[i] {
			t.Errorf("server %d hears it after %d ticks, want %d", i, sp.arrive[i], r.dist[i])
		}
	}
	if want := 2*g.edges - (len(w.servers) - 1); sp.reached != 200 || sp.sent != want {
		t.Errorf("%d servers, %d messages; want 200, %d", sp.reached, sp.sent, want)
	}
}

// A flood by offers brings everybody one announcement, over the link by which
// the first offer came, in three times the delay of that link.
func TestSpreadByOffers(t *testing.T) {
	w := grown(t, 200, 3)
	sp := w.flood.spread(w, 5, false)
	g := w.truth(nil, func(int32) bool { return true })
	for i := range w.servers {
		if i == 5 {
			continue
		}
		first, here := uint32(never), uint32(never)
		for _, l := range w.servers[i].links {
			if offer := sp.arrive[l.peer] + l.delay; sp.arrive[l.peer] < sp.arrive[i] && offer < first {
				first, here = offer, offer+2*l.delay
			}
		}
		if sp.arrive[i] != here {
			t.Errorf("server %d has it after %d ticks, want %d", i, sp.arrive[i], here)
		}
	}
	if offers := 2*g.edges - (len(w.servers) - 1); sp.reached != 200 || sp.sent != 199 || sp.offers != offers {
		t.Errorf("%d servers, %d announcements, %d offers; want 200, 199, %d", sp.reached, sp.sent, sp.offers, offers)
	}
}

// A server knows a flood when it has reached it and not before, and what was
// issued later only after that.
func TestPosition(t *testing.T) {
	w := grown(t, 60, 4)
	w.now += time.Hour
	for _, i := range []int32{3, 40, 17} {
		w.announce(i)
		w.now += 3 * time.Millisecond
	}
	st := w.streams[0]
	first := len(st.log) - 3
	for w.now < st.log[first].issued+2*time.Second {
		for i := range w.servers {
			want := first
			for want < len(st.log) && st.log[want].reached(int32(i), &w.servers[i], w.now) {
				want++
			}
			if got := w.position(int32(i)); got != want {
				t.Fatalf("server %d at %v: position %d, want %d", i, w.now, got, want)
			}
		}
		w.now += 7 * time.Millisecond
	}
	if st.done != len(st.log) {
		t.Errorf("%d of %d floods are over", st.done, len(st.log))
	}
}

// The database at a position is the same whether it was built there or came
// there step by step, with others going ahead.
func TestDatabasesAgree(t *testing.T) {
	w := grown(t, 80, 5)
	w.churn(20 * time.Minute)
	st := w.streams[0]
	lib := &library{stream: st}
	for p := 0; p <= len(st.log); p += 1 + len(st.log)/40 {
		stepped := lib.at(p, w).db.Digest()
		if fresh := (&library{stream: st}).at(p, w).db.Digest(); fresh != stepped {
			t.Fatalf("position %d: two databases", p)
		}
	}
	if w.tally.refused > 0 {
		t.Errorf("%d announcements were refused", w.tally.refused)
	}
}

// What a server sees in the simulator is what the view of a real database says.
func TestViewIsThatOfTheDatabase(t *testing.T) {
	w := grown(t, 80, 6)
	const self = 33
	fp := w.pop.all[self].fp
	db := mesh.NewDB(mesh.Config{Self: fp, Verify: verify})
	for i := range w.servers {
		if i != self {
			if _, err := db.Apply(w.clock(), w.servers[i].own.octets); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := w.pop.announcement(self)
	own, err := mesh.Decode(w.servers[self].own.octets)
	if err != nil {
		t.Fatal(err)
	}
	a.Links = own.Links
	if _, err := db.Originate(w.clock(), a, signAs(fp)); err != nil {
		t.Fatal(err)
	}
	want, got := db.View(w.clock(), new(mesh.Standing)), w.view(self, true)
	tree := got.Graph.SPF(fp)
	for _, r := range want.Records {
		if want.State(r.Server) != got.State(r.Server) {
			t.Errorf("%v is %v, want %v", r.Server, got.State(r.Server), want.State(r.Server))
		}
		d1, _ := want.Tree.Distance(r.Server)
		if d2, _ := tree.Distance(r.Server); d1 != d2 {
			t.Errorf("%v is %v away, want %v", r.Server, d2, d1)
		}
	}
}

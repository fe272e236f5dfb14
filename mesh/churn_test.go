package mesh

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// A world is a cloud in which everybody sees the same and every dial succeeds:
// what is left to test is the rules alone.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	now   time.Time
	links map[omega.Fingerprint]map[omega.Fingerprint]time.Duration
	stand Standing
	made  int // links ever made
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{t: t, rng: seeded(seed), now: t0, links: map[omega.Fingerprint]map[omega.Fingerprint]time.Duration{}}
}

func (w *world) alive() []omega.Fingerprint {
	var out []omega.Fingerprint
	for f := range w.links {
		out = append(out, f)
	}
	slices.SortFunc(out, omega.Fingerprint.Compare)
	return out
}

func (w *world) link(a, b omega.Fingerprint) {
	rtt := time.Duration(1+w.rng.IntN(100)) * time.Millisecond
	w.links[a][b], w.links[b][a] = rtt, rtt
	w.made++
}

func (w *world) kill(f omega.Fingerprint) {
	delete(w.links, f)
	for _, l := range w.links {
		delete(l, f)
	}
}

// look is the database as it is now. One serves for everybody's view.
func (w *world) look() *DB {
	db := NewDB(Config{Self: w.alive()[0], Verify: fakeVerify})
	for f, links := range w.links {
		a := &Announcement{Server: f, Flags: FlagTransit, Peer: "192.0.2.1:1", Issued: t0, Expires: t0.Add(MaxAge)}
		a.Operator = fmt.Sprint(f.Digest()[4] % 7)
		for to, rtt := range links {
			a.Links = append(a.Links, Link{to, rtt})
		}
		slices.SortFunc(a.Links, func(x, y Link) int { return x.Peer.Compare(y.Peer) })
		db.put(&Record{Announcement: a, Hash: [32]byte{1}})
	}
	return db
}

// as is what self sees where base is seen by somebody it can reach, or not.
func (w *world) as(base *View, self omega.Fingerprint) *View {
	v := base.As(self, w.now, true)
	if base.State(self) == Unreachable {
		v.States = w.stand.Update(w.now, base.Graph, self)
		v.common = newCommon(v)
	}
	return v
}

// settle lets everybody plan and dial until nobody wants a link any more, and
// returns how many rounds it took.
func (w *world) settle() int {
	for round := range 50 {
		w.now = w.now.Add(time.Minute)
		dials := 0
		base := w.look().View(w.now, &w.stand) // all act on what was, as in life
		for _, self := range w.alive() {
			v := w.as(base, self)
			in := PlanInput{Quiet: time.Duration(round) * RepairTurn}
			for to := range w.links[self] {
				in.Links = append(in.Links, to)
			}
			for _, want := range v.Plan(in, w.rng) {
				if len(w.links[want.Peer]) < LinkCap && len(w.links[self]) < LinkCap {
					w.link(self, want.Peer)
					dials++
				}
			}
		}
		if dials == 0 && round > 3 {
			return round
		}
	}
	w.t.Fatal("the rules never come to rest")
	return 0
}

func (w *world) join(name string) {
	members := w.alive()
	w.links[fp(name)] = map[omega.Fingerprint]time.Duration{}
	// The server that a newcomer meets first does not count it as a link when
	// it has enough of them.
	members = slices.DeleteFunc(members, func(f omega.Fingerprint) bool { return len(w.links[f]) >= LinkCap })
	if len(members) > 0 {
		w.link(fp(name), members[w.rng.IntN(len(members))])
	}
}

// check fails unless the cloud is as it has to be at rest.
func (w *world) check(what string) {
	w.t.Helper()
	n := len(w.links)
	top := w.look().View(w.now, &w.stand).Topology(w.rng.Uint64)
	if want := min(RequiredLinks, n-1); top.MinDegree < want || top.Connectivity < want || top.Components != 1 {
		w.t.Fatalf("%s: %d servers, least degree %d, connectivity %d, %d parts", what, n, top.MinDegree, top.Connectivity, top.Components)
	}
	if n >= 3 && len(top.Bridges) > 0 {
		w.t.Fatalf("%s: bridges %v", what, top.Bridges)
	}
	for f, l := range w.links {
		if len(l) > LinkCap {
			w.t.Fatalf("%s: %v has %d links", what, f, len(l))
		}
	}
}

func TestGrowthKeepsTheRule(t *testing.T) {
	w := newWorld(t, 1)
	for i := range 24 {
		w.join(fmt.Sprintf("s%03d", i*37%100))
		w.settle()
		w.check(fmt.Sprintf("after %d joins", i+1))
	}
}

// With four links each, the loss of any one server leaves no bridge even
// before anything is repaired.
func TestDeathsLeaveNoBridge(t *testing.T) {
	w := newWorld(t, 2)
	for i := range 20 {
		w.join(fmt.Sprintf("s%03d", i))
		w.settle()
	}
	joined := 20
	for i := range 25 {
		alive := w.alive()
		w.kill(alive[w.rng.IntN(len(alive))])
		if cuts := w.look().View(w.now, &w.stand).Full().Cuts(w.rng.Uint64); len(cuts.Bridges) > 0 || len(cuts.Vertices) > 0 {
			t.Fatalf("right after death %d: %+v", i+1, cuts)
		}
		w.settle()
		w.check(fmt.Sprintf("after %d deaths", i+1))
		if len(w.links) < 14 {
			joined++
			w.join(fmt.Sprintf("s%03d", joined))
			w.settle()
		}
	}
}

func TestSplitMends(t *testing.T) {
	for seed := range uint64(3) {
		w := newWorld(t, 10+seed)
		for i := range 20 {
			w.join(fmt.Sprintf("s%03d", i))
			w.settle()
		}
		west := func(f omega.Fingerprint) bool { return f.Digest()[3]%2 == 0 }
		for f, l := range w.links {
			for to := range l {
				if west(f) != west(to) {
					delete(l, to)
				}
			}
		}
		rounds := w.settle()
		w.check("after the split")
		t.Logf("seed %d: mended in %d rounds", seed, rounds)
	}
}

// Half of all servers die at once.
func TestCatastropheMends(t *testing.T) {
	w := newWorld(t, 3)
	for i := range 60 {
		w.join(fmt.Sprintf("s%03d", i))
		if i%5 == 4 {
			w.settle()
		}
	}
	for range 30 {
		alive := w.alive()
		w.kill(alive[w.rng.IntN(len(alive))])
	}
	before := w.made
	w.settle()
	w.check("after half of all servers died")
	t.Logf("%.2f new links per survivor", float64(w.made-before)/30)
}

// Many weak places at once are no reason for one server to take more links than
// it may have, nor all of them in one breath.
func TestRepairKeepsToTheCap(t *testing.T) {
	w := newWorld(t, 4)
	add := func(name string) omega.Fingerprint {
		w.links[fp(name)] = map[omega.Fingerprint]time.Duration{}
		return fp(name)
	}
	whole := func(name string, n int) (group []omega.Fingerprint) {
		for i := range n {
			f := add(fmt.Sprintf("%s%d", name, i))
			for _, o := range group {
				w.link(f, o)
			}
			group = append(group, f)
		}
		return group
	}
	core := whole("core", 7)
	for i := range 14 { // each hangs on the core by two links
		part := whole(fmt.Sprintf("p%02d-", i), 4)
		w.link(part[0], core[i%7])
		w.link(part[1], core[(i+1)%7])
	}
	base := w.look().View(w.now, &w.stand)
	most := 0
	for _, self := range w.alive() {
		in := PlanInput{Quiet: time.Minute}
		for to := range w.links[self] {
			in.Links = append(in.Links, to)
		}
		wants := w.as(base, self).Plan(in, w.rng)
		most = max(most, len(wants))
		if n := len(in.Links) + len(wants); len(wants) > maxRepairs+1 || n > LinkCap {
			t.Errorf("%s has %d links and wants %d more", nameOf(self), len(in.Links), len(wants))
		}
	}
	if most < maxRepairs {
		t.Errorf("nobody wants more than %d: nothing was tested", most)
	}
	w.settle()
	w.check("after the repair")
}

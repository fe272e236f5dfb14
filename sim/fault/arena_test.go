package fault

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// arenaDelay is how long a packet takes between neighbouring machines of an
// arena, one way; the machines stand in a line.
const arenaDelay = 6 * time.Millisecond

// An arena is a cloud in a lab, every server of an operator of its own, with
// all that a schedule needs to break it.
type arena struct {
	*site
	lab    *lab
	roster roster

	mu    sync.Mutex
	state strain // guarded by mu
}

// A strain is what is wrong just now.
type strain struct {
	out   map[int]bool    // servers that do not run, or not as they should
	cut   map[[2]int]bool // links that are cut, the lower number first
	armed bool            // it is one server or one link, and the cloud was whole before
}

func (s strain) clone() strain {
	return strain{maps.Clone(s.out), maps.Clone(s.cut), s.armed}
}

// newArena makes n servers and waits until they are a cloud. The second and
// the fifth lose what was not synced when they are killed, the last one has a
// small disk, and everybody's clock can be set.
func newArena(t *testing.T, n int) *arena {
	t.Helper()
	a := &arena{
		site: &site{dir: folder(t)}, roster: roster{servers: n, power: []int{1, 4}, disk: n - 1},
		state: strain{out: map[int]bool{}, cut: map[[2]int]bool{}},
	}
	a.lab = newLab(t, n, func(i, j int) time.Duration { return time.Duration(max(i-j, j-i)) * arenaDelay })
	var bootstrap []string
	for i, m := range a.lab.machines {
		b := build{bin: faulty, env: []string{envClock + "=" + a.clock(i)}}
		if slices.Contains(a.roster.power, i) {
			b.env = append(b.env, envPowercut+"=0")
		}
		s := a.lab.server(t, a.dir, b, i, bootstrap, labServer+anyHome)
		if i == a.roster.disk {
			s.onLastingDisk(t)
		}
		s.in(m)
		bootstrap = append(bootstrap, s.peer)
		a.add(s)
		s.start(t)
	}
	a.lab.awaitFormed(t, a.site)
	return a
}

// clock is the file that says how wrong a server's clock is.
func (a *arena) clock(i int) string { return filepath.Join(a.dir, fmt.Sprintf("clock%d", i+1)) }

// setClock sets a server's clock.
func (a *arena) setClock(t *testing.T, i int, jump time.Duration) {
	t.Helper()
	next := a.clock(i) + ".next"
	if err := os.WriteFile(next, []byte(jump.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, a.clock(i)); err != nil {
		t.Fatal(err)
	}
}

// strain changes what is wrong.
func (a *arena) strain(change func(*strain)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.state)
}

func (a *arena) strained() strain {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state.clone()
}

// out notes that some servers are about to fail.
func (a *arena) out(who ...int) {
	a.strain(func(s *strain) {
		for _, i := range who {
			s.out[i] = true
		}
	})
}

// back notes that they work again.
func (a *arena) back(who ...int) {
	a.strain(func(s *strain) {
		for _, i := range who {
			delete(s.out, i)
		}
	})
}

// separate cuts the way from one server to another.
func (a *arena) separate(from, to int) {
	a.strain(func(s *strain) { s.cut[[2]int{min(from, to), max(from, to)}] = true })
	a.lab.deaf(to, from)
}

// mend heals all ways.
func (a *arena) mend() {
	a.lab.heal()
	a.strain(func(s *strain) { clear(s.cut) })
}

// restart starts servers again that have ended.
func (a *arena) restart(t *testing.T, who ...int) {
	t.Helper()
	for _, i := range who {
		a.servers[i].start(t)
	}
	a.back(who...)
}

// must ends the test if a server ended by itself.
func (a *arena) must(t *testing.T, i int) {
	t.Helper()
	if s := a.servers[i]; !s.process().running() {
		t.Fatalf("server %d ended by itself:\n%s", i+1, lastLines(s.log, 30))
	}
}

// views fetches what the servers that work see.
func (a *arena) views(s strain) map[int]view {
	var mu sync.Mutex
	out := map[int]view{}
	var wg sync.WaitGroup
	for i, srv := range a.servers {
		if s.out[i] {
			continue
		}
		wg.Go(func() {
			v, err := fetchView(a.lab.machines[i].get, srv.http)
			if err != nil {
				return // it may be failing just now
			}
			mu.Lock()
			defer mu.Unlock()
			out[i] = v
		})
	}
	wg.Wait()
	return out
}

// whole reports whether every server that works sees the cloud in a state that
// stands the loss of any two, and how many full members there are at least.
func (a *arena) whole() (ok bool, members int) {
	s := a.strained()
	views := a.views(s)
	members = len(a.servers)
	for _, v := range views {
		g := v.graph(s)
		members = min(members, len(g))
		if !g.solid() {
			return false, members
		}
	}
	return len(views)+len(s.out) == len(a.servers) && members > 0, members
}

// arm has the sampler judge what comes, if the cloud is whole now.
func (a *arena) arm() bool {
	ok, members := a.whole()
	ok = ok && members >= 5
	a.strain(func(s *strain) { s.armed = ok })
	return ok
}

func (a *arena) disarm() { a.strain(func(s *strain) { s.armed = false }) }

// awaitWhole waits until all servers are full members of a cloud that is whole,
// and returns how long that took.
func (a *arena) awaitWhole(t *testing.T, within time.Duration) (time.Duration, bool) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < within {
		if ok, members := a.whole(); ok && members == len(a.servers) {
			return time.Since(began).Round(100 * time.Millisecond), true
		}
		pass(t, 250*time.Millisecond)
	}
	return within, false
}

// describe tells what every server sees, for a failure.
func (a *arena) describe() (out string) {
	s := a.strained()
	views := a.views(s)
	for _, i := range slices.Sorted(maps.Keys(views)) {
		out += fmt.Sprintf("s%d sees %v\n", i+1, views[i])
	}
	return out
}

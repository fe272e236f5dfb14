package fault

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A schedule kills servers at moments that its seed chooses.
type schedule struct {
	rng   *rand.Rand
	cloud *site
	kills int // to make
	made  int
}

// settleTimeout is how long everything may take to arrive after the last kill.
const settleTimeout = 90 * time.Second

// run makes the kills. One in five strikes a server that is just starting, and
// one in four strikes several at once.
func (s *schedule) run(t *testing.T) {
	for s.made < s.kills {
		if s.rng.IntN(5) == 0 {
			pass(t, upTo(s.rng, 150*time.Millisecond))
		} else {
			pass(t, 200*time.Millisecond+upTo(s.rng, 1800*time.Millisecond))
		}
		n := 1
		if s.rng.IntN(4) == 0 {
			n += s.rng.IntN(len(s.cloud.victims))
		}
		var down []*keeper
		for _, i := range s.rng.Perm(len(s.cloud.victims))[:n] {
			k := s.cloud.victims[i]
			if !k.process().running() {
				t.Fatalf("a server ended by itself:\n%s", lastLines(k.log, 30))
			}
			k.process().kill()
			s.made++
			down = append(down, k)
		}
		pass(t, upTo(s.rng, 500*time.Millisecond))
		for _, k := range down {
			k.power(s.rng.IntN(2) == 0, s.rng.Uint64())
			k.start(t)
		}
	}
}

// pass lets time pass, which is what a schedule is made of.
func pass(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// chaos kills servers while a crowd writes, and checks the promises.
func chaos(t *testing.T, c *site, n int) {
	t.Helper()
	s := seed(t)
	w := newCrowd(t, c)
	w.begin(t, s)
	began := time.Now()
	plan := &schedule{rng: rand.New(rand.NewPCG(s, 0)), cloud: c, kills: kills(n)}
	plan.run(t)
	killing := time.Since(began)
	// Links that came and went are held back for minutes, so the cloud need not
	// be whole again: texts find their way before it is.
	w.finish(t, settleTimeout)
	t.Logf("%d kills in %v, everything arrived and checked after %v", plan.made, killing.Round(time.Second), time.Since(began).Round(time.Second))
	if t.Failed() {
		for _, k := range c.victims {
			t.Logf("end of %s:\n%s", k.log, lastLines(k.log, 4))
		}
	}
}

// Servers are killed and lose power, one or several at a time, and whole clouds
// at once.
func TestKill(t *testing.T) {
	tests := []struct {
		name  string
		start func(*testing.T, build, int) *site
		build build
		kills int // in the short form
	}{
		{"servers are killed", newServers, plain, 0},
		{"servers lose power", newServers, powercut, 10},
		{"the cloud loses power", newDev, powercut, 5},
		{"the cloud is killed", newDev, plain, 0},
	}
	for _, tt := range tests {
		if kills(tt.kills) == 0 {
			continue // a power cut is worse
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			chaos(t, tt.start(t, tt.build, 4), tt.kills)
		})
	}
}

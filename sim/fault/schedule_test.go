package fault

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var faultsFlag = flag.Int("faults", 0, "faults in the schedule; 0 is the short form")

// Bounds of the schedule, which a healthy cloud is far below.
const (
	drainTimeout = 90 * time.Second // a server that was asked to end has ended
	wholeTimeout = 3 * time.Minute  // the cloud is whole after a failure of many
	rollTimeout  = 90 * time.Second // a server that was restarted is a full member
)

// An ordeal carries out a plan.
type ordeal struct {
	*arena
	short bool
	made  map[string]int
}

// Servers of different operators, far from each other, fail in all ways that a
// seed deals, while people with three homes each write to each other. What was
// accepted arrives once and in order, and no failure of one server or link
// leaves a bridge.
func TestSchedule(t *testing.T) {
	t.Parallel()
	n, short := *faultsFlag, *faultsFlag == 0
	if short {
		n = 4
	}
	s := seed(t)
	r := &ordeal{arena: newArena(t, 6), short: short, made: map[string]int{}}
	plan := newPlan(s, r.roster, n, short)
	t.Logf("schedule:\n%s", describePlan(plan))
	w := newCrowd(t, r.site)
	w.ledger.clocks = true
	w.begin(t, s)
	if _, ok := r.awaitWhole(t, startTimeout); !ok {
		t.Errorf("the cloud is not whole before anything failed:\n%s", r.describe())
	}
	samples := r.sample(t)
	began := time.Now()
	for i := range plan {
		r.strike(t, &plan[i])
		pass(t, plan[i].then)
	}
	t.Logf("%d faults in %v: %s", n, time.Since(began).Round(time.Second), counts(r.made))
	samples.report(t)
	if !short {
		r.recover(t, "after the last fault")
	}
	w.finish(t, settleTimeout)
	for i := range r.servers {
		r.must(t, i)
	}
	if t.Failed() {
		for _, srv := range r.servers {
			t.Logf("end of %s:\n%s", srv.log, lastLines(srv.log, 4))
		}
	}
}

func describePlan(plan []fault) string {
	var lines []string
	for i := range plan {
		lines = append(lines, fmt.Sprintf("%3d %v", i+1, &plan[i]))
	}
	return strings.Join(lines, "\n")
}

func counts(made map[string]int) string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(made)) {
		out = append(out, fmt.Sprintf("%s %d", kind, made[kind]))
	}
	return strings.Join(out, ", ")
}

// strike has one fault happen, and mends it.
func (r *ordeal) strike(t *testing.T, f *fault) {
	t.Helper()
	for i := range r.servers {
		r.must(t, i)
	}
	armed := false
	if f.single() {
		armed = r.arm()
	} else {
		r.disarm()
	}
	if !r.short {
		t.Logf("%s %v; judged: %v", time.Now().Format("15:04:05.000"), f, armed)
	}
	r.made[f.kind]++
	switch who := f.who[0]; f.kind {
	case faultKill, faultPower:
		r.out(who)
		r.kill(t, f, who)
		pass(t, f.lasts)
		r.restart(t, who)
	case faultStop:
		r.out(who)
		r.servers[who].process().signal(syscall.SIGSTOP)
		pass(t, f.lasts)
		r.servers[who].process().signal(syscall.SIGCONT)
		r.back(who)
	case faultCut, faultOneWay:
		r.separate(who, f.who[1])
		if f.kind == faultCut {
			r.separate(f.who[1], who)
		}
		pass(t, f.lasts)
		r.mend()
	case faultLink:
		r.lab.lossy(who, f.who[1], f.share)
		pass(t, f.lasts)
		r.mend()
	case faultLoss:
		for i := range r.servers {
			r.lab.lossy(who, i, f.share)
		}
		pass(t, f.lasts)
		r.mend()
	case faultDisk:
		r.fillDisk(t, f)
	case faultClock:
		r.out(who)
		r.setClock(t, who, f.jump)
		pass(t, f.lasts)
		r.setClock(t, who, 0)
		r.back(who)
	case faultSplit:
		r.split(t, f)
	case faultRolling:
		r.roll(t, f)
	case faultCloud:
		r.stopAll(t, f)
	}
	if !f.single() && !r.short {
		r.recover(t, "after "+f.kind)
	}
}

// kill kills one server and says what it finds on its disk later.
func (r *ordeal) kill(t *testing.T, f *fault, who int) {
	t.Helper()
	k := &r.servers[who].keeper
	k.process().kill()
	k.power(f.bare, f.seed+uint64(who))
}

// fillDisk fills the small disk for a while.
func (r *ordeal) fillDisk(t *testing.T, f *fault) {
	t.Helper()
	s := r.servers[f.who[0]]
	leave := uint64(smallDisk / 16)
	if f.bare {
		leave = 0
	}
	s.fill(t, leave)
	pass(t, f.lasts)
	if err := os.Remove(filepath.Join(s.disk(), "filler")); err != nil {
		t.Fatal(err)
	}
}

// split cuts the cloud in two.
func (r *ordeal) split(t *testing.T, f *fault) {
	t.Helper()
	for i := range r.servers {
		for _, j := range f.who {
			if !slices.Contains(f.who, i) {
				r.separate(i, j)
				r.separate(j, i)
			}
		}
	}
	pass(t, f.lasts)
	r.mend()
}

// roll restarts one server after the other as an operator does, each when the
// one before is a full member again.
func (r *ordeal) roll(t *testing.T, f *fault) {
	t.Helper()
	for _, i := range f.who {
		r.arm()
		r.out(i)
		r.end(t, i)
		pass(t, f.lasts)
		r.restart(t, i)
		r.awaitMember(t, i)
	}
	r.disarm()
}

// end asks a server to end and waits until it has.
func (r *ordeal) end(t *testing.T, i int) {
	t.Helper()
	s := r.servers[i]
	s.process().signal(syscall.SIGTERM)
	select {
	case <-s.process().exited:
	case <-time.After(drainTimeout):
		t.Fatalf("server %d has not ended %v after SIGTERM:\n%s", i+1, drainTimeout, lastLines(s.log, 20))
	}
}

// awaitMember waits until a server says of itself that it is a full member.
func (r *ordeal) awaitMember(t *testing.T, i int) {
	t.Helper()
	began, v := time.Now(), view{}
	for time.Since(began) < rollTimeout {
		var err error
		if v, err = fetchView(r.lab.machines[i].get, r.servers[i].http); err == nil {
			for _, s := range v.Servers {
				if s.Name == serverName(i) && s.State == "full" {
					return
				}
			}
		}
		pass(t, 100*time.Millisecond)
	}
	t.Errorf("server %d is not a full member %v after its restart: %v", i+1, rollTimeout, v)
}

// stopAll ends every server, in one of two cases by kill, and starts them again.
func (r *ordeal) stopAll(t *testing.T, f *fault) {
	t.Helper()
	r.out(f.who...)
	for _, i := range f.who {
		if f.bare {
			r.kill(t, f, i)
		} else {
			r.servers[i].process().signal(syscall.SIGTERM)
		}
	}
	for _, i := range f.who {
		r.end(t, i)
	}
	pass(t, f.lasts)
	r.restart(t, f.who...)
}

// recover waits until the cloud is whole.
func (r *ordeal) recover(t *testing.T, when string) {
	t.Helper()
	took, ok := r.awaitWhole(t, wholeTimeout)
	if !ok {
		t.Errorf("%s: the cloud is not whole after %v:\n%s", when, took, r.describe())
		return
	}
	t.Logf("%s: whole again after %v", when, took)
}

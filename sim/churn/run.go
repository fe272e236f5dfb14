package churn

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A Result is the report and what pictures are drawn from.
type Result struct {
	Report *Report
	maps   []Map
}

// Run simulates what cfg asks for. Every scenario begins with the same grown
// cloud, so several go at the same time; what they find out does not depend on
// that. An error means a bad configuration, or that ctx ended.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	r := &Result{Report: &Report{Seed: cfg.Seed, Servers: cfg.Servers, Hours: cfg.Hours, Policy: Policy}}
	w := newWorld(&cfg)
	w.stop = func() bool { return ctx.Err() != nil }
	cfg.Progress("growth")
	w.grow(cfg.Servers)
	if w.stop() {
		return r, ctx.Err()
	}
	r.Report.Growth = Work{w.tally.plans, int(w.linkID), w.tally.refused}
	var jobs []job
	for _, s := range scenarios {
		if slices.Contains(cfg.Only, s.name) {
			jobs = append(jobs, s.jobs(w, r)...)
		}
	}
	r.maps = make([]Map, mapCount)
	jobs = append(jobs, job{"by hand", func() {
		r.Report.ByHand, r.maps[mapByHand] = w.compareByHand()
	}}, job{"shape", func() {
		r.Report.Grown, r.maps[mapGrown] = w.shape(), w.mapOf("grown", nil)
	}})
	do(&cfg, jobs, w.stop)
	return r, ctx.Err()
}

// A job is something that can be done beside others.
type job struct {
	name string
	run  func()
}

// mostJobs bounds how many worlds are in memory at a time; each takes up to
// 1.5 GB at 10,000 servers.
const mostJobs = 4

// do does all jobs, as many at a time as there are cores.
func do(cfg *Config, jobs []job, stop func() bool) {
	next := make(chan job, len(jobs))
	for _, j := range jobs {
		next <- j
	}
	close(next)
	var (
		wg      sync.WaitGroup
		telling sync.Mutex
	)
	tell := func(what string) {
		telling.Lock()
		defer telling.Unlock()
		cfg.Progress(what)
	}
	for range min(runtime.GOMAXPROCS(0), mostJobs) {
		wg.Go(func() {
			for j := range next {
				if !stop() {
					tell(j.name)
					j.run()
				}
			}
		})
	}
	wg.Wait()
}

// scenarios are listed with the longest first, so that no core is left alone
// with one at the end.
var scenarios = []struct {
	name string
	jobs func(w *world, r *Result) []job
}{
	{"events", turnJobs},
	{"churn", churnJobs},
	{"mass", massJobs},
	{"messages", messageJobs},
	{"split", splitJobs},
	{"mail", mailJobs},
}

func churnJobs(w *world, r *Result) []job {
	return []job{{"churn", func() {
		c := w.clone(0xc0)
		c.watch = newWatch(c.now)
		d := time.Duration(w.cfg.Hours * float64(time.Hour))
		c.churn(d)
		r.Report.Churn, r.maps[mapChurned] = c.churnReport(d), c.mapOf("churned", nil)
	}}}
}

func turnJobs(w *world, r *Result) []job {
	return []job{{"events", func() {
		c := w.clone(0xa0)
		r.Report.Turns = newTurns(c).run(c, w.cfg.Events, w.cfg.Until)
	}}}
}

// massJobs lose servers at random, the best connected, and whole groups.
func massJobs(w *world, r *Result) (jobs []job) {
	random := func(share float64) func(*world) []int32 {
		return func(c *world) []int32 { return c.randomVictims(share) }
	}
	targeted := func(share float64) func(*world) []int32 {
		return func(c *world) []int32 { return c.targetedVictims(share) }
	}
	group := func(of func(*facts) int) func(*world) []int32 {
		return func(c *world) []int32 { return largestGroup(c.groups(of)) }
	}
	disasters := []struct {
		name    string
		victims func(*world) []int32
	}{
		{"random 10 %", random(0.1)}, {"random 30 %", random(0.3)}, {"random 50 %", random(0.5)},
		{"targeted 10 %", targeted(0.1)}, {"targeted 30 %", targeted(0.3)},
		{"largest operator", group(func(f *facts) int { return f.operator })},
		{"largest site", group(func(f *facts) int { return f.site })},
		{"largest version", group(func(f *facts) int { return f.version })},
	}
	r.Report.Mass = make([]Disaster, len(disasters))
	for k, d := range disasters {
		jobs = append(jobs, job{"mass: " + d.name, func() {
			c := w.clone(0xd0 + uint64(k))
			victims := d.victims(c)
			if d.name == pictured {
				r.maps[mapStruck] = c.mapOf("struck", victims)
			}
			r.Report.Mass[k] = c.disaster(d.name, victims)
			if d.name == pictured {
				r.maps[mapMended] = c.mapOf("mended", nil)
			}
		}})
	}
	return jobs
}

// pictured is the disaster that pictures are drawn of.
const pictured = "random 30 %"

// The maps of a result.
const (
	mapByHand = iota
	mapGrown
	mapStruck
	mapMended
	mapChurned
	mapCount
)

func messageJobs(w *world, r *Result) (jobs []job) {
	failures := []struct {
		name    string
		servers int
		silent  bool
	}{
		{"link, silent", 0, true}, {"server, crash", 1, false}, {"server, silent", 1, true},
		{"two servers, crash", 2, false}, {"two servers, silent", 2, true},
	}
	r.Report.Messages = make([]Transit, len(failures))
	for k, f := range failures {
		jobs = append(jobs, job{"messages: " + f.name, func() {
			r.Report.Messages[k] = w.transits(f.name, f.servers, f.silent)
		}})
	}
	return jobs
}

func splitJobs(w *world, r *Result) []job {
	return []job{{"split", func() {
		s := w.clone(0xe0).split()
		r.Report.Split = &s
	}}}
}

func mailJobs(w *world, r *Result) []job {
	return []job{{"mail", func() {
		m := w.mailboxes()
		r.Report.Mail = &m
	}}}
}

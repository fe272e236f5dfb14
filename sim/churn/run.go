package churn

import (
	"context"
	"slices"
	"time"
)

// A Result is the report and what pictures are drawn from.
type Result struct {
	Report *Report
	maps   []Map
}

// Run simulates what cfg asks for. Every scenario begins with the same grown
// cloud. An error means a bad configuration, or that ctx ended.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	r := &Result{Report: &Report{Seed: cfg.Seed, Servers: cfg.Servers, Hours: cfg.Hours, Policy: Policy}}
	w := newWorld(&cfg)
	w.stop = func() bool { return ctx.Err() != nil }
	cfg.Progress("growth")
	w.grow(cfg.Servers)
	r.Report.Growth = Work{w.tally.plans, int(w.linkID), w.tally.refused}
	if !w.stop() {
		r.Report.Grown = w.shape()
		r.maps = append(r.maps, w.mapOf("grown", nil))
	}
	for _, s := range scenarios {
		if slices.Contains(cfg.Only, s.name) && !w.stop() {
			s.run(w, r)
		}
	}
	return r, ctx.Err()
}

var scenarios = []struct {
	name string
	run  func(w *world, r *Result)
}{
	{"churn", runChurn},
	{"mass", runMass},
	{"messages", runMessages},
	{"split", runSplit},
	{"mail", runMail},
}

func runChurn(w *world, r *Result) {
	w.cfg.Progress("churn")
	c := w.clone(0xc0)
	c.watch = newWatch(c.now)
	d := time.Duration(w.cfg.Hours * float64(time.Hour))
	c.churn(d)
	r.Report.Churn = c.churnReport(d)
	r.maps = append(r.maps, c.mapOf("churned", nil))
}

// runMass loses servers at random and the best connected, and whole groups.
// Those that leave nothing to mend are told as they are; so is what nobody
// could repair from (targets by degree are chosen by somebody who knows).
func runMass(w *world, r *Result) {
	random := func(share float64) func(*world) []int32 {
		return func(c *world) []int32 { return c.randomVictims(share) }
	}
	targeted := func(share float64) func(*world) []int32 {
		return func(c *world) []int32 { return c.targetedVictims(share) }
	}
	group := func(of func(*facts) int) func(*world) []int32 {
		return func(c *world) []int32 { return largestGroup(c.groups(of)) }
	}
	for k, d := range []struct {
		name    string
		victims func(*world) []int32
	}{
		{"random 10 %", random(0.1)}, {"random 30 %", random(0.3)}, {"random 50 %", random(0.5)},
		{"targeted 10 %", targeted(0.1)}, {"targeted 30 %", targeted(0.3)},
		{"largest operator", group(func(f *facts) int { return f.operator })},
		{"largest site", group(func(f *facts) int { return f.site })},
		{"largest version", group(func(f *facts) int { return f.version })},
	} {
		if w.stop() {
			return
		}
		w.cfg.Progress("mass: " + d.name)
		c := w.clone(0xd0 + uint64(k))
		victims := d.victims(c)
		pictured := d.name == "random 30 %"
		if pictured {
			r.maps = append(r.maps, c.mapOf("struck", victims))
		}
		r.Report.Mass = append(r.Report.Mass, c.disaster(d.name, victims))
		if pictured {
			r.maps = append(r.maps, c.mapOf("mended", nil))
		}
	}
}

func runMessages(w *world, r *Result) {
	w.cfg.Progress("messages")
	for _, f := range []struct {
		name    string
		servers int
		silent  bool
	}{
		{"link, silent", 0, true}, {"server, crash", 1, false}, {"server, silent", 1, true},
		{"two servers, crash", 2, false}, {"two servers, silent", 2, true},
	} {
		r.Report.Messages = append(r.Report.Messages, w.transits(f.name, f.servers, f.silent))
	}
}

func runSplit(w *world, r *Result) {
	w.cfg.Progress("split")
	s := w.clone(0xe0).split()
	r.Report.Split = &s
}

func runMail(w *world, r *Result) {
	w.cfg.Progress("mail")
	m := w.mailboxes()
	r.Report.Mail = &m
}

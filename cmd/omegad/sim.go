package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/omega-im/omega/internal/cputime"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/sim/churn"
)

type simCmd struct {
	N        int           `short:"n" default:"10000" help:"${help_sim_n} (${default})"`
	Seed     uint64        `default:"1" help:"${help_sim_seed}"`
	Hours    float64       `default:"1" help:"${help_sim_hours} (${default})"`
	Restarts float64       `default:"1" help:"${help_sim_restarts} (${default})"`
	Deaths   float64       `default:"0.1" help:"${help_sim_deaths} (${default})"`
	Downtime time.Duration `default:"1m" help:"${help_sim_downtime} (${default})"`
	NAT      float64       `name:"nat" default:"0.1" help:"${help_sim_nat} (${default})"`
	Silent   float64       `default:"0.5" help:"${help_sim_silent} (${default})"`
	Only     []string      `help:"${help_sim_only}" enum:"churn,mass,messages,split,mail,events" placeholder:"NAME"`
	Events   int           `help:"${help_sim_events}" placeholder:"N"`
	Until    int           `help:"${help_sim_until}" placeholder:"K"`
	JSON     bool          `name:"json" help:"${help_sim_json}"`
	HTML     string        `name:"html" help:"${help_sim_html}" type:"path" placeholder:"FILE"`
	Quiet    bool          `short:"q" help:"${help_sim_quiet}"`
}

func (c *simCmd) Run(ctx context.Context) error {
	lang := i18n.Detect(os.Getenv)
	// Much is made and soon forgotten; to look for it less often is worth some
	// memory, but not that of a small machine.
	debug.SetGCPercent(300)
	debug.SetMemoryLimit(3 << 30)
	watch := newStopwatch(os.Stderr, lang, c.Quiet)
	r, err := churn.Run(ctx, c.config(watch))
	watch.end()
	if err != nil {
		return err
	}
	if c.HTML != "" {
		if err := writePage(c.HTML, r, lang); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r.Report)
	}
	for _, line := range r.Report.Summary(lang) {
		if _, err := fmt.Println(line); err != nil {
			return err
		}
	}
	return nil
}

func (c *simCmd) config(w *stopwatch) churn.Config {
	zero := func(x float64) float64 { // for the package 0 is the default, below it none
		if x == 0 {
			return -1
		}
		return x
	}
	return churn.Config{
		Servers: c.N, Seed: c.Seed, Hours: c.Hours, Restarts: c.Restarts, Deaths: c.Deaths, Downtime: c.Downtime,
		NAT: zero(c.NAT), Silent: zero(c.Silent), Only: c.Only, Progress: w.begin,
		Events: c.Events, Until: c.Until,
	}
}

func writePage(path string, r *churn.Result, lang i18n.Lang) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := r.Page(f, lang); err != nil {
		f.Close()
		return fmt.Errorf("write the page: %w", err)
	}
	return f.Close()
}

// A stopwatch tells what begins and how long all took. Times of this machine
// stand here and not in the report.
type stopwatch struct {
	w     io.Writer
	lang  i18n.Lang
	quiet bool
	start time.Time
}

func newStopwatch(w io.Writer, lang i18n.Lang, quiet bool) *stopwatch {
	return &stopwatch{w: w, lang: lang, quiet: quiet, start: time.Now()}
}

func (s *stopwatch) begin(what string) {
	if !s.quiet {
		fmt.Fprintln(s.w, i18n.T("sim.begins", tenths(time.Since(s.start)), churn.Stage(s.lang, what)).In(s.lang))
	}
}

func (s *stopwatch) end() {
	if !s.quiet {
		fmt.Fprintln(s.w, i18n.T("sim.total", tenths(time.Since(s.start)), tenths(cputime.Used()), runtime.GOMAXPROCS(0)).In(s.lang))
	}
}

func tenths(d time.Duration) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0")
}

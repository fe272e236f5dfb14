package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/sim/churn"
)

// A small cloud goes through everything that make sim puts a large one through,
// and no rule is broken on the way.
func TestSimSmoke(t *testing.T) {
	r, err := churn.Run(t.Context(), (&simCmd{N: 60, Seed: 3, Hours: 1, Restarts: 30, Deaths: 4, Downtime: 6e10, NAT: 0.1, Silent: 0.5}).config(newStopwatch(os.Stderr, i18n.English, true)))
	if err != nil {
		t.Fatal(err)
	}
	rep := r.Report
	if v := rep.Churn.Invariant; v.Events < 100 || v.Alone > 0 {
		t.Errorf("%d events, %d violations while nothing else was being repaired", v.Events, v.Alone)
	}
	if rep.Growth.Refused > 0 {
		t.Errorf("%d announcements refused", rep.Growth.Refused)
	}
	for _, m := range rep.Messages {
		if m.Delivered < 1 {
			t.Errorf("%s: %v delivered", m.Failure, m.Delivered)
		}
	}
	if line, err := json.Marshal(rep); err != nil || strings.Contains(string(line), "NaN") {
		t.Errorf("report %s: %v", line, err)
	}
	for _, lang := range []i18n.Lang{i18n.Chinese, i18n.English} {
		checkPage(t, r, lang)
	}
}

// Events one at a time are a run of their own: what it found stands in the line,
// and it can be ended at the event that is of interest.
func TestSimEvents(t *testing.T) {
	var told strings.Builder
	c := &simCmd{N: 60, Seed: 3, NAT: 0.1, Silent: 0.5, Events: 200, Until: 150}
	r, err := churn.Run(t.Context(), c.config(newStopwatch(&told, i18n.English, false)))
	if err != nil {
		t.Fatal(err)
	}
	o := r.Report.Turns
	if r.Report.Churn != nil || o.Events != 150 || o.Changes.Checks < 50 || o.Settled.LeastLinks < 3 || len(o.Violations) > 0 {
		t.Errorf("%+v", o)
	}
	if !strings.Contains(told.String(), "event 150, after") {
		t.Errorf("nothing was told of event 150: %s", told.String())
	}
	checkPage(t, r, i18n.Chinese)
	for _, wrong := range []*simCmd{{N: 60, Only: []string{"events"}}, {N: 60, Events: 2_000_000}, {N: 60, Events: 5, Only: []string{"mail"}}} {
		if _, err := churn.Run(t.Context(), wrong.config(newStopwatch(&told, i18n.English, true))); err == nil {
			t.Errorf("taken: %+v", wrong)
		}
	}
}

// checkPage wants a page that is whole and asks nobody for anything.
func checkPage(t *testing.T, r *churn.Result, lang i18n.Lang) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sim.html")
	if err := writePage(path, r, lang); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, bad := range []string{"<script", "http://", "https://", "url(", "@import", "sim.page", "sim.fail", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q in it", bad)
		}
	}
	if !strings.HasSuffix(page, "</html>\n") {
		t.Error("the page is cut short")
	}
}

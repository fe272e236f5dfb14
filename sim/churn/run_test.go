package churn

import (
	"encoding/json"
	"runtime"
	"testing"
)

// One seed gives one report, to the last bit, on any number of cores; another
// seed gives another.
func TestRunRepeats(t *testing.T) {
	line := func(cfg Config, cores int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		r, err := Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r.Report)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, cfg := range []Config{{Servers: 40, Hours: 0.5}, {Servers: 300, Hours: 0.25, Only: []string{"churn"}}} {
		cfg.Seed = 1
		first := line(cfg, 1)
		if again := line(cfg, 4); again != first {
			t.Errorf("%d servers, one seed, two reports:\n%s\n%s", cfg.Servers, first, again)
		}
		cfg.Seed = 2
		if line(cfg, 4) == first {
			t.Errorf("%d servers, two seeds, one report", cfg.Servers)
		}
	}
}

package churn

import (
	"encoding/json"
	"runtime"
	"testing"
)

// One seed gives one report, to the last bit, on any number of cores; another
// seed gives another.
func TestRunRepeats(t *testing.T) {
	line := func(seed uint64, cores int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		r, err := Run(t.Context(), Config{Servers: 40, Seed: seed, Hours: 0.5})
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r.Report)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := line(1, 1)
	if again := line(1, 4); again != first {
		t.Errorf("one seed, two reports:\n%s\n%s", first, again)
	}
	if line(2, 4) == first {
		t.Error("two seeds, one report")
	}
}

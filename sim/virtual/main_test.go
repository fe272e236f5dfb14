package virtual

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

var (
	seedFlag    = flag.Uint64("seed", 1, "seed of the first world")
	worldsFlag  = flag.Int("worlds", 1, "worlds per figure, each with a seed of its own")
	serversFlag = flag.Int("servers", 8, "servers per world")
	figuresFlag = flag.Bool("figures", false, "measure everything, not only what tests need")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	report()
	os.Exit(code)
}

// A figure is one row of what was measured. Times are in milliseconds.
type figure struct {
	What      string  `json:"what"`
	Worlds    int     `json:"worlds"`
	Count     int     `json:"count"` // messages, or servers, or tries
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	StoredP50 float64 `json:"stored_p50_ms,omitempty"`
	StoredP99 float64 `json:"stored_p99_ms,omitempty"`
	Late      int     `json:"late,omitempty"` // later than 3 s
	Lost      int     `json:"lost"`           // never came
}

// figures are what this run measured. Tests are not parallel.
var figures []figure

func note(what string, d delay, lost int) *figure {
	f := figure{What: what, Worlds: *worldsFlag, Count: len(d) + lost, P50: msf(d.at(.5)), P99: msf(d.at(.99)), Max: msf(d.at(1)), Lost: lost}
	figures = append(figures, f)
	return &figures[len(figures)-1]
}

func msf(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

// report prints a table and a line of JSON.
func report() {
	if len(figures) == 0 || !testing.Verbose() {
		return
	}
	fmt.Printf("\n%-52s %7s %8s %8s %8s %8s %5s %5s\n", "what", "count", "p50 ms", "p99", "max", "tick p99", "late", "lost")
	for _, f := range figures {
		fmt.Printf("%-52s %7d %8.1f %8.1f %8.1f %8.1f %5d %5d\n", f.What, f.Count, f.P50, f.P99, f.Max, f.StoredP99, f.Late, f.Lost)
	}
	b, err := json.Marshal(map[string]any{"seed": *seedFlag, "servers": *serversFlag, "figures": figures})
	if err == nil {
		fmt.Println(string(b))
	}
}

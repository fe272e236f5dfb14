package churn

import (
	"slices"
	"time"
)

// A tally counts what happens in a world.
type tally struct {
	floods        int
	whole, copies int     // floods of announcements that went whole, and copies of those
	octets        float64 // of announcements and offers of them
	signed        float64 // of announcements, one copy of each
	compared      float64 // octets sent when databases are compared
	floodTimes    series  // until the last has it
	reach         series  // of a sample of servers
	detection     series
	joins         series // from cold to full member
	failures      map[time.Duration]failure
	issued        []time.Duration // when each flood began

	dials, deadDials, timeouts, refusals, made int
	ends, dropped, judgedBad                   int
	reunions                                   int // dials to servers that were lost from sight

	looks int // for nearer ways

	views, graphs, spfs, plans, builds, refused int
	reasons                                     [8]int // by mesh.Reason; room for later ones
	mostWants                                   int    // links that one plan wanted
}

func newTally() tally { return tally{failures: map[time.Duration]failure{}} }

// A failure is how long it took until all knew of one.
type failure struct {
	silent bool
	known  time.Duration // to the last server
	floods int
}

// converged notes an announcement because of a failure, and when the last
// server has it.
func (t *tally) converged(began time.Duration, silent bool, over time.Duration) {
	f := t.failures[began]
	t.failures[began] = failure{silent, max(f.known, over-began), f.floods + 1}
}

// convergence returns how long failures took to be known everywhere.
func (t *tally) convergence(silent bool) (s series) {
	for _, f := range t.failures {
		if f.silent == silent {
			s.add(f.known)
		}
	}
	return s
}

func (t *tally) flooded(sp spread, octets int, now time.Duration) {
	t.floods++
	if sp.offers == 0 {
		t.whole++
		t.copies += sp.sent
	}
	t.octets += float64(sp.octets(octets))
	t.signed += float64(octets)
	t.issued = append(t.issued, now)
	t.floodTimes.add(time.Duration(sp.last) * tick)
	for i := t.floods % 97; i < len(sp.arrive); i += 997 {
		if sp.arrive[i] != never {
			t.reach.add(time.Duration(sp.arrive[i]) * tick)
		}
	}
}

// A series is measured times.
type series []time.Duration

func (s *series) add(d time.Duration) { *s = append(*s, d) }

// Quantiles of a series in milliseconds.
type Quantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func (s series) quantiles() Quantiles {
	if len(s) == 0 {
		return Quantiles{}
	}
	slices.Sort(s)
	at := func(q float64) float64 { return millis(s[min(int(q*float64(len(s))), len(s)-1)]) }
	return Quantiles{len(s), at(0.5), at(0.99), at(1)}
}

// millis is d in milliseconds, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// round keeps k decimals: a report is no place for sixteen digits.
func round(x float64, k int) float64 {
	p := 1.0
	for range k {
		p *= 10
	}
	if x < 0 {
		return float64(int64(x*p-0.5)) / p
	}
	return float64(int64(x*p+0.5)) / p
}

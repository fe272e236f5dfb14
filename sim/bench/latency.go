package main

import (
	"slices"
	"time"
)

// latencies keeps every latency of messages that were scheduled at or after
// from; earlier ones belong to the warm-up. The zero value keeps nothing.
type latencies struct {
	on     bool
	from   time.Duration
	values []time.Duration
}

func (l *latencies) add(scheduled, latency time.Duration) {
	if l.on && scheduled >= l.from {
		l.values = append(l.values, latency)
	}
}

// Quantiles are latencies in milliseconds.
type quantiles struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
}

// summarise returns nil when there is nothing to say.
func summarise(values []time.Duration) *quantiles {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	at := func(q float64) float64 {
		i := min(int(q*float64(len(values))), len(values)-1)
		return float64(values[i].Nanoseconds()) / 1e6
	}
	return &quantiles{P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: at(1)}
}

package churn

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config says what to simulate. Zero means the default.
type Config struct {
	Servers int     // how many, at least 8; zero: 10,000
	Seed    uint64  // everything random follows from it
	Hours   float64 // of churn; zero: 1

	// Restarts and Deaths are per server and day. A server that restarts is
	// back after Downtime with its disk; one that dies never is, and another
	// joins instead. Zero: 1 and 0.1.
	Restarts float64
	Deaths   float64
	Downtime time.Duration // zero: 1 minute

	// Silent is the share of failures that nobody is told of: the host is
	// gone, so no connection is reset and dials run into their timeout.
	// Zero: 0.5; negative: none.
	Silent float64

	// NAT is the share of servers that cannot be dialled. Zero: 0.1;
	// negative: none.
	NAT float64

	// Events is how many things befall the cloud one at a time, each when what
	// the one before asked for is done, in a scenario of its own. At most
	// 1,000,000. Until ends it after that event and tells of it; 0: not.
	Events, Until int

	// Only names the scenarios to run after growth: churn, mass, messages,
	// split, mail, events. Empty: events if there are
	// any to be, else all others.
	Only []string

	// Progress, when not nil, is told what begins, by one goroutine at a
	// time. It is not part of the result.
	Progress func(what string)
}

// Scenarios are the words for Config.Only.
func Scenarios() []string { return []string{"churn", "mass", "messages", "split", "mail", "events"} }

func (cfg *Config) check() error {
	def(&cfg.Servers, 10_000)
	def(&cfg.Hours, 1)
	def(&cfg.Restarts, 1)
	def(&cfg.Deaths, 0.1)
	def(&cfg.Downtime, time.Minute)
	def(&cfg.Silent, 0.5)
	def(&cfg.NAT, 0.1)
	cfg.Silent, cfg.NAT = max(cfg.Silent, 0), max(cfg.NAT, 0)
	if len(cfg.Only) == 0 {
		cfg.Only = []string{"churn", "mass", "messages", "split", "mail"}
		if cfg.Events > 0 {
			cfg.Only = []string{"events"}
		}
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	switch {
	case cfg.Servers < 8 || cfg.Servers > 50_000:
		return fmt.Errorf("simulate %d servers: it takes 8 to 50,000", cfg.Servers)
	case cfg.Hours < 0 || cfg.Restarts < 0 || cfg.Deaths < 0 || cfg.Downtime < 0:
		return errors.New("simulate: hours, restarts, deaths and downtime are not negative")
	case cfg.Events < 0 || cfg.Events > 1_000_000 || cfg.Until < 0:
		return fmt.Errorf("simulate %d events: it takes 0 to 1,000,000", cfg.Events)
	case slices.Contains(cfg.Only, "events") != (cfg.Events > 0):
		return errors.New("simulate events one at a time: say how many")
	case cfg.NAT > 0.9 || cfg.Silent > 1:
		return errors.New("simulate: NAT is at most 0.9 and silent at most 1")
	}
	return nil
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

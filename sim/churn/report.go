package churn

import (
	"time"

	"github.com/omega-im/omega/mesh"
)

// Policy is what the report says about how links are chosen.
const Policy = "2 nearest + 2 random, target 4, at least 3, at most 12; weak places mended in turns of 2 s; lost servers dialled by chance"

// A Report is everything that a run found out. It depends on the configuration
// alone: times in it are simulated ones.
type Report struct {
	Seed    uint64  `json:"seed"`
	Servers int     `json:"servers"`
	Hours   float64 `json:"hours"`
	Policy  string  `json:"policy"`

	ByHand   ByHand     `json:"by_hand"` // for comparison
	Grown    Shape      `json:"grown"`
	Growth   Work       `json:"growth"`
	Turns    *Turns     `json:"one_at_a_time,omitempty"`
	Churn    *Churn     `json:"churn,omitempty"`
	Mass     []Disaster `json:"mass_failures,omitempty"`
	Messages []Transit  `json:"messages_in_flight,omitempty"`
	Split    *Split     `json:"split,omitempty"`
	Mail     *Mail      `json:"mailboxes,omitempty"`
}

// Work is how often the simulated servers used mesh.
type Work struct {
	Plans int `json:"plans"`
	Links int `json:"links_made"`

	// Refused are announcements that a database did not take; 0 unless the
	// simulator breaks a rule of mesh.
	Refused int `json:"announcements_refused"`
}

// Churn is an hour, or another time, of servers that come and go.
type Churn struct {
	Invariant Invariant `json:"invariant"`
	Ended     int       `json:"servers_ended"`
	Restarts  float64   `json:"restarts_per_server_and_day"`
	Deaths    float64   `json:"deaths_per_server_and_day"`

	Detection       Quantiles `json:"detection"` // of all failures
	FloodReach      Quantiles `json:"flood_reach"`
	FloodLast       Quantiles `json:"flood_last_server"`
	ConvergedCrash  Quantiles `json:"convergence_crash"`  // all neighbours' news are everywhere
	ConvergedSilent Quantiles `json:"convergence_silent"` // the same, nobody was told
	Joined          Quantiles `json:"cold_to_full_member"`

	FloodsPerFailure float64 `json:"announcements_per_failure"`
	CopiesPerServer  float64 `json:"copies_per_server_and_announcement"` // of those that tell of a loss; others come once, and as offers
	BytesPerFailure  float64 `json:"bytes_per_server_and_failure"`
	Octets           float64 `json:"octets_per_announcement"`
	BytesPerSecond   Traffic `json:"bytes_per_server_and_second"`
	Effort           Effort  `json:"effort_per_server"`

	LinksMade      int     `json:"links_made"`
	LinksPerEvent  float64 `json:"links_per_ended_server"`
	DroppedLater   int     `json:"links_dropped_later"` // that still worked: one too many
	Dials          int     `json:"dials"`
	DeadDials      int     `json:"dials_to_dead"`
	Refusals       int     `json:"dials_refused"`
	ReunionDials   float64 `json:"reunion_dials_per_second"` // of the whole cloud, to servers lost from sight
	DegreePlans    int     `json:"links_wanted_for_degree"`
	OperatorPlans  int     `json:"links_wanted_for_operators"`
	RepairPlans    int     `json:"links_wanted_for_repair"`
	ReunionSuccess int     `json:"links_wanted_for_reunion"`
	NearPlans      int     `json:"links_wanted_for_near"`

	After Shape `json:"after"`
}

// Traffic is what a server receives, in octets per second.
type Traffic struct {
	News    float64 `json:"announcements"`
	Hellos  float64 `json:"hellos"`
	Compare float64 `json:"comparisons"`
}

// Effort is how much a real server would compute: it looks at everything that
// changes, where the simulator looks only if something depends on it. The share
// of a core follows from the costs below.
type Effort struct {
	SPFs  float64 `json:"spf_per_hour"`
	Plans float64 `json:"plans_per_hour"`
	Core  float64 `json:"share_of_a_core"`
}

// What views and plans take at 10,000 servers on one core (BenchmarkCost). They
// grow in proportion. They are constants so that a report does not depend on
// the machine.
const (
	viewCost = 6 * time.Millisecond // graph, shortest paths, standings
	planCost = 6 * time.Millisecond // of a new view: the search for weak places
)

// effort counts views and plans of one server while announcements came in.
func (w *world) effort(issued []time.Duration, d time.Duration) Effort {
	scale := float64(len(w.servers)) / 10_000
	cost := time.Duration(float64(viewCost+planCost) * scale)
	views := 0
	var throttle mesh.Throttle
	for _, at := range issued {
		if now := epoch.Add(at); !now.Before(throttle.Next()) {
			throttle.Done(now, cost)
			views++
		}
	}
	hours := d.Hours()
	e := Effort{SPFs: float64(views)/hours + 360, Plans: float64(views)/hours + 3600}
	busy := e.SPFs * cost.Seconds()
	e.SPFs, e.Plans, e.Core = round(e.SPFs, 1), round(e.Plans, 1), round(busy/3600, 5)
	return e
}

// helloOctets is a hello with its frame, and its answer. (spec/cloud.md)
const helloOctets = 2 * 17

// exchangeEvery is how often databases are compared on a link, and digestOctets
// what that takes when they are equal.
const (
	exchangeEvery = 600
	digestOctets  = 2048 + 8
)

// report sums up an hour of churn.
func (w *world) churnReport(d time.Duration) *Churn {
	t := &w.tally
	n, events := float64(len(w.aliveServers())), float64(max(t.ends, 1))
	after := w.shape()
	copies := float64(t.copies) / float64(max(t.whole, 1)) / n
	octets := t.signed / float64(max(t.floods, 1))
	perFailure := t.floodsPerFailure()
	links := after.MeanDegree
	return &Churn{
		Invariant: w.watch.result, Ended: t.ends, Restarts: w.cfg.Restarts, Deaths: w.cfg.Deaths,
		Detection: t.detection.quantiles(), FloodReach: t.reach.quantiles(), FloodLast: t.floodTimes.quantiles(),
		ConvergedCrash: t.convergence(false).quantiles(), ConvergedSilent: t.convergence(true).quantiles(),
		Joined:           t.joins.quantiles(),
		FloodsPerFailure: round(perFailure, 2), CopiesPerServer: round(copies, 3), Octets: round(octets, 0),
		BytesPerFailure: round(perFailure*copies*octets, 0),
		BytesPerSecond: Traffic{
			News: round(t.octets/n/d.Seconds(), 1), Hellos: round(links*2*helloOctets, 1),
			Compare: round(t.compared/n/d.Seconds()+links*digestOctets/exchangeEvery, 1),
		},
		Effort:       w.effort(t.issued, d),
		DroppedLater: t.dropped,
		LinksMade:    t.made, LinksPerEvent: round(float64(t.made)/events, 3), Dials: t.dials,
		DeadDials: t.deadDials + t.timeouts, Refusals: t.refusals,
		ReunionDials: round(float64(t.reunions)/d.Seconds(), 2),
		DegreePlans:  t.reasons[0], OperatorPlans: t.reasons[1], RepairPlans: t.reasons[2], ReunionSuccess: t.reasons[3], NearPlans: t.reasons[mesh.ReasonNear],
		After: after,
	}
}

func (t *tally) floodsPerFailure() float64 {
	sum := 0
	for _, f := range t.failures {
		sum += f.floods
	}
	return float64(sum) / float64(max(len(t.failures), 1))
}

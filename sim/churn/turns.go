package churn

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega/mesh"
)

// turns is churn in which each event waits until what the one before asked for
// is done: the links made, everybody told. So failures come one at a time, and
// as fast as they can. The ledger looks at every change of the true graph.
type turns struct {
	ledger   *ledger
	arrivals arrivals
	idle     queue // what is due in a cloud at rest
	away     []int32
	severed  pairs
	exact    bool // databases are not behind
	at       int  // event
	began    time.Duration
	result   Turns
}

// Turns is what a cloud went through event by event.
//
// At every change of the true graph of full members (a server or a link goes
// or comes) bridges, cut vertices and parts are looked for: there must be none.
// The neighbours of a server that died have a link less for the time of the
// repair, which nobody can help. So links are counted, and pairs of servers
// that split the graph are looked for, when the cloud has settled: nobody
// dials, joins, waits or has anything to say, and all was heard everywhere.
type Turns struct {
	Events  int     `json:"events"`
	Hours   float64 `json:"simulated_hours"`
	Kinds   Kinds   `json:"kinds"`
	Changes Changes `json:"at_every_change"`
	Settled Settled `json:"when_settled"`

	Joined     Quantiles `json:"cold_to_full_member"`
	LinksMade  int       `json:"links_made"`
	GivenUp    int       `json:"links_given_up"`
	Looks      int       `json:"near_looks"`
	Near       int       `json:"near_links_wanted"`
	Dials      int       `json:"dials"`
	DeadDials  int       `json:"dials_to_dead"`
	Announced  int       `json:"announcements"`
	Plans      int       `json:"plans"`
	Views      int       `json:"views"`
	RepairWant int       `json:"links_wanted_for_repair"`
	Refused    int       `json:"announcements_refused"`

	// Violations are the first of them; each can be had again with the seed and
	// --until.
	Violations []Violation `json:"violations"`
	After      *Shape      `json:"after,omitempty"`
}

// Kinds counts the events.
type Kinds struct {
	Left      int `json:"left_or_crashed"` // connections were reset
	Silent    int `json:"silent_deaths"`
	LinksLost int `json:"links_lost"`
	LinksBack int `json:"links_possible_again"`
	Newcomers int `json:"newcomers"`
	Cold      int `json:"joined_without_disk"`
	Returned  int `json:"returned_with_disk"`
}

// Settled is what was found when nobody had anything to do.
type Settled struct {
	Checks     int `json:"checks"`
	Below      int `json:"min_degree_violations"`
	LeastLinks int `json:"least_degree"`
	Pairs      int `json:"splitting_pairs"` // of servers, until mesh mended them
	Unmended   int `json:"splitting_pairs_left"`
	Rounds     int `json:"most_rounds_to_mend"`
	Unsettled  int `json:"not_settled_in_time"`
	Whole      int `json:"whole_searches"`
	Disagree   int `json:"searches_that_disagree"` // with the ledger; 0 unless it is wrong
}

// A Violation is an event that broke a promise.
type Violation struct {
	Event int    `json:"event"`
	Kind  string `json:"kind"`
	What  string `json:"what"`
}

const (
	maxViolations = 32

	// settleLimit is how long an event is waited for. A link that came and went
	// many times is announced last.
	settleLimit = maxLinkHold + time.Minute

	wholeEvery = 500 // events between whole searches that nothing asks for
	foldEvery  = 200

	// awayShare is the share of the servers that are away, on the average.
	awayShare = 0.01

	// newShare is the share of those that come that nobody ever saw before.
	newShare = 1. / 64

	linkShare  = 1. / 3 // of events that befall links
	mostSevere = 64     // pairs that cannot reach each other

	mendRounds = 30
)

func newTurns(w *world) *turns {
	t := &turns{severed: pairs{at: map[[2]int32]int{}}, ledger: newLedger(w)}
	w.turns = t
	w.tally = newTally()
	t.result.Violations = []Violation{}
	t.result.Settled.LeastLinks = 1 << 30
	return t
}

// run lets n events happen, or those up to one that is wanted, which is told at
// length.
func (t *turns) run(w *world, n, until int) *Turns {
	t.began = w.now
	w.refreshes()
	w.looks()
	if !t.ledger.survey(w) {
		t.violate("growth", "the grown cloud is not three-connected")
	}
	if until > 0 {
		n = min(n, until)
	}
	for t.at = 1; t.at <= n && !w.stop(); t.at++ {
		t.event(w, t.at == until)
		t.result.Events++
		if t.at%max(n/200, 1000) == 0 {
			w.cfg.Progress(t.progress(w))
		}
	}
	t.sum(w)
	after := w.shape()
	t.result.After = &after
	return &t.result
}

// progress is all that was found out so far, for a journal: who gives up a
// long run has that.
func (t *turns) progress(w *world) string {
	t.sum(w)
	b, err := json.Marshal(&t.result)
	if err != nil {
		panic(err) // it holds numbers and words
	}
	return "events " + string(b)
}

func (t *turns) sum(w *world) {
	r := &t.result
	r.Hours = round((w.now - t.began).Hours(), 2)
	r.Changes = t.ledger.found
	r.Joined = w.tally.joins.quantiles()
	r.LinksMade, r.GivenUp, r.Dials, r.DeadDials = w.tally.made, w.tally.dropped, w.tally.dials, w.tally.deadDials+w.tally.timeouts
	r.Announced, r.Plans, r.Views, r.Refused = len(w.tally.issued), w.tally.plans, w.tally.spfs, w.tally.refused
	r.Looks, r.Near = w.tally.looks, w.tally.reasons[mesh.ReasonNear]
	r.RepairWant = w.tally.reasons[mesh.ReasonRepair]
}

func (t *turns) violate(kind, what string) {
	if len(t.result.Violations) < maxViolations {
		t.result.Violations = append(t.result.Violations, Violation{t.at, kind, what})
	}
}

// event lets one thing happen and waits for what comes of it.
func (t *turns) event(w *world, tell bool) {
	o := t.ledger
	o.touched = o.touched[:0]
	before := o.found
	kind, who := t.happen(w)
	if tell {
		w.cfg.Progress(fmt.Sprintf("event %d, after %v: %s %v; sound %v, links of those it touched %v",
			t.at, w.now, kind, who, o.sound, o.degrees(o.touched)))
	}
	settled := t.settle(w)
	t.giveUp(w)
	settled = t.settle(w) && settled
	t.judge(w, kind, settled)
	if now := o.found; now.Bridges > before.Bridges || now.Vertices > before.Vertices || now.Splits > before.Splits {
		t.violate(kind, fmt.Sprintf("bridges at %d, cut vertices at %d, several parts at %d of %d changes (servers %v)",
			now.Bridges-before.Bridges, now.Vertices-before.Vertices, now.Splits-before.Splits, now.Checks-before.Checks, who))
	}
	if tell {
		w.cfg.Progress(fmt.Sprintf("settled %v after %v: sound %v, links of those it touched %v", settled, w.now, o.sound, o.degrees(o.touched)))
	}
	if t.at%foldEvery == 0 {
		w.streams[0].fold(len(w.servers))
	}
}

// looks is how many servers look after each event whether they have a link too
// many. Real ones do every few seconds.
const looks = 4

// giveUp lets some servers give up a link, if they have too many.
func (t *turns) giveUp(w *world) {
	for range looks {
		i := w.someone()
		if s := &w.servers[i]; len(s.links) > mesh.SurplusLinks && w.now-s.gaveUp >= mesh.SurplusGap {
			w.giveUp(i)
		}
	}
}

// judge checks what must hold when the cloud has settled.
func (t *turns) judge(w *world, kind string, settled bool) {
	o, r := t.ledger, &t.result.Settled
	if !settled {
		r.Unsettled++
	}
	r.Checks++
	if !o.sound && !o.judge() {
		r.Pairs++
		t.mend(w, kind)
	}
	least, who := o.least(o.touched)
	r.LeastLinks = min(r.LeastLinks, least)
	if least < mesh.Required(o.count) {
		r.Below++
		t.violate(kind, fmt.Sprintf("server %d has %d links when settled (%v)", who, least, settled))
	}
	if t.at%wholeEvery != 0 {
		return
	}
	r.Whole++
	c := o.search(w)
	least, _, _ = o.graph.degrees()
	r.LeastLinks = min(r.LeastLinks, least)
	if weak := len(c.vertices) > 0 || c.parts > 1 || len(c.bridges) > 0; weak && o.sound || len(o.graph.nodes) != o.count || len(o.graph.to) != o.ends() {
		r.Disagree++
		t.violate(kind, "the ledger and the servers disagree")
	}
}

// mend lets those look for weak places who are near one, as all servers do
// every few seconds when the database is quiet.
func (t *turns) mend(w *world, kind string) {
	t.exact = true
	for round := 1; round <= mendRounds; round++ {
		t.result.Settled.Rounds = max(t.result.Settled.Rounds, round)
		w.now += mesh.RepairTurn
		for _, i := range t.ledger.beside() {
			for _, to := range w.plan(i, w.quiet()) {
				w.dial(i, to)
			}
		}
		t.settle(w)
		if t.ledger.judge() {
			t.exact = false
			return
		}
	}
	t.exact = false
	t.result.Settled.Unmended++
	t.violate(kind, fmt.Sprintf("two servers near %v split the rest, and nobody mends it", t.ledger.lost))
}

// settle lets everything happen that the event brought about.
func (t *turns) settle(w *world) bool {
	end := w.now + settleLimit
	for len(w.queue.heap) > 0 && !w.stop() {
		if !w.queue.due(end) {
			return false
		}
		e, _ := w.queue.next()
		w.now = e.at
		e.do()
	}
	w.now += floodTime
	for t.idle.due(w.now) {
		e, _ := t.idle.next()
		e.do()
	}
	return true
}

// issue notes an announcement for everybody to know when it has got there.
func (t *turns) issue(w *world, whole bool, records []*record) spread {
	st := w.streams[0]
	st.settle(w.now, w.flood)
	st.log = append(st.log, &entry{records: records, issued: w.now, asked: true, whole: whole, last: ticks(floodTime)})
	w.tally.issued = append(w.tally.issued, w.now)
	return spread{}
}

// A database that is a little behind does, for who is a member in it: to keep
// one up to date for every server that decides takes nearly all the time.
// Servers that know less do not do better.
const (
	entriesBehind = 300
	timeBehind    = 2 * time.Minute
)

// behind returns a database with no more in it than everybody has heard, not
// far behind what server i has, or nil.
func (t *turns) behind(w *world, i int32) *database {
	st := w.streams[0]
	st.settle(w.now, w.flood)
	d := st.library().before(st.done)
	if t.exact || d == nil || d.view == nil || len(st.log)-d.pos > entriesBehind || w.now-d.judged > timeBehind {
		return nil
	}
	if j := w.servers[i].join; j != nil && j.entry >= 0 {
		i = j.entry
	}
	if d.view.State(w.pop.all[i].fp) == mesh.Unreachable {
		return nil
	}
	return d
}

// pairs are servers that cannot reach each other, in no order.
type pairs struct {
	all [][2]int32
	at  map[[2]int32]int
	low [4096]int // how many, by the lower server of a pair: most are asked for in vain
}

func (p *pairs) has(a, b int32) bool {
	if p.low[min(a, b)%4096] == 0 {
		return false
	}
	_, is := p.at[[2]int32{min(a, b), max(a, b)}]
	return is
}

func (p *pairs) add(a, b int32) {
	if pair := [2]int32{min(a, b), max(a, b)}; !p.has(a, b) {
		p.at[pair] = len(p.all)
		p.low[pair[0]%4096]++
		p.all = append(p.all, pair)
	}
}

func (p *pairs) remove(k int) [2]int32 {
	pair, last := p.all[k], len(p.all)-1
	p.all[k] = p.all[last]
	p.at[p.all[k]] = k
	delete(p.at, pair)
	p.low[pair[0]%4096]--
	p.all = p.all[:last]
	return pair
}

// degrees are the links of some servers.
func (o *ledger) degrees(of []int32) string {
	s := ""
	for _, i := range of {
		s += fmt.Sprintf(" %d:%d", i, len(o.near[i]))
	}
	return s
}

// ends counts the ends of all links.
func (o *ledger) ends() (n int) {
	for _, near := range o.near {
		n += len(near)
	}
	return n
}

// beside are those who lost links, and their neighbours.
func (o *ledger) beside() []int32 {
	out := slices.Clone(o.lost)
	for _, i := range o.lost {
		out = append(out, o.near[i]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

package churn

import (
	"cmp"
	"slices"
	"time"

	"github.com/omega-im/omega/mesh"
)

// massLimit ends a mass failure that does not mend.
const massLimit = 90 * time.Second

// A round of repair is as long as mesh lets a deputy wait for another.
const roundLength = mesh.RepairTurn

// A Disaster is many servers lost at one instant, and what became of the rest.
type Disaster struct {
	Name string `json:"name"`
	Lost int    `json:"lost"`
	Left int    `json:"left"`

	// At the instant, before anybody knows.
	Bridges        int     `json:"bridges"`
	Vertices       int     `json:"cut_vertices"`
	Parts          int     `json:"parts"`
	LargestShare   float64 `json:"largest_share"` // of those left, in the largest part
	BelowThree     int     `json:"below_three_links"`
	OnlyStatic     bool    `json:"only_static,omitempty"`  // repair was not simulated
	BridgelessS    float64 `json:"bridgeless_after_s"`     // and connected, for good; -1: not within the limit
	WholeS         float64 `json:"whole_after_s"`          // and without cut vertices, three links each
	Rounds         int     `json:"rounds"`                 // of 2 s, in which links were made
	LinksPerServer float64 `json:"new_links_per_survivor"` // until it was bridgeless
	LinksInAll     float64 `json:"new_links_per_survivor_in_all"`
	MaxInbound     int     `json:"max_inbound_per_round"`
	MostWants      int     `json:"most_links_wanted_by_one_plan"`
	DeadDials      int     `json:"dials_to_dead"`
	MaxDegree      int     `json:"max_degree"`
	LSAs           float64 `json:"announcements_per_survivor"`

	// Course is how the repair went, for the picture. It is not in the line.
	Course []Moment `json:"-"`
}

// A Moment is one look at the true graph in the course of a repair.
type Moment struct {
	AtS      float64 // seconds after the disaster
	Parts    int
	Bridges  int
	Vertices int
	Below    int // servers with fewer than three links
	Made     int // links since
}

func (m Moment) bridgeless() bool { return m.Bridges == 0 && m.Parts == 1 }
func (m Moment) whole() bool      { return m.bridgeless() && m.Vertices == 0 && m.Below == 0 }

// randomVictims draws a share of all servers.
func (w *world) randomVictims(share float64) []int32 {
	alive := w.aliveServers()
	w.rng.Shuffle(len(alive), func(a, b int) { alive[a], alive[b] = alive[b], alive[a] })
	return alive[:int(share*float64(len(alive)))]
}

// targetedVictims are the share of all servers that has the most links.
func (w *world) targetedVictims(share float64) []int32 {
	alive := w.aliveServers()
	slices.SortStableFunc(alive, func(x, y int32) int {
		return cmp.Compare(len(w.servers[y].links), len(w.servers[x].links))
	})
	return alive[:int(share*float64(len(alive)))]
}

func (w *world) aliveServers() []int32 {
	var out []int32
	for i := range w.servers {
		if w.servers[i].alive {
			out = append(out, int32(i))
		}
	}
	return out
}

// atOnce notes what is left of the members when some are gone.
func (w *world) atOnce(name string, victims []int32) Disaster {
	gone := make([]bool, len(w.servers))
	for _, v := range victims {
		gone[v] = true
	}
	g := w.truth(nil, func(i int32) bool { return w.member(i) && !gone[i] })
	c := g.cuts()
	d := Disaster{
		Name: name, Lost: len(victims), Left: len(w.aliveServers()) - len(victims),
		Bridges: len(c.bridges), Vertices: len(c.vertices), Parts: c.parts, BelowThree: g.below(mesh.RequiredLinks),
		OnlyStatic: true, BridgelessS: -1, WholeS: -1,
	}
	if len(g.nodes) > 0 {
		d.LargestShare = round(float64(c.largest)/float64(len(g.nodes)), 5)
	}
	return d
}

func (g *graph) below(n int) (count int) {
	for k := range g.nodes {
		if g.degree(int32(k)) < n {
			count++
		}
	}
	return count
}

// disaster takes servers away at one instant and lets the others repair.
func (w *world) disaster(name string, victims []int32) Disaster {
	d := w.atOnce(name, victims)
	d.OnlyStatic = false
	began := w.now
	w.tally = newTally()
	members := w.sampleMembers()
	for _, v := range victims {
		w.setAlive(v, false) // before anybody is told, so that nothing is sent to them
	}
	for _, v := range victims {
		w.end(v, w.rng.Float64() < w.cfg.Silent)
	}
	w.watch = newWatch(w.now)
	w.mendSoon()
	w.reunions(began + massLimit)
	w.follow(&d, began, members)
	w.sum(&d, began)
	return d
}

// sampleMembers remembers who was a full member: whoever is left is one still.
func (w *world) sampleMembers() func(int32) bool {
	full := make([]bool, len(w.servers))
	for i := range w.servers {
		full[i] = w.servers[i].full
	}
	return func(i int32) bool { return full[i] }
}

// follow looks four times a second until nothing is left to be done.
func (w *world) follow(d *Disaster, began time.Duration, members func(int32) bool) {
	var g *graph
	bridgeless, whole := time.Duration(-1), time.Duration(-1)
	for at := began; at < began+massLimit; at += 250 * time.Millisecond {
		w.runUntil(at)
		g = w.truth(g, members)
		c := g.cuts()
		m := Moment{(at - began).Seconds(), c.parts, len(c.bridges), len(c.vertices), g.below(mesh.RequiredLinks), w.tally.made}
		d.Course = append(d.Course, m)
		since(&bridgeless, m.bridgeless(), at-began)
		since(&whole, m.whole(), at-began)
		if whole >= 0 && at-began > whole+8*time.Second && w.content() {
			break
		}
	}
	d.BridgelessS, d.WholeS = seconds(bridgeless), seconds(whole)
}

// since keeps when something became true, -1 while it is not.
func since(at *time.Duration, is bool, now time.Duration) {
	switch {
	case !is:
		*at = -1
	case *at < 0:
		*at = now
	}
}

func seconds(d time.Duration) float64 {
	if d < 0 {
		return -1
	}
	return d.Seconds()
}

// content reports whether nobody wants a link.
func (w *world) content() bool {
	for i := range w.servers {
		if w.servers[i].alive && w.needs(int32(i)) {
			return false
		}
	}
	return true
}

func (w *world) sum(d *Disaster, began time.Duration) {
	rounds := map[time.Duration]bool{}
	for i := range w.servers {
		s := &w.servers[i]
		if !s.alive {
			continue
		}
		d.MaxDegree = max(d.MaxDegree, len(s.links))
		in := map[time.Duration]int{}
		for _, at := range s.inbound {
			r := (at - began) / roundLength
			in[r]++
			d.MaxInbound = max(d.MaxInbound, in[r])
			rounds[r] = true
		}
	}
	d.Rounds, d.MostWants = len(rounds), w.tally.mostWants
	d.LinksInAll = round(float64(w.tally.made)/float64(max(d.Left, 1)), 4)
	for _, m := range d.Course {
		if m.AtS <= d.BridgelessS {
			d.LinksPerServer = round(float64(m.Made)/float64(max(d.Left, 1)), 4)
		}
	}
	d.DeadDials = w.tally.deadDials + w.tally.timeouts
	d.LSAs = round(float64(w.tally.floods)/float64(max(d.Left, 1)), 3)
}

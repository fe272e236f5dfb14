package mesh

import (
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// A View is the database at one moment as one server sees it: the servers, the
// links that count, the shortest paths from self and everyone's standing. Its
// fields never change; what the servers that see the same have in common is
// found when it is asked for first.
type View struct {
	Self    omega.Fingerprint
	Time    time.Time
	Version uint64        // of the database
	Records []*Record     // ascending by fingerprint
	Graph   *Graph        // all servers of Records
	Tree    *Tree         // from Self; nil while Self has announced nothing, and see As
	States  []ServerState // of Records

	paths bool   // a plan may look for ways where there is no Tree
	pairs *[]gap // at pairs of servers beside Self; nil: not looked for
	*common
}

// common is what all have in common who see the same.
type common struct {
	lost int // how many of States are Unreachable

	members   func() *members // of the graph
	traits    func() *traits
	gaps      *[]gap      // of members, apart from pairs of servers; nil: not looked for
	prospects []*prospect // of newcomers
}

// View computes the view of the database at time now and updates the
// standings in s.
func (db *DB) View(now time.Time, s *Standing) *View { return db.ViewOf(db.cfg.Self, now, s) }

// ViewOf is View of a server that has the same database.
func (db *DB) ViewOf(self omega.Fingerprint, now time.Time, s *Standing) *View {
	v := db.SeenBy(self, now, s)
	v.Tree = v.Graph.SPF(self)
	return v
}

// SeenBy is ViewOf without the shortest paths, which take longer than all else.
func (db *DB) SeenBy(self omega.Fingerprint, now time.Time, s *Standing) *View {
	db.shun(now)
	g := db.Graph()
	reached := g.reach(self)
	states := s.update(now, g, reached)
	g.withholdTransit(states, self, reached)
	v := &View{
		Self: self, Time: now, Version: db.version, Records: db.Records(),
		Graph: g, States: states,
	}
	v.common = newCommon(v)
	return v
}

func newCommon(v *View) *common {
	c := &common{}
	for _, st := range v.States {
		if st == Unreachable {
			c.lost++
		}
	}
	records, graph, states := v.Records, v.Graph, v.States
	c.members = sync.OnceValue(func() *members { return graph.membersOf(states, -1) })
	c.traits = sync.OnceValue(func() *traits { return traitsOf(records) })
	return c
}

// traits are what plans ask of every server, by number. Records lie scattered
// in memory, and to look at ten thousand of them takes longer than all the rest.
type traits struct {
	open   []int32 // servers that transit and can be dialled, ascending
	links  []int32 // how many it announces
	issued []time.Time
	owner  []int32 // who runs it
	owners map[owner]int32
	site   []int32 // 0: it names none
}

func traitsOf(records []*Record) *traits {
	n := len(records)
	t := &traits{make([]int32, 0, n), make([]int32, n), make([]time.Time, n), make([]int32, n), map[owner]int32{}, make([]int32, n)}
	sites := map[string]int32{"": 0}
	for i, r := range records {
		t.links[i], t.issued[i] = int32(len(r.Links)), r.Issued
		t.owner[i], t.site[i] = number(t.owners, ownerOf(r)), number(sites, r.Site)
		if r.Transit() && r.Dialable() {
			t.open = append(t.open, int32(i))
		}
	}
	return t
}

// number is that of a key: the next one if it is new.
func number[K comparable](of map[K]int32, key K) int32 {
	n, ok := of[key]
	if !ok {
		n = int32(len(of))
		of[key] = n
	}
	return n
}

// As is the view of another server that has the same database and is in reach
// of Self, or is known to nobody. It has no Tree; with paths plans find the ways
// that they ask for.
func (v *View) As(self omega.Fingerprint, now time.Time, paths bool) *View {
	o := *v
	o.Self, o.Time, o.Tree, o.paths, o.pairs = self, now, nil, paths, nil
	return &o
}

// members is a graph of full members.
type members struct {
	*Graph
	number []int32 // by server of the whole graph: its number in this one, or -1
	walk   *walk
}

// membersOf is the graph of the full members but one (-1: of all).
func (g *Graph) membersOf(states []ServerState, but int32) *members {
	full, number := g.part(func(i int32) bool { return states[i] == Full && i != but })
	return &members{full, number, full.walk()}
}

// withholdTransit keeps the ways off servers on probation: their links count,
// and they are judged by them, but nothing of others goes through a server that
// is no member yet. Where that would cut anyone off who is reached from self, as
// in a cloud that comes back after a great failure, all ways stay as they are.
// (spec/cloud.md, CLOUD-15)
func (g *Graph) withholdTransit(states []ServerState, self omega.Fingerprint, reached []bool) {
	if !g.Has(self) || !slices.Contains(states, Probationary) {
		return
	}
	before := g.transit
	g.transit = slices.Clone(before)
	for i, st := range states {
		g.transit[i] = before[i] && st != Probationary
	}
	if !slices.Equal(g.reach(self), reached) { // fewer: nobody forwards who did not
		g.transit = before
	}
}

// reach tells by server whether there is a way to it from another one.
func (g *Graph) reach(from omega.Fingerprint) []bool {
	reached := make([]bool, len(g.nodes))
	root, ok := g.index[from]
	if !ok {
		return reached
	}
	reached[root] = true
	line := []int32{root}
	for k := 0; k < len(line); k++ {
		if at := line[k]; at == root || g.transit[at] {
			for _, a := range g.arcsOf(at) {
				if !reached[a.to] {
					reached[a.to] = true
					line = append(line, a.to)
				}
			}
		}
	}
	return reached
}

// Full is the graph of the full members: the one that every promise is about.
func (v *View) Full() *Graph {
	return v.Graph.sub(func(i int32) bool { return v.States[i] == Full })
}

// State returns the standing of one server; one that is not known is
// Unreachable.
func (v *View) State(fp omega.Fingerprint) ServerState {
	if i, ok := v.Graph.index[fp]; ok {
		return v.States[i]
	}
	return Unreachable
}

// Record returns the record of one server, nil when there is none.
func (v *View) Record(fp omega.Fingerprint) *Record {
	if i, ok := v.Graph.index[fp]; ok {
		return v.Records[i]
	}
	return nil
}

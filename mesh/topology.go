package mesh

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// RequiredLinks is how many links a full member keeps when there are enough
// others to link to, TargetLinks what it aims at, LinkCap where it stops.
// With 3 per newcomer a join can never create a bridge (the expansion lemma);
// with 4 the loss of one server does not either, before any repair.
// (spec/cloud.md, CLOUD-5)
const (
	RequiredLinks = 3
	TargetLinks   = 4
	LinkCap       = 12
)

// DegradedAfter is how long a full member may have too few links before it
// counts as degraded. With one link only it does at once.
const DegradedAfter = 30 * time.Second

// Required is the number of links that a full member must have among n.
func Required(n int) int { return max(0, min(RequiredLinks, n-1)) }

// A State is what a cloud of this size can promise.
type State uint8

const (
	StateSeed        State = iota // one full member: nothing to link to
	StateProvisional              // two: one link, unavoidably a bridge
	StateTriangle                 // three: no bridge, but no spare
	StateStrict                   // four and more: the rule holds in full
)

// String returns the word of the HTTP surface.
func (s State) String() string {
	return [...]string{"seed", "provisional", "triangle", "strict"}[s&3]
}

func stateOf(full int) State {
	return State(min(max(full, 1), 4) - 1)
}

// A ServerState is the standing of one server in the cloud.
type ServerState uint8

const (
	Unreachable  ServerState = iota // announced, but there is no way to it
	Leaf                            // attached, but forwards for nobody (NAT, draining, by choice)
	Probationary                    // has never had enough links since we know it
	Degraded                        // had them, and has had too few for DegradedAfter, or has only one
	Full                            // a member: counts in every figure
)

// String returns the word of the HTTP surface.
func (s ServerState) String() string {
	switch s {
	case Leaf:
		return "leaf"
	case Probationary:
		return "probationary"
	case Degraded:
		return "degraded"
	case Full:
		return "full"
	}
	return "unreachable"
}

// A Standing remembers what the database does not say: who was a full member
// before. The zero value remembers nobody. Not for concurrent use.
type Standing struct {
	full map[omega.Fingerprint]time.Time // since when too few links; zero: it has enough
}

// Update judges every server in the graph as self sees it at time now. The
// result is by number: in the order of Graph.Servers.
func (s *Standing) Update(now time.Time, g *Graph, self omega.Fingerprint) []ServerState {
	return s.update(now, g, g.SPF(self))
}

func (s *Standing) update(now time.Time, g *Graph, tree *Tree) []ServerState {
	states := make([]ServerState, len(g.nodes))
	members := 0
	for i := range states {
		switch {
		case tree == nil || tree.dist[i] == unreached:
			states[i] = Unreachable
		case !g.transit[i]:
			states[i] = Leaf
		default:
			states[i] = Probationary
			members++
		}
	}
	required := Required(members)
	for i, fp := range g.nodes {
		if states[i] == Probationary {
			states[i] = s.judge(now, fp, g.membersBeside(int32(i), states), required)
		}
	}
	for fp := range s.full {
		if i, ok := g.index[fp]; !ok || states[i] < Degraded {
			delete(s.full, fp)
		}
	}
	return states
}

// membersBeside counts the links of server i to others that transit.
func (g *Graph) membersBeside(i int32, states []ServerState) int {
	n := 0
	for _, a := range g.arcsOf(i) {
		if states[a.to] > Leaf {
			n++
		}
	}
	return n
}

func (s *Standing) judge(now time.Time, fp omega.Fingerprint, links, required int) ServerState {
	since, was := s.full[fp]
	switch {
	case required == 0:
		// Alone it lacks nothing and has shown nothing: when others come into
		// reach it counts when it has its links to them, as they see it too.
		delete(s.full, fp)
	case links >= required:
		if !was || !since.IsZero() {
			s.note(fp, time.Time{})
		}
	case !was:
		return Probationary
	case since.IsZero():
		s.note(fp, now)
	case now.Sub(since) >= DegradedAfter:
		return Degraded
	}
	if links < 2 && required == RequiredLinks {
		return Degraded // hangs by a bridge: no member just now
	}
	return Full
}

func (s *Standing) note(fp omega.Fingerprint, since time.Time) {
	if s.full == nil {
		s.full = map[omega.Fingerprint]time.Time{}
	}
	s.full[fp] = since
}

// A View is the database at one moment as one server sees it: the servers, the
// links that count, the shortest paths from self and everyone's standing. Its
// fields never change; only Plan keeps something inside.
type View struct {
	Self    omega.Fingerprint
	Time    time.Time
	Version uint64        // of the database
	Records []*Record     // ascending by fingerprint
	Graph   *Graph        // all servers of Records
	Tree    *Tree         // from Self; nil while Self has announced nothing
	States  []ServerState // of Records
	lost    int           // how many of States are Unreachable

	weak *weakness // found by the first Plan
}

// View computes the view of the database at time now and updates the
// standings in s.
func (db *DB) View(now time.Time, s *Standing) *View {
	db.shun(now)
	g := db.Graph()
	tree := g.SPF(db.cfg.Self)
	states := s.update(now, g, tree)
	tree = g.withholdTransit(states, tree)
	return newView(&View{
		Self: db.cfg.Self, Time: now, Version: db.version, Records: db.Records(),
		Graph: g, Tree: tree, States: states,
	})
}

// withholdTransit keeps the ways off servers on probation: their links count,
// and they are judged by them, but nothing of others goes through a server that
// is no member yet. Where that would cut anyone off, as in a cloud that comes
// back after a great failure, all ways stay as they are. It returns the tree
// that is right then. (spec/cloud.md, CLOUD-15)
func (g *Graph) withholdTransit(states []ServerState, tree *Tree) *Tree {
	if tree == nil || !slices.Contains(states, Probationary) {
		return tree
	}
	before := g.transit
	g.transit = slices.Clone(before)
	for i, st := range states {
		g.transit[i] = before[i] && st != Probationary
	}
	without := g.SPF(g.nodes[tree.root])
	if without.lost() > tree.lost() {
		g.transit = before
		return tree
	}
	return without
}

// lost is how many servers the tree does not reach.
func (t *Tree) lost() int {
	n := 0
	for _, d := range t.dist {
		if d == unreached {
			n++
		}
	}
	return n
}

func newView(v *View) *View {
	for _, st := range v.States {
		if st == Unreachable {
			v.lost++
		}
	}
	return v
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

// A Topology is what people are told about the cloud.
type Topology struct {
	State   State
	Servers []*Record                         // ascending by fingerprint
	States  map[omega.Fingerprint]ServerState // of Servers
	Links   []Edge                            // that count, of all servers

	// Of the full members and the links between them:
	Cuts
	MinDegree    int
	Connectivity int // see Graph.Connectivity
	Components   int
}

// Topology analyses the view. It takes up to 0.2 s for 2,048 servers: compute
// it once per view, not on the path of a message. The labels for TwoCuts are
// drawn from random.
func (v *View) Topology(random func() uint64) *Topology {
	full := v.Full()
	states := make(map[omega.Fingerprint]ServerState, len(v.States))
	for i, r := range v.Records {
		states[r.Server] = v.States[i]
	}
	return &Topology{
		State: stateOf(full.Len()), Servers: v.Records, States: states, Links: v.Graph.Edges(),
		Cuts: full.Cuts(random), MinDegree: full.MinDegree(),
		Connectivity: full.Connectivity(), Components: full.walk().parts,
	}
}

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
	nodes []omega.Fingerprint // ascending
	was   []bool              // of nodes: is or was a full member
	since []time.Time         // of nodes: since when it has had too few links; zero: it has enough
}

// Clone returns a copy that goes its own way.
func (s *Standing) Clone() *Standing {
	return &Standing{s.nodes, slices.Clone(s.was), slices.Clone(s.since)}
}

// Update judges every server in the graph as self sees it at time now. The
// result is by number: in the order of Graph.Servers.
func (s *Standing) Update(now time.Time, g *Graph, self omega.Fingerprint) []ServerState {
	return s.update(now, g, g.reach(self))
}

func (s *Standing) update(now time.Time, g *Graph, reached []bool) []ServerState {
	s.follow(g)
	states := make([]ServerState, len(g.nodes))
	members := 0
	for i := range states {
		switch {
		case !reached[i]:
			states[i] = Unreachable
		case !g.transit[i]:
			states[i] = Leaf
		default:
			states[i] = Probationary
			members++
		}
	}
	required := Required(members)
	for i := range g.nodes {
		if states[i] == Probationary {
			states[i] = s.judge(now, i, g.membersBeside(int32(i), states), required)
		}
	}
	for i, st := range states {
		if st < Degraded {
			s.was[i] = false
		}
	}
	return states
}

// follow brings what is remembered into the order of the graph. Who is not in it
// is forgotten.
func (s *Standing) follow(g *Graph) {
	if len(s.nodes) == len(g.nodes) && (len(g.nodes) == 0 || &s.nodes[0] == &g.nodes[0]) {
		return
	}
	was, since := make([]bool, len(g.nodes)), make([]time.Time, len(g.nodes))
	at := 0
	for i, fp := range g.nodes {
		for at < len(s.nodes) && s.nodes[at].Compare(fp) < 0 {
			at++
		}
		if at < len(s.nodes) && s.nodes[at] == fp {
			was[i], since[i] = s.was[at], s.since[at]
		}
	}
	s.nodes, s.was, s.since = g.nodes, was, since
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

func (s *Standing) judge(now time.Time, i, links, required int) ServerState {
	switch {
	case required == 0:
		// Alone it lacks nothing and has shown nothing: when others come into
		// reach it counts when it has its links to them, as they see it too.
		s.was[i], s.since[i] = false, time.Time{}
	case links >= required:
		s.was[i], s.since[i] = true, time.Time{}
	case !s.was[i]:
		return Probationary
	case s.since[i].IsZero():
		s.since[i] = now
	case now.Sub(s.since[i]) >= DegradedAfter:
		return Degraded
	}
	if links < 2 && required == RequiredLinks {
		return Degraded // hangs by a bridge: no member just now
	}
	return Full
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

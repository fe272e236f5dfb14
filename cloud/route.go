package cloud

import (
	"slices"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// detours are the shortest paths of one view with some links left out. They are
// made when the first packet needs them and shared by the tables of the view.
type detours struct {
	view *mesh.View

	mu    sync.Mutex
	edges []mesh.Edge           // of the graph; made once; guarded by mu
	index map[wire.LinkHash]int // into edges; the same
	ways  map[deadSet]detour
}

// A detour is the graph without some links, and the paths from this server.
type detour struct {
	graph *mesh.Graph
	tree  *mesh.Tree // nil while this server has announced nothing
}

// A deadSet is the numbers of dead links, ascending, one more than each so that
// 0 is none.
type deadSet [wire.MaxAvoid]int

// maxDetours is how many sets of dead links are remembered per view. They
// come from packets, and so from strangers.
const maxDetours = 64

// without leaves out the links in dead.
func (d *detours) without(dead []wire.LinkHash) detour {
	if len(dead) == 0 || d.view.Tree == nil {
		return detour{d.view.Graph, d.view.Tree}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ways == nil {
		d.prepare()
	}
	key := d.known(dead)
	if key == (deadSet{}) {
		return detour{d.view.Graph, d.view.Tree}
	}
	if w, ok := d.ways[key]; ok {
		return w
	}
	if len(d.ways) >= maxDetours {
		clear(d.ways)
	}
	edges := make([]mesh.Edge, 0, len(d.edges))
	for i, e := range d.edges {
		if !slices.Contains(key[:], i+1) {
			edges = append(edges, e)
		}
	}
	g := mesh.NewGraph(d.view.Graph.Servers(), edges, d.transit)
	w := detour{g, g.SPF(d.view.Self)}
	d.ways[key] = w
	return w
}

// prepare names the links of the graph. Called with mu held.
func (d *detours) prepare() {
	d.ways = map[deadSet]detour{}
	d.edges = d.view.Graph.Edges()
	d.index = make(map[wire.LinkHash]int, len(d.edges))
	for i, e := range d.edges {
		d.index[wire.HashLink(e.A, e.B)] = i
	}
}

// known leaves out the links that are not in the graph. Called with mu held.
func (d *detours) known(dead []wire.LinkHash) (key deadSet) {
	n := 0
	for _, h := range dead {
		if i, ok := d.index[h]; ok && n < len(key) && !slices.Contains(key[:n], i+1) {
			key[n] = i + 1
			n++
		}
	}
	slices.Sort(key[:])
	return key
}

func (d *detours) transit(fp omega.Fingerprint) bool {
	r := d.view.Record(fp)
	return r != nil && r.Transit()
}

// hop returns the server that is next on the way to another one if the links in
// dead do not work, and the connection to it, which may be missing.
func (t *table) hop(to omega.Fingerprint, dead []wire.LinkHash) (hop omega.Fingerprint, l *link) {
	if l := t.links[to]; l != nil && (len(dead) == 0 || !slices.Contains(dead, wire.HashLink(t.view.Self, to))) {
		return to, l
	}
	tree := t.detours.without(dead).tree
	if tree == nil {
		return omega.Fingerprint{}, nil
	}
	hop, ok := tree.NextHop(to)
	if !ok {
		return omega.Fingerprint{}, nil
	}
	return hop, t.links[hop]
}

// choose returns the connection for a packet to a server, nil when there is
// none. The links of this server that are on the way and cannot be used, which
// the view does not know yet or which lead back over from, are added to dead.
// One that stalls is used only where there is no other.
func (t *table) choose(to omega.Fingerprint, dead []wire.LinkHash, from *link) (*link, []wire.LinkHash) {
	var second *link
	var secondDead []wire.LinkHash
	for {
		hop, l := t.hop(to, dead)
		if l != nil && l != from {
			if !l.stalls.Load() {
				return l, dead
			}
			if second == nil {
				second, secondDead = l, dead
			}
		}
		if hop.IsZero() || len(dead) == wire.MaxAvoid {
			return second, secondDead
		}
		dead = append(dead, wire.HashLink(t.view.Self, hop))
	}
}

// around looks for a way to a server on which little is held against the
// servers between, and returns the dead links that lead packets there and those
// servers. held is what counts against one, 0 for nothing. ok is false when there
// is no way at all. (spec/cloud.md, CLOUD-27)
func (t *table) around(to omega.Fingerprint, held func(omega.Fingerprint) float64) (dead []wire.LinkHash, between []omega.Fingerprint, ok bool) {
	var best float64
	var links []wire.LinkHash
	for {
		path := t.detours.without(links).graph.Way(t.view.Self, to)
		if len(path) < 2 {
			return dead, between, ok
		}
		sum, into := heldOn(path, held)
		if !ok || sum < best {
			best, dead, between, ok = sum, slices.Clone(links), path[1:len(path)-1], true
		}
		if sum == 0 || len(links) == wire.MaxAvoid {
			return dead, between, ok
		}
		links = append(links, into)
	}
}

// heldOn adds up what is held against the servers between the ends of a path and
// returns the link into the worst one.
func heldOn(path []omega.Fingerprint, held func(omega.Fingerprint) float64) (sum float64, into wire.LinkHash) {
	worst := 0.0
	for i := 1; i < len(path)-1; i++ {
		h := held(path[i])
		sum += h
		if h > worst {
			worst, into = h, wire.HashLink(path[i-1], path[i])
		}
	}
	return sum, into
}

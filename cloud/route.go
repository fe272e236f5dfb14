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
	trees map[deadSet]*mesh.Tree
}

// A deadSet is the numbers of dead links, ascending, one more than each so that
// 0 is none.
type deadSet [wire.MaxAvoid]int

// maxDetours is how many sets of dead links are remembered per view. They
// come from packets, and so from strangers.
const maxDetours = 64

// tree returns the paths that avoid the links in dead; nil while this server
// has announced nothing.
func (d *detours) tree(dead []wire.LinkHash) *mesh.Tree {
	if len(dead) == 0 || d.view.Tree == nil {
		return d.view.Tree
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.trees == nil {
		d.prepare()
	}
	key := d.known(dead)
	if key == (deadSet{}) {
		return d.view.Tree
	}
	if t, ok := d.trees[key]; ok {
		return t
	}
	if len(d.trees) >= maxDetours {
		clear(d.trees)
	}
	edges := make([]mesh.Edge, 0, len(d.edges))
	for i, e := range d.edges {
		if !slices.Contains(key[:], i+1) {
			edges = append(edges, e)
		}
	}
	t := mesh.NewGraph(d.view.Graph.Servers(), edges, d.transit).SPF(d.view.Self)
	d.trees[key] = t
	return t
}

// prepare names the links of the graph. Called with mu held.
func (d *detours) prepare() {
	d.trees = map[deadSet]*mesh.Tree{}
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
	tree := t.detours.tree(dead)
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
func (t *table) choose(to omega.Fingerprint, dead []wire.LinkHash, from *link) (*link, []wire.LinkHash) {
	for {
		hop, l := t.hop(to, dead)
		if hop.IsZero() || l != nil && l != from {
			return l, dead
		}
		if len(dead) == wire.MaxAvoid {
			return nil, dead
		}
		dead = append(dead, wire.HashLink(t.view.Self, hop))
	}
}

// around looks for a way to a server that passes by none of the bad ones, and
// returns the dead links that lead packets there and the servers between. If
// there is no such way it returns the one with the fewest; none at all has no
// path. (spec/cloud.md, CLOUD-27)
func (t *table) around(to omega.Fingerprint, bad func(omega.Fingerprint) bool) (dead []wire.LinkHash, between []omega.Fingerprint, ok bool) {
	best := -1
	var links []wire.LinkHash
	for {
		tree := t.detours.tree(links)
		if tree == nil {
			return dead, between, best >= 0
		}
		path := tree.Path(to)
		if len(path) < 2 {
			return dead, between, best >= 0
		}
		count, into := badOn(path, bad)
		if best < 0 || count < best {
			best, dead, between = count, slices.Clone(links), path[1:len(path)-1]
		}
		if count == 0 || len(links) == wire.MaxAvoid {
			return dead, between, true
		}
		links = append(links, into)
	}
}

// badOn counts the bad servers between the ends of a path and returns the link
// into the first one.
func badOn(path []omega.Fingerprint, bad func(omega.Fingerprint) bool) (count int, into wire.LinkHash) {
	for i := 1; i < len(path)-1; i++ {
		if bad(path[i]) {
			if count == 0 {
				into = wire.HashLink(path[i-1], path[i])
			}
			count++
		}
	}
	return count, into
}

package mesh

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// A LinkID names the link between two servers, A before B. Packets carry those
// that their way found dead. (spec/cloud.md, CLOUD-8)
type LinkID struct{ A, B omega.Fingerprint }

// LinkBetween returns the id of the link between two servers, in whichever
// order they come.
func LinkBetween(a, b omega.Fingerprint) LinkID {
	if b.Compare(a) < 0 {
		a, b = b, a
	}
	return LinkID{a, b}
}

// NextHopAvoiding returns the neighbour that is next on the shortest way to a
// server which uses none of the dead links. It reports false when there is no
// such way, and for Self. Dead links that the view does not know, or that are
// named twice, change nothing.
//
// It may be called concurrently. While the usual way to the server has no dead
// link it costs a look at each hop of that way; otherwise the tree without the
// dead links is computed once per set of them and kept.
func (v *View) NextHopAvoiding(to omega.Fingerprint, dead []LinkID) (hop omega.Fingerprint, ok bool) {
	if v.Tree == nil {
		return omega.Fingerprint{}, false
	}
	i, ok := v.Graph.index[to]
	if !ok {
		return omega.Fingerprint{}, false
	}
	var buf [8]int32
	h := v.Tree.detour(v.Graph.edgesOf(buf[:0], dead)).at(i)
	if h < 0 {
		return omega.Fingerprint{}, false
	}
	return v.Graph.nodes[h], true
}

// Split sorts destinations by the neighbour that is next on the way to each
// (see NextHopAvoiding), so that one copy per neighbour reaches them all. Those
// that there is no way to are in unreachable. Both keep the order of to; Self
// is in neither. It may be called concurrently.
func (v *View) Split(to []omega.Fingerprint, dead []LinkID) (byHop map[omega.Fingerprint][]omega.Fingerprint, unreachable []omega.Fingerprint) {
	byHop = make(map[omega.Fingerprint][]omega.Fingerprint)
	if v.Tree == nil {
		return byHop, slices.DeleteFunc(slices.Clone(to), func(f omega.Fingerprint) bool { return f == v.Self })
	}
	var buf [8]int32
	way := v.Tree.detour(v.Graph.edgesOf(buf[:0], dead))
	for _, fp := range to {
		i, ok := v.Graph.index[fp]
		switch {
		case fp == v.Self:
		case !ok || way.at(i) < 0:
			unreachable = append(unreachable, fp)
		default:
			hop := v.Graph.nodes[way.at(i)]
			byHop[hop] = append(byHop[hop], fp)
		}
	}
	return byHop, unreachable
}

// TreeAvoiding returns the shortest paths from Self that use none of the dead
// links, nil while Self has announced nothing. It is computed once per set of
// links and view; do not keep many. It may be called concurrently.
func (v *View) TreeAvoiding(dead []LinkID) *Tree {
	if v.Tree == nil {
		return nil
	}
	return v.Tree.avoiding(v.Graph.edgesOf(nil, dead))
}

// A Bypass is the way to a neighbour around the link to it.
type Bypass struct {
	Hop  omega.Fingerprint   // the neighbour to send to instead
	Cost time.Duration       // round trip along the way
	Path []omega.Fingerprint // from Self to the neighbour, both included
}

// Bypass returns the shortest way to a neighbour that does not use the link to
// it. On a graph without bridges there is one for every link, and from its end
// the shortest way on to any destination of the link never comes back over the
// link: a server that finds a link dead can use the bypass before anybody else
// knows. It reports false if the peer is no neighbour, or the link is a bridge
// of the servers that forward. (spec/cloud.md, CLOUD-8)
func (v *View) Bypass(peer omega.Fingerprint) (Bypass, bool) {
	if v.Tree == nil {
		return Bypass{}, false
	}
	edges := v.Graph.edgesOf(nil, []LinkID{LinkBetween(v.Self, peer)})
	if len(edges) == 0 {
		return Bypass{}, false
	}
	t := v.Tree.avoiding(edges)
	hop, ok := t.NextHop(peer)
	if !ok {
		return Bypass{}, false
	}
	cost, _ := t.Distance(peer)
	return Bypass{hop, cost, t.Path(peer)}, true
}

// edgesOf appends the numbers of the named links to ids: those that the graph
// has, ascending, none twice.
func (g *Graph) edgesOf(ids []int32, links []LinkID) []int32 {
	for _, l := range links {
		a, aok := g.index[l.A]
		b, bok := g.index[l.B]
		if !aok || !bok {
			continue
		}
		if id := g.edgeBetween(a, b); id >= 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// edgeBetween returns the number of the link between two servers, -1 if there
// is none.
func (g *Graph) edgeBetween(a, b int32) int32 {
	arcs := g.arcsOf(a)
	i, ok := slices.BinarySearchFunc(arcs, b, func(x arc, to int32) int { return int(x.to - to) })
	if !ok {
		return -1
	}
	return arcs[i].edge
}

// A detour answers for next hops without some links. It computes their tree
// only when a way is asked for that has one of them.
type detour struct {
	tree *Tree
	dead []int32
	full *Tree // without the dead links; nil: not needed so far
}

func (t *Tree) detour(dead []int32) *detour { return &detour{tree: t, dead: dead} }

// at returns the next hop to server i, -1 if there is none.
func (d *detour) at(i int32) int32 {
	if d.full == nil && d.tree.uses(i, d.dead) {
		d.full = d.tree.avoiding(d.dead)
	}
	if d.full != nil {
		return d.full.hop[i]
	}
	return d.tree.hop[i]
}

// uses reports whether the way to server i has one of the links.
func (t *Tree) uses(i int32, edges []int32) bool {
	if len(edges) == 0 {
		return false
	}
	for up := t.prev[i]; up >= 0; i, up = up, t.prev[up] {
		if slices.Contains(edges, t.graph.edgeBetween(up, i)) {
			return true
		}
	}
	return false
}

// maxDetours is how many trees without some links are kept beside one tree.
// Each takes 16 octets per server: 10 MB at 10,000 servers.
const maxDetours = 64

// detours are trees without some links, by the numbers of the links. The one
// kept for longest makes room.
type detours struct {
	mu    sync.Mutex
	trees map[string]*Tree // guarded by mu
	order []string         // guarded by mu
}

// avoiding returns the tree of the same root without the links, ascending.
func (t *Tree) avoiding(dead []int32) *Tree {
	if !t.has(dead) {
		return t
	}
	key := make([]byte, 0, 64)
	for _, id := range dead {
		key = binary.BigEndian.AppendUint32(key, uint32(id))
	}
	d := &t.detours
	d.mu.Lock()
	found := d.trees[string(key)]
	d.mu.Unlock()
	if found != nil {
		return found
	}
	// Outside the lock: whoever asks for the same at the same time computes
	// the same, and others need not wait.
	made := t.without(dead)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keep(string(key), made)
	return made
}

// has reports whether some path of the tree has one of the links.
func (t *Tree) has(links []int32) bool {
	return slices.ContainsFunc(links, func(id int32) bool {
		e := t.graph.edges[id]
		return t.prev[e.a] == e.b || t.prev[e.b] == e.a
	})
}

func (d *detours) keep(key string, t *Tree) {
	if d.trees == nil {
		d.trees = make(map[string]*Tree)
	}
	if d.trees[key] == nil {
		d.order = append(d.order, key)
	}
	d.trees[key] = t
	if len(d.order) > maxDetours {
		delete(d.trees, d.order[0])
		d.order = d.order[1:]
	}
}

package cloud

import (
	"slices"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// linkNames are the links of one view by the names that packets have for them.
// They are made when the first packet needs them and shared by the tables of
// the view.
type linkNames struct {
	view *mesh.View
	once sync.Once
	m    map[wire.LinkHash]mesh.LinkID
}

// appendTo appends the links of the view that are named to ids.
func (n *linkNames) appendTo(ids []mesh.LinkID, dead []wire.LinkHash) []mesh.LinkID {
	if len(dead) == 0 {
		return ids
	}
	n.once.Do(func() {
		edges := n.view.Graph.Edges()
		n.m = make(map[wire.LinkHash]mesh.LinkID, len(edges))
		for _, e := range edges {
			n.m[wire.HashLink(e.A, e.B)] = mesh.LinkBetween(e.A, e.B)
		}
	})
	for _, h := range dead {
		if id, ok := n.m[h]; ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// hop returns the server that is next on the way to another one if the links in
// dead do not work, and the connection to it, which may be missing.
func (t *table) hop(to omega.Fingerprint, dead []wire.LinkHash) (hop omega.Fingerprint, l *link) {
	if l := t.links[to]; l != nil && (len(dead) == 0 || !slices.Contains(dead, wire.HashLink(t.view.Self, to))) {
		return to, l
	}
	if t.view.Tree == nil {
		return omega.Fingerprint{}, nil
	}
	var ok bool
	if len(dead) == 0 {
		hop, ok = t.view.Tree.NextHop(to)
	} else {
		var buf [wire.MaxAvoid]mesh.LinkID
		hop, ok = t.view.NextHopAvoiding(to, t.names.appendTo(buf[:0], dead))
	}
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
		path := t.view.Graph.Way(t.view.Self, to, t.names.appendTo(nil, links))
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

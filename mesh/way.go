package mesh

import (
	"slices"

	"github.com/omega-im/omega"
)

// Way returns the servers that a packet passes from one server to another, both
// included, when each sends it to its own next hop and no dead link is used; nil
// when there is no way. It is a shortest path. Where several are equally short
// Tree.Path may name another one: each server there chooses for itself.
func (g *Graph) Way(from, to omega.Fingerprint, dead []LinkID) []omega.Fingerprint {
	start, ok := g.index[from]
	tree := g.SPF(to)
	if !ok || tree == nil {
		return nil
	}
	edges := g.edgesOf(nil, dead)
	if tree = tree.avoiding(edges); tree.dist[start] == unreached {
		return nil
	}
	path := []omega.Fingerprint{from}
	for at := start; at != tree.root; {
		if at = g.nextTowards(tree, at, edges); at < 0 || len(path) > len(g.nodes) {
			return nil
		}
		path = append(path, g.nodes[at])
	}
	return path
}

// nextTowards returns the next hop of a server towards the root of a tree: of
// those on shortest paths the one with the lowest number, as SPF chooses.
func (g *Graph) nextTowards(tree *Tree, at int32, dead []int32) int32 {
	arcs := g.arcsOf(at)
	i := slices.IndexFunc(arcs, func(a arc) bool {
		return (a.to == tree.root || g.transit[a.to]) && tree.dist[a.to] != unreached &&
			tree.dist[a.to]+uint64(a.cost) == tree.dist[at] && !slices.Contains(dead, a.edge)
	})
	if i < 0 {
		return -1
	}
	return arcs[i].to
}

package directory

import (
	"cmp"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// shownOperators is how many operators the table works out: those with most
// servers. Each costs a look at the whole graph.
const shownOperators = 20

// A loss is what would be left if all servers of an operator vanished.
type loss struct {
	operator string
	servers  int // of its own, all that users can attach to or that forward
	users    int // accounts that have one of them as their first home
	left     int // full members that stay
	giant    int // of those, in the largest part
	bridges  int // among those
}

// losses works out the loss of each operator, the one with most servers first.
// A server that names no operator stands for itself and is left out. more is
// how many are not worked out.
func losses(t *mesh.Topology, random func() uint64) (out []loss, more int) {
	byName := map[string]*loss{}
	of := map[omega.Fingerprint]string{}
	var full []omega.Fingerprint
	for _, r := range t.Servers {
		if t.States[r.Server] == mesh.Full {
			full = append(full, r.Server)
		}
		if r.Operator == "" || !listed(t.States[r.Server]) {
			continue
		}
		l := byName[r.Operator]
		if l == nil {
			l = &loss{operator: r.Operator}
			byName[r.Operator] = l
		}
		l.servers++
		l.users += int(r.Users)
		of[r.Server] = r.Operator
	}
	for _, l := range byName {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b loss) int {
		return cmp.Or(b.servers-a.servers, b.users-a.users, cmp.Compare(a.operator, b.operator))
	})
	if len(out) > shownOperators {
		out, more = out[:shownOperators], len(out)-shownOperators
	}
	g := mesh.NewGraph(full, t.Links, nil)
	for i := range out {
		out[i].work(g, of, random)
	}
	return out, more
}

// work finds out what would be left of the full members.
func (l *loss) work(g *mesh.Graph, of map[omega.Fingerprint]string, random func() uint64) {
	rest := g.Sub(func(fp omega.Fingerprint) bool { return of[fp] != l.operator })
	l.left = rest.Len()
	for _, part := range rest.Components() {
		l.giant = max(l.giant, len(part))
	}
	l.bridges = len(rest.Cuts(random).Bridges)
}

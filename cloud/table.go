package cloud

import (
	"math/rand/v2"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// A table is all that goroutines other than the owner need to know. Immutable
// apart from the state inside its links.
type table struct {
	view     *mesh.View
	links    map[omega.Fingerprint]*link // by peer: the connection to it
	resting  map[omega.Fingerprint]bool  // not to be dialled now: a dial is under way, or failed lately
	topology func() *mesh.Topology       // computed once, by whoever asks first
	names    *linkNames                  // of view
}

// newTable makes the table of a view. seed is for the labels of the topology.
func newTable(v *mesh.View, links map[omega.Fingerprint]*link, resting map[omega.Fingerprint]bool, seed uint64) *table {
	t := &table{view: v, links: links, resting: resting, names: &linkNames{view: v}}
	t.topology = sync.OnceValue(func() *mesh.Topology {
		return v.Topology(rand.New(rand.NewPCG(seed, seed>>1)).Uint64)
	})
	return t
}

// with is t with other connections.
func (t *table) with(links map[omega.Fingerprint]*link, resting map[omega.Fingerprint]bool) *table {
	n := *t
	n.links, n.resting = links, resting
	return &n
}

// dialable reports whether it is worth asking the owner for a direct
// connection to a server.
func (t *table) dialable(to omega.Fingerprint) bool {
	if t.resting[to] {
		return false
	}
	r := t.view.Record(to)
	return r != nil && r.Dialable()
}

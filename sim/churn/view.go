package churn

import (
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// view is what a server sees of the cloud: the view of its database. Without
// paths it has no Tree, which only a choice of the nearest needs.
func (w *world) view(i int32, paths bool) *mesh.View {
	s := &w.servers[i]
	w.tally.views++
	d := w.streams[s.stream].library().at(w.position(i), w)
	self := w.pop.all[i].fp
	if len(s.links) == 0 {
		return w.lonely(d, self)
	}
	at := d.find(self)
	v := &mesh.View{
		Version: uint64(d.pos), Records: d.records, Graph: d.graph, States: d.statesFor(self, at, w),
	}
	if d.searched != nil && &d.searched.States[0] == &v.States[0] {
		copied := *d.searched
		v = &copied
		v.Tree, v.Records = nil, d.records
	}
	v.Self, v.Time = self, w.clock()
	if paths {
		v.Tree = d.graph.SPF(self)
		w.tally.spfs++
	}
	if at >= 0 && s.own != nil && s.own.issued > 0 {
		v.Records = w.withOwn(d, at, s.own)
	}
	return v
}

// withOwn is the records with the server's own newest announcement in them,
// which it knows before all others.
func (w *world) withOwn(d *database, at int, own *record) []*mesh.Record {
	if d.records[at].Issued.Equal(epoch.Add(own.issued)) {
		return d.records
	}
	a, err := mesh.Decode(own.octets)
	if err != nil {
		w.tally.refused++
		return d.records
	}
	records := slices.Clone(d.records)
	records[at] = &mesh.Record{Announcement: a, Bytes: own.octets}
	return records
}

// lonely is the view of a server that has no link: it remembers everybody, and
// nobody is in reach. Its own announcement is left out; what the database says
// of it is from before it lost its links.
func (w *world) lonely(d *database, self omega.Fingerprint) *mesh.View {
	g := d.graph.Sub(func(fp omega.Fingerprint) bool { return fp != self })
	records := slices.DeleteFunc(slices.Clone(d.records), func(r *mesh.Record) bool { return r.Server == self })
	return &mesh.View{
		Self: self, Time: w.clock(), Version: uint64(d.pos),
		Records: records, Graph: g, States: make([]mesh.ServerState, len(records)),
	}
}

// keepWeakness keeps a view that Plan has searched for weak places. Servers
// with the same database find the same, so they get copies of it.
func (w *world) keepWeakness(i int32, v *mesh.View) {
	d := w.streams[w.servers[i].stream].library().at(w.position(i), w)
	if d.searched == nil && v.Graph == d.graph && len(v.States) > 0 && v.State(v.Self) == mesh.Full {
		kept := *v
		d.searched = &kept
	}
}

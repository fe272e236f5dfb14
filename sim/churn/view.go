package churn

import (
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// database is what a server knows.
func (w *world) database(i int32) *database {
	if w.turns != nil {
		if d := w.turns.behind(w, i); d != nil {
			return d
		}
	}
	st := w.streams[w.servers[i].stream]
	return st.library().at(max(w.position(i), st.folded), w)
}

// view is what a server sees of the cloud: the view of its database. It has no
// Tree; with paths a plan finds the ways that it asks for.
func (w *world) view(i int32, paths bool) *mesh.View {
	s := &w.servers[i]
	w.tally.views++
	d := w.database(i)
	self := w.pop.all[i].fp
	v := d.seen(self, w).As(self, w.clock(), paths)
	if paths {
		w.tally.spfs++
	}
	if s.own != nil && s.own.issued > 0 {
		v.Records = w.withOwn(v.Records, i)
	}
	return v
}

// withOwn is the records with the server's own newest announcement in them,
// which it knows before all others.
func (w *world) withOwn(records []*mesh.Record, i int32) []*mesh.Record {
	own, self := w.servers[i].own, w.pop.all[i].fp
	at, ok := slices.BinarySearchFunc(records, self, func(r *mesh.Record, fp omega.Fingerprint) int { return r.Server.Compare(fp) })
	if !ok || records[at].Issued.Equal(epoch.Add(own.issued)) {
		return records
	}
	a, err := mesh.Decode(own.octets)
	if err != nil {
		w.tally.refused++
		return records
	}
	records = slices.Clone(records)
	records[at] = &mesh.Record{Announcement: a, Bytes: own.octets}
	return records
}

package mesh

import (
	"slices"

	"github.com/omega-im/omega"
)

// A census is the database in the form that graphs are made from. It is kept
// between changes, because most of them change one record and not who is
// there; to look up and sort 10,000 fingerprints costs ten times the rest.
type census struct {
	records []*Record                   // ascending by fingerprint; changed in place
	nodes   []omega.Fingerprint         // of records; never changed, graphs share it
	index   map[omega.Fingerprint]int32 // of nodes; never changed, graphs share it
	links   [][]end                     // by server: its links to others of nodes, ascending
}

// count returns the census, up to date.
func (db *DB) count() *census {
	if db.census != nil {
		return db.census
	}
	c := &census{
		records: make([]*Record, 0, len(db.records)),
		nodes:   make([]omega.Fingerprint, len(db.records)),
		index:   make(map[omega.Fingerprint]int32, len(db.records)),
		links:   make([][]end, len(db.records)),
	}
	for _, rec := range db.records {
		c.records = append(c.records, rec)
	}
	slices.SortFunc(c.records, func(x, y *Record) int { return x.Server.Compare(y.Server) })
	for i, rec := range c.records {
		c.nodes[i] = rec.Server
		c.index[rec.Server] = int32(i)
	}
	for i := range c.records {
		c.resolve(int32(i))
	}
	db.census = c
	return c
}

// An end is the far end of an announced link.
type end struct {
	to   int32 // number of the server
	cost uint32
}

// resolve looks up the links of server i. Those to unknown servers are left
// out: when one of them becomes known, all is counted again. The ends come
// out ascending, as they stand in the announcement.
func (c *census) resolve(i int32) {
	links := c.records[i].Links
	ends := make([]end, 0, len(links))
	for _, l := range links {
		if to, ok := c.index[l.Peer]; ok {
			ends = append(ends, end{to, cost(l.RTT)})
		}
	}
	c.links[i] = ends
}

// back returns what server b says its link to server a costs.
func (c *census) back(b, a int32) (cost uint32, ok bool) {
	for _, e := range c.links[b] { // a dozen: not worth a binary search
		if e.to == a {
			return e.cost, true
		}
	}
	return 0, false
}

// replace notes a newer record of a server that is known already.
func (c *census) replace(rec *Record) {
	if c == nil {
		return
	}
	i := c.index[rec.Server]
	c.records[i] = rec
	c.resolve(i)
}

package churn

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// shelves is how many databases a stream keeps at hand. Floods take 0.2 s, so
// those that differ by what is under way are few; one lags behind for servers
// that restart with what was on their disk.
const shelves = 16

// A database is a mesh.DB with the first pos entries of a stream: the one of
// every server whose position that is. It only goes forward, as real ones do.
type database struct {
	db       *mesh.DB
	pos      int
	standing mesh.Standing
	expired  time.Duration

	// Derived from it, until it changes.
	graph   *mesh.Graph
	records []*mesh.Record
	states  []mesh.ServerState
	judged  time.Duration // when states were found

	searched *mesh.View // one that was planned with; see keepWeakness
}

// viewInterval is how old standings may be (package cloud has the same).
const viewInterval = 10 * time.Second

// errForged is what the stand-in for signatures says.
var errForged = errors.New("forged")

// signature stands in for OpenPGP: a checksum that depends on the same things.
func signature(server omega.Fingerprint, data []byte, at time.Time) (sig mesh.Signature) {
	sum := crc32.ChecksumIEEE(data)
	binary.BigEndian.PutUint32(sig[:], sum)
	binary.BigEndian.PutUint64(sig[4:], uint64(at.Unix()))
	server.AppendTo(sig[12:12])
	return sig
}

func signAs(server omega.Fingerprint) mesh.SignFunc {
	return func(data []byte, at time.Time) (mesh.Signature, error) { return signature(server, data, at), nil }
}

func verify(server omega.Fingerprint, data []byte, at time.Time, sig mesh.Signature) error {
	if sig != signature(server, data, at) {
		return errForged
	}
	return nil
}

// A library has the databases of one stream.
type library struct {
	stream    *stream
	databases []*database
}

// reader is whose databases the library keeps: nobody's. A database takes no
// announcement of its own server from others, so it must be none that speaks.
var reader = fingerprint(1<<63, -1)

// at returns the database at position p.
func (lib *library) at(p int, w *world) *database {
	var best *database
	for _, d := range lib.databases {
		if d.pos <= p && (best == nil || d.pos > best.pos) {
			best = d
		}
	}
	if best == nil {
		best = lib.build(p, w)
	}
	best.forward(lib.stream, p, w)
	return best
}

// build makes a database at position p, in the place of the furthest if there
// are enough.
func (lib *library) build(p int, w *world) *database {
	d := &database{db: mesh.NewDB(mesh.Config{Self: reader, Verify: verify})}
	for _, r := range lib.stream.newest(p, len(w.servers)) {
		if r != nil {
			d.take(r, w)
		}
	}
	d.pos = p
	w.tally.builds++
	if len(lib.databases) < shelves {
		lib.databases = append(lib.databases, d)
		return d
	}
	furthest := 0
	for k, other := range lib.databases {
		if other.pos > lib.databases[furthest].pos {
			furthest = k
		}
	}
	lib.databases[furthest] = d
	return d
}

// forward brings the database to position p.
func (d *database) forward(st *stream, p int, w *world) {
	for ; d.pos < p; d.pos++ {
		for _, r := range st.log[d.pos].records {
			d.take(r, w)
		}
		d.graph = nil
	}
	if w.now-d.expired > time.Hour {
		d.expired = w.now
		if len(d.db.Expire(w.clock())) > 0 {
			d.graph = nil
		}
	}
	if d.graph == nil {
		d.graph, d.records, d.states, d.searched = d.db.Graph(), d.db.Records(), nil, nil
		w.tally.graphs++
	}
}

// take applies an announcement at the time it was issued: the paces that the
// database enforces are those of the origin.
func (d *database) take(r *record, w *world) {
	_, err := d.db.Apply(epoch.Add(r.issued), r.octets)
	if err != nil && !errors.Is(err, mesh.ErrExpired) && !errors.Is(err, mesh.ErrStale) {
		w.tally.refused++
	}
}

// statesFor returns the standings as a server sees them. Servers that reach
// each other see the same, so one look serves all of them for a while.
func (d *database) statesFor(self omega.Fingerprint, at int, w *world) []mesh.ServerState {
	if d.states != nil && w.now-d.judged < viewInterval && at >= 0 && d.states[at] != mesh.Unreachable {
		return d.states
	}
	states := d.standing.Update(w.clock(), d.graph, self)
	w.tally.spfs++
	if at >= 0 && d.graph.Degree(self) > 0 {
		d.states, d.judged, d.searched = states, w.now, nil
	}
	return states
}

// find returns the number of a server among the records, -1 for none.
func (d *database) find(fp omega.Fingerprint) int {
	i, ok := slices.BinarySearchFunc(d.records, fp, func(r *mesh.Record, fp omega.Fingerprint) int {
		return r.Server.Compare(fp)
	})
	if !ok {
		return -1
	}
	return i
}

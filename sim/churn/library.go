package churn

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
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
	standing *mesh.Standing
	expired  time.Duration

	view   *mesh.View    // of the servers that reach each other, until the database changes
	judged time.Duration // when it was made
}

// viewInterval is how old standings may be (package cloud has the same).
const viewInterval = 10 * time.Second

func (w *world) viewInterval() time.Duration {
	if w.turns != nil {
		return timeBehind
	}
	return viewInterval
}

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
	best := lib.before(p)
	if best == nil {
		best = lib.build(p, w)
	}
	best.forward(lib.stream, p, w)
	return best
}

// before is the furthest database that is not beyond position p, or nil.
func (lib *library) before(p int) (best *database) {
	for _, d := range lib.databases {
		if d.pos <= p && (best == nil || d.pos > best.pos) {
			best = d
		}
	}
	return best
}

// build makes a database at position p, in the place of the furthest if there
// are enough.
func (lib *library) build(p int, w *world) *database {
	d := &database{db: mesh.NewDB(mesh.Config{Self: reader, Verify: verify}), standing: new(mesh.Standing)}
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
		d.view = nil
	}
	if w.now-d.expired > time.Hour {
		d.expired = w.now
		if len(d.db.Expire(w.clock())) > 0 {
			d.view = nil
		}
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

// seen is the view of a server, or of somebody who reaches it. Servers that
// reach each other see the same, so one look serves all of them for a while.
// What is left over, fragments, sees for itself and remembers what all did.
func (d *database) seen(self omega.Fingerprint, w *world) *mesh.View {
	if d.view != nil && w.now-d.judged < w.viewInterval() && d.view.State(self) != mesh.Unreachable {
		return d.view
	}
	w.tally.spfs++
	standing := d.standing.Clone()
	v := d.db.SeenBy(self, w.clock(), standing)
	reach := 0
	for _, st := range v.States {
		if st != mesh.Unreachable {
			reach++
		}
	}
	if 2*reach > len(v.States) {
		d.view, d.judged, d.standing = v, w.now, standing
	}
	return v
}

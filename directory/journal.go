package directory

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// Kinds of changes. The numbers stand on disk.
type changeKind uint8

const (
	changeJoined changeKind = 1 + iota
	changeLeft
	changeDown
	changeUp
	changeBridge  // a link became one
	changeBridged // it is none any more
	lastChange    = changeBridged
)

// String is how feeds name the kind.
func (k changeKind) String() string {
	return [...]string{"", "joined", "left", "down", "up", "bridge", "bridged"}[k]
}

// A change is one line of the feed. Bridges have two ends.
type change struct {
	at          time.Time // whole seconds
	kind        changeKind
	server, far omega.Fingerprint
	name, other string // of the two, as they called themselves then
}

// keptChanges bounds the journal.
const keptChanges = 500

// A journal is what changed, oldest first, and how things stood after that. Not
// for concurrent use.
type journal struct {
	changes []change
	noted   uint64                        // how many ever since the start
	bridges map[[2]omega.Fingerprint]bool // that were told and stand; nil: not looked at since the start
}

func (j *journal) note(c change) {
	c.at = c.at.Truncate(time.Second)
	j.noted++
	j.changes = append(j.changes, c)
	if len(j.changes) > keptChanges {
		j.changes = slices.Clone(j.changes[len(j.changes)-keptChanges:])
	}
}

// look compares a topology with how things stood, notes the differences and
// reports whether there were any.
func (j *journal) look(b book, t *mesh.Topology, now time.Time) (changed bool) {
	before := j.noted
	names := map[omega.Fingerprint]string{}
	for _, r := range t.Servers {
		names[r.Server] = r.Name
		p := b.of(r.Server, now)
		p.name, p.seen = r.Name, now
		j.meet(p, r, t.States[r.Server], now)
	}
	for fp, p := range b {
		if _, there := names[fp]; !there && p.presence != gone {
			p.presence = gone
			j.note(change{at: now, kind: changeLeft, server: fp, name: p.name})
		}
	}
	j.lookAtBridges(t, names, now)
	return j.noted != before
}

// meet notes what became of a server that is in the database.
func (j *journal) meet(p *past, r *mesh.Record, s mesh.ServerState, now time.Time) {
	was := p.presence
	switch {
	case s == mesh.Unreachable:
		if was == unheard {
			return // not met yet: an announcement from somebody's disk
		}
		p.presence = down
	case s == mesh.Probationary && (was == unheard || was == gone):
		return // joined when it is a member
	default:
		p.presence = present
	}
	kind := changeKind(0)
	switch {
	case p.presence == was:
		return
	case p.presence == down:
		kind = changeDown
	case was == down:
		kind = changeUp
	default:
		kind = changeJoined
	}
	j.note(change{at: now, kind: kind, server: r.Server, name: r.Name})
}

// lookAtBridges notes links that became bridges, or are none any more. Where
// there are fewer than three members a bridge is all that there can be, and the
// state of the cloud says so.
func (j *journal) lookAtBridges(t *mesh.Topology, names map[omega.Fingerprint]string, now time.Time) {
	if t.State == mesh.StateSeed || t.State == mesh.StateProvisional {
		return
	}
	if j.bridges == nil {
		j.bridges = j.toldBridges()
	}
	bridges := make(map[[2]omega.Fingerprint]bool, len(t.Bridges))
	for _, e := range t.Bridges {
		k := [2]omega.Fingerprint{e.A, e.B}
		bridges[k] = true
		if !j.bridges[k] {
			j.note(change{now, changeBridge, e.A, e.B, names[e.A], names[e.B]})
		}
	}
	for k := range j.bridges {
		if !bridges[k] {
			j.note(change{now, changeBridged, k[0], k[1], names[k[0]], names[k[1]]})
		}
	}
	j.bridges = bridges
}

// toldBridges are those that the journal leaves standing.
func (j *journal) toldBridges() map[[2]omega.Fingerprint]bool {
	out := map[[2]omega.Fingerprint]bool{}
	for _, c := range j.changes {
		switch k := [2]omega.Fingerprint{c.server, c.far}; c.kind {
		case changeBridge:
			out[k] = true
		case changeBridged:
			delete(out, k)
		}
	}
	return out
}

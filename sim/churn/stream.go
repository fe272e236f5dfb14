package churn

import (
	"time"
)

// A record is one announcement as it travels. Immutable; shared by all.
type record struct {
	server int32
	issued time.Duration
	octets []byte
}

// An entry is a flood: announcements that travel together, usually one, and
// when they reach whom.
type entry struct {
	records []*record
	issued  time.Duration
	arrive  []uint32 // by server: ticks after issued; nil once all have it
	last    uint32

	// asked is whether nobody worked out when it reaches whom: see arrivals.
	asked bool
	whole bool // it is not offered first
}

func (e *entry) over(now time.Duration) bool {
	return !e.asked && e.arrive == nil || e.issued+time.Duration(e.last)*tick <= now
}

// reached reports whether the entry is at server i at the time. Servers that
// came later than the flood have it from the comparison of databases.
func (e *entry) reached(i int32, s *server, now time.Duration) bool {
	if e.arrive == nil || e.issued < s.since {
		return true
	}
	if int(i) >= len(e.arrive) {
		return false // it joined while this was under way; it is asked for soon
	}
	a := e.arrive[i]
	return a != never && e.issued+time.Duration(a)*tick <= now
}

// A stream is all that was flooded in one part of the cloud, in order of
// issue. What a server's database holds is a position: the longest prefix of
// its stream that has reached it. So 10,000 databases of 10,000 records need
// no more room than one, and a server never knows anything too early.
type stream struct {
	id   int
	base []*record // by server: what there was before log[folded]; nil: nothing
	log  []*entry
	done int // entries before it have reached everybody
	lib  *library

	folded int // entries before it are in base
}

func newStream(id int) *stream { return &stream{id: id} }

// settle lets go of floods that are over.
func (st *stream) settle(now time.Duration, f *flooder) {
	for st.done < len(st.log) && st.log[st.done].over(now) {
		e := st.log[st.done]
		if e.arrive != nil {
			f.release(e.arrive)
			e.arrive = nil
		}
		st.done++
	}
}

// position returns how much of its stream a server knows now.
func (w *world) position(i int32) int {
	s := &w.servers[i]
	st := w.streams[s.stream]
	st.settle(w.now, w.flood)
	p := st.done
	for p < len(st.log) && w.reached(st.log[p], i) {
		p++
	}
	if s.stuck >= 0 {
		p = min(p, s.stuck)
	}
	return p
}

// reached is entry.reached, worked out now if need be.
func (w *world) reached(e *entry, i int32) bool {
	if !e.asked || e.issued < w.servers[i].since {
		return e.reached(i, &w.servers[i], w.now)
	}
	return w.turns.arrivals.reached(w, e, i)
}

// fold lets go of entries that every database has: what they said goes to the
// base.
func (st *stream) fold(servers int) {
	upto := st.done
	for _, d := range st.library().databases {
		upto = min(upto, d.pos)
	}
	for len(st.base) < servers {
		st.base = append(st.base, nil)
	}
	for ; st.folded < upto; st.folded++ {
		for _, r := range st.log[st.folded].records {
			st.base[r.server] = r
		}
		st.log[st.folded] = nil
	}
}

// newest returns the newest record of every server in the first p entries.
func (st *stream) newest(p, servers int) []*record {
	out := make([]*record, servers)
	copy(out, st.base)
	for _, e := range st.log[st.folded:p] {
		for _, r := range e.records {
			out[r.server] = r
		}
	}
	return out
}

// issue floods records from a server, whole or by offers, and returns how that
// went. Each stream
// that it reaches most of takes it in. Servers of a stream that it does not
// reach know no more of the stream until they have a new link.
func (w *world) issue(from int32, whole bool, records ...*record) spread {
	if w.turns != nil {
		return w.turns.issue(w, whole, records)
	}
	sp := w.flood.spread(w, from, whole)
	e := &entry{records: records, issued: w.now, arrive: sp.arrive, last: sp.last}
	if len(w.streams) == 1 && sp.reached == w.living {
		w.streams[0].settle(w.now, w.flood)
		w.streams[0].log = append(w.streams[0].log, e)
		return sp
	}
	kept := false
	for _, st := range w.streams {
		st.settle(w.now, w.flood)
		reached, members := w.reachedOf(st, sp.arrive)
		if 2*reached <= members {
			continue
		}
		kept = true
		for i := range w.servers {
			if s := &w.servers[i]; s.alive && s.stream == st.id && sp.arrive[i] == never && s.stuck < 0 {
				s.stuck = len(st.log)
			}
		}
		st.log = append(st.log, e)
	}
	if !kept {
		w.flood.release(sp.arrive)
		w.tellLater(from, whole, records)
	}
	return sp
}

// fragmentWait is how often it is tried whether what was said in a fragment can
// get out of it.
const fragmentWait = 250 * time.Millisecond

// tellLater floods again what only a fragment of a stream has heard: when it
// has a link to the rest, the comparison of databases brings it there.
func (w *world) tellLater(from int32, whole bool, records []*record) {
	w.afterLife(from, fragmentWait, func() {
		if s := &w.servers[from]; len(records) == 1 && s.own == records[0] {
			w.issue(from, whole, records...)
		}
	})
}

func (w *world) reachedOf(st *stream, arrive []uint32) (reached, members int) {
	for i := range w.servers {
		if s := &w.servers[i]; s.alive && s.stream == st.id {
			members++
			if arrive[i] != never {
				reached++
			}
		}
	}
	return reached, members
}

// library returns the databases of the stream.
func (st *stream) library() *library {
	if st.lib == nil {
		st.lib = &library{stream: st}
	}
	return st.lib
}

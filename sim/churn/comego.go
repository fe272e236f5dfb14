package churn

import (
	"time"

	"github.com/omega-im/omega/mesh"
)

// A newcomer comes a while after a server died for good: somebody sets up
// another.
const newcomerAfter = 10 * time.Second

// churn lets servers come and go for a time: those that restart, and those
// that die and are followed by a newcomer.
func (w *world) churn(d time.Duration) {
	end := w.now + d
	w.refreshes()
	w.reunions(end)
	w.giveUps(end)
	w.looks()
	w.departures(end)
	w.runUntil(end)
}

// refreshes spreads what is left of everybody's refresh interval.
func (w *world) refreshes() {
	for i := range w.servers {
		i := int32(i)
		own := w.servers[i].own
		w.idle(i, time.Duration(w.rng.Int64N(int64(refreshAfter))), func() {
			if w.servers[i].own == own {
				w.announceSoon(i)
			}
		})
	}
}

// departures ends a server every now and then, one after the other.
func (w *world) departures(end time.Duration) {
	perDay := (w.cfg.Restarts + w.cfg.Deaths) * float64(w.cfg.Servers)
	if perDay <= 0 {
		return
	}
	wait := time.Duration(w.rng.ExpFloat64() / perDay * float64(24*time.Hour))
	if w.now+wait >= end {
		return
	}
	w.after(wait, func() {
		w.depart()
		w.departures(end)
	})
}

func (w *world) depart() {
	i := int32(w.rng.IntN(len(w.servers)))
	for !w.servers[i].alive {
		i = int32(w.rng.IntN(len(w.servers)))
	}
	if w.rng.Float64()*(w.cfg.Restarts+w.cfg.Deaths) < w.cfg.Restarts {
		w.end(i, false)
		w.after(w.cfg.Downtime, func() { w.comeBack(i) })
		return
	}
	w.end(i, w.rng.Float64() < w.cfg.Silent)
	w.after(newcomerAfter, w.newcomer)
}

// comeBack starts a server with what is on its disk.
func (w *world) comeBack(i int32) {
	s := &w.servers[i]
	s.silent = false
	s.life++
	w.setAlive(i, true)
	s.born, s.planned, s.announced, s.allowance = w.now, 0, 0, mesh.AnnounceBurst
	s.ready = 0
	if a, err := mesh.Decode(s.own.octets); err == nil {
		s.former, s.regains = a.Links, w.now+mesh.FormerTime
	}
	w.lookLater(i)
	w.beginJoin(i)
}

// newcomer starts a server that knows one other.
func (w *world) newcomer() {
	i := w.addServer()
	s := &w.servers[i]
	w.setAlive(i, true)
	s.born, s.joined, s.stuck = w.now, w.now, 0
	w.lookLater(i)
	w.beginJoin(i)
}

// reunions lets servers dial those that they lost from sight. mesh gives each
// plan a small chance of it; the coins of all are tossed together here, once a
// second, and only dials to servers that are there again change anything.
func (w *world) reunions(end time.Duration) {
	if w.now+time.Second >= end {
		return
	}
	w.after(time.Second, func() {
		w.reunite()
		w.reunions(end)
	})
}

package churn

import "time"

// A queue holds what is to happen, soonest first; of one instant, in the order
// in which it was put in. That order makes a run repeatable.
type queue struct {
	heap   []event
	serial uint64
}

type event struct {
	at     time.Duration
	serial uint64
	do     func()
}

func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.serial < f.serial
}

func (q *queue) put(at time.Duration, do func()) {
	q.serial++
	q.heap = append(q.heap, event{at, q.serial, do})
	h := q.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// next takes the first event out.
func (q *queue) next() (event, bool) {
	if len(q.heap) == 0 {
		return event{}, false
	}
	h := q.heap
	top, last := h[0], len(h)-1
	h[0], h[last] = h[last], event{}
	h = h[:last]
	q.heap = h
	for i := 0; ; {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].before(&h[down]) {
			down++
		}
		if !h[down].before(&h[i]) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	return top, true
}

// idle is afterLife for what a cloud at rest does, too: nobody waits for it.
func (w *world) idle(i int32, d time.Duration, do func()) {
	if w.turns == nil {
		w.afterLife(i, d, do)
		return
	}
	life := w.servers[i].life
	w.turns.idle.put(w.now+d, func() {
		if s := &w.servers[i]; s.alive && s.life == life {
			do()
		}
	})
}

// due reports whether an event is left before the end.
func (q *queue) due(end time.Duration) bool { return len(q.heap) > 0 && q.heap[0].at < end }

package churn

import "time"

// floodTime is what a flood takes at most until everybody has it. (Of ten
// thousand servers the last one hears of a loss after 0.2 s, and of other things,
// which are offered first, after three times that.)
const floodTime = time.Second

// arrivals answers whether a flood has reached a server by now, over the links
// as they are now. Most floods are over before anybody asks; to work out all
// arrivals of each, as a flooder does, would take longer than all else. A
// search towards one server leaves out whoever lies too far off the way: the
// direct way is never longer than one over links (A*, Hart, Nilsson, Raphael).
type arrivals struct {
	dist []uint32
	seen []int32 // by server: the number of the search that dist is of
	turn int32
	heap []visit
}

type visit struct {
	at uint32
	to int32
}

func (f *arrivals) reached(w *world, e *entry, to int32) bool {
	from := e.records[0].server
	age := w.now - e.issued
	if from == to || age >= floodTime {
		return true
	}
	for len(f.seen) < len(w.servers) {
		f.seen, f.dist = append(f.seen, 0), append(f.dist, 0)
	}
	f.turn++
	f.heap = f.heap[:0]
	limit := ticks(age)
	if !e.whole {
		limit /= 3 // there, asked for, and here
	}
	f.consider(w, from, to, 0, limit)
	for len(f.heap) > 0 {
		h := f.pop()
		if h.to == to {
			return true
		}
		if f.dist[h.to] < h.at {
			continue
		}
		s := &w.servers[h.to]
		for k := range s.links {
			if l := &s.links[k]; w.carries(h.to, l) {
				f.consider(w, l.peer, to, h.at+l.delay, limit)
			}
		}
	}
	return false
}

// consider notes that a server is reached at a time, if from there the other one
// can be reached in time.
func (f *arrivals) consider(w *world, i, to int32, at, limit uint32) {
	if f.seen[i] == f.turn && f.dist[i] <= at || at+ticks(w.pop.roundTrip(i, to)/2) > limit && i != to || at > limit {
		return
	}
	f.seen[i], f.dist[i] = f.turn, at
	f.heap = append(f.heap, visit{at, i})
	for k := len(f.heap) - 1; k > 0; {
		up := (k - 1) / 2
		if f.heap[up].at <= f.heap[k].at {
			break
		}
		f.heap[up], f.heap[k] = f.heap[k], f.heap[up]
		k = up
	}
}

func (f *arrivals) pop() visit {
	h := f.heap
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for k := 0; ; {
		down := 2*k + 1
		if down >= last {
			break
		}
		if down+1 < last && h[down+1].at < h[down].at {
			down++
		}
		if h[k].at <= h[down].at {
			break
		}
		h[k], h[down] = h[down], h[k]
		k = down
	}
	f.heap = h
	return top
}

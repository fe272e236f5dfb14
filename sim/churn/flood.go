package churn

import (
	"math"
	"math/bits"
	"time"
)

// tick is the resolution of a flood.
const tick = 50 * time.Microsecond

// handling is what a server needs to check an announcement and send it on:
// decoding, a signature (62 µs) and the queue of the owner.
const handling = 200 * time.Microsecond

// never is the arrival of what does not arrive.
const never = math.MaxUint32

// ring is how many ticks ahead a message can be: 3.2 s, above every delay of
// one link.
const ring = 1 << 16

func ticks(d time.Duration) uint32 { return uint32(d / tick) }

// A flooder computes when an announcement reaches whom. It is Dijkstra's
// algorithm with one bucket per tick (Dial), which is four times as fast here
// as with a heap.
type flooder struct {
	buckets [][]int32
	used    []uint64   // a bit per bucket: something is in it
	free    [][]uint32 // arrivals that are no longer needed
	size    int
}

func newFlooder() *flooder {
	return &flooder{buckets: make([][]int32, ring), used: make([]uint64, ring/64)}
}

// fit makes room for n servers.
func (f *flooder) fit(n int) {
	if n > f.size {
		f.size, f.free = n+n/8+16, nil
	}
}

func (f *flooder) arrivals() []uint32 {
	var a []uint32
	if k := len(f.free) - 1; k >= 0 {
		a, f.free = f.free[k], f.free[:k]
	} else {
		a = make([]uint32, f.size)
	}
	for i := range a {
		a[i] = never
	}
	return a
}

func (f *flooder) release(a []uint32) {
	if len(a) == f.size {
		f.free = append(f.free, a)
	}
}

// put adds a server to the bucket of an instant.
func (f *flooder) put(t uint32, i int32) {
	slot := t % ring
	f.buckets[slot] = append(f.buckets[slot], i)
	f.used[slot/64] |= 1 << (slot % 64)
}

// next is the first instant from t on with something in its bucket. There must
// be one.
func (f *flooder) next(t uint32) uint32 {
	for {
		slot := t % ring
		if rest := f.used[slot/64] >> (slot % 64); rest != 0 {
			return t + uint32(bits.TrailingZeros64(rest))
		}
		t += 64 - slot%64
	}
}

// A spread is how one flood went.
type spread struct {
	arrive  []uint32 // by server: ticks after the begin, or never
	last    uint32   // of those that it reached
	reached int
	sent    int // announcements
	offers  int // and offers of it
}

// Octets of offers with their frames. (spec/cloud.md, CLOUD-38)
const (
	offerOctets = 8 + 8 + 21
	wantOctets  = 8 + 21
)

// octets is what the flood of an announcement takes on all links.
func (r *spread) octets(announcement int) int {
	if r.offers == 0 {
		return r.sent * announcement
	}
	return r.sent*(announcement+wantOctets) + r.offers*offerOctets
}

// spread floods from a server over the links as they are now. Every server
// sends what is news to all its links but the one that it came by: the
// announcement itself if it tells of a loss, else an offer, and it goes to
// who asks for it, the first who offered. Whatever begins or ends while the
// flood is under way does not change it.
func (f *flooder) spread(w *world, from int32, whole bool) spread {
	r := spread{arrive: f.arrivals()}
	r.arrive[from] = 0
	f.put(0, from)
	var offered []uint32 // by server: when first
	if !whole {
		offered = f.arrivals()
		defer f.release(offered)
	}
	waiting := 1
	for t := uint32(0); waiting > 0; t++ {
		t = f.next(t)
		slot := t % ring
		for k := 0; k < len(f.buckets[slot]); k++ {
			at := f.buckets[slot][k]
			waiting--
			if r.arrive[at] != t {
				continue // it came earlier by another way
			}
			r.reached++
			r.last = t
			s := &w.servers[at]
			r.sent += len(s.links) - 1
			for l := range s.links {
				lk := &s.links[l]
				next, before := t+lk.delay, r.arrive
				if !whole {
					before = offered
				}
				if next >= before[lk.peer] || r.arrive[lk.peer] <= t || !w.carries(at, lk) {
					continue
				}
				before[lk.peer] = next
				if !whole { // there, asked for, and here
					next += 2 * lk.delay
					r.arrive[lk.peer] = next
				}
				f.put(next, lk.peer)
				waiting++
			}
		}
		f.buckets[slot] = f.buckets[slot][:0]
		f.used[slot/64] &^= 1 << (slot % 64)
	}
	r.sent++ // the origin sends to all
	if !whole {
		r.sent, r.offers = r.reached-1, r.sent
	}
	return r
}

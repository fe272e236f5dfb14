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

// width is the ticks of one bucket. No link takes less (see handling), so what
// is in a bucket is final when its turn comes, in whatever order.
const width = uint32(handling / tick)

// ring is how many buckets ahead a message can be: 3.2 s, above every delay of
// one link.
const ring = 1 << 14

func ticks(d time.Duration) uint32 { return uint32(d / tick) }

// A flooder computes when an announcement reaches whom. It is Dijkstra's
// algorithm with buckets (Dial), which is four times as fast here as with a
// heap.
type flooder struct {
	wiring
	buckets []int32  // by instant: the last of waiting that is in it, and one; 0: none
	used    []uint64 // a bit per bucket: something is in it
	waiting []visitor
	free    [][]uint32 // arrivals that are no longer needed
	size    int
}

// A visitor is a server that the flood may reach at a tick.
type visitor struct {
	to   int32
	at   uint32
	next int32 // in its bucket, as in buckets
}

func newFlooder() *flooder {
	return &flooder{buckets: make([]int32, ring), used: make([]uint64, ring/64)}
}

// fit makes room for n servers.
func (f *flooder) fit(n int) {
	f.all = true
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

// put adds a server to the bucket of a tick.
func (f *flooder) put(at uint32, to int32) {
	slot := at / width % ring
	f.waiting = append(f.waiting, visitor{to, at, f.buckets[slot]})
	f.buckets[slot] = int32(len(f.waiting))
	f.used[slot/64] |= 1 << (slot % 64)
}

// next is the first bucket from number b on with something in it. There must be
// one.
func (f *flooder) next(b uint32) uint32 {
	for {
		slot := b % ring
		if rest := f.used[slot/64] >> (slot % 64); rest != 0 {
			return b + uint32(bits.TrailingZeros64(rest))
		}
		b += 64 - slot%64
	}
}

// take empties a bucket and returns its first visitor, as in buckets.
func (f *flooder) take(b uint32) int32 {
	slot := b % ring
	first := f.buckets[slot]
	f.buckets[slot] = 0
	f.used[slot/64] &^= 1 << (slot % 64)
	return first
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
// who asks for it, the first who offered; of those who offer at one tick, who
// was the first to send the offer. Whatever begins or ends while the
// flood is under way does not change it.
func (f *flooder) spread(w *world, from int32, whole bool) spread {
	f.rewire(w)
	r := spread{arrive: f.arrivals()}
	arrive := r.arrive
	offered, ask := arrive, uint32(0) // by server: when first
	if !whole {
		offered, ask = f.arrivals(), 2 // it is asked for, and comes
		defer f.release(offered)
	}
	arrive[from] = 0
	f.waiting = f.waiting[:0]
	f.put(0, from)
	for b, left := uint32(0), 1; left > 0; b++ {
		b = f.next(b)
		for k := f.take(b); k > 0; {
			v := f.waiting[k-1]
			k = v.next
			left--
			if arrive[v.to] != v.at {
				continue // it came earlier by another way
			}
			if !whole {
				if offered[v.to] == 0 {
					continue // twice at one tick
				}
				offered[v.to] = 0 // what has it takes no offers
			}
			r.reached++
			r.last = max(r.last, v.at)
			r.sent += f.ends[v.to] - 1
			for _, a := range f.of(v.to) {
				next := v.at + a.delay
				if known := offered[a.to]; next > known || next == known && next+ask*a.delay <= arrive[a.to] {
					continue
				}
				offered[a.to] = next
				next += ask * a.delay
				arrive[a.to] = next
				f.put(next, a.to)
				left++
			}
		}
	}
	r.sent++ // the origin sends to all
	if !whole {
		r.sent, r.offers = r.reached-1, r.sent
	}
	return r
}

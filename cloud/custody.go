package cloud

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Bounds of the packets that are kept until the next server has them, in octets
// of memory. (spec/cloud.md, CLOUD-20)
const (
	// DefaultMaxTransit is for the packets of all others, DefaultMaxPerOrigin
	// for those of each: at 8 MiB an origin fills a round trip of 100 ms with
	// 80 MB/s, and eight that misbehave fill the whole.
	DefaultMaxTransit   = 64 << 20
	DefaultMaxPerOrigin = 8 << 20

	// DefaultMaxOwn is for the packets that this server made.
	DefaultMaxOwn = 32 << 20
)

// originBuckets is over how many counters the origins are spread. Two origins
// that meet in one share a bound; nobody can choose to meet another, as the
// hash is seeded.
const originBuckets = 4096

// A custody counts the packets that this server keeps.
type custody struct {
	self                   omega.Fingerprint
	maxOwn, maxAll, maxOne int64

	own, transit atomic.Int64
	seed         maphash.Seed
	origins      [originBuckets]atomic.Int64
	pools        [len(parcelClasses)]sync.Pool
}

// parcelClasses are the sizes of buffers, in octets: most packets fit the
// first, and every packet the last. Packets count as what they occupy.
var parcelClasses = [...]int{1 << 10, 8 << 10, omega.MaxPeerFrame}

// A parcel is the octets of one packet for as long as somebody needs them. They
// never change once the parcel is shared.
type parcel struct {
	b       []byte
	class   int8
	refs    atomic.Int32
	refused atomic.Int64 // when a next hop was busy first; 0: none was
	keeper  *custody
	counter *atomic.Int64 // of its origin; nil: made here
}

func newCustody(self omega.Fingerprint, cfg *Config) *custody {
	c := &custody{
		self: self, seed: maphash.MakeSeed(),
		maxOwn: cfg.MaxOwn, maxAll: cfg.MaxTransit, maxOne: cfg.MaxPerOrigin,
	}
	for i, size := range parcelClasses {
		c.pools[i].New = func() any { return &parcel{b: make([]byte, 0, size), class: int8(i), keeper: c} }
	}
	return c
}

// keep returns an empty parcel with room for n octets of a packet of origin,
// nil when a bound is reached. forced passes the bounds: it is for copies of
// what is kept already and about to be let go.
func (c *custody) keep(origin omega.Fingerprint, n int, forced bool) *parcel {
	class := 0
	for class < len(parcelClasses)-1 && n > parcelClasses[class] {
		class++
	}
	size := int64(parcelClasses[class])
	var counter *atomic.Int64
	if origin == c.self {
		if c.own.Add(size) > c.maxOwn && !forced {
			c.own.Add(-size)
			return nil
		}
	} else {
		counter = c.counter(origin)
		if all, one := c.transit.Add(size), counter.Add(size); (all > c.maxAll || one > c.maxOne) && !forced {
			c.transit.Add(-size)
			counter.Add(-size)
			return nil
		}
	}
	p := c.pools[class].Get().(*parcel)
	p.b, p.counter = p.b[:0], counter
	p.refs.Store(1)
	p.refused.Store(0)
	return p
}

func (c *custody) counter(origin omega.Fingerprint) *atomic.Int64 {
	return &c.origins[maphash.Comparable(c.seed, origin)%originBuckets]
}

// view reads the packet.
func (p *parcel) view() wire.PacketView { return wire.PacketView(p.b) }

// share makes one more holder.
func (p *parcel) share() *parcel {
	p.refs.Add(1)
	return p
}

// release ends the hold of one holder.
func (p *parcel) release() {
	if p.refs.Add(-1) > 0 {
		return
	}
	c, size := p.keeper, int64(parcelClasses[p.class])
	if p.counter == nil {
		c.own.Add(-size)
	} else {
		c.transit.Add(-size)
		p.counter.Add(-size)
	}
	if cap(p.b) == parcelClasses[p.class] {
		c.pools[p.class].Put(p)
	}
}

// copyOf returns a parcel with the packet that make appends to it. It passes
// the bounds, see keep.
func (c *custody) copyOf(v wire.PacketView, extra int, make func(b []byte) []byte) *parcel {
	p := c.keep(v.Source(), len(v)+extra, true)
	p.b = make(p.b)
	return p
}

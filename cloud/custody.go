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
	//
	// DefaultMaxPerHop is for those that came from each neighbour: one that lies
	// about origins has a quarter of the whole.
	DefaultMaxTransit   = 64 << 20
	DefaultMaxPerOrigin = 8 << 20
	DefaultMaxPerHop    = 16 << 20

	// DefaultMaxOwn is for the packets that this server made.
	DefaultMaxOwn = 32 << 20
)

// originBuckets is over how many counters the origins are spread, and as many are
// for neighbours. Two that meet in one share a bound; nobody can choose to meet
// another, as the hash is seeded.
const originBuckets = 4096

// A custody counts the packets that this server keeps.
type custody struct {
	self                           omega.Fingerprint
	maxOwn, maxAll, maxOne, maxHop int64

	own, transit  atomic.Int64
	seed          maphash.Seed
	origins, hops [originBuckets]atomic.Int64
	pools         [len(parcelClasses)]sync.Pool
}

// parcelClasses are the sizes of buffers, in octets: most packets fit the
// first, and every packet the last. Packets count as what they occupy.
var parcelClasses = [...]int{1 << 10, 8 << 10, 80 << 10, omega.MaxPeerFrame}

// A parcel is the octets of one packet for as long as somebody needs them. They
// never change once the parcel is shared.
type parcel struct {
	b       []byte
	class   int8
	refs    atomic.Int32
	refused atomic.Int64 // when a next hop was busy first; 0: none was
	keeper  *custody
	counter *atomic.Int64 // of its origin; nil: made here
	hop     *atomic.Int64 // of the neighbour that it came from; nil with counter
}

func newCustody(self omega.Fingerprint, cfg *Config) *custody {
	c := &custody{
		self: self, seed: maphash.MakeSeed(),
		maxOwn: cfg.MaxOwn, maxAll: cfg.MaxTransit, maxOne: cfg.MaxPerOrigin, maxHop: cfg.MaxPerHop,
	}
	for i, size := range parcelClasses {
		c.pools[i].New = func() any { return &parcel{b: make([]byte, 0, size), class: int8(i), keeper: c} }
	}
	return c
}

// keep returns an empty parcel with room for n octets of a packet of origin that
// came from the neighbour hop, nil when a bound is reached. Bulk has half of each:
// the rest is there for messages, whatever is transferred. (spec/media.md, MEDIA-7)
func (c *custody) keep(origin, hop omega.Fingerprint, traffic wire.Class, n int) *parcel {
	class := classFor(n)
	size := int64(parcelClasses[class])
	weight := int64(1) // of what there is already
	if traffic == wire.ClassBulk {
		weight = 2
	}
	if origin == c.self {
		if weight*c.own.Add(size) > c.maxOwn {
			c.own.Add(-size)
			return nil
		}
		return c.parcel(class, nil, nil)
	}
	counter, from := bucket(c, &c.origins, origin), bucket(c, &c.hops, hop)
	all, one, last := c.transit.Add(size), counter.Add(size), from.Add(size)
	if weight*all > c.maxAll || weight*one > c.maxOne || weight*last > c.maxHop {
		c.let(size, counter, from)
		return nil
	}
	return c.parcel(class, counter, from)
}

// copyOf returns a parcel with what make appends to it: a packet of p with up to
// extra octets more. It counts where p does and passes the bounds: it is for
// copies of what is kept already and about to be let go.
func (c *custody) copyOf(p *parcel, extra int, make func(b []byte) []byte) *parcel {
	class := classFor(len(p.b) + extra)
	size := int64(parcelClasses[class])
	if p.counter == nil {
		c.own.Add(size)
	} else {
		c.transit.Add(size)
		p.counter.Add(size)
		p.hop.Add(size)
	}
	n := c.parcel(class, p.counter, p.hop)
	n.b = make(n.b)
	return n
}

// let stops counting a parcel.
func (c *custody) let(size int64, counter, hop *atomic.Int64) {
	if counter == nil {
		c.own.Add(-size)
		return
	}
	c.transit.Add(-size)
	counter.Add(-size)
	hop.Add(-size)
}

// parcel returns an empty parcel that is counted already.
func (c *custody) parcel(class int, counter, hop *atomic.Int64) *parcel {
	p := c.pools[class].Get().(*parcel)
	p.b, p.counter, p.hop = p.b[:0], counter, hop
	p.refs.Store(1)
	p.refused.Store(0)
	return p
}

func classFor(n int) int {
	class := 0
	for class < len(parcelClasses)-1 && n > parcelClasses[class] {
		class++
	}
	return class
}

// bucket is the counter of a server.
func bucket(c *custody, of *[originBuckets]atomic.Int64, fp omega.Fingerprint) *atomic.Int64 {
	return &of[maphash.Comparable(c.seed, fp)%originBuckets]
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
	c := p.keeper
	c.let(int64(parcelClasses[p.class]), p.counter, p.hop)
	if cap(p.b) == parcelClasses[p.class] {
		c.pools[p.class].Put(p)
	}
}

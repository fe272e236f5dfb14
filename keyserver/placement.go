package keyserver

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// Copies is how many servers own an entry, if there are as many. That all four
// are among a fifth of servers that lie has a chance of 0.16 %; the homes of an
// account keep its entry besides. (spec/keys.md, KEYS-7; decisions/0020)
const Copies = 4

// EpochLength is how long a leaf keeps its seed. Leaves change one after
// another, one every 37 seconds, so that never much is on the move.
const EpochLength = 28 * 24 * time.Hour

// placeLabel starts what is hashed for a server's key of an epoch.
const placeLabel = "omega-im/place/v1\n"

// EpochOf is the number of a leaf's epoch: leaf l changes l/65536 of an epoch
// before leaf 0 does.
func EpochOf(l Leaf, now time.Time) uint64 {
	const length = uint64(EpochLength / time.Second)
	return (uint64(max(now.Unix(), 0)) + uint64(l)*length/Leaves) / length
}

// A Placement says which servers own which leaves: rendezvous hashing over the
// members, seeded per epoch. It is pure and may be shared.
type Placement struct {
	servers []Candidate // by fingerprint
	group   []int       // of one operator, by server
	groups  int

	mu   sync.Mutex
	keys map[uint64][]uint64 // by epoch, then server; guarded by mu
}

// NewPlacement is the placement over these servers, in any order.
func NewPlacement(servers []Candidate) *Placement {
	p := &Placement{servers: slices.Clone(servers), keys: make(map[uint64][]uint64)}
	slices.SortFunc(p.servers, func(a, b Candidate) int { return a.Server.Compare(b.Server) })
	p.servers = slices.CompactFunc(p.servers, func(a, b Candidate) bool { return a.Server == b.Server })
	groups := make(map[string]int)
	for _, c := range p.servers {
		d := c.domain()
		if _, ok := groups[d]; !ok {
			groups[d] = len(groups)
		}
		p.group = append(p.group, groups[d])
	}
	p.groups = len(groups)
	return p
}

// Equal reports whether both are over the same servers and operators.
func (p *Placement) Equal(o *Placement) bool { return slices.Equal(p.servers, o.servers) }

// epochKeys are the keys of the servers in an epoch.
func (p *Placement) epochKeys(epoch uint64) []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if keys, ok := p.keys[epoch]; ok {
		return keys
	}
	if len(p.keys) > 4 {
		clear(p.keys) // of times long gone
	}
	keys := make([]uint64, len(p.servers))
	for i, c := range p.servers {
		b := binary.BigEndian.AppendUint64([]byte(placeLabel), epoch)
		sum := sha256.Sum256(c.Server.AppendTo(b))
		keys[i] = binary.BigEndian.Uint64(sum[:])
	}
	p.keys[epoch] = keys
	return keys
}

// mix is the finalizer of SplitMix64: every bit of x changes half of the bits.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Owners returns who owns a leaf in an epoch, best first: of every operator the
// server that stands highest, and of these the Copies highest; where there are
// too few operators, other servers in their order. (spec/keys.md, KEYS-7)
func (p *Placement) Owners(l Leaf, epoch uint64) []omega.Fingerprint {
	list, n := p.owners(l, p.epochKeys(epoch))
	out := make([]omega.Fingerprint, n)
	for i := range out {
		out[i] = p.servers[list[i]].Server
	}
	return out
}

// index is where a server stands, -1 if it has no part.
func (p *Placement) index(server omega.Fingerprint) int {
	i, ok := slices.BinarySearchFunc(p.servers, server, func(c Candidate, fp omega.Fingerprint) int { return c.Server.Compare(fp) })
	if !ok {
		return -1
	}
	return i
}

// owners is Owners by the keys of the epoch.
func (p *Placement) owners(l Leaf, keys []uint64) (list [Copies]int, n int) {
	var best, rest top
	for i, key := range keys {
		r := ranked{mix(key ^ uint64(l)), i, p.group[i]}
		if p.groups >= Copies && best.beats(r) {
			continue // as for nearly all of many servers
		}
		if out, ok := best.offer(r, true); ok && p.groups < Copies && !rest.beats(out) {
			rest.offer(out, false)
		}
	}
	for _, t := range [...]*top{&best, &rest} {
		for i := 0; i < t.n && n < Copies; i++ {
			list[n] = t.list[i].server
			n++
		}
	}
	return list, n
}

// A ranked is a server as it stands for one leaf.
type ranked struct {
	weight uint64
	server int
	group  int
}

// top keeps the Copies highest that it was offered.
type top struct {
	list [Copies]ranked
	n    int
}

// beats reports that r is below all of a full list.
func (t *top) beats(r ranked) bool { return t.n == Copies && t.list[Copies-1].weight >= r.weight }

// offer takes r in and returns who is out for it, r itself maybe. If apart is
// true one of each group is kept.
func (t *top) offer(r ranked, apart bool) (out ranked, isOut bool) {
	at := t.n // what r pushes out
	for i := 0; apart && i < t.n; i++ {
		if t.list[i].group == r.group {
			at = i
			break
		}
	}
	if at == Copies {
		at = Copies - 1
	}
	if isOut = at < t.n; isOut {
		// Of equal weights the lower fingerprint stands, which came first.
		if t.list[at].weight >= r.weight {
			return r, true
		}
		out = t.list[at]
	} else {
		t.n++
	}
	for ; at > 0 && t.list[at-1].weight < r.weight; at-- {
		t.list[at] = t.list[at-1]
	}
	t.list[at] = r
	return out, isOut
}

// Asked returns the servers that a look-up asks: the owners, and those of the
// epoch before that may not have handed on what they had.
func (p *Placement) Asked(fp omega.Fingerprint, now time.Time) []omega.Fingerprint {
	l := LeafOf(fp)
	epoch := EpochOf(l, now)
	asked := p.Owners(l, epoch)
	for _, s := range p.Owners(l, max(epoch, 1)-1) {
		if !slices.Contains(asked, s) {
			asked = append(asked, s)
		}
	}
	return asked
}

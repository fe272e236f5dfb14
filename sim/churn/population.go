package churn

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// Facts are what a server is, however often it restarts.
type facts struct {
	fp       omega.Fingerprint
	site     int
	operator int
	version  int
	nat      bool
	access   time.Duration // its share of every round trip: the last mile
}

// A population makes servers: as many as are asked for, each the same for one
// seed.
type population struct {
	seed      uint64
	rng       *rand.Rand
	nat       float64
	operators []float64 // cumulated shares
	places    []float64 // of sites
	homes     [][]int   // by operator: the sites it uses
	rtt       [][]time.Duration

	all   []facts
	index map[omega.Fingerprint]int32
}

// versions are the shares of the software versions in use.
var versions = []float64{0.6, 0.9, 1}

func newPopulation(cfg Config) *population {
	p := &population{
		seed: cfg.Seed, rng: rand.New(rand.NewPCG(cfg.Seed, 0x70)), nat: cfg.NAT,
		index: map[omega.Fingerprint]int32{},
	}
	p.operators = cumulate(max(cfg.Servers/4, 6), 1.4)
	p.places = cumulate(len(sites), 9)
	for range p.operators {
		var at []int
		for range 1 + p.rng.IntN(5) {
			at = append(at, draw(p.rng, p.places))
		}
		p.homes = append(p.homes, at)
	}
	for a := range sites {
		row := make([]time.Duration, len(sites))
		for b := range sites {
			row[b] = siteRTT(a, b)
		}
		p.rtt = append(p.rtt, row)
	}
	return p
}

// cumulate returns the cumulated shares of n things of which number k has a
// weight of 1/(k+offset) (Zipf; Mandelbrot's form).
func cumulate(n int, offset float64) []float64 {
	sums, total := make([]float64, n), 0.0
	for k := range n {
		total += 1 / (float64(k) + offset)
		sums[k] = total
	}
	for k := range sums {
		sums[k] /= total
	}
	return sums
}

func draw(rng *rand.Rand, cumulated []float64) int {
	x := rng.Float64()
	lo, hi := 0, len(cumulated)-1
	for lo < hi {
		if mid := (lo + hi) / 2; cumulated[mid] < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// add makes one more server and returns its number.
func (p *population) add() int32 {
	i := int32(len(p.all))
	f := facts{operator: draw(p.rng, p.operators), version: draw(p.rng, versions)}
	at := p.homes[f.operator]
	f.site = at[p.rng.IntN(len(at))]
	// The first servers can be dialled: somebody has to be there to dial.
	f.nat = p.rng.Float64() < p.nat && i >= 8
	f.access = time.Duration(200+p.rng.ExpFloat64()*600) * time.Microsecond
	f.fp = fingerprint(p.seed, i)
	p.all = append(p.all, f)
	p.index[f.fp] = i
	return i
}

func fingerprint(seed uint64, i int32) omega.Fingerprint {
	var b [12]byte
	binary.BigEndian.PutUint64(b[:], seed)
	binary.BigEndian.PutUint32(b[8:], uint32(i))
	digest := sha256.Sum256(b[:])
	fp, err := omega.FingerprintV4(digest[:20])
	if err != nil {
		panic(err) // 20 octets are always a fingerprint
	}
	return fp
}

// roundTrip is the direct round trip between two servers.
func (p *population) roundTrip(a, b int32) time.Duration {
	x, y := &p.all[a], &p.all[b]
	return p.rtt[x.site][y.site] + x.access + y.access
}

func operatorName(n int) string { return fmt.Sprintf("operator %d", n) }

// announcement is what a server says about itself, without links.
func (p *population) announcement(i int32) mesh.Announcement {
	f := &p.all[i]
	a := mesh.Announcement{
		Server: f.fp, Flags: mesh.FlagTransit, Registration: mesh.RegistrationOpen,
		Name: fmt.Sprintf("server %d", i), Operator: operatorName(f.operator),
		Site: sites[f.site].name, Version: fmt.Sprintf("0.%d", f.version+1),
		Client: fmt.Sprintf("s%d.example.org:7000", i), Peer: fmt.Sprintf("s%d.example.org:7001", i),
		HTTP: fmt.Sprintf("https://s%d.example.org", i),
	}
	if f.nat {
		a.Flags = mesh.FlagNAT
		a.Client, a.Peer, a.HTTP = "", "", ""
	}
	return a
}

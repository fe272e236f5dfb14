package transport

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits bound what strangers can make a server do. Zero is the default of
// each, a negative number takes the limit away. Limits per address count an
// IPv6 /64 as one address and leave out loopback, which is this machine or a
// proxy in front of it, and addresses that are not IP. (spec/handshake.md,
// SHAKE-13)
type Limits struct {
	HandshakeTimeout time.Duration // from accept to the client's proof, and again for its certificate; 3 s
	HalfOpen         int           // connections in a handshake at once; 1024
	HalfOpenPerHost  int           // the same from one address; 64
	HandshakeRate    float64       // handshakes per second from one address, in the long run; 20
	HandshakeBurst   int           // handshakes at once from one address; 60
	Guests           int           // guests at once; 1024
	GuestsPerHost    int           // the same from one address; 64
	GuestLifetime    time.Duration // 5 minutes
	GuestLookups     int           // per guest; 8
	GuestDrops       int           // per guest; 8
	GuestPicks       int           // per guest; 64
	GuestLists       int           // of servers, per guest; 2
	GuestContests    int           // per guest; 8
}

// noLimit stands for limits that are taken away.
const noLimit = 1 << 30

func (l Limits) withDefaults() Limits {
	l.HandshakeTimeout = limit(l.HandshakeTimeout, 3*time.Second, 365*24*time.Hour)
	l.HalfOpen = limit(l.HalfOpen, 1024, noLimit)
	l.HalfOpenPerHost = limit(l.HalfOpenPerHost, 64, noLimit)
	l.HandshakeRate = limit(l.HandshakeRate, 20, noLimit)
	l.HandshakeBurst = limit(l.HandshakeBurst, 60, noLimit)
	l.Guests = limit(l.Guests, 1024, noLimit)
	l.GuestsPerHost = limit(l.GuestsPerHost, 64, noLimit)
	l.GuestLifetime = limit(l.GuestLifetime, 5*time.Minute, 365*24*time.Hour)
	l.GuestLookups = limit(l.GuestLookups, 8, noLimit)
	l.GuestDrops = limit(l.GuestDrops, 8, noLimit)
	l.GuestPicks = limit(l.GuestPicks, 64, noLimit)
	l.GuestLists = limit(l.GuestLists, 2, noLimit)
	l.GuestContests = limit(l.GuestContests, 8, noLimit)
	return l
}

func limit[T int | float64 | time.Duration](v, standard, none T) T {
	switch {
	case v == 0:
		return standard
	case v < 0:
		return none
	}
	return v
}

// registrationCost is how many handshakes one registration counts as: its
// certificate takes milliseconds to check.
const registrationCost = 5

// maxHosts is how many addresses a gate remembers. Each is forgotten as soon as
// its rate has recovered, so only a very wide attack fills it; then only the
// addresses already in it get in until it empties.
const maxHosts = 1 << 16

// idle reports whether nothing is to be remembered of h.
func (h *host) idle(now time.Time) bool { return h.open <= 0 && h.guests <= 0 && !h.free.After(now) }

// A Gate counts what strangers have under way, and says no before any work is
// done: handshakes and guests here, requests of the web site in package node.
// Its methods may be called concurrently.
type Gate struct {
	limits   Limits
	maxHosts int

	mu       sync.Mutex
	halfOpen int
	guests   int
	hosts    map[netip.Prefix]host
	swept    time.Time // when hosts was last looked through
}

// A host is one address at the gate.
type host struct {
	open   int       // in a handshake now
	guests int       // now
	free   time.Time // when its rate has recovered (the generic cell rate algorithm's theoretical arrival time)
}

// NewGate returns a gate; only the limits of handshakes and guests count.
func NewGate(l Limits) *Gate {
	return &Gate{limits: l.withDefaults(), maxHosts: maxHosts, hosts: make(map[netip.Prefix]host)}
}

// hostOf is what the limits per address count; ok is false for addresses that
// they leave out.
func hostOf(a net.Addr) (p netip.Prefix, ok bool) {
	var ap netip.AddrPort
	var err error
	switch a := a.(type) {
	case nil:
		return p, false
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		ap, err = netip.ParseAddrPort(a.String())
	}
	ip := ap.Addr().Unmap().WithZone("")
	if err != nil || !ip.IsValid() || ip.IsLoopback() {
		return p, false
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err = ip.Prefix(bits)
	return p, err == nil
}

// Enter lets one handshake in, or not. Who was let in leaves by Leave.
func (g *Gate) Enter(a net.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.halfOpen >= g.limits.HalfOpen {
		return false
	}
	if p, ok := hostOf(a); ok {
		h, known := g.hosts[p]
		if h.open >= g.limits.HalfOpenPerHost || !known && !g.room(now) || !g.pay(&h, 1, now) {
			return false
		}
		h.open++
		g.hosts[p] = h
	}
	g.halfOpen++
	return true
}

// Leave ends what Enter began.
func (g *Gate) Leave(a net.Addr, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.halfOpen--
	if p, ok := hostOf(a); ok {
		h := g.hosts[p]
		h.open--
		g.put(p, h, now)
	}
}

// put keeps h, or forgets it. g.mu is held.
func (g *Gate) put(p netip.Prefix, h host, now time.Time) {
	if h.idle(now) {
		delete(g.hosts, p)
		return
	}
	g.hosts[p] = h
}

// Charge reports whether an address that is inside may do what costs n more
// handshakes, or requests.
func (g *Gate) Charge(a net.Addr, n int, now time.Time) bool {
	p, ok := hostOf(a)
	if !ok {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.hosts[p]
	paid := g.pay(&h, n, now)
	g.hosts[p] = h
	return paid
}

// pay takes n handshakes from the rate of h, if it has them.
func (g *Gate) pay(h *host, n int, now time.Time) bool {
	if g.limits.HandshakeRate >= noLimit || g.limits.HandshakeBurst >= noLimit {
		return true
	}
	each := time.Duration(float64(time.Second) / g.limits.HandshakeRate)
	free := h.free
	if free.Before(now) {
		free = now
	}
	free = free.Add(time.Duration(n) * each)
	if free.Sub(now) > time.Duration(g.limits.HandshakeBurst)*each {
		return false
	}
	h.free = free
	return true
}

// room reports whether one more address can be remembered.
func (g *Gate) room(now time.Time) bool {
	if len(g.hosts) < g.maxHosts {
		return true
	}
	if now.Sub(g.swept) < time.Second {
		return false
	}
	g.swept = now
	for p, h := range g.hosts {
		if h.idle(now) {
			delete(g.hosts, p)
		}
	}
	return len(g.hosts) < g.maxHosts
}

// enterGuest lets one guest stay, or not.
func (g *Gate) enterGuest(a net.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.guests >= g.limits.Guests {
		return false
	}
	if p, ok := hostOf(a); ok {
		h, known := g.hosts[p]
		if h.guests >= g.limits.GuestsPerHost || !known && !g.room(now) {
			return false
		}
		h.guests++
		g.hosts[p] = h
	}
	g.guests++
	return true
}

// leaveGuest ends what enterGuest began.
func (g *Gate) leaveGuest(a net.Addr, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.guests--
	if p, ok := hostOf(a); ok {
		h := g.hosts[p]
		h.guests--
		g.put(p, h, now)
	}
}

func (g *Gate) counts() (halfOpen, guests int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.halfOpen, g.guests
}

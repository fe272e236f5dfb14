package node

import (
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/omega-im/omega/transport"
)

// reservedFiles is how many of the process's open files clients and visitors
// leave to others: 1,000 or so for links, circuits and handshakes of servers, and
// as many for the stores. Where the system allows few, they leave half.
const reservedFiles = 2048

// wantedFiles is how many files a server that people rely on may open at least.
const wantedFiles = 4 * reservedFiles

// budget is how many connections clients and visitors may have open together.
func (c *Config) budget() int {
	if c.Limits.Connections > 0 {
		return c.Limits.Connections
	}
	files := maxFiles()
	return files - min(reservedFiles, files/2)
}

// httpBurst is how many seconds' worth of requests one address may make at once:
// a page and what belongs to it.
const httpBurst = 6

// Visitors are those who speak HTTP to this server. Each address has its share of
// requests, in time and at once. Those of a WebSocket are not among them: the
// transport counts its handshake, and a session may last.
type visitors struct {
	gate  *transport.Gate
	burst int // requests at once of one address
	next  http.Handler
}

func newVisitors(c *Config, next http.Handler) *visitors {
	l := c.Limits
	burst := max(1, int(httpBurst*l.HTTPRequests))
	return &visitors{next: next, burst: burst, gate: transport.NewGate(transport.Limits{
		HalfOpen: l.HTTPOpen, HalfOpenPerHost: l.HTTPPerHost,
		HandshakeRate: l.HTTPRequests, HandshakeBurst: burst,
	})}
}

func (v *visitors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == transport.WebSocketPath {
		v.next.ServeHTTP(w, r)
		return
	}
	addr := visitorAddr(r.RemoteAddr)
	if !v.gate.Enter(addr, time.Now()) {
		tooMany(w)
		return
	}
	defer func() { v.gate.Leave(addr, time.Now()) }()
	v.next.ServeHTTP(w, r)
}

func tooMany(w http.ResponseWriter) {
	// 1 s brings back at least one request, or the next connection ends.
	w.Header().Set("Retry-After", "1")
	http.Error(w, "too many requests from your address, or in all; try again in a second", http.StatusTooManyRequests)
}

// visitorAddr reads the address that package net/http gives.
func visitorAddr(s string) net.Addr {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil
	}
	return net.TCPAddrFromAddrPort(ap)
}

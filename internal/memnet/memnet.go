// Package memnet is a network in memory for tests: named hosts, listeners and
// full-duplex connections with bounded buffers, deadlines and latency, which
// can be cut and healed between any two hosts. It uses only mutexes,
// conditions and timers, so it works in testing/synctest bubbles.
package memnet

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// BufferSize is how many octets one direction of a connection holds before
// writers block: about what a socket takes.
const BufferSize = 64 << 10

// A Network connects hosts by name. Its methods may be called concurrently.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener // by host:port
	links     map[pair]*link       // by hosts, in order; only those that were asked for
	port      int                  // last one given to a dialling side or to port 0
	killed    map[string]bool      // hosts
}

// A pair names two hosts, the smaller name first.
type pair struct{ a, b string }

// A link is all that lies between two hosts.
type link struct {
	pair    pair
	cut     [2]bool // from pair.a to pair.b, and back
	latency time.Duration
	conns   map[*both]struct{}
	changed chan struct{} // closed when cut changes
}

// New returns an empty network: everybody can reach everybody, at once.
func New() *Network {
	return &Network{listeners: make(map[string]*listener), links: make(map[pair]*link), killed: make(map[string]bool), port: 32767}
}

func (n *Network) link(a, b string) *link {
	if a > b {
		a, b = b, a
	}
	l := n.links[pair{a, b}]
	if l == nil {
		l = &link{pair: pair{a, b}, conns: make(map[*both]struct{}), changed: make(chan struct{})}
		n.links[pair{a, b}] = l
	}
	return l
}

// Listen listens at host:port. Port 0 takes a free one.
func (n *Network) Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen at %q: %w", address, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.killed[host] {
		return nil, &net.OpError{Op: "listen", Net: "mem", Addr: Addr(address), Err: syscall.ENETDOWN}
	}
	if port == "0" {
		address = net.JoinHostPort(host, n.nextPort())
	}
	if n.listeners[address] != nil {
		return nil, &net.OpError{Op: "listen", Net: "mem", Addr: Addr(address), Err: syscall.EADDRINUSE}
	}
	l := &listener{network: n, addr: Addr(address), backlog: make(chan *Conn, 128), done: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

func (n *Network) nextPort() string {
	n.port++
	return strconv.Itoa(n.port)
}

// Dialer returns the dialling function of a host, in the form of
// net.Dialer.DialContext. It ignores the name of the network.
func (n *Network) Dialer(host string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		c, err := n.dial(ctx, host, address)
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: "mem", Addr: Addr(address), Err: err}
		}
		return c, nil
	}
}

// direction is the index in cut of what from writes.
func (l *link) direction(from string) int {
	if from == l.pair.a {
		return 0
	}
	return 1
}

// dial waits while the hosts are cut from each other, as TCP does.
func (n *Network) dial(ctx context.Context, from, address string) (*Conn, error) {
	to, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	for {
		n.mu.Lock()
		l := n.link(from, to)
		changed := l.changed
		if l.cut == [2]bool{} || n.killed[from] {
			defer n.mu.Unlock()
			return n.connect(l, from, address)
		}
		n.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// connect is called with n.mu held.
func (n *Network) connect(l *link, from, address string) (*Conn, error) {
	if n.killed[from] {
		return nil, syscall.ENETDOWN
	}
	ln := n.listeners[address]
	if ln == nil {
		return nil, syscall.ECONNREFUSED
	}
	client, server := newPair(n, l, from, Addr(net.JoinHostPort(from, n.nextPort())), ln.addr)
	select {
	case ln.backlog <- server:
		l.conns[client.both] = struct{}{}
		return client, nil
	default:
		return nil, syscall.ECONNREFUSED
	}
}

// Cut makes a and b unable to reach each other: nothing that is under way or
// written arrives, nobody is told, and dialling waits. Cut of a host from
// itself is possible.
func (n *Network) Cut(a, b string) { n.set(a, b, func(l *link) { l.cut = [2]bool{true, true} }) }

// CutOneWay is Cut for what from sends to to; the other way stays as it is.
// Dialling needs both.
func (n *Network) CutOneWay(from, to string) {
	n.set(from, to, func(l *link) { l.cut[l.direction(from)] = true })
}

// Heal undoes Cut and CutOneWay: what was written in between arrives.
func (n *Network) Heal(a, b string) { n.set(a, b, func(l *link) { l.cut = [2]bool{} }) }

// Kill ends everything that a host has, as the death of its process does: what
// it wrote still arrives, and then the end of the connection; nobody listens
// any more, and it can neither dial nor listen until Revive.
func (n *Network) Kill(host string) {
	n.mu.Lock()
	n.killed[host] = true
	var conns []*Conn
	for p, l := range n.links {
		if p.a != host && p.b != host {
			continue
		}
		for b := range l.conns {
			for _, c := range b.ends {
				if c.host() == host {
					conns = append(conns, c)
				}
			}
		}
	}
	var listeners []*listener
	for _, l := range n.listeners {
		if l.addr.host() == host {
			listeners = append(listeners, l)
		}
	}
	n.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	for _, c := range conns {
		c.Close()
	}
}

// Revive lets a host that was killed begin again, with nothing.
func (n *Network) Revive(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.killed, host)
}

// SetLatency makes everything written from now on take d from a to b, and as long
// back; so does the end of a connection.
// Dialling takes no time.
func (n *Network) SetLatency(a, b string, d time.Duration) {
	n.set(a, b, func(l *link) { l.latency = d })
}

// Reset breaks all connections between a and b: both ends see ECONNRESET.
// New ones can be made.
func (n *Network) Reset(a, b string) {
	n.mu.Lock()
	l := n.link(a, b)
	conns := l.conns
	l.conns = make(map[*both]struct{})
	n.mu.Unlock()
	for c := range conns {
		c.reset()
	}
}

// Isolate cuts a host from all hosts that it has or had anything to do with.
// It returns the function that heals those.
func (n *Network) Isolate(host string) (heal func()) {
	n.mu.Lock()
	var others []string
	for p, l := range n.links {
		switch {
		case l.cut == [2]bool{true, true}:
		case p.a == host:
			others = append(others, p.b)
		case p.b == host:
			others = append(others, p.a)
		}
	}
	n.mu.Unlock()
	for _, o := range others {
		n.Cut(host, o)
	}
	return func() {
		for _, o := range others {
			n.Heal(host, o)
		}
	}
}

// set changes a link and tells everybody who waits on it.
func (n *Network) set(a, b string, change func(*link)) {
	n.mu.Lock()
	l := n.link(a, b)
	change(l)
	close(l.changed)
	l.changed = make(chan struct{})
	conns := make([]*both, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	cut, latency := l.cut, l.latency
	n.mu.Unlock()
	for _, c := range conns {
		for i, s := range c.streams {
			s.set(cut[c.first^i], latency)
		}
	}
}

// An Addr is the host:port of an end.
type Addr string

// Network returns "mem".
func (Addr) Network() string { return "mem" }

// String returns host:port.
func (a Addr) String() string { return string(a) }

func (a Addr) host() string {
	host, _, _ := net.SplitHostPort(string(a)) // of our own making
	return host
}

type listener struct {
	network *Network
	addr    Addr
	backlog chan *Conn
	once    sync.Once
	done    chan struct{} // closed by Close
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "mem", Addr: l.addr, Err: net.ErrClosed}
	}
}

func (l *listener) Close() error {
	err := error(&net.OpError{Op: "close", Net: "mem", Addr: l.addr, Err: net.ErrClosed})
	l.once.Do(func() {
		err = nil
		l.network.mu.Lock()
		delete(l.network.listeners, string(l.addr))
		l.network.mu.Unlock()
		close(l.done)
		for {
			select {
			case c := <-l.backlog:
				c.both.reset()
				continue
			default:
			}
			break
		}
	})
	return err
}

func (l *listener) Addr() net.Addr { return l.addr }

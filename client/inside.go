package client

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/omega-im/omega/transport"
)

// inside knows whether the server that the owner named is on a private network, or
// on this machine: only then are others there that announce it. One that was picked from
// a list says nothing about that, since others say where it is. (spec/delivery.md, DELIV-32)
type inside struct {
	mu     sync.Mutex
	host   string    // that was looked up; guarded by mu
	inside bool      // what came of it; guarded by mu
	again  time.Time // when to look it up again; guarded by mu
}

// lookAgain is how long it counts where a name leads.
const lookAgain = 10 * time.Minute

// namedHost is the host of the server that the owner named.
func (c *Client) namedHost() string {
	addr, err := transport.ParseAddress(c.named())
	if err != nil {
		return ""
	}
	host, _, _ := net.SplitHostPort(addr.HostPort) // it was parsed
	return host
}

// mayBeInside is leadsInside without a look-up: names are given the benefit of the
// doubt, and what they lead to is looked at when something is dialled.
func (c *Client) mayBeInside() bool {
	host := c.namedHost()
	return transport.LeadsInside(host) || host != "" && net.ParseIP(host) == nil
}

// leadsInside reports whether the server that was named is on a private network, as
// far as its name or address says, or where the name leads.
func (c *Client) leadsInside(ctx context.Context) bool {
	host := c.namedHost()
	if host == "" || transport.LeadsInside(host) {
		return host != ""
	}
	if net.ParseIP(host) != nil {
		return false
	}
	i := &c.inside
	i.mu.Lock()
	defer i.mu.Unlock()
	if now := time.Now(); i.host != host || now.After(i.again) {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return false
		}
		i.host, i.again, i.inside = host, now.Add(lookAgain), false
		for _, a := range addrs {
			i.inside = i.inside || transport.LeadsInside(a.String())
		}
	}
	return i.inside
}

// dialAnnounced opens a connection to a server that announced its address.
func (c *Client) dialAnnounced(ctx context.Context, network, address string) (net.Conn, error) {
	return transport.DialPublic(ctx, network, address, c.leadsInside)
}

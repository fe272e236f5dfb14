package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// An aging is a secure group of three whose clocks a test moves.
type aging struct {
	*circle
	p      *post
	clock  *drift
	people []*somebody
	said   []string // by all of them so far
}

func newAging(t *testing.T, p *post, name string) *aging {
	t.Helper()
	g := &aging{p: p, clock: &drift{}}
	for _, name := range []string{"ann", "bob", "cat"} {
		g.people = append(g.people, p.newSomebody(t, name, func(c *Config) { c.Clock = g.clock.now }))
	}
	g.circle = gather(t, name, g.people...)
	return g
}

// allSay has each of them say something, which all have then.
func (g *aging) allSay(t *testing.T, text string) {
	t.Helper()
	for _, s := range g.people {
		g.said = append(g.said, s.acc.Name+text)
		s.tells(t, g.circle, s.acc.Name+text, clientrpc.StateStored)
		for _, other := range g.people {
			other.hasTold(t, g.circle, g.said...)
		}
	}
}

// age lets time pass for all, and for the servers.
func (g *aging) age(d time.Duration) {
	g.clock.move(d)
	g.p.skew.Store(g.clock.ahead.Load())
}

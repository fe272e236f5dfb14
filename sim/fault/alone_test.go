package fault

import (
	"fmt"
	"testing"
)

// A server that was stopped starts again when all its neighbours are gone for
// good. It has only what its disk remembers: no configured server answers. The
// cloud went on with others in the meantime, and one of those that the disk
// remembers leads there. Mail that waited on it is delivered.
func TestRestartAlone(t *testing.T) {
	t.Parallel()
	c := &site{dir: folder(t)}
	var bootstrap []string
	grow := func() *server {
		s := newServer(t, c.dir, plain, len(c.servers), bootstrap, labServer+anyHome)
		bootstrap = append(bootstrap, s.peer)
		c.add(s)
		s.start(t)
		return s
	}
	for range 5 {
		grow()
	}
	c.awaitFormed(t)
	w := newCrowd(t, c)
	w.begin(t, seed(t))
	until(t, startTimeout, "something is received", func() bool { return w.ledger.totals().received > 20 })

	// The whole cloud stops. One comes back with its disk alone: it is a cloud of
	// itself, and what it is given it keeps.
	for _, s := range c.servers {
		s.process().kill()
	}
	alone := c.servers[2]
	alone.start(t)
	until(t, startTimeout, "the server that is alone runs", func() bool { n, _ := alone.full(get); return n == 1 })

	// Another one that it remembers comes back, then new ones that know only that
	// one. Nobody was told of the first.
	bootstrap = []string{c.servers[3].peer}
	c.servers[3].start(t)
	for range 3 {
		grow()
	}
	awaitFull := func(what string, want int, servers ...*server) {
		t.Helper()
		until(t, settleTimeout, what, func() bool {
			for _, s := range servers {
				if n, _ := s.full(get); n != want {
					return false
				}
			}
			return true
		})
	}
	awaitFull("the lone server is in a cloud with the new ones", 5, append([]*server{alone, c.servers[3]}, c.servers[5:]...)...)

	// The others come back too: by themselves.
	for _, i := range []int{0, 1, 4} {
		c.servers[i].start(t)
	}
	awaitFull(fmt.Sprintf("all %d are one cloud", len(c.servers)), len(c.servers), c.servers...)
	w.finish(t, settleTimeout)
}

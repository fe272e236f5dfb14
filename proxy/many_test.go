package proxy

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// An envelope to many homes leaves as one frame for all of them, one to few as
// a frame for each; each home answers for its own, and one that is away does not
// hold up the others' answers.
func TestManyHomes(t *testing.T) {
	var together atomic.Int64
	for _, n := range []int{manyHomes - 1, manyHomes} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			together.Store(0)
			inCloud(t, n+1, func(t *testing.T, c *testCloud) {
				alice := c.register(1, c.servers[0])
				var to []*testPerson
				for _, s := range c.servers[1:] {
					to = append(to, c.register(1, s))
				}
				a := newClient(alice, 0).connect(c.servers[0])
				a.send("x", to...)
				want := 0
				if n >= manyHomes {
					want = n
				}
				if got := int(together.Load()); got != want {
					t.Errorf("%d of %d copies left as one frame, want %d", got, n, want)
				}
				for i, p := range to {
					newClient(p, 0).attach(c.servers[i+1], c.servers[i+1]).expect("x")
				}
				c.servers[n].stop()
				code, results := a.sendCode(a.envelope("y", to...))
				if code != omega.CodeUnavailable || len(results) != 1 || int(results[0].Index) != n-1 {
					t.Errorf("with one home away: %s %v", code, results)
				}
			}, func(c *testCloud) {
				c.multi = func(t wire.Type, servers int) {
					if t == wire.TypeSend {
						together.Add(int64(servers))
					}
				}
			})
		})
	}
}

package proxy

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A way to every home that a record may name can be asked for at once; who asks
// for more waits. What cannot be measured says so.
func TestWay(t *testing.T) {
	way := &wire.Way{Flags: wire.WayArrived}
	noWay := omega.Errorf(omega.CodeUnavailable, "no way")
	var dead omega.Fingerprint
	prepare := func(c *testCloud) {
		c.edit = func(cfg *Config) {
			cfg.Way = func(_ context.Context, to omega.Fingerprint) (*wire.Way, error) {
				if to == dead {
					return nil, noWay
				}
				return way, nil
			}
		}
	}
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		home := c.servers[1].fp()
		dead = c.servers[2].fp()
		way.Hops = []wire.Hop{{Server: home, RTT: 1500 * time.Microsecond}}
		a := newClient(c.register(1, c.servers[0]), 0).connect(c.servers[0])
		refused := func(what string, body []byte, want omega.Code) {
			t.Helper()
			f := a.request(wire.TypeWay, body)
			if got := codeOf(wire.DecodeStatus(f.Body)); f.Type != wire.TypeError || got != want {
				t.Errorf("%s: answer of type %d, %s, want %s", what, f.Type, got, want)
			}
		}
		refused("no server", nil, omega.CodeBadRequest)
		refused("more than a server", append(home.Wire(), 0), omega.CodeBadRequest)
		refused("no way", dead.Wire(), omega.CodeUnavailable)
		time.Sleep(wayInterval)
		for range omega.MaxHomes {
			f := a.request(wire.TypeWay, home.Wire())
			got, err := wire.DecodeWay(f.Body)
			if f.Type != wire.TypeHops || err != nil || got.Flags != way.Flags || !slices.Equal(got.Hops, way.Hops) {
				t.Fatalf("answer of type %d: %v, %v, want %v", f.Type, got, err, way)
			}
		}
		refused("too many", home.Wire(), omega.CodeRateLimited)
		time.Sleep(wayInterval)
		if f := a.request(wire.TypeWay, home.Wire()); f.Type != wire.TypeHops {
			t.Errorf("after a while: answer of type %d", f.Type)
		}
	}, prepare)
}

package proxy

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega/wire"
)

// counts are frames between servers, by type, and their octets.
type counts struct {
	frames [256]atomic.Int64
	octets atomic.Int64
}

func (n *counts) reset() {
	for i := range n.frames {
		n.frames[i].Store(0)
	}
	n.octets.Store(0)
}

func (n *counts) of(t wire.Type) int64 { return n.frames[t].Load() }

// counted has the frames of a cloud counted.
func (c *testCloud) counted() *counts {
	n := new(counts)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spy = func(_, _ int, f wire.Frame) {
		n.frames[f.Type].Add(1)
		n.octets.Add(int64(wire.HeaderSize + len(f.Body)))
	}
	return n
}

// dropping has frames of a type lost while lost says so.
func (c *testCloud) dropping(lost func(f wire.Frame) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop = func(_, _ int, f wire.Frame) bool { return lost(f) }
}

// atHomes attaches n people through the first server to all others.
func (c *testCloud) atHomes(n int) (people []*testPerson, clients []*testClient) {
	for range n {
		p := c.register(1, c.servers[1:]...)
		people = append(people, p)
		clients = append(clients, newClient(p, 0).attach(c.servers[0], c.servers[1:]...))
	}
	return people, clients
}

// TestHeartbeat states DELIV-27: while all agree no lease is sent again, and
// what goes between two servers does not grow with their users.
func TestHeartbeat(t *testing.T) {
	few, many := idleOctets(t, 20), idleOctets(t, 200) // more than there are buckets
	if few != many || few == 0 {
		t.Errorf("%d octets with 20 users, %d with 200", few, many)
	}
}

// idleOctets has so many users rest and returns what went between their four
// servers meanwhile.
func idleOctets(t *testing.T, users int) (octets int64) {
	inCloud(t, 4, func(t *testing.T, c *testCloud) {
		c.atHomes(users)
		n := c.counted()
		time.Sleep(attachHeartbeat + beatInterval)
		synctest.Wait()
		n.reset()
		const idle = 3 * time.Minute // sessions stay for five without a ping
		time.Sleep(idle)
		synctest.Wait()
		beats := int64(3 * idle / beatInterval)
		if got := n.of(wire.TypeLeases); got != 2*beats {
			t.Errorf("%d frames of heartbeats, want %d", got, 2*beats)
		}
		if n.of(wire.TypeAttach)+n.of(wire.TypeLeaseList) != 0 {
			t.Errorf("%d leases and %d lists without need", n.of(wire.TypeAttach), n.of(wire.TypeLeaseList))
		}
		for _, home := range c.servers[1:] {
			if got := home.proxy.Metrics().Leases; got != int64(users) {
				t.Errorf("%d leases at a home", got)
			}
		}
		octets = n.octets.Load()
		t.Logf("%d users at three homes: %d octets a minute", users, octets*int64(time.Minute)/int64(idle))
	})
	return octets
}

// TestHeartbeatUnknown has homes that do not know the frame: each lease is sent
// again by itself.
func TestHeartbeatUnknown(t *testing.T) {
	inCloud(t, 4, func(t *testing.T, c *testCloud) {
		c.atHomes(5)
		n := c.counted()
		c.dropping(func(f wire.Frame) bool { return f.Type == wire.TypeLeases })
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if got := n.of(wire.TypeAttach); got < 5*3*6 {
			t.Errorf("%d leases in four minutes", got)
		}
	})
}

// TestHeartbeatLost loses some heartbeats: nothing is sent that is not needed.
func TestHeartbeatLost(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		c.atHomes(5)
		time.Sleep(attachHeartbeat + beatInterval)
		synctest.Wait()
		n := c.counted()
		var k atomic.Int64
		lost := [5]bool{1: true, 2: true} // questions and answers in turn
		c.dropping(func(f wire.Frame) bool { return f.Type == wire.TypeLeases && lost[k.Add(1)%5] })
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got := n.of(wire.TypeAttach); got != 0 || c.servers[1].proxy.Metrics().Leases != 5 {
			t.Errorf("%d leases sent again, %d in force", got, c.servers[1].proxy.Metrics().Leases)
		}
	})
}

// TestHeartbeatHomeStartsAgain has a home forget its leases: it is sent each of
// them once, and mail comes again.
func TestHeartbeatHomeStartsAgain(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		people, clients := c.atHomes(20)
		time.Sleep(3*beatInterval + beatInterval/2) // between two heartbeats
		n := c.counted()
		home.stop()
		home.start()
		time.Sleep(beatInterval + time.Second)
		synctest.Wait()
		if got := home.proxy.Metrics().Leases; got != 20 {
			t.Fatalf("%d leases", got)
		}
		if got := n.of(wire.TypeAttach); got != 20 {
			t.Errorf("%d leases were sent", got)
		}
		clients[0].send("again", people[1])
		clients[1].expect("again")
	})
}

// TestHeartbeatEndsLeases has the word lost that devices left: their leases do
// not stay for long, those of others do. So it is after the proxy started again.
func TestHeartbeatEndsLeases(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %v", restart), func(t *testing.T) {
			inCloud(t, 2, func(t *testing.T, c *testCloud) {
				proxy, home := c.servers[0], c.servers[1]
				people, clients := c.atHomes(4)
				time.Sleep(3*beatInterval + beatInterval/2) // between two heartbeats
				c.dropping(func(f wire.Frame) bool { return f.Type == wire.TypeDetach })
				want := int64(2)
				if restart {
					proxy.stop()
					proxy.start()
					want = 1
					newClient(people[0], 0).attach(proxy, home)
				} else {
					clients[2].conn.leave()
					clients[3].conn.leave()
				}
				synctest.Wait()
				if got := home.proxy.Metrics().Leases; got != 4 {
					t.Fatalf("%d leases right after", got)
				}
				time.Sleep(2 * beatInterval)
				synctest.Wait()
				if got := home.proxy.Metrics().Leases; got != want {
					t.Errorf("%d leases, want %d", got, want)
				}
			})
		})
	}
}

// TestHeartbeatSuperseded has a device attach elsewhere while the word of it to
// its old proxy is lost: the old lease is found superseded, and the newer stays.
func TestHeartbeatSuperseded(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		old, home, other := c.servers[0], c.servers[1], c.servers[2]
		p := c.register(1, home)
		a := newClient(p, 0).attach(old, home)
		time.Sleep(3*beatInterval + beatInterval/2) // between two heartbeats
		c.dropping(func(f wire.Frame) bool { return f.Type == wire.TypeDetach })
		a.attach(other, home) // the first session stays open
		a.attachedAt(home, 1)
		n := c.counted()
		time.Sleep(beatInterval + time.Second)
		synctest.Wait()
		if got := n.of(wire.TypeAttach); got != 1 {
			t.Errorf("%d leases were sent, want the old one, once", got)
		}
		if l := home.proxy.home.leases.get(p.device(0)); l == nil || l.proxy != other.fp() {
			t.Error("the newer lease is not in force")
		}
		n.reset()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := n.of(wire.TypeAttach); got != 0 {
			t.Errorf("%d leases were sent afterwards", got)
		}
	})
}

package cloud

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

func TestCloudForms(t *testing.T) {
	for _, count := range []int{1, 2, 3, 4, 5, 8, 12} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nodes := n.cloudOf(count, nil)
				want := []mesh.State{mesh.StateSeed, mesh.StateProvisional, mesh.StateTriangle, mesh.StateStrict}[min(count, 4)-1]
				for _, nd := range nodes {
					if got := nd.Topology().State; got != want {
						t.Errorf("%s says %v, want %v", nd.addr, got, want)
					}
					if len(nd.Announcements()) != count {
						t.Errorf("%s has %d announcements", nd.addr, len(nd.Announcements()))
					}
					if st := nd.Stats(); st.Links > mesh.LinkCap || st.LinksLost > 0 {
						t.Errorf("%s: %+v", nd.addr, st)
					}
				}
			})
		})
	}
}

// A bootstrap address need not name who is there.
func TestBootstrapWithoutFingerprint(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		n.cloudOf(4, func(i int, cfg *Config) {
			cfg.Bootstrap = []transport.Address{{Network: transport.NetworkTLS, HostPort: "mem:1"}}
		})
	})
}

// Servers that begin before their bootstrap server is there find it later.
func TestBootstrapServerComesLate(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := []*node{n.add(0, nil), n.add(1, nil), n.add(2, nil)}
		nodes[1].start(nodes[0])
		nodes[2].start(nodes[0])
		n.await("two seeds", time.Second, func() bool { return n.agree(nodes[1:2]) && n.agree(nodes[2:]) })
		time.Sleep(5 * time.Minute)
		nodes[0].start()
		n.await("one cloud", 2*time.Minute, func() bool { return n.agree(nodes) })
	})
}

func TestForwardToSelf(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		a := n.cloudOf(1, nil)[0]
		if err := a.sendTo(a, "hello"); err != nil || a.received("hello") != a.id.Account().String() {
			t.Errorf("Forward = %v, received from %q", err, a.received("hello"))
		}
	})
}

func TestForwardNowhere(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		a := n.cloudOf(3, nil)[0]
		stranger := n.add(99, nil)
		err := a.sendTo(stranger, "hello")
		var coded *omega.Error
		if !errors.Is(err, ErrNoWay) || !errors.As(err, &coded) || coded.Code != omega.CodeUnavailable {
			t.Errorf("got %v, want %v", err, ErrNoWay)
		}
		big := make([]byte, omega.MaxPeerFrame)
		if err := a.sendTo(n.all()[1], string(big)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got %v, want %v", err, ErrTooLarge)
		}
	})
}

// The first message goes over the mesh, later ones straight, and the direct
// connection ends when it is not used.
func TestForwardGoesDirect(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(10, func(_ int, cfg *Config) { cfg.DirectIdle = 20 * time.Second })
		time.Sleep(3 * time.Minute) // every link that is wanted is there
		a, d := n.apart(nodes)
		if err := a.sendTo(d, "one"); err != nil {
			t.Fatal(err)
		}
		n.await("the first message", time.Second, func() bool { return d.received("one") == a.id.Account().String() })
		n.await("a direct connection", time.Second, func() bool { return a.Trace(d.id.Account()).Direct })
		before := forwarded(nodes)
		if err := a.sendTo(d, "two"); err != nil {
			t.Fatal(err)
		}
		n.await("the second message", time.Second, func() bool { return d.received("two") != "" })
		if got := forwarded(nodes); got != before {
			t.Errorf("the second message was forwarded by others")
		}
		if got := d.Stats().Links; got > 0 && a.Stats().Links > 0 && n.linked(a, d) {
			t.Error("a direct connection became a link of the mesh")
		}
		time.Sleep(21 * time.Second)
		if a.Trace(d.id.Account()).Direct {
			t.Error("an idle direct connection stays")
		}
	})
}

func forwarded(nodes []*node) (sum uint64) {
	for _, nd := range nodes {
		sum += nd.Stats().Forwarded
	}
	return sum
}

// linked reports whether a announces a link to b.
func (n *testNet) linked(a, b *node) bool {
	for _, e := range a.Topology().Links {
		if e.A == a.id.Account() && e.B == b.id.Account() || e.B == a.id.Account() && e.A == b.id.Account() {
			return true
		}
	}
	return false
}

// Where the direct way is cut, messages go over the mesh, without waiting for
// dials to time out, and go direct again when the cut heals.
func TestForwardOverMeshWhenDialIsCut(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(10, nil)
		a, d := n.apart(nodes)
		n.set(n.cut, a, d, true)
		for i := range 50 {
			msg := fmt.Sprint("message ", i)
			if err := a.sendTo(d, msg); err != nil {
				t.Fatalf("%s: %v", msg, err)
			}
			took := n.await(msg, time.Second, func() bool { return d.received(msg) != "" })
			if took > 200*time.Millisecond {
				t.Errorf("%s took %v", msg, took)
			}
			time.Sleep(300 * time.Millisecond)
		}
		if hops := a.Trace(d.id.Account()).Hops; len(hops) < 2 {
			t.Errorf("the way is %v", hops)
		}
		if dials := a.Stats().DialFailed; dials == 0 || dials > 6 {
			t.Errorf("%d dials failed in 15 s, want a few", dials)
		}
		n.set(n.cut, a, d, false)
		n.await("a direct connection", 2*time.Minute, func() bool {
			a.sendTo(d, "again")
			return a.Trace(d.id.Account()).Direct
		})
	})
}

// A direct connection that falls silent is given up within two seconds, and
// messages then go over the mesh.
func TestDirectConnectionIsCut(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(10, nil)
		a, d := n.apart(nodes)
		n.await("a direct connection", 2*time.Second, func() bool {
			a.sendTo(d, "hello")
			return a.Trace(d.id.Account()).Direct
		})
		n.set(n.cut, a, d, true)
		took := n.await("the mesh takes over", 5*time.Second, func() bool {
			a.sendTo(d, "over the mesh")
			return d.received("over the mesh") != ""
		})
		if took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A process that dies is noticed at once, a host that falls silent within two
// seconds; the rest stays a cloud that keeps the rule.
func TestServerDies(t *testing.T) {
	for name, kill := range map[string]func(n *testNet, nd *node){
		"crash":   func(_ *testNet, nd *node) { nd.stop() },
		"silence": func(n *testNet, nd *node) { n.isolate(nd, true) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nodes := n.cloudOf(8, nil)
				dead, rest := nodes[3], append(append([]*node(nil), nodes[:3]...), nodes[4:]...)
				time.Sleep(10 * time.Second)
				kill(n, dead)
				known := n.await("everybody knows", 5*time.Second, func() bool {
					for _, nd := range rest {
						if nd.Topology().States[dead.id.Account()] != mesh.Unreachable {
							return false
						}
					}
					return true
				})
				if limit := map[string]time.Duration{"crash": 350 * time.Millisecond, "silence": 2 * time.Second}[name]; known > limit {
					t.Errorf("known after %v, want %v", known, limit)
				}
				healed := n.await("the rest mends", 30*time.Second, func() bool { return n.agree(rest) })
				t.Logf("known after %v, mended after %v more", known, healed)
			})
		})
	}
}

// A server that comes back, with or without its disk, is a full member again,
// and its announcements are above those of its past.
func TestRestart(t *testing.T) {
	for _, disk := range []bool{true, false} {
		t.Run(fmt.Sprintf("disk %v", disk), func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nodes := n.cloudOf(6, nil)
				nd := nodes[2]
				time.Sleep(time.Minute)
				nd.stop()
				n.await("it is missed", 5*time.Second, func() bool {
					return nodes[0].Topology().States[nd.id.Account()] == mesh.Unreachable
				})
				old := sequenceOf(nodes[0], nd)
				if disk {
					nd.start() // nothing but what the disk says
				} else {
					nd.disk = nil
					nd.start(nodes[5])
				}
				took := n.await("it is back", time.Minute, func() bool { return n.agree(nodes) })
				t.Logf("back after %v", took)
				if now := sequenceOf(nodes[0], nd); now <= old {
					t.Errorf("sequence %d, was %d", now, old)
				}
			})
		})
	}
}

func sequenceOf(at, of *node) uint64 {
	for _, s := range at.Servers() {
		if s.Server == of.id.Account() {
			return s.Sequence
		}
	}
	return 0
}

// Two halves that lose sight of each other stay clouds, and become one again.
func TestSplitMends(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(10, nil)
		west, east := nodes[:5], nodes[5:]
		cut := func(on bool) {
			for _, a := range west {
				for _, b := range east {
					n.set(n.cut, a, b, on)
				}
			}
		}
		cut(true)
		n.await("two clouds", time.Minute, func() bool {
			return n.agree(west) && n.agree(east)
		})
		time.Sleep(2 * time.Minute)
		cut(false)
		took := n.await("one cloud", 5*time.Minute, func() bool { return n.agree(nodes) })
		t.Logf("one cloud again after %v", took)
	})
}

// A server behind NAT is a leaf: nobody dials it, it is reached over the mesh,
// and it forwards for nobody.
func TestServerBehindNAT(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(6, nil)
		leaf := n.add(6, func(cfg *Config) {
			cfg.Announcement.Flags |= mesh.FlagNAT
			cfg.Announcement.Peer = ""
		})
		leaf.start(nodes[0])
		n.await("a leaf with four links", time.Minute, func() bool {
			return leaf.Stats().Links >= mesh.TargetLinks && nodes[5].Topology().States[leaf.id.Account()] == mesh.Leaf
		})
		for _, nd := range nodes {
			msg := "from " + nd.addr
			if err := nd.sendTo(leaf, msg); err != nil {
				t.Errorf("%s: %v", msg, err)
				continue
			}
			n.await(msg, time.Second, func() bool { return leaf.received(msg) == nd.id.Account().String() })
		}
		if f := leaf.Stats().Forwarded; f != 0 {
			t.Errorf("the leaf forwarded %d packets", f)
		}
	})
}

// What a server says about itself changes everywhere.
func TestUpdate(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(5, nil)
		if err := nodes[1].Update(func(a *mesh.Announcement) { a.Users = 42 }); err != nil {
			t.Fatal(err)
		}
		n.await("everybody knows", time.Second, func() bool {
			for _, nd := range nodes {
				for _, s := range nd.Servers() {
					if s.Server == nodes[1].id.Account() && s.Users != 42 {
						return false
					}
				}
			}
			return true
		})
	})
}

// Announcements are refreshed, so that nobody is forgotten in quiet days,
// and the dead are forgotten in a day.
func TestQuietDays(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two seconds")
	}
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(4, func(_ int, cfg *Config) { cfg.HelloInterval = time.Minute })
		dead := n.add(4, func(cfg *Config) { cfg.HelloInterval = time.Minute })
		dead.start(nodes[0])
		n.await("five", 10*time.Minute, func() bool { return n.agree(append(nodes, dead)) })
		dead.stop()
		time.Sleep(30 * time.Hour)
		if !n.agree(nodes) {
			t.Error("the cloud did not stay")
		}
		if got := len(nodes[0].Servers()); got != 4 {
			t.Errorf("%d servers are known, want 4", got)
		}
		if st := nodes[0].Stats(); st.Announced > 20 {
			t.Errorf("%d announcements in 30 hours", st.Announced)
		}
	})
}

// A neighbour that sends forged announcements is dropped.
func TestLiarIsDropped(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(3, nil)
		liar := n.add(9, nil)
		mine, theirs := newPipe(n, liar, nodes[0])
		ended := make(chan error, 1)
		nodes[0].wg.Go(func() { ended <- nodes[0].Accept(nodes[0].ctx, theirs) })
		b := []byte(nil)
		b = append(b, nodes[1].Announcements()[1]...)
		b[len(mesh.Label)+60] ^= 1
		for range maxBad {
			mine.SendFrame(wire.TypeLSA, 0, b)
		}
		<-ended
		if st := nodes[0].Stats(); st.LSARefused < maxBad {
			t.Errorf("%d announcements refused", st.LSARefused)
		}
		mine.Close()
	})
}

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

var _ Conn = (*transport.Conn)(nil)

// Two servers that dial each other at the same moment keep one connection,
// and the link never goes down.
func TestCollision(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		a, b := n.add(0, nil), n.add(1, nil)
		a.start(b)
		b.start(a)
		n.await("a link", time.Second, func() bool { return n.agree([]*node{a, b}) })
		time.Sleep(time.Minute)
		for _, nd := range []*node{a, b} {
			if st := nd.Stats(); st.Connections != 1 || st.Links != 1 || st.LinksLost > 0 {
				t.Errorf("%s: %+v", nd.addr, st)
			}
		}
	})
}

// Round trips are measured and announced.
func TestRoundTrip(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		a := n.cloudOf(2, nil)[0]
		for _, e := range a.Topology().Links {
			if e.RTT != 10*time.Millisecond {
				t.Errorf("announced round trip %v, want 10ms", e.RTT)
			}
		}
		for _, s := range a.Servers() {
			if want := map[bool]time.Duration{true: 10 * time.Millisecond}[s.Connected]; s.RTT != want {
				t.Errorf("round trip to %s is %v, want %v", s.Name, s.RTT, want)
			}
		}
	})
}

// A server with as many links as it may have still helps a newcomer to find
// others, and has no more links after it.
func TestNewcomerAtFullServer(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(6, nil)
		hub := nodes[0]
		var leaves []*node
		for i := range mesh.LinkCap { // NATed servers that all dial the first one
			leaf := n.add(10+i, func(cfg *Config) {
				cfg.Announcement.Flags |= mesh.FlagNAT
				cfg.Announcement.Peer = ""
			})
			leaf.start(hub)
			leaves = append(leaves, leaf)
		}
		n.await("the hub is full for leaves", time.Minute, func() bool { return hub.Stats().Links == mesh.LinkCap-leafReserve })
		newcomer := n.add(9, nil)
		newcomer.start(hub)
		n.await("the newcomer is a member", time.Minute, func() bool {
			return newcomer.Stats().Links >= mesh.RequiredLinks && hub.Topology().States[newcomer.id.Account()] == mesh.Full
		})
		if st := hub.Stats(); st.Links > mesh.LinkCap {
			t.Errorf("the hub has %d links", st.Links)
		}
		for _, leaf := range leaves {
			leaf.stop()
		}
	})
}

// A draining server keeps its links, gets no new ones, and nothing is routed
// through it.
func TestDraining(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(5, nil)
		old := nodes[1]
		if err := old.Update(func(a *mesh.Announcement) { a.Flags |= mesh.FlagDraining }); err != nil {
			t.Fatal(err)
		}
		n.await("everybody knows", time.Second, func() bool {
			for _, nd := range nodes {
				if nd.Topology().States[old.id.Account()] != mesh.Leaf {
					return false
				}
			}
			return true
		})
		links := old.Stats().Links
		newcomer := n.add(5, nil)
		newcomer.start(nodes[0])
		n.await("a newcomer is a member", time.Minute, func() bool {
			return old.Topology().States[newcomer.id.Account()] == mesh.Full
		})
		if got := old.Stats().Links; got != links {
			t.Errorf("%d links, were %d", got, links)
		}
	})
}

// Only servers are taken, and nobody who is this server.
func TestAcceptRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nd := n.cloudOf(1, nil)[0]
		client, theirs := newPipe(n, n.add(8, nil), nd)
		theirs.peer.Role = transport.RoleClient
		if err := nd.Accept(nd.ctx, theirs); err == nil {
			t.Error("a client is taken for a server")
		}
		client.Close()
		twin, theirs := newPipe(n, nd, nd)
		if err := nd.Accept(nd.ctx, theirs); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("a twin: %v", err)
		}
		twin.Close()
	})
}

// Frames that break the protocol end the connection; unknown ones do not.
func TestFrames(t *testing.T) {
	rows := []struct {
		frame wire.Type
		body  string
		ends  bool
	}{
		{wire.TypeHello, "short", true},
		{wire.TypeHelloAck, "short", true},
		{wire.TypeHelloAck, "\xff\xff\xff\xff\xff\xff\xff\xff\x00", false}, // from the future: not measured
		{wire.TypePacket, "x", true},
		{wire.Type(200), "whatever comes later", false},
		{wire.TypeLSA, "not one", false}, // once
		{wire.TypeLSDigest, "not one", false},
		{wire.TypeLSRequest, "", false},
		{wire.TypeCertRequest, "nobody", false},
		{wire.TypeServerCert, "not one", false},
	}
	for _, row := range rows {
		t.Run(fmt.Sprint(row.frame, row.body), func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nd := n.cloudOf(1, nil)[0]
				mine, theirs := newPipe(n, n.add(8, nil), nd)
				ended := make(chan error, 1)
				nd.wg.Go(func() { ended <- nd.Accept(nd.ctx, theirs) })
				mine.SendFrame(row.frame, 0, []byte(row.body))
				time.Sleep(500 * time.Millisecond)
				select {
				case err := <-ended:
					if !row.ends {
						t.Errorf("the connection ended: %v", err)
					}
				default:
					if row.ends {
						t.Error("the connection goes on")
					}
				}
				mine.Close()
			})
		})
	}
}

// A server that was kept from its work for long does not blame its peers.
func TestOwnDelayIsNoSilence(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(2, nil)
		a := nodes[0]
		a.do(func(o *owner) { time.Sleep(10 * time.Second) }) // the owner is stuck
		time.Sleep(time.Second)
		if st := a.Stats(); st.Silent != 0 {
			t.Errorf("%d peers were given up", st.Silent)
		}
	})
}

// A server that forges nothing but has no certificate to show is asked for it.
func TestCertificateIsAskedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(2, nil)
		stranger := n.add(7, nil)
		now := time.Now()
		db := mesh.NewDB(mesh.Config{Self: stranger.id.Account()})
		o := &owner{Cloud: &Cloud{cfg: Config{Identity: stranger.id}}, ctx: t.Context()}
		rec, err := db.Originate(now, mesh.Announcement{Certificate: stranger.id.Certificate.Hash()}, o.sign)
		if err != nil {
			t.Fatal(err)
		}
		carrier := n.add(8, nil)
		mine, theirs := newPipe(n, carrier, nodes[0])
		nodes[0].wg.Go(func() { nodes[0].Accept(nodes[0].ctx, theirs) })
		mine.SendFrame(wire.TypeLSA, 0, rec.Bytes)
		for {
			f, err := mine.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			if f.Type != wire.TypeCertRequest {
				continue
			}
			if fp, _, err := omega.DecodeFingerprint(f.Body); err != nil || fp != stranger.id.Account() {
				t.Fatalf("asked for %v, %v", fp, err)
			}
			break
		}
		mine.SendFrame(wire.TypeServerCert, 0, stranger.id.Certificate.Bytes())
		mine.SendFrame(wire.TypeLSA, 0, rec.Bytes)
		n.await("both know the stranger", time.Second, func() bool {
			_, err := nodes[1].FindCertificate(t.Context(), stranger.id.Account())
			return err == nil && len(nodes[1].Servers()) == 3
		})
		if _, err := nodes[1].FindCertificate(t.Context(), carrier.id.Account()); !errors.Is(err, &omega.Error{Code: omega.CodeNotFound}) {
			t.Errorf("a server that announced nothing: %v", err)
		}
		mine.Close()
	})
}

// Direct connections are a cache: there are no more than allowed, but for a
// moment those over which a link was asked for in vain, and what they no longer
// carry goes over the mesh.
func TestDirectConnectionsAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(12, func(_ int, cfg *Config) { cfg.MaxDirect = 2 })
		time.Sleep(5 * time.Minute) // what was needed to join is past
		a := nodes[3]
		for round := range 5 {
			for _, b := range nodes {
				msg := fmt.Sprint(round, b.addr)
				if err := a.sendTo(b, msg); err != nil {
					t.Fatalf("to %s: %v", b.addr, err)
				}
				n.await(msg, time.Second, func() bool { return b.received(msg) != "" })
				// One over which a link is agreed on is no direct one, for as long as that takes.
				n.await("two direct connections at most", time.Second, func() bool {
					st := a.Stats()
					return st.Connections-st.Links <= 2
				})
			}
		}
		if st := a.Stats(); st.LinksLost > 0 || st.Dialled < 3 {
			t.Errorf("%+v", st)
		}
	})
}

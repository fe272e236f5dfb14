package cloud

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/memnet"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// The same over the real handshake and TLS: five servers form a cloud, forward
// messages, also where the direct way is cut, and notice a cut.
func TestOverTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		netw := memnet.New()
		n := newNet(t)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		var nodes []*node
		for i := range 5 {
			nd := n.add(i, func(cfg *Config) { cfg.Announcement.Peer = fmt.Sprintf("host%d:1", i) })
			nd.addr = fmt.Sprintf("host%d:1", i)
			host := fmt.Sprintf("host%d", i)
			base := nd.edit
			nd.edit = func(cfg *Config) {
				base(cfg)
				cfg.Dial = func(ctx context.Context, to transport.Address) (Conn, error) {
					return dialTransport(ctx, nd, netw.Dialer(host), to, nil)
				}
			}
			nodes = append(nodes, nd)
		}
		for _, nd := range nodes {
			nd.start(nodes[0])
			defer nd.stop()
			srv, err := transport.NewServer(serverConfig(nd))
			if err != nil {
				t.Fatal(err)
			}
			ln, err := netw.Listen(nd.addr)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				srv.Serve(ctx, ln, func(ctx context.Context, c *transport.Conn) { nd.Accept(ctx, c) })
			})
		}
		took := n.await("a cloud", 30*time.Second, func() bool { return n.agree(nodes) })
		t.Logf("a cloud after %v", took)
		for _, a := range nodes {
			for _, b := range nodes {
				if a == b {
					continue
				}
				msg := a.addr + " to " + b.addr
				if err := a.sendTo(b, msg); err != nil {
					t.Errorf("%s: %v", msg, err)
				}
				n.await(msg, time.Second, func() bool { return b.received(msg) == a.id.Account().String() })
			}
		}
		netw.Cut("host1", "host3")
		n.await("the mesh takes over", 5*time.Second, func() bool {
			nodes[1].sendTo(nodes[3], "round the cut")
			return nodes[3].received("round the cut") != ""
		})
		netw.Heal("host1", "host3")
		n.await("the link is back", time.Minute, func() bool { return n.linked(nodes[1], nodes[3]) && n.agree(nodes) })
	})
}

// dialTransport dials as package node does.
func dialTransport(ctx context.Context, nd *node, dialer func(context.Context, string, string) (net.Conn, error), to transport.Address, circuit *wire.Handle) (Conn, error) {
	conn, err := transport.Dial(ctx, transport.DialConfig{
		Address: to, Circuit: circuit, Identity: nd.id, Role: transport.RoleServer, Dialer: dialer,
		Register: func(context.Context) (wire.Entry, error) {
			return wire.Entry{Certificate: nd.id.Certificate.Bytes()}, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func serverConfig(nd *node) transport.Config {
	return transport.Config{
		Identity: nd.id,
		Find: func(ctx context.Context, fp omega.Fingerprint) (*pgp.Certificate, uint64, error) {
			cert, err := nd.FindCertificate(ctx, fp)
			return cert, 0, err
		},
		Register: func(_ context.Context, r transport.Registration) (*pgp.Certificate, uint64, error) {
			return r.Certificate, 0, nil
		},
	}
}

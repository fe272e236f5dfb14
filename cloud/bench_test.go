package cloud

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// counted is a Deliverer that counts.
type counted struct{ n atomic.Int64 }

func (c *counted) Deliver(context.Context, omega.Fingerprint, wire.Class, []byte) { c.n.Add(1) }

// BenchmarkChain sends messages of 300 octets from A by B to C, over TLS on
// loopback, as fast as they are taken, and waits until all have arrived. All
// three servers share the processors.
func BenchmarkChain(b *testing.B) {
	names := []string{"chain A", "chain B", "chain C"}
	var servers []*node
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(b.Context())
	defer wg.Wait()
	defer cancel()
	last := &counted{}
	for i, name := range names {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		nd := &node{id: identity(b, name)}
		cfg := Config{
			Identity: nd.id, Deliverer: last,
			Announcement: mesh.Announcement{Peer: ln.Addr().String(), Name: name, Operator: name, Flags: mesh.FlagTransit},
			Dial: func(ctx context.Context, to transport.Address) (Conn, error) {
				if i != 1 && to.Fingerprint != identity(b, names[1]).Account() {
					return nil, errors.New("out of reach")
				}
				return dialTransport(ctx, nd, new(net.Dialer).DialContext, to, nil)
			},
		}
		if i > 0 {
			cfg.Bootstrap = []transport.Address{{
				Network: transport.NetworkTLS, HostPort: servers[i-1].addr, Fingerprint: servers[i-1].id.Account(),
			}}
		}
		nd.addr = ln.Addr().String()
		if nd.Cloud, err = New(cfg); err != nil {
			b.Fatal(err)
		}
		srv, err := transport.NewServer(serverConfig(nd))
		if err != nil {
			b.Fatal(err)
		}
		servers = append(servers, nd)
		wg.Go(func() { nd.Run(ctx) })
		wg.Go(func() { srv.Serve(ctx, ln, func(ctx context.Context, c *transport.Conn) { nd.Accept(ctx, c) }) })
	}
	a, to, msg := servers[0], servers[2].id.Account(), make([]byte, 300)
	for deadline := time.Now().Add(30 * time.Second); a.Forward(ctx, to, wire.ClassText, msg) != nil || last.n.Load() == 0; {
		if time.Now().After(deadline) {
			b.Fatal("no cloud")
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(time.Second)
	last.n.Store(0)
	b.ReportAllocs()
	b.ResetTimer()
	sent, busy := int64(0), 0
	for range b.N {
		for a.Forward(ctx, to, wire.ClassText, msg) != nil {
			busy++
			time.Sleep(time.Millisecond)
		}
		sent++
	}
	for deadline := time.Now().Add(30 * time.Second); last.n.Load() < sent && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	if got := last.n.Load(); got != sent {
		b.Errorf("%d of %d arrived", got, sent)
	}
	st, tr := a.Stats(), servers[1].Stats()
	b.ReportMetric(float64(busy)/float64(b.N), "refused/op")
	b.ReportMetric(float64(st.Retried+st.Hedged+tr.Hedged)/float64(b.N), "repeated/op")
	b.Logf("%d: A %+v; B %+v", b.N, st, tr)
}

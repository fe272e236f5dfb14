package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/memnet"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A circuitNet is servers over the real handshake and TLS, on virtual time;
// the last one is behind NAT and listens nowhere.
type circuitNet struct {
	*testNet
	nodes   []*node
	nat     *node
	spliced atomic.Int64
}

func withCircuits(t *testing.T, f func(t *testing.T, n *circuitNet)) {
	synctest.Test(t, func(t *testing.T) {
		netw, n := memnet.New(), &circuitNet{testNet: newNet(t)}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		for i := range 6 {
			n.nodes = append(n.nodes, n.circuitNode(ctx, &wg, netw, i, i == 5))
			defer n.nodes[i].stop()
		}
		n.nat, n.nodes = n.nodes[5], n.nodes[:5]
		n.await("a leaf", time.Minute, func() bool {
			return n.nat.Stats().Links >= 3 && n.agree5() && n.nodes[0].Topology().States[n.nat.id.Account()] == mesh.Leaf
		})
		f(t, n)
	})
}

func (n *circuitNet) agree5() bool { return len(n.nodes[0].Servers()) == 6 }

func (n *circuitNet) circuitNode(ctx context.Context, wg *sync.WaitGroup, netw *memnet.Network, i int, nat bool) *node {
	host := fmt.Sprintf("host%d", i)
	nd := n.add(i, nil)
	nd.addr = host + ":1"
	srv, err := transport.NewServer(serverConfig(nd))
	if err != nil {
		n.t.Fatal(err)
	}
	nd.edit = func(cfg *Config) {
		cfg.Announcement.Peer = nd.addr
		if nat {
			cfg.Announcement.Peer = ""
			cfg.Announcement.Flags |= mesh.FlagNAT
		}
		cfg.Dial = func(ctx context.Context, to transport.Address) (Conn, error) {
			return dialTransport(ctx, nd, netw.Dialer(host), to, nil)
		}
		cfg.DialCircuit = func(ctx context.Context, to transport.Address, h wire.Handle) (Conn, error) {
			return dialTransport(ctx, nd, netw.Dialer(host), to, &h)
		}
		cfg.AnswerCircuit = func(ctx context.Context, relay string, h wire.Handle) (Conn, error) {
			nc, err := transport.DialCircuit(ctx, netw.Dialer(host), relay, h)
			if err != nil {
				return nil, err
			}
			conn, err := srv.Accept(ctx, nc)
			if err != nil {
				return nil, err
			}
			return conn, nil
		}
	}
	var first []*node
	if len(n.nodes) > 0 {
		first = n.nodes[:1]
	}
	nd.start(first...)
	if nat {
		return nd
	}
	ln, err := netw.Listen(nd.addr)
	if err != nil {
		n.t.Fatal(err)
	}
	wg.Go(func() {
		srv.ServePeers(ctx, ln, func(ctx context.Context, c *transport.Conn) { nd.Accept(ctx, c) },
			func(ctx context.Context, h wire.Handle, nc net.Conn) {
				n.spliced.Add(1)
				if err := nd.Splice(ctx, h, nc); err != nil {
					n.t.Logf("%s: %v", nd.addr, err)
				}
			})
	})
	return nd
}

// stranger is a public server without a link to the one behind NAT, nil if
// there is none.
func (n *circuitNet) stranger() *node {
	for _, nd := range n.nodes {
		if !nd.Trace(n.nat.id.Account()).Direct {
			return nd
		}
	}
	n.t.Fatal("everybody is linked to the server behind NAT")
	return nil
}

// Bulk to a server behind NAT makes a circuit, through which both ends have TLS
// with each other; later messages go by it, both ways, and nobody forwards them.
func TestCircuit(t *testing.T) {
	withCircuits(t, func(t *testing.T, n *circuitNet) {
		a, nat := n.stranger(), n.nat
		if err := a.Forward(a.ctx, nat.id.Account(), wire.ClassBulk, []byte("bulk")); err != nil {
			t.Fatal(err)
		}
		n.await("the bulk", time.Second, func() bool { return nat.received("bulk") == a.id.Account().String() })
		n.await("a circuit", 2*time.Second, func() bool {
			return a.Trace(nat.id.Account()).Direct && nat.Trace(a.id.Account()).Direct
		})
		if got := n.spliced.Load(); got != 2 {
			t.Errorf("%d ends came to relays, want 2", got)
		}
		before := forwarded(n.nodes)
		if err := errors.Join(a.sendTo(nat, "there"), nat.sendTo(a, "back")); err != nil {
			t.Fatal(err)
		}
		n.await("both ways", time.Second, func() bool { return nat.received("there") != "" && a.received("back") != "" })
		if got := forwarded(n.nodes); got != before {
			t.Errorf("%d packets were forwarded", got-before)
		}
		time.Sleep(3 * DefaultDirectIdle)
		for _, nd := range append(n.nodes, nat) {
			if st := nd.Stats(); st.Circuits != 0 || nd.Trace(nat.id.Account()).Direct && nd == a {
				t.Errorf("%s keeps an idle circuit: %d", nd.addr, st.Circuits)
			}
		}
	})
}

// A relay has quotas, and says which.
func TestCircuitQuotas(t *testing.T) {
	var k circuits
	to := account(t, "Z")
	handle := func(i int) (h wire.Handle) { h[0], h[1] = byte(i>>8), byte(i); return h }
	if _, code := k.add(account(t, "B"), 7, to, handle(0), 0); code != omega.CodeOK {
		t.Fatal(code)
	}
	if h, code := k.add(account(t, "B"), 7, to, handle(999), 0); code != omega.CodeOK || h != handle(0) {
		t.Errorf("the same request again: %v, %v", h, code)
	}
	for i := 1; i < maxCircuitsPerAsker; i++ {
		if _, code := k.add(account(t, "B"), uint64(7+i), to, handle(i), 0); code != omega.CodeOK {
			t.Fatal(code)
		}
	}
	if _, code := k.add(account(t, "B"), 99, to, handle(99), 0); code != omega.CodeRateLimited {
		t.Errorf("one more of the same server: %v", code)
	}
	if _, code := k.add(account(t, "B"), 99, to, handle(99), int64(circuitJoin)); code != omega.CodeOK {
		t.Errorf("after nobody came: %v", code)
	}
	for i := range 2 * maxCircuits {
		k.add(account(t, fmt.Sprint("asker ", i%20)), uint64(i), to, handle(100+i), int64(circuitJoin))
	}
	if k.len() != maxCircuits {
		t.Errorf("%d circuits, want %d", k.len(), maxCircuits)
	}
	if _, _, err := k.join(handle(9999), nil, 0); err == nil {
		t.Error("somebody joined no circuit")
	}
}

// Requests that make no sense are refused with a reason.
func TestCircuitRefusals(t *testing.T) {
	rows := []struct {
		name string
		to   string
		edit func(w *workbench)
		want omega.Code
	}{
		{"to a neighbour", "E", func(*workbench) {}, omega.CodeOK},
		{"to nobody", "D", func(*workbench) {}, omega.CodeNotFound},
		{"to itself", "B", func(*workbench) {}, omega.CodeNotFound},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w := newWorkbench(t)
			row.edit(w)
			w.heardCircuit(account(t, "B"), wire.Frame{Type: wire.TypeCircuitAsk, Body: wire.AppendCircuitAsk(nil, 7, account(t, row.to))})
			p, err := wire.ParsePacket(w.b.last)
			if err != nil {
				t.Fatal(err)
			}
			f, _, err := wire.ParseFrame(p.Payload(), omega.MaxPeerFrame)
			if err != nil {
				t.Fatal(err)
			}
			nonce, code, h, err := wire.DecodeCircuitAnswer(f.Body)
			if err != nil || nonce != 7 || code != row.want || (h != wire.Handle{}) != (code == omega.CodeOK) {
				t.Errorf("answered %v, %v, %v", code, h, err)
			}
			if offered := w.e.count == 1; offered != (row.want == omega.CodeOK) {
				t.Errorf("%d packets to the other end", w.e.count)
			}
		})
	}
}

// A splice passes on what comes, paced, and the end of each direction; one that
// carries nothing ends.
func TestSplice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		netw := memnet.New()
		ln, err := netw.Listen("relay:1")
		if err != nil {
			t.Fatal(err)
		}
		pair := func() (near, far net.Conn) {
			far, err := netw.Dialer("end")(t.Context(), "tcp", "relay:1")
			if err != nil {
				t.Fatal(err)
			}
			near, err = ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return near, far
		}
		a, endA := pair()
		b, endB := pair()
		ended := make(chan error, 1)
		go func() { ended <- splice(t.Context(), a, b) }()
		const size = 8 << 20
		go func() {
			endA.Write(make([]byte, size))
			endA.(interface{ CloseWrite() error }).CloseWrite()
		}()
		start := time.Now()
		n, err := io.Copy(io.Discard, endB)
		if took := time.Since(start); n != size || err != nil || took < 1900*time.Millisecond || took > 2200*time.Millisecond {
			t.Errorf("%d octets in %v, %v", n, took, err)
		}
		endB.Write([]byte("still"))
		buf := make([]byte, 5)
		if _, err := io.ReadFull(endA, buf); err != nil || string(buf) != "still" {
			t.Errorf("the other direction: %q, %v", buf, err)
		}
		start = time.Now()
		if err := <-ended; !errors.Is(err, errIdleLong) || time.Since(start) < circuitIdle || time.Since(start) > 2*circuitIdle+time.Second {
			t.Errorf("ended after %v: %v", time.Since(start), err)
		}
	})
}

package node

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// TestNothingInsideIsDialled: whatever this server does with an announced address,
// one of its own machine or network gets no connection. (spec/cloud.md, CLOUD-42)
func TestNothingInsideIsDialled(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan struct{}, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			came <- struct{}{}
			c.Close()
		}
	}()
	defer func() { ln.Close(); <-done }()

	n := run(t, "")
	if n.guard, err = newGuard(mustParse(t, ""), nil, n.log); err != nil {
		t.Fatal(err)
	}
	at := ln.Addr().String()
	addr := transport.Address{Network: transport.NetworkTLS, HostPort: at, Fingerprint: n.Fingerprint()}
	for name, dial := range map[string]func(context.Context) error{
		"a link":          func(ctx context.Context) error { _, err := n.dialPeer(ctx, addr); return err },
		"bulk":            func(ctx context.Context) error { _, err := n.dialBulk(ctx, addr); return err },
		"a round trip":    func(ctx context.Context) error { _, err := n.probePeer(ctx, addr); return err },
		"a circuit":       func(ctx context.Context) error { _, err := n.dialByCircuit(ctx, addr, wire.Handle{}); return err },
		"a circuit's end": func(ctx context.Context) error { _, err := n.answerCircuit(ctx, at, wire.Handle{}); return err },
		"a probe": func(ctx context.Context) error {
			_, err := n.probe(ctx, &mesh.Record{Announcement: &mesh.Announcement{Server: n.Fingerprint(), Client: at}})
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := dial(ctx); !errors.Is(err, transport.ErrNotPublic) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	if len(came) != 0 {
		t.Errorf("%d connections", len(came))
	}
}

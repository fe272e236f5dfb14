package proxy

import (
	"context"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/mem"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// nowhere is a Forwarder that takes everything and does nothing.
type nowhere struct{}

func (nowhere) ForwardAll(context.Context, []omega.Fingerprint, wire.Class, []byte) error { return nil }
func (nowhere) Forward(context.Context, omega.Fingerprint, wire.Class, []byte) error      { return nil }

// lone starts one server without a bubble.
func lone(t testing.TB) (*Proxy, *testPerson) {
	t.Helper()
	keys, err := keyserver.New(keyserver.Config{Store: keyserver.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mailbox.Open(mailbox.Config{Driver: mem.New()})
	if err != nil {
		t.Fatal(err)
	}
	id := newPerson(t, 1)
	p, err := New(t.Context(), Config{Identity: id.identity(0), Keys: keys, Mail: store, Forwarder: nowhere{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		store.Close()
	})
	return p, id
}

// seeds are one frame of each type that a client or server may send, nearly
// right.
func seeds(who *testPerson) [][]byte {
	c := newClient(who, 0)
	env := c.envelope("text", who)
	lease := wire.Lease{User: who.fp(), Device: who.device(0), Proxy: who.fp(), Epoch: 1, Homes: []wire.LeaseHome{{Home: who.fp()}}}
	ack := wire.AppendAck(nil, &wire.Ack{Home: who.fp(), Device: who.device(0), Seq: 1})
	entry := wire.Entry{Certificate: who.cert.Bytes()}
	mail := wire.AppendMail(nil, &wire.Mail{Home: who.fp(), Device: who.device(0), Seq: 1, Envelope: env})
	var list [][]byte
	for t, body := range map[wire.Type][]byte{
		wire.TypeSend: env, wire.TypeAttach: lease.Bytes(), wire.TypeAck: ack, wire.TypeRewind: ack, wire.TypeDetach: ack,
		wire.TypeLookup: who.fp().Wire(), wire.TypePublish: wire.AppendEntry(nil, &entry), wire.TypeEntry: wire.AppendEntry(nil, &entry),
		wire.TypeMail: mail, wire.TypeSent: wire.AppendResults(nil, 1, nil), wire.TypePing: nil, wire.TypeDigest: nil,
		wire.TypeBucket: {3}, wire.TypeSummary: {3}, wire.TypeDone: {0}, wire.TypeError: {1}, wire.TypeServers: nil,
		wire.TypeCompare: {1}, wire.TypeCompared: append([]byte{1}, make([]byte, keyserver.DigestSize)...), wire.TypeBranch: {1, 3},
		wire.TypeLeaves: {1}, wire.TypeList: {1, 3, 4}, wire.TypeListed: {0}, wire.TypeFetch: who.fp().Wire(),
		wire.TypeFetched: wire.AppendPlaced(nil, &wire.Placed{Entry: entry}), wire.TypePlace: wire.AppendPlaced(nil, &wire.Placed{Entry: entry}),
		wire.TypeHold: make([]byte, 16), wire.TypeHeld: make([]byte, 16),
		wire.TypeDrop: make([]byte, 20), wire.TypePick: make([]byte, 16), wire.TypeBye: {0}, wire.TypeAttached: make([]byte, 38),
	} {
		list = append(list, wire.AppendFrame(nil, t, 7, body))
	}
	return list
}

// FuzzReceive feeds frames of other servers, one after the other, to one
// server that has an account and a session.
func FuzzReceive(f *testing.F) {
	p, who := lone(f)
	for _, b := range seeds(who) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p.Receive(t.Context(), who.fp(), wire.ClassText, b)
		if n := p.Metrics().Requests; n > maxRequests {
			t.Fatalf("%d requests are under way", n)
		}
	})
}

// FuzzSession feeds frames of a client to a session.
func FuzzSession(f *testing.F) {
	p, who := lone(f)
	for _, b := range seeds(who) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := newTestConn(transport.Peer{Account: who.fp(), Device: who.device(0), Role: transport.RoleClient})
		for len(b) > 0 {
			_, rest, err := wire.ParseFrame(b, omega.MaxFrame)
			if err != nil {
				break
			}
			c.in = append(c.in, b[:len(b)-len(rest)])
			b = rest
		}
		c.left = true
		_ = p.serve(t.Context(), c)
		if n := p.Metrics().Sessions; n != 0 {
			t.Fatalf("%d sessions after the last one", n)
		}
	})
}

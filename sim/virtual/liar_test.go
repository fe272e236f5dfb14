package virtual

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A lie is what a server does with what it is given. It takes part in all else.
type lie int

const (
	honest  lie = iota
	swallow     // it acknowledges what others send through it, and lets it vanish
	ignore      // it lets it vanish and says nothing
)

// startLiar runs a member of the cloud that neither forwards nor keeps anything.
func (s *server) startLiar() {
	t := s.w.t
	t.Helper()
	id, err := newIdentity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.id, s.cert = id.Account(), id.Certificate
	var first transport.Address
	if first, err = transport.ParseAddress(s.cfg.Cloud.Bootstrap[0]); err != nil {
		t.Fatal(err)
	}
	s.part, err = cloud.New(cloud.Config{
		Identity: id,
		Announcement: mesh.Announcement{
			Name: s.host, Operator: s.cfg.Operator, Site: s.host, Version: "liar", Client: s.cfg.Announce.Client, Peer: s.cfg.Announce.Peer,
			Flags: mesh.FlagTransit, Registration: mesh.RegistrationOpen,
		},
		Bootstrap: []transport.Address{first}, Deliverer: nobody{},
		Dial: func(ctx context.Context, to transport.Address) (cloud.Conn, error) {
			c, err := transport.Dial(ctx, transport.DialConfig{
				Address: to, Identity: id, Role: transport.RoleServer, Dialer: s.w.dialler(s.host),
				Register: func(context.Context) (wire.Entry, error) { return wire.Entry{Certificate: id.Certificate.Bytes()}, nil },
			})
			if err != nil {
				return nil, err
			}
			return &hole{c, s}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	known := map[omega.Fingerprint]*pgp.Certificate{} // guarded by mu
	server, err := transport.NewServer(transport.Config{
		Identity: id,
		Find: func(_ context.Context, fp omega.Fingerprint) (*pgp.Certificate, uint64, error) {
			mu.Lock()
			defer mu.Unlock()
			if cert := known[fp]; cert != nil {
				return cert, 1, nil
			}
			return nil, 0, omega.Errorf(omega.CodeNotFound, "nobody")
		},
		Register: func(_ context.Context, r transport.Registration) (*pgp.Certificate, uint64, error) {
			mu.Lock()
			defer mu.Unlock()
			known[r.Certificate.Fingerprint()] = r.Certificate
			return r.Certificate, 1, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := s.w.net.Listen(s.cfg.Listen.Peer)
	if err != nil {
		t.Fatal(err)
	}
	s.run(func(ctx context.Context) error {
		serving := make(chan error, 1)
		go func() {
			serving <- server.ServePeers(ctx, ln, func(ctx context.Context, c *transport.Conn) { _ = s.part.Accept(ctx, &hole{c, s}) },
				func(context.Context, wire.Handle, net.Conn) {})
		}()
		err := s.part.Run(ctx)
		<-serving
		return err
	})
}

// nobody takes messages and does nothing with them.
type nobody struct{}

func (nobody) Deliver(context.Context, omega.Fingerprint, wire.Class, []byte) {}

// A hole is a connection of a liar.
type hole struct {
	*transport.Conn
	s *server
}

// ReadFrame lets packets for others vanish.
func (h *hole) ReadFrame() (wire.Frame, error) {
	for {
		f, err := h.Conn.ReadFrame()
		if err != nil || f.Type != wire.TypePacket {
			return f, err
		}
		p, err := wire.ParsePacket(f.Body)
		if err != nil || p.NumDestinations() == 1 && p.Destination() == h.s.id {
			return f, err
		}
		if h.s.lie == swallow && f.Tag != 0 {
			_ = h.SendFrame(wire.TypePacketAck, f.Tag, nil)
		}
	}
}

// lieToEveryTenth has some servers lie.
func lieToEveryTenth(l lie) func(*server) {
	return func(s *server) {
		if n := len(s.w.servers); n%10 == 5 {
			s.lie = l
		}
	}
}

// TestLiars has one server in ten a black hole, on the way between servers that
// cannot reach each other, and among the homes.
func TestLiars(t *testing.T) {
	for _, tt := range []struct {
		what string
		lie  lie
	}{{"one in ten acknowledges and drops", swallow}, {"one in ten drops", ignore}} {
		for _, far := range []bool{false, true} {
			if !*figuresFlag && (tt.lie != swallow || !far) {
				continue
			}
			what := tt.what
			if far {
				what += ", no direct way"
			}
			t.Run(what, func(t *testing.T) {
				var took delay
				lost, late := 0, 0
				for i := range *worldsFlag {
					inWorld(t, *seedFlag+uint64(i), func(w *world) {
						servers, during := 12, 4*time.Second
						if *figuresFlag {
							servers, during = max(20, *serversFlag), 10*time.Second
						}
						w.grow(servers, lieToEveryTenth(tt.lie))
						streams := w.amongLiars(far)
						w.run(streams, 100*time.Millisecond, during, 20*time.Second)
						d, l := w.took(streams)
						took, lost = append(took, d...), lost+l
					})
				}
				took.sort()
				for _, d := range took {
					if d > 3*time.Second {
						late++
					}
				}
				note(what, took, lost).Late = late
				if lost > 0 || 1000*late > len(took) {
					t.Errorf("%v; %d later than 3s, %d lost", took, late, lost)
				}
			})
		}
	}
}

// amongLiars are people at honest servers, with three homes each that may lie,
// but for the first. far: none of them can be reached from the sender's server
// directly.
func (w *world) amongLiars(far bool) (streams []*stream) {
	for range min(len(w.servers), pairs()) {
		a, b := w.strangers()
		if a == nil {
			break
		}
		if a.lie != honest || b.lie != honest {
			continue
		}
		homes := []*server{b}
		for len(homes) < 3 {
			h := w.servers[w.rng.IntN(len(w.servers))]
			if h != a && h != homes[0] && h != homes[len(homes)-1] {
				homes = append(homes, h)
			}
		}
		if far {
			for _, h := range homes {
				w.net.Cut(a.host, h.host)
			}
		}
		streams = append(streams, &stream{from: w.join(a, a), to: w.join(b, homes...)})
	}
	return streams
}

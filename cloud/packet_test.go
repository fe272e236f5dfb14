package cloud

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A sink is a Conn that takes everything and keeps the last.
type sink struct {
	peer  omega.Fingerprint
	last  []byte
	tag   uint32 // of last
	count int
	nacks []wire.Reason
	acks  []uint32 // the last few
	err   error
}

func (s *sink) Peer() transport.Peer {
	return transport.Peer{Account: s.peer, Role: transport.RoleServer}
}
func (s *sink) ReadFrame() (wire.Frame, error) { return wire.Frame{}, io.EOF }
func (s *sink) Close() error                   { return nil }
func (s *sink) SendFrame(t wire.Type, tag uint32, body []byte) error {
	if s.err == nil && t == wire.TypePacket {
		s.count++
		s.tag, s.last = tag, append(s.last[:0], body...)
	}
	if s.err == nil && t == wire.TypePacketAck {
		s.acks = append(s.acks[:min(len(s.acks), 8)], tag)
	}
	if s.err == nil && t == wire.TypePacketNack {
		s.nacks = append(s.nacks, wire.Reason(body[0]))
	}
	return s.err
}

// A mailroom counts what is delivered.
type mailroom struct {
	count int
	last  []byte
	from  omega.Fingerprint
}

func (m *mailroom) Deliver(_ context.Context, from omega.Fingerprint, _ wire.Class, msg []byte) {
	m.count++
	m.last, m.from = append(m.last[:0], msg...), from
}

func account(t testing.TB, name string) omega.Fingerprint { return identity(t, name).Account() }

// A workbench is a Cloud that does not run: server A, with connections to B and C.
// The way to D is by B. B and C are transit servers, E is a leaf that is
// connected to A.
type workbench struct {
	*Cloud
	room       *mailroom
	b, c, e    *sink
	lb, lc, le *link
	made       byte // packets
}

func newWorkbench(t testing.TB) *workbench {
	t.Helper()
	w := &workbench{room: new(mailroom)}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c, err := New(Config{
		Identity: identity(t, "A"), Deliverer: w.room, Clock: func() time.Time { return now },
		Dial: func(context.Context, transport.Address) (Conn, error) { return nil, errors.New("no network") },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Cloud = c
	for _, name := range []string{"B", "C", "D", "E"} {
		if _, err := c.certs.learn(identity(t, name).Certificate); err != nil {
			t.Fatal(err)
		}
	}
	db := mesh.NewDB(mesh.Config{Self: c.self, Verify: func(omega.Fingerprint, []byte, time.Time, mesh.Signature) error { return nil }})
	apply := func(name string, flags mesh.Flags, links ...string) {
		a := mesh.Announcement{Server: account(t, name), Sequence: 1, Issued: now, Expires: now.Add(time.Hour), Flags: flags, Peer: "mem:1"}
		for _, l := range links {
			a.Links = append(a.Links, mesh.Link{Peer: account(t, l), RTT: time.Millisecond})
		}
		if name == "A" {
			if _, err := db.Originate(now, a, func([]byte, time.Time) (sig mesh.Signature, err error) { return }); err != nil {
				t.Fatal(err)
			}
			return
		}
		other := mesh.NewDB(mesh.Config{Self: a.Server})
		rec, err := other.Originate(now, a, func([]byte, time.Time) (sig mesh.Signature, err error) { return })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Apply(now, rec.Bytes); err != nil {
			t.Fatal(err)
		}
	}
	apply("A", mesh.FlagTransit, "B", "C", "E")
	apply("B", mesh.FlagTransit, "A", "D")
	apply("C", mesh.FlagTransit, "A")
	apply("D", mesh.FlagTransit|mesh.FlagNAT, "B")
	apply("E", 0, "A")
	w.b, w.c, w.e = &sink{peer: account(t, "B")}, &sink{peer: account(t, "C")}, &sink{peer: account(t, "E")}
	w.lb, w.lc, w.le = newLink(w.b, false), newLink(w.c, false), newLink(w.e, false)
	c.table.Store(newTable(db.View(now, new(mesh.Standing)), map[omega.Fingerprint]*link{w.b.peer: w.lb, w.c.peer: w.lc, w.e.peer: w.le}, nil, 1))
	return w
}

// packetTo makes a packet as its source does. Each has an id of its own.
func (w *workbench) packetTo(t testing.TB, from string, to ...string) []byte {
	t.Helper()
	w.made++
	p := wire.Packet{Class: wire.ClassText, ID: omega.ID{w.made}, Source: account(t, from)}
	known := newCerts(identity(t, from).Certificate, w.cfg.Clock)
	seals := newSeals(identity(t, from), known)
	for _, name := range to {
		if name != from {
			known.learn(identity(t, name).Certificate)
		}
		p.Destinations = append(p.Destinations, account(t, name))
		mac, _ := seals.seal(account(t, name), p.ID, p.Class, []byte("payload"))
		p.MACs = append(p.MACs, mac)
	}
	b, err := p.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, "payload"...)
}

func TestPacket(t *testing.T) {
	rows := []struct {
		name      string
		from      string // source
		by        string // the peer that brings it
		to        []string
		spent     bool // the hop limit
		b, c, own int  // what goes to B, to C, and is delivered
		count     func(Stats) uint64
	}{
		{name: "for this server", from: "C", by: "C", to: []string{"A"}, own: 1, count: func(s Stats) uint64 { return s.Delivered }},
		{name: "carried to this server", from: "D", by: "B", to: []string{"A"}, own: 1, count: func(s Stats) uint64 { return s.Delivered }},
		{name: "to a neighbour", from: "C", by: "C", to: []string{"B"}, b: 1, count: func(s Stats) uint64 { return s.Forwarded }},
		{name: "to a next hop", from: "C", by: "C", to: []string{"D"}, b: 1, count: func(s Stats) uint64 { return s.Forwarded }},
		{name: "back where it came from", from: "D", by: "B", to: []string{"B"}, count: func(s Stats) uint64 { return s.NoWay }},
		{name: "to nobody known", from: "C", by: "C", to: []string{"Z"}, count: func(s Stats) uint64 { return s.NoWay }},
		{name: "a spent one", from: "C", by: "C", to: []string{"B"}, spent: true, count: func(s Stats) uint64 { return s.HopLimit }},
		{name: "a spent one that arrived", from: "C", by: "C", to: []string{"A"}, spent: true, own: 1, count: func(s Stats) uint64 { return s.Delivered }},
		{name: "from a leaf", from: "E", by: "E", to: []string{"B"}, b: 1, count: func(s Stats) uint64 { return s.Forwarded }},
		{name: "forged by a leaf", from: "B", by: "E", to: []string{"A"}, count: func(s Stats) uint64 { return s.Forged }},
		{name: "own, come back", from: "A", by: "B", to: []string{"C"}, count: func(s Stats) uint64 { return s.Forged }},
		{name: "to many", from: "E", by: "E", to: []string{"A", "B", "C", "D"}, b: 1, c: 1, own: 1, count: func(s Stats) uint64 { return s.Forwarded - 1 }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w := newWorkbench(t)
			b := w.packetTo(t, row.from, row.to...)
			if row.spent {
				b[hopLimitAt] = 0
			}
			l := map[string]*link{"B": w.lb, "C": w.lc, "E": w.le}[row.by]
			if err := w.packet(t.Context(), l, 1, b); err != nil {
				t.Fatal(err)
			}
			if w.b.count != row.b || w.c.count != row.c || w.room.count != row.own {
				t.Errorf("%d to B, %d to C, %d delivered; want %d, %d, %d", w.b.count, w.c.count, w.room.count, row.b, row.c, row.own)
			}
			if got := row.count(w.Stats()); got != 1 {
				t.Errorf("counted %d times, want once: %+v", got, w.Stats())
			}
			if row.own > 0 && (string(w.room.last) != "payload" || w.room.from != account(t, row.from)) {
				t.Errorf("delivered %q from %v", w.room.last, w.room.from)
			}
			if row.b > 0 {
				p, err := wire.ParsePacket(w.b.last)
				if err != nil || p.HopLimit() != wire.HopLimit-1 || string(p.Payload()) != "payload" || p.Source() != account(t, row.from) {
					t.Errorf("forwarded %v, %v, hop limit %d", p, err, p.HopLimit())
				}
			}
		})
	}
}

// Each copy names the servers behind its way, and no others.
func TestSplitDividesDestinations(t *testing.T) {
	w := newWorkbench(t)
	if err := w.packet(t.Context(), w.le, 1, w.packetTo(t, "E", "B", "C", "D")); err != nil {
		t.Fatal(err)
	}
	destinations := func(s *sink) (n int) {
		p, err := wire.ParsePacket(s.last)
		if err != nil {
			t.Fatal(err)
		}
		return p.NumDestinations()
	}
	if b, c := destinations(w.b), destinations(w.c); b != 2 || c != 1 {
		t.Errorf("%d destinations by B and %d by C, want 2 and 1", b, c)
	}
}

func TestMalformedPacketEndsConnection(t *testing.T) {
	w := newWorkbench(t)
	if err := w.packet(t.Context(), w.lb, 1, []byte("hello")); err == nil {
		t.Error("a malformed packet is taken")
	}
}

func TestFullQueueRefuses(t *testing.T) {
	w := newWorkbench(t)
	w.b.err = transport.ErrSlow
	if err := w.Forward(t.Context(), account(t, "D"), wire.ClassText, []byte("x")); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want %v", err, ErrBusy)
	}
	if got := w.Stats().Busy; got != 1 {
		t.Errorf("counted %d times", got)
	}
}

// hopLimitAt is where the hop limit stands in a packet (see wire.PacketView),
// and idAt its id.
const (
	hopLimitAt = 2
	idAt       = 8
)

// forward sends msg to D, by B, which acknowledges it, and has D send the
// receipt.
func (w *workbench) forward(ctx context.Context, d omega.Fingerprint, msg []byte) {
	w.Forward(ctx, d, wire.ClassText, msg)
	w.lb.acked(w.b.tag, 0)
	w.received(d, wire.PacketView(w.b.last).ID())
}

// renew makes another packet of the octets of one.
func renew(p []byte) {
	p[hopLimitAt] = wire.HopLimit
	binary.BigEndian.PutUint64(p[idAt:], binary.BigEndian.Uint64(p[idAt:])+1)
}

// The hot path allocates nothing: neither where a packet is made, nor where it
// is kept and sent on, nor where it arrives.
func TestForwardingAllocatesNothing(t *testing.T) {
	if racing {
		t.Skip("not under the race detector")
	}
	w := newWorkbench(t)
	ctx, msg := t.Context(), make([]byte, 300)
	b, d := account(t, "B"), account(t, "D")
	transit, straight, carried := w.packetTo(t, "C", "B"), w.packetTo(t, "B", "A"), w.packetTo(t, "D", "A")
	rows := map[string]func(){
		"to a neighbour": func() {
			w.Forward(ctx, b, wire.ClassText, msg)
			w.lb.acked(w.b.tag, 0)
		},
		"by a next hop": func() { w.forward(ctx, d, msg) },
		"transit": func() {
			renew(transit)
			w.packet(ctx, w.lc, 1, transit)
			w.answer(w.lc)
			w.lb.acked(w.b.tag, 0)
		},
		"arrival": func() {
			renew(straight)
			w.packet(ctx, w.lb, 1, straight)
			w.answer(w.lb)
		},
		"arrival by others": func() { w.packet(ctx, w.lb, 1, carried) }, // a repetition: its MAC is of this id
	}
	for name, f := range rows {
		if got := testing.AllocsPerRun(3000, f); got > 0 {
			t.Errorf("%s: %v allocations per packet, want none", name, got)
		}
	}
	if st := w.Stats(); st.Sent == 0 || st.Forwarded == 0 || st.Delivered == 0 || st.NoWay+st.Busy+st.Forged+st.Unproven > 0 {
		t.Errorf("%+v", st)
	}
	if st := w.Stats(); st.Kept != 0 || st.Letters != 0 {
		t.Errorf("%d octets are kept, %d letters wait", st.Kept, st.Letters)
	}
}

// Whatever a server sends, this one neither fails nor keeps what nobody takes.
func FuzzPacket(f *testing.F) {
	w := newWorkbench(f)
	f.Add(w.packetTo(f, "D", "A"))
	f.Add(w.packetTo(f, "C", "D"))
	f.Add(w.packetTo(f, "C", "A", "B", "E", "D"))
	f.Add(wire.PacketView(w.packetTo(f, "C", "D")).AppendAvoiding(nil, wire.HashLink(account(f, "A"), account(f, "B"))))
	for t, body := range map[wire.Type][]byte{
		wire.TypeReceipt: make([]byte, 32), wire.TypeBounce: wire.AppendBounce(nil, &wire.Bounce{To: account(f, "D")}),
		wire.TypeTrace: make([]byte, 8), wire.TypeTraced: make([]byte, 9),
		wire.TypeCircuitAsk: wire.AppendCircuitAsk(nil, 1, account(f, "E")), wire.TypeCircuitOffer: wire.AppendCircuitOffer(nil, wire.Handle{1}, account(f, "E")),
		wire.TypeCircuitAnswer: wire.AppendCircuitAnswer(nil, 1, 0, wire.Handle{1}),
	} {
		head := wire.Packet{Source: account(f, "B"), Destinations: []omega.Fingerprint{account(f, "A")}}
		b, err := head.AppendTo(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire.AppendFrame(b, t, 0, body))
	}
	tag := uint32(0)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range []*link{w.lb, w.lc, w.le} {
			tag++
			if w.packet(t.Context(), l, tag, slices.Clone(b)) != nil {
				continue
			}
			w.answer(l)
		}
		for l, s := range map[*link]*sink{w.lb: w.b, w.lc: w.c, w.le: w.e} {
			l.acked(s.tag, 0)
		}
		if kept := w.custody.transit.Load(); kept != 0 {
			t.Errorf("%d octets are kept", kept)
		}
	})
}

func BenchmarkForward(b *testing.B) {
	w := newWorkbench(b)
	ctx, msg := b.Context(), make([]byte, 300)
	d, peer := account(b, "D"), account(b, "B")
	b.Run("direct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.Forward(ctx, peer, wire.ClassText, msg)
			w.lb.acked(w.b.tag, 0)
		}
	})
	b.Run("mesh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.forward(ctx, d, msg)
		}
	})
}

func BenchmarkTransit(b *testing.B) {
	w := newWorkbench(b)
	ctx := b.Context()
	p := append(w.packetTo(b, "C", "D"), make([]byte, 300)...)
	b.ReportAllocs()
	for b.Loop() {
		renew(p)
		w.packet(ctx, w.lc, 1, p)
		w.answer(w.lc)
		w.lb.acked(w.b.tag, 0)
	}
}

// What proving a packet costs, which direct ones save.
func BenchmarkSeal(b *testing.B) {
	w := newWorkbench(b)
	d, msg := account(b, "D"), make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		w.seals.seal(d, omega.ID{}, wire.ClassText, msg)
	}
}

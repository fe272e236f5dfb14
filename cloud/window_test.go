package cloud

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A refusal goes to who sent the packet, and says why.
func TestRefusals(t *testing.T) {
	rows := []struct {
		name     string
		from, by string
		to       []string
		spent    bool
		edit     func(w *workbench)
		want     []wire.Reason
	}{
		{name: "taken", from: "C", by: "C", to: []string{"B"}},
		{name: "back where it came from", from: "C", by: "B", to: []string{"D"}, want: []wire.Reason{wire.ReasonNoWay}},
		{name: "nobody knows it", from: "C", by: "C", to: []string{"F"}, want: []wire.Reason{wire.ReasonNoWay}},
		{name: "back at its origin", from: "A", by: "B", to: []string{"D"}, want: []wire.Reason{wire.ReasonLoop}},
		{name: "by a leaf", from: "B", by: "E", to: []string{"A"}, want: []wire.Reason{wire.ReasonNoTransit}},
		{name: "too many hops", from: "C", by: "C", to: []string{"D"}, spent: true, want: []wire.Reason{wire.ReasonHops}},
		{name: "the next hop takes nothing", from: "C", by: "C", to: []string{"D"}, edit: func(w *workbench) { w.b.err = errors.New("gone") }, want: []wire.Reason{wire.ReasonBusy}},
		{name: "too much is kept", from: "C", by: "C", to: []string{"D"}, edit: func(w *workbench) { w.custody.maxAll = 100 }, want: []wire.Reason{wire.ReasonBusy}},
		{name: "too much, for many", from: "C", by: "C", to: []string{"D", "B"}, edit: func(w *workbench) { w.custody.maxOne = 100 }, want: []wire.Reason{wire.ReasonBusy}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w := newWorkbench(t)
			if row.edit != nil {
				row.edit(w)
			}
			b := w.packetTo(t, row.from, row.to...)
			if row.spent {
				b[hopLimitAt] = 0
			}
			l := map[string]*link{"B": w.lb, "C": w.lc, "E": w.le}[row.by]
			s := l.conn.(*sink)
			if err := w.packet(t.Context(), l, 7, b); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.nacks, row.want) {
				t.Errorf("refused for %v, want %v", s.nacks, row.want)
			}
			if row.want != nil && w.Stats().Kept != 0 {
				t.Errorf("%d octets are kept of what was refused", w.Stats().Kept)
			}
		})
	}
}

// A refused packet goes another way, without the link that refused it, and when
// there is none its origin is told.
func TestRefusedPacketGoesAround(t *testing.T) {
	w := newWorkbench(t)
	if err := w.packet(t.Context(), w.lc, 7, w.packetTo(t, "C", "D")); err != nil {
		t.Fatal(err)
	}
	if w.b.count != 1 || w.b.tag != 1 {
		t.Fatalf("%d packets to B, the last with tag %d", w.b.count, w.b.tag)
	}
	if err := w.nacked(w.lb, 1, []byte{byte(wire.ReasonNoTransit)}); err != nil {
		t.Fatal(err)
	}
	p, err := wire.ParsePacket(w.c.last) // the only other neighbour that matters is its origin
	if err != nil || p.PayloadType() != wire.TypeBounce {
		t.Fatalf("to C went %v, %v", p, err)
	}
	f, _, err := wire.ParseFrame(p.Payload(), omega.MaxPeerFrame)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := wire.DecodeBounce(f.Body); err != nil || b.To != account(t, "D") || b.Reason != wire.ReasonNoWay || b.ID != (omega.ID{1}) {
		t.Errorf("told %+v, %v", b, err)
	}
	if err := w.nacked(w.lb, 1, []byte{1, 2}); err == nil {
		t.Error("a malformed refusal is taken")
	}
}

// A packet that the only next hop is too busy for is sent there again, for five
// seconds; then its origin is told.
func TestBusyNextHopGetsItAgain(t *testing.T) {
	w := newWorkbench(t)
	start := w.cfg.Clock()
	w.cfg.Clock = func() time.Time { return start }
	if err := w.packet(t.Context(), w.lc, 7, w.packetTo(t, "C", "D")); err != nil {
		t.Fatal(err)
	}
	for n := range uint32(3) {
		if w.b.count != int(n+1) || w.b.tag != n+1 {
			t.Fatalf("%d packets to B, the last with tag %d", w.b.count, w.b.tag)
		}
		if err := w.nacked(w.lb, n+1, []byte{byte(wire.ReasonBusy)}); err != nil {
			t.Fatal(err)
		}
		w.look()
	}
	if w.c.count != 0 {
		t.Error("its origin was told something")
	}
	start = start.Add(busyLife + time.Second)
	if err := w.nacked(w.lb, w.b.tag, []byte{byte(wire.ReasonBusy)}); err != nil {
		t.Fatal(err)
	}
	if p, err := wire.ParsePacket(w.c.last); err != nil || p.PayloadType() != wire.TypeBounce {
		t.Errorf("to C went %v, %v", p, err)
	}
	w.lc.acked(w.c.tag, 0)
	if kept := w.Stats().Kept; kept != 0 {
		t.Errorf("%d octets are kept", kept)
	}
}

// What one origin has under way here is bounded, and others still get through.
func TestOverloadIsPerOrigin(t *testing.T) {
	w := newWorkbench(t)
	w.custody.maxOne = 10 * int64(parcelClasses[0])
	for bucket(w.custody, &w.custody.origins, account(t, "B")) == bucket(w.custody, &w.custody.origins, account(t, "C")) {
		w.custody.seed = maphash.MakeSeed()
	}
	send := func(from string, by *link) (refused int, s *sink) {
		s = map[*link]*sink{w.lc: w.c, w.lb: w.b}[by]
		before := len(s.nacks)
		p := w.packetTo(t, from, "E")
		for range 20 {
			renew(p)
			if err := w.packet(t.Context(), by, 1, p); err != nil {
				t.Fatal(err)
			}
		}
		return len(s.nacks) - before, s
	}
	if refused, s := send("C", w.lc); refused != 10 || s.nacks[0] != wire.ReasonBusy {
		t.Errorf("%d of 20 refused, want 10", refused)
	}
	if refused, _ := send("B", w.lb); refused != 10 {
		t.Errorf("%d of 20 of another origin refused, want 10", refused)
	}
	w.le.acked(w.e.tag, 0)
	if kept := w.Stats().Kept; kept != 0 {
		t.Errorf("%d octets are kept after all was acknowledged", kept)
	}
	if refused, _ := send("C", w.lc); refused != 10 {
		t.Errorf("%d of 20 refused afterwards, want 10", refused)
	}
}

// A neighbour that names a new origin in every packet fills its own share, and
// others still get through.
func TestOverloadIsPerNeighbour(t *testing.T) {
	w := newWorkbench(t)
	w.custody.maxHop = 10 * int64(parcelClasses[0])
	for bucket(w.custody, &w.custody.hops, account(t, "B")) == bucket(w.custody, &w.custody.hops, account(t, "C")) {
		w.custody.seed = maphash.MakeSeed()
	}
	send := func(by *link, to string) (refused int) {
		s := map[*link]*sink{w.lc: w.c, w.lb: w.b}[by]
		before := len(s.nacks)
		for i := range 20 {
			p := w.packetTo(t, fmt.Sprint("forged origin ", i), to)
			if err := w.packet(t.Context(), by, 1, p); err != nil {
				t.Fatal(err)
			}
		}
		return len(s.nacks) - before
	}
	if refused := send(w.lb, "E"); refused != 10 {
		t.Errorf("%d of 20 refused, want 10", refused)
	}
	if refused := send(w.lc, "E"); refused != 10 {
		t.Errorf("%d of 20 from another neighbour refused, want 10", refused)
	}
	// Copies that go another way stay on the account of who sent them.
	w.detour(t)
	w.le.acked(w.e.tag, 0)
	w.lb.acked(w.b.tag, 0)
	if kept := w.Stats().Kept; kept != 0 {
		t.Errorf("%d octets are kept after all was acknowledged", kept)
	}
	for i := range w.custody.hops {
		if n := w.custody.hops[i].Load(); n != 0 {
			t.Fatalf("%d octets still count for a neighbour", n)
		}
	}
}

// detour has C send packets to D and E in one, which part here.
func (w *workbench) detour(t *testing.T) {
	t.Helper()
	w.custody.maxHop = DefaultMaxPerHop
	if err := w.packet(t.Context(), w.lc, 1, w.packetTo(t, "C", "D", "E")); err != nil {
		t.Fatal(err)
	}
	if w.b.count != 1 {
		t.Fatalf("%d packets to B", w.b.count)
	}
}

// Packets whose MAC does not verify are dropped and counted, whatever was
// changed; what others may change does not matter.
func TestForgedPackets(t *testing.T) {
	last := func(b []byte) *byte { return &b[len(b)-1] }
	rows := map[string]struct {
		change func(b []byte) []byte
		taken  bool
	}{
		"nothing":     {func(b []byte) []byte { return b }, true},
		"hop limit":   {func(b []byte) []byte { b[hopLimitAt] = 3; return b }, true},
		"dead links":  {func(b []byte) []byte { return wire.PacketView(b).AppendAvoiding(nil, 7) }, true},
		"payload":     {func(b []byte) []byte { *last(b) ^= 1; return b }, false},
		"cut payload": {func(b []byte) []byte { return b[:len(b)-1] }, false},
		"class":       {func(b []byte) []byte { b[1] = byte(wire.ClassControl); return b }, false},
		"id":          {func(b []byte) []byte { renew(b); return b }, false},
		"source":      {func(b []byte) []byte { copy(b[24:], account(t, "E").Wire()); return b }, false},
		"no MAC": {func(b []byte) []byte {
			head := wire.Packet{Class: wire.ClassText, Source: account(t, "D"), Destinations: []omega.Fingerprint{account(t, "A")}}
			p, _ := head.AppendTo(nil)
			return append(p, "payload"...)
		}, false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			w := newWorkbench(t)
			if err := w.packet(t.Context(), w.lb, 1, row.change(w.packetTo(t, "D", "A"))); err != nil {
				t.Fatal(err)
			}
			want := map[bool]uint64{true: 0, false: 1}[row.taken]
			if got := w.Stats().Unproven; got != want || (w.room.count == 1) != row.taken {
				t.Errorf("%d counted as unproven, %d delivered", got, w.room.count)
			}
		})
	}
}

// A packet that comes again is delivered once, and asks for its receipt again.
func TestRepeatedPacket(t *testing.T) {
	w := newWorkbench(t)
	b := w.packetTo(t, "D", "A")
	b[4] |= wire.PacketReceipt
	for range 3 {
		if err := w.packet(t.Context(), w.lb, 1, b); err != nil {
			t.Fatal(err)
		}
	}
	w.answer(w.lb)
	if st := w.Stats(); w.room.count != 1 || st.Repeated != 2 {
		t.Errorf("%d delivered, %d counted as repeated", w.room.count, st.Repeated)
	}
	p, err := wire.ParsePacket(w.b.last)
	if err != nil || p.PayloadType() != wire.TypeReceipt || p.Destination() != account(t, "D") || len(p.Payload()) != wire.HeaderSize+3*omega.IDSize {
		t.Errorf("the receipt is %v, %v", p, err)
	}
}

// A seen forgets in generations: the last 65,536 are always remembered, and it
// never holds more than twice as many.
func TestSeen(t *testing.T) {
	s, who := newSeen(), account(t, "B")
	id := func(n uint64) (id omega.ID) { binary.BigEndian.PutUint64(id[:], n); return id }
	const count = 3 * seenEach
	for n := range uint64(count) {
		if !s.first(who, id(n), int64(n)) {
			t.Fatalf("packet %d is taken for a repetition", n)
		}
	}
	for n := uint64(count - seenEach); n < count; n++ {
		if s.first(who, id(n), count) {
			t.Fatalf("packet %d is forgotten", n)
		}
	}
	if held := len(s.now) + len(s.past); held > 2*seenEach {
		t.Errorf("%d are remembered", held)
	}
	if !s.first(account(t, "C"), id(count-1), count) {
		t.Error("ids of two sources are mixed up")
	}
	later := int64(count) + int64(3*seenFor)
	s.first(who, id(1<<40), later)
	s.first(who, id(1<<40+1), later+int64(seenFor))
	if !s.first(who, id(count-1), later+2*int64(seenFor)) {
		t.Error("a packet is remembered for ever")
	}
}

// Tags start again after 2^32-1 and never are 0.
func TestTagsGoRound(t *testing.T) {
	w := newWorkbench(t)
	w.lb.window.first, w.lb.window.next = 1<<32-5, 1<<32-5
	b := account(t, "B")
	for range 10 {
		if err := w.Forward(t.Context(), b, wire.ClassText, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if w.b.tag == 0 {
			t.Fatal("a packet has the tag 0")
		}
	}
	w.lb.acked(w.b.tag-1, 0)
	if left := w.lb.window.next - w.lb.window.first; left != 1 {
		t.Errorf("%d are under way, want 1", left)
	}
	for _, tag := range []uint32{0, w.b.tag - 1, w.b.tag + 1, 1 << 31} { // old, or nonsense
		w.lb.acked(tag, 0)
	}
	if left := w.lb.window.next - w.lb.window.first; left != 1 {
		t.Errorf("%d are under way, want 1", left)
	}
}

// A backlog is a sink whose queue is as long as the test says.
type backlog struct {
	sink
	queue   int
	classes []wire.Class
}

func (s *backlog) Queued() int { return s.queue }

func (s *backlog) SendFrame(t wire.Type, tag uint32, body []byte) error {
	if t == wire.TypePacket {
		s.classes = append(s.classes, wire.PacketView(body).Class())
	}
	return s.sink.SendFrame(t, tag, body)
}

// Where a connection is full, control goes before messages and those before
// bulk, whatever came first.
func TestClassPriority(t *testing.T) {
	w := newWorkbench(t)
	conn := &backlog{sink: sink{peer: account(t, "B")}}
	l := newLink(conn, true)
	w.table.Store(w.table.Load().with(map[omega.Fingerprint]*link{conn.peer: l}, nil))
	send := func(class wire.Class) {
		t.Helper()
		if err := w.Forward(t.Context(), conn.peer, class, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	conn.queue = 1 << 20
	for _, class := range []wire.Class{wire.ClassBulk, wire.ClassText, wire.ClassControl, wire.ClassBulk, wire.ClassMedia, wire.ClassControl} {
		send(class)
	}
	if err := w.Forward(t.Context(), conn.peer, wire.ClassEphemeral, []byte("x")); err == nil {
		t.Error("an ephemeral packet waits")
	}
	if len(conn.classes) > 0 {
		t.Fatalf("sent into a full connection: %v", conn.classes)
	}
	conn.queue = 100 << 10 // room for messages, not for bulk
	l.pump(0)
	conn.queue = 0
	send(wire.ClassText) // bulk waits still, and this overtakes it
	l.pump(0)
	want := []wire.Class{wire.ClassControl, wire.ClassControl, wire.ClassText, wire.ClassMedia, wire.ClassText, wire.ClassBulk, wire.ClassBulk}
	if !slices.Equal(conn.classes, want) {
		t.Errorf("sent %v, want %v", conn.classes, want)
	}
	l.acked(conn.tag, 0)
	if !l.quiet() || w.Stats().Kept != 0 {
		t.Errorf("%d octets are kept after all was acknowledged", w.Stats().Kept)
	}
}

// Acknowledgements come with packets the other way, at the courier's next look,
// and after 64 packets anyway.
func TestAcknowledgements(t *testing.T) {
	w := newWorkbench(t)
	p, n := w.packetTo(t, "B", "A"), uint32(0)
	take := func(count int) {
		t.Helper()
		for range count {
			n++
			renew(p)
			if err := w.packet(t.Context(), w.lb, n, p); err != nil {
				t.Fatal(err)
			}
			w.answer(w.lb)
		}
	}
	want := func(acks ...uint32) {
		t.Helper()
		if !slices.Equal(w.b.acks, acks) {
			t.Errorf("acknowledged %v, want %v", w.b.acks, acks)
		}
		w.b.acks = nil
	}
	take(63)
	want()
	take(1)
	want(64)
	take(10)
	want()
	if err := w.Forward(t.Context(), w.b.peer, wire.ClassText, []byte("x")); err != nil {
		t.Fatal(err)
	}
	want(74)
	take(1)
	if !w.look() {
		t.Error("nothing was to be done")
	}
	want(75)
	w.lb.acked(w.b.tag, 0)
	if w.look() {
		t.Error("something is to be done still")
	}
	want()
}

// A stalled connection is gone around, and used again when it moves.
func TestStall(t *testing.T) {
	w := newWorkbench(t)
	l := w.lb
	p := w.packetTo(t, "C", "B")
	if err := w.packet(t.Context(), w.lc, 1, p); err != nil {
		t.Fatal(err)
	}
	l.rtt.Store(int64(100 * time.Millisecond))
	if got := l.stall(); got != 225*time.Millisecond {
		t.Errorf("it stalls after %v, want 225ms", got)
	}
	if got := l.overdue(nil, int64(224*time.Millisecond), l.stall(), 10); len(got) > 0 {
		t.Error("it is gone around too early")
	}
	got := l.overdue(nil, int64(225*time.Millisecond), l.stall(), 10)
	if len(got) != 1 || len(l.overdue(nil, int64(time.Second), l.stall(), 10)) > 0 {
		t.Fatalf("%d packets go around it", len(got))
	}
	got[0].p.release()
	l.acked(w.b.tag, int64(time.Second))
	if w.Stats().Kept != 0 {
		t.Errorf("%d octets are kept", w.Stats().Kept)
	}
}

// A packet whose connection stalls and that nothing leads around is still that
// connection's: a refusal gives it back, and so does the end. (spec/cloud.md,
// CLOUD-20, CLOUD-23)
func TestStallWithoutWayAround(t *testing.T) {
	w := newWorkbench(t)
	l := w.lb
	for tag := range uint32(2) {
		p := w.packetTo(t, "C", "B")
		renew(p)
		if err := w.packet(t.Context(), w.lc, tag+1, p); err != nil {
			t.Fatal(err)
		}
	}
	alone := *w.table.Load()
	alone.links = map[omega.Fingerprint]*link{l.peer: l}
	w.hedge(&alone, l, int64(time.Second))
	if w.Stats().Hedged != 2 {
		t.Fatalf("%d packets stalled, want 2", w.Stats().Hedged)
	}
	p := l.nacked(w.b.tag-1, int64(time.Second))
	if p == nil {
		t.Fatal("the one that was refused is lost")
	}
	p.release()
	left := l.close()
	if len(left) != 1 {
		t.Fatalf("%d packets are left at the end, want 1", len(left))
	}
	left[0].release()
	if w.Stats().Kept != 0 {
		t.Errorf("%d octets are kept", w.Stats().Kept)
	}
}

// A refusal that the connection does not take ends it: no acknowledgement is to
// pass for the packet. (spec/cloud.md, CLOUD-20)
func TestRefusalThatCannotBeSaid(t *testing.T) {
	w := newWorkbench(t)
	w.custody.maxHop = 0 // busy
	w.c.err = transport.ErrSlow
	if err := w.packet(t.Context(), w.lc, 1, w.packetTo(t, "C", "B")); err == nil {
		t.Error("the connection goes on")
	}
	w.c.err = nil
	w.lc.acknowledge()
	if len(w.c.acks) > 0 {
		t.Errorf("the packet is acknowledged: %v", w.c.acks)
	}
}

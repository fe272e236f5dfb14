package cloud

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// amid runs an attack while every honest server sends to another, five seconds or
// as long as the attack takes, and wants each message to come once and soon.
func (n *testNet) amid(honest []*node, attack func()) {
	n.t.Helper()
	streams := make(chan *stream)
	over := make(chan struct{})
	for i, from := range honest {
		to := honest[(i+2)%len(honest)]
		go func() {
			all := n.stream(from, to, from.addr+" first ", 100, 50*time.Millisecond)
			for round := 0; ; round++ {
				select {
				case <-over:
					streams <- all
					return
				default:
				}
				more := n.stream(from, to, fmt.Sprint(from.addr, " round ", round, " "), 20, 50*time.Millisecond)
				for msg, at := range more.sent {
					all.sent[msg] = at
				}
			}
		}()
	}
	time.Sleep(time.Second)
	attack()
	close(over)
	var slowest time.Duration
	count := 0
	for range honest {
		s := <-streams
		time.Sleep(letterLife) // virtual: what is to come has come
		slowest = max(slowest, s.check(n.t))
		count += len(s.sent)
	}
	n.t.Logf("%d messages amid the attack, the slowest took %v", count, slowest)
	if slowest > 500*time.Millisecond {
		n.t.Errorf("a message took %v", slowest)
	}
	if !n.agreeAmong(honest) {
		n.t.Error("the honest servers do not keep their rule any more")
	}
}

// answers reads a connection until it ends and counts what came, in octets.
func (n *testNet) answers(c *memConn) (octets func() int) {
	count := make(chan int, 1)
	count <- 0
	n.pumps.Go(func() {
		for {
			f, err := c.ReadFrame()
			if err != nil {
				return
			}
			count <- <-count + len(f.Body)
		}
	})
	return func() int {
		x := <-count
		count <- x
		return x
	}
}

// heap is what is in use, in octets.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// Questions are short and their answers long: who asks on and on gets a bounded
// amount, also by connecting anew, and takes nothing from others.
func TestQuestionsAreRationed(t *testing.T) {
	all := make([]byte, bucketsPerRequest)
	rows := map[string]struct {
		ask func(n *testNet, liar, to *node, c *memConn, i int)
		// unrationed is the least that 20,000 questions would bring, in octets.
		unrationed int
	}{
		"database": {func(_ *testNet, _, _ *node, c *memConn, i int) {
			for j := range all {
				all[j] = byte(i*bucketsPerRequest + j)
			}
			c.SendFrame(wire.TypeLSRequest, 0, all)
		}, 20_000 * mesh.Buckets * 4},
		"certificates": {func(_ *testNet, _, to *node, c *memConn, _ int) {
			c.SendFrame(wire.TypeCertRequest, 0, to.id.Account().Wire())
		}, 20_000 * 500},
		"links": {func(n *testNet, liar, to *node, c *memConn, _ int) {
			q := requestOf(liar, to, n.all()[:3]...)
			q.Flags = wire.RequestExplain
			b, err := q.AppendTo(nil)
			if err != nil {
				n.t.Error(err)
			}
			c.SendFrame(wire.TypeLinkRequest, 0, b)
		}, 0},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				honest := n.cloudOf(5, nil)
				time.Sleep(acceptWindow)
				liar, victim := n.add(9, nil), honest[0]
				got := 0
				n.amid(honest, func() {
					for range 10 { // connections
						c := n.connect(liar, victim)
						octets := n.answers(c)
						for i := range 2000 {
							row.ask(n, liar, victim, c, i)
							if i%200 == 199 {
								time.Sleep(50 * time.Millisecond)
							}
						}
						time.Sleep(200 * time.Millisecond)
						c.Close()
						got += octets()
					}
				})
				rationed := victim.Stats().Rationed
				t.Logf("20,000 questions: %d not answered, %d octets of answers", rationed, got)
				if rationed < 18_000 {
					t.Errorf("%d questions of 20,000 were one too many", rationed)
				}
				if row.unrationed > 0 && got > row.unrationed/5 {
					t.Errorf("%d octets of answers", got)
				}
			})
		})
	}
}

// badInputs is what nobody honest sends, by what it is. ends: the connection is
// ended, where it is sent maxBad times at the latest.
func badInputs(t *testing.T, n *testNet, liar, victim, other *node) map[string]struct {
	frame wire.Type
	body  []byte
	ends  bool
} {
	t.Helper()
	type row = struct {
		frame wire.Type
		body  []byte
		ends  bool
	}
	good := liar.says(t, 5, nil)
	edit := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	forged := bytes.Clone(n.announcementOf(other))
	forged[len(mesh.Label)+60] ^= 1
	offer := &wire.LinkOffer{Nonce: [16]byte{7}, Issued: time.Now(), Expires: time.Now().Add(time.Hour), Asker: victim.id.Account(), Candidate: liar.id.Account()}
	request := requestOf(liar, victim, n.all()[:3]...)
	q, err := request.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	packet := func(change func(p *wire.Packet)) []byte {
		p := &wire.Packet{Class: wire.ClassText, Source: liar.id.Account(), Destinations: []omega.Fingerprint{victim.id.Account()}}
		change(p)
		b, err := p.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		return append(b, "payload"...)
	}
	version := func(b []byte, v byte) []byte { b = bytes.Clone(b); b[0] = v; return b }
	return map[string]row{
		"announcement: none":           {wire.TypeLSA, nil, true},
		"announcement: cut":            {wire.TypeLSA, good[:len(good)-1], true},
		"announcement: oversized":      {wire.TypeLSA, edit(func(b []byte) []byte { return append(b, make([]byte, 5000)...) }), true},
		"announcement: 150 KiB":        {wire.TypeLSA, make([]byte, 150<<10), true},
		"announcement: wrongly signed": {wire.TypeLSA, edit(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), true},
		"announcement: of another":     {wire.TypeLSA, forged, true},
		"announcement: label":          {wire.TypeLSA, edit(func(b []byte) []byte { b[3] ^= 1; return b }), true},
		"announcement: expired": {wire.TypeLSA, liar.says(t, 6, func(a *mesh.Announcement) {
			a.Issued = time.Now().Add(-26 * time.Hour).Truncate(time.Millisecond)
			a.Expires = a.Issued.Add(time.Hour)
		}), false},
		"announcement: from the future": {wire.TypeLSA, liar.says(t, 7, func(a *mesh.Announcement) {
			a.Issued = time.Now().Add(time.Hour).Truncate(time.Millisecond)
			a.Expires = a.Issued.Add(time.Hour)
		}), false},
		"certificate: none":         {wire.TypeServerCert, []byte("none"), false},
		"certificate: 150 KiB":      {wire.TypeServerCert, make([]byte, 150<<10), false},
		"request: none":             {wire.TypeLinkRequest, nil, true},
		"request: later version":    {wire.TypeLinkRequest, version(q, 9), false},
		"request: cut":              {wire.TypeLinkRequest, q[:len(q)-1], true},
		"offer: nobody asked":       {wire.TypeLinkOffer, offer.Bytes(), false},
		"offer: later version":      {wire.TypeLinkOffer, version(offer.Bytes(), 9), true},
		"offer: cut":                {wire.TypeLinkOffer, offer.Bytes()[:20], true},
		"refusal: cut":              {wire.TypeLinkRefusal, []byte("no"), true},
		"refusal: nobody asked":     {wire.TypeLinkRefusal, (&wire.LinkRefusal{Retry: time.Hour, Reason: 1}).AppendTo(nil), false},
		"digest: short":             {wire.TypeLSDigest, []byte("short"), true},
		"parts: too many":           {wire.TypeLSRequest, make([]byte, bucketsPerRequest+1), true},
		"certificate of nobody":     {wire.TypeCertRequest, []byte("nobody"), true},
		"news: cut":                 {wire.TypeLSNews, []byte("12345678nobody"), true},
		"news: not wanted":          {wire.TypeLSWant, []byte("nobody"), true},
		"evidence: none":            {wire.TypeEvidence, []byte("none"), true},
		"packet: later version":     {wire.TypePacket, version(packet(func(*wire.Packet) {}), 9), true},
		"packet: of another":        {wire.TypePacket, packet(func(p *wire.Packet) { p.Source = other.id.Account() }), false},
		"packet: without MAC":       {wire.TypePacket, packet(func(p *wire.Packet) { p.Destinations[0] = other.id.Account() }), false},
		"packet: to nobody":         {wire.TypePacket, packet(func(p *wire.Packet) { p.Destinations[0] = liar.id.Account() }), false},
		"packet: 159 KiB of it":     {wire.TypePacket, append(packet(func(p *wire.Packet) { p.Destinations[0] = other.id.Account() }), make([]byte, 159<<10)...), false},
		"acknowledgement of none":   {wire.TypePacketAck, nil, false},
		"refusal of no packet":      {wire.TypePacketNack, []byte{1}, false},
		"refusal of a packet: long": {wire.TypePacketNack, []byte("because"), true},
		"a type of a later version": {wire.Type(222), make([]byte, 1000), false},
	}
}

func (n *testNet) announcementOf(nd *node) []byte {
	for _, b := range nd.Announcements() {
		if mesh.Origin(b) == nd.id.Account() {
			return b
		}
	}
	n.t.Fatalf("%s has not announced itself", nd.addr)
	return nil
}

// What makes no sense, is too long, too old, from the future, wrongly signed or of
// a later version is refused, changes nothing that anybody sees, keeps no memory,
// and holds up no message of others. Who goes on with it loses the connection,
// unless it is only newer.
func TestBadInput(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		honest := n.cloudOf(5, nil)
		time.Sleep(time.Minute)
		liar, victim := n.add(9, nil), honest[0]
		rows := badInputs(t, n, liar, victim, honest[1])
		digest, err := victim.Digest()
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		n.amid(honest, func() {
			for name, row := range rows {
				mine, theirs := newPipe(n, liar, victim)
				n.answers(mine)
				ended := make(chan error, 1)
				victim.wg.Go(func() { ended <- victim.Accept(victim.ctx, theirs) })
				for range 10 * maxBad {
					mine.SendFrame(row.frame, 1, row.body)
				}
				time.Sleep(500 * time.Millisecond)
				select {
				case err := <-ended:
					if !row.ends {
						t.Errorf("%s: the connection ended: %v", name, err)
					}
					if err == nil {
						t.Errorf("%s: nobody says why the connection ended", name)
					}
				default:
					if row.ends {
						t.Errorf("%s: the connection goes on", name)
					}
				}
				mine.Close()
			}
		})
		if after, err := victim.Digest(); err != nil || after != digest {
			t.Errorf("the database has changed, %v", err)
		}
		if top := honest[2].Topology(); len(top.Servers) != len(honest) {
			t.Errorf("%d servers are known, want %d", len(top.Servers), len(honest))
		}
		if grown := heap() - before; grown > 24<<20 {
			t.Errorf("%d octets more than before", grown)
		}
	})
}

// inject sends frames over the connection that a server has to another one, as
// only a liar does.
func (nd *node) inject(t *testing.T, to *node, f wire.Type, tag uint32, body []byte) {
	t.Helper()
	l := nd.table.Load().links[to.id.Account()]
	if l == nil {
		t.Fatalf("%s has no connection to %s", nd.addr, to.addr)
	}
	l.conn.SendFrame(f, tag, body)
}

// A member that carries a stream keeps what it carried and sends all of it again
// and again: nothing arrives twice.
func TestReplayingMember(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.shape(threeWays, nil)
		a, d := nodes["A"], nodes["D"]
		liar := firstHop(t, nodes, a, d)
		packets := make(chan []byte, 10_000)
		n.setTap(func(from, to string, f wire.Frame) bool {
			if from == a.addr && to == liar.addr && f.Type == wire.TypePacket {
				packets <- bytes.Clone(f.Body)
			}
			return false
		})
		replayed := 0
		s := n.during(a, d, func() {
			n.setTap(nil)
			for range 20 {
				for range len(packets) {
					b := <-packets
					liar.inject(t, d, wire.TypePacket, 0, b)
					replayed++
					packets <- b
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		if replayed < 500 {
			t.Fatalf("%d packets replayed", replayed)
		}
		slowest := s.check(t)
		t.Logf("%d packets replayed, %d recognised, the slowest message took %v", replayed, d.Stats().Repeated, slowest)
		if d.Stats().Repeated < uint64(replayed)*9/10 {
			t.Errorf("%d of %d replayed packets were recognised", d.Stats().Repeated, replayed)
		}
	})
}

// A member that answers hellos and takes every packet, and never acknowledges or
// carries one, is gone around.
func TestStallingMember(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.shape(threeWays, nil)
		a, d := nodes["A"], nodes["D"]
		liar := firstHop(t, nodes, a, d)
		s := n.during(a, d, func() {
			n.setTap(func(from, _ string, f wire.Frame) bool {
				return from == liar.addr && f.Type != wire.TypeHello && f.Type != wire.TypeHelloAck
			})
		})
		slowest := s.check(t)
		t.Logf("the slowest message took %v", slowest)
		if slowest > 400*time.Millisecond {
			t.Errorf("a message took %v", slowest)
		}
		if a.Stats().Silent > 0 {
			t.Error("the link died: this is another test")
		}
		if kept := a.Stats().Kept; kept > a.cfg.MaxOwn {
			t.Errorf("%d octets are kept", kept)
		}
	})
}

// A member that floods its neighbours with packets of origins that it invents,
// for a server that takes them slowly, fills its own share there and no more;
// messages of others go on.
func TestFloodOfPackets(t *testing.T) {
	const share = 1 << 20
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.shape("LA AB BC CD DA AC BD", func(_ string, cfg *Config) { cfg.MaxPerHop, cfg.MaxTransit = share, 4*share })
		liar, a, b := nodes["L"], nodes["A"], nodes["B"]
		honest := []*node{a, b, nodes["C"], nodes["D"]}
		body := make([]byte, 8000)
		before := heap()
		var most int64
		n.setTap(func(from, to string, f wire.Frame) bool { // B acknowledges nothing of the flood for a while
			return from == b.addr && to == a.addr && f.Type == wire.TypePacketAck
		})
		streams := make(chan *stream)
		for i, from := range honest {
			to := honest[(i+2)%len(honest)]
			go func() { streams <- n.stream(from, to, from.addr+" ", 100, 50*time.Millisecond) }()
		}
		for i := range 2000 {
			p := wire.Packet{Class: wire.ClassText, ID: omega.ID{1, byte(i >> 8), byte(i)}, Source: account(t, fmt.Sprint("invented ", i%32)), Destinations: []omega.Fingerprint{b.id.Account()}}
			head, err := p.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			liar.inject(t, a, wire.TypePacket, uint32(i+1), append(head, body...))
			if i%100 == 99 {
				time.Sleep(20 * time.Millisecond)
				most = max(most, a.Stats().Kept)
			}
		}
		for range honest {
			s := <-streams
			time.Sleep(letterLife)
			if slowest := s.check(t); slowest > time.Second {
				t.Errorf("a message from %s took %v", s.from.addr, slowest)
			}
		}
		t.Logf("16 MB of a flood: %d octets kept at most, %d packets refused", most, a.Stats().Nacked)
		if a.Stats().Busy == 0 {
			t.Error("nothing was refused")
		}
		if most > 3*share {
			t.Errorf("%d octets were kept", most)
		}
		if grown := heap() - before; grown > 64<<20 {
			t.Errorf("%d octets more than before", grown)
		}
		if got := b.Stats().Unproven; got == 0 {
			t.Error("nothing of the flood reached its destination")
		}
	})
}

// A farConn is a connection from an address.
type farConn struct {
	*memConn
	from net.Addr
}

func (c farConn) RemoteAddr() net.Addr { return c.from }

// Not one operator, not one block of addresses and not a crowd of newcomers gets
// all links of a server, and the links that were there stay. Only whom it has
// known for long has the last one, also when it has just started.
func TestEclipse(t *testing.T) {
	operator := func(name string) func(i int, q *wire.LinkRequest) netip.Addr {
		return func(i int, q *wire.LinkRequest) netip.Addr {
			q.Operator = name
			return netip.AddrFrom4([4]byte{20, byte(i), 1, 1})
		}
	}
	rows := map[string]struct {
		edit func(i int, q *wire.LinkRequest) netip.Addr
		most int // links that they get at a server with 3
	}{
		"one operator": {operator("attacker"), maxOfOne},
		"one block": {func(i int, q *wire.LinkRequest) netip.Addr {
			q.Operator = fmt.Sprint("sybil ", i)
			return netip.AddrFrom4([4]byte{20, 7, byte(i), 1})
		}, maxOfOne},
		"newcomers": {func(i int, q *wire.LinkRequest) netip.Addr {
			q.Operator = fmt.Sprint("sybil ", i)
			return netip.AddrFrom4([4]byte{20, byte(i), 1, 1})
		}, mesh.LinkCap - elderReserve - 3},
		"members of long ago": {func(i int, q *wire.LinkRequest) netip.Addr {
			q.Operator = fmt.Sprint("old ", i)
			return netip.AddrFrom4([4]byte{20, byte(i), 1, 1})
		}, mesh.LinkCap - 3},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nodes := n.cloudOf(4, nil)
				victim := nodes[0]
				var sybils []*node
				for i := range 16 {
					sybil := n.add(20+i, nil)
					if name == "members of long ago" {
						victim.remember(sybil, time.Now().Add(-elderAge))
					}
					sybils = append(sybils, sybil)
				}
				victim.stop() // what it remembers outlives it
				victim.start(nodes[1])
				n.await("the victim is back", 30*time.Second, func() bool { return n.agree(nodes) })
				var linked []*memConn
				for i, sybil := range sybils {
					time.Sleep(acceptWindow) // the ration of offers is another test
					q := requestOf(sybil, victim, nodes[:3]...)
					from := row.edit(i, q)
					mine, theirs := newPipe(n, sybil, victim)
					conn := farConn{theirs, net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 1))}
					victim.wg.Go(func() { victim.Accept(victim.ctx, conn) })
					mine.SendFrame(wire.TypeLSA, 0, nil) // one mistake is forgiven
					announced := sybil.says(t, uint64(i+1), func(a *mesh.Announcement) { a.Operator = q.Operator })
					mine.SendFrame(wire.TypeServerCert, 0, sybil.id.Certificate.Bytes())
					mine.SendFrame(wire.TypeLSA, 0, announced)
					refusal, _ := askOver(t, mine, q)
					if refusal != nil {
						if why := mesh.Refusal(refusal.Reason); why != mesh.RefusalFull {
							t.Fatalf("sybil %d: %v, %s", i, why, refusal.Text)
						}
						mine.Close()
						continue
					}
					mine.SendFrame(wire.TypeHello, 0, appendHello(nil, 0, true))
					linked = append(linked, mine)
					n.pumps.Go(func() { keepAlive(mine) })
				}
				for _, fp := range []*node{nodes[1], nodes[2], nodes[3]} {
					if victim.table.Load().links[fp.id.Account()] == nil {
						t.Error("a link that was there is gone")
					}
				}
				if len(linked) != row.most {
					t.Errorf("%d links, want %d", len(linked), row.most)
				}
				for _, c := range linked {
					c.Close()
				}
			})
		})
	}
}

// keepAlive answers hellos until the connection ends.
func keepAlive(c *memConn) {
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return
		}
		if f.Type == wire.TypeHello {
			b := slices.Clone(f.Body)
			c.SendFrame(wire.TypeHelloAck, 0, b)
			b[8] = helloLink
			c.SendFrame(wire.TypeHello, 0, b)
		}
	}
}

var _ interface{ RemoteAddr() net.Addr } = (*transport.Conn)(nil)

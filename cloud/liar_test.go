package cloud

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// says is an announcement that a server signs, whatever it says.
func (nd *node) says(t *testing.T, sequence uint64, edit func(*mesh.Announcement)) []byte {
	t.Helper()
	now := time.Now().Truncate(time.Millisecond)
	a := &mesh.Announcement{
		Server: nd.id.Account(), Sequence: sequence, Issued: now, Expires: now.Add(time.Hour), Certificate: nd.id.Certificate.Hash(),
		Flags: mesh.FlagTransit, Peer: nd.addr, Name: nd.addr, Operator: "liar",
	}
	if edit != nil {
		edit(a)
	}
	slices.SortFunc(a.Links, func(x, y mesh.Link) int { return x.Peer.Compare(y.Peer) })
	b, err := a.Sign(func(data []byte, at time.Time) (mesh.Signature, error) {
		sig, err := pgp.SignCompact(t.Context(), nd.id.Signer, data, at)
		return mesh.Signature(sig), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// linksTo claims links with a round trip that attracts everything.
func linksTo(nodes ...*node) func(*mesh.Announcement) {
	return func(a *mesh.Announcement) {
		for _, nd := range nodes {
			a.Links = append(a.Links, mesh.Link{Peer: nd.id.Account(), RTT: time.Microsecond})
		}
	}
}

// Links that only a liar lists do not count: nobody is routed to it.
func TestFalseLinks(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(5, nil)
		time.Sleep(time.Minute) // every link that is wanted is there
		before := nodes[4].Topology()
		liar := n.add(9, nil)
		conn := n.connect(liar, nodes[0])
		defer conn.Close()
		conn.SendFrame(wire.TypeLSA, 0, liar.says(t, 1, linksTo(nodes...)))
		n.await("everybody has heard of it", time.Second, func() bool { return len(nodes[4].Servers()) == 6 })
		top := nodes[4].Topology()
		if st := top.States[liar.id.Account()]; st != mesh.Unreachable {
			t.Errorf("the liar is %v", st)
		}
		if len(top.Links) != len(before.Links) || top.MinDegree != before.MinDegree || len(top.Bridges) > 0 {
			t.Errorf("the graph has changed: %d links, were %d", len(top.Links), len(before.Links))
		}
	})
}

// What was announced once and is no longer so can be repeated by anyone, and
// changes nothing.
func TestReplay(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(5, nil)
		var old [][]byte
		for _, s := range nodes[0].Servers() {
			old = append(old, s.Bytes)
		}
		for _, nd := range nodes {
			if err := nd.Update(func(a *mesh.Announcement) { a.Load = 7 }); err != nil {
				t.Fatal(err)
			}
		}
		n.await("all is new", time.Minute, func() bool {
			for _, s := range nodes[0].Servers() {
				if s.Load != 7 {
					return false
				}
			}
			return n.agree(nodes)
		})
		digest, err := nodes[1].Digest()
		if err != nil {
			t.Fatal(err)
		}
		news := nodes[1].Stats().News
		conn := n.connect(n.add(9, nil), nodes[1])
		defer conn.Close()
		for range 50 {
			for _, b := range old {
				conn.SendFrame(wire.TypeLSA, 0, b)
			}
		}
		time.Sleep(2 * time.Second)
		if after, err := nodes[1].Digest(); err != nil || after != digest || nodes[1].Stats().News != news {
			t.Errorf("a replay is news, %v", err)
		}
		if !n.agree(nodes) {
			t.Error("the cloud was harmed")
		}
	})
}

// A server that announces itself a thousand times costs the cloud a burst.
func TestFloodOfAnnouncements(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(5, nil)
		liar := n.add(9, nil)
		before := nodes[3].Stats().News
		conn := n.connect(liar, nodes[0])
		defer conn.Close()
		start := time.Now()
		for i := range 1000 {
			conn.SendFrame(wire.TypeLSA, 0, liar.says(t, uint64(i+1), nil))
			if i%100 == 99 {
				time.Sleep(100 * time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		allowed := uint64(mesh.OriginBurst + time.Since(start)/mesh.OriginInterval + 1)
		if got := nodes[3].Stats().News - before; got > allowed {
			t.Errorf("%d of 1000 were flooded, at most %d", got, allowed)
		}
		if !n.agreeAmong(nodes) {
			t.Error("the cloud was harmed")
		}
	})
}

// agreeAmong is agree where there are strangers that never link.
func (n *testNet) agreeAmong(nodes []*node) bool {
	for _, nd := range nodes {
		top := nd.Topology()
		for _, other := range nodes {
			if top.States[other.id.Account()] != mesh.Full {
				return false
			}
		}
		if len(top.Bridges) > 0 || top.MinDegree < mesh.Required(len(nodes)) {
			return false
		}
	}
	return true
}

// A member that tells two different things has none of its links counted for a
// day, by anybody; the proof reaches everybody, survives restarts and convinces
// others. The honest ones keep their rule among themselves.
func TestEquivocator(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(7, nil)
		liar, honest := nodes[6], nodes[:6]
		seq := sequenceOf(nodes[0], liar) + 1
		one, two := liar.says(t, seq, linksTo(honest...)), liar.says(t, seq, linksTo(honest[:3]...))
		left, right := n.connect(n.add(20, nil), nodes[0]), n.connect(n.add(21, nil), nodes[1])
		left.SendFrame(wire.TypeLSA, 0, one)
		right.SendFrame(wire.TypeLSA, 0, two)
		took := n.await("everybody shuns it", 2*time.Second, func() bool {
			for _, nd := range honest {
				ev, err := nd.Evidence()
				if err != nil || len(ev) != 1 || ev[0].Server != liar.id.Account() {
					return false
				}
				if nd.Topology().States[liar.id.Account()] != mesh.Unreachable {
					return false
				}
			}
			return true
		})
		t.Logf("everybody knew after %v", took)
		left.Close()
		right.Close()
		n.await("the honest ones keep their rule", time.Minute, func() bool { return n.agreeAmong(honest) })

		honest[2].stop()
		proofs, err := ReadEvidence(honest[2].saved(), time.Now())
		if err != nil || len(proofs) != 1 || proofs[0].Err != nil || proofs[0].Server != liar.id.Account() || proofs[0].Sequence != seq {
			t.Fatalf("on disk: %+v, %v", proofs, err)
		}
		forged := bytes.Clone(honest[2].saved())
		last := bytes.LastIndex(forged, proofs[0].Second) + len(proofs[0].Second) - 1
		forged[last] ^= 1
		if proofs, err := ReadEvidence(forged, time.Now()); err != nil || len(proofs) != 1 || proofs[0].Err == nil {
			t.Errorf("forged on disk: %+v, %v", proofs, err)
		}
		honest[2].start()
		n.await("it still knows", 2*time.Second, func() bool {
			ev, err := honest[2].Evidence()
			return err == nil && len(ev) == 1
		})
		newcomer := n.add(10, nil)
		newcomer.start(honest[0])
		n.await("a newcomer learns of it", 10*time.Second, func() bool {
			ev, err := newcomer.Evidence()
			return err == nil && len(ev) == 1
		})
		n.await("the newcomer is a member", time.Minute, func() bool {
			return honest[4].Topology().States[newcomer.id.Account()] == mesh.Full
		})
	})
}

// Nobody is framed: two announcements under one sequence that the server did not
// both sign prove nothing, whoever sends them and in whatever form.
func TestHonestServerIsNotFramed(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(4, nil)
		victim, liar := nodes[1], n.add(9, nil)
		first := n.announcementOf(victim)
		if err := victim.Update(func(a *mesh.Announcement) { a.Load = 9 }); err != nil {
			t.Fatal(err)
		}
		n.await("a second announcement", time.Minute, func() bool { return !bytes.Equal(n.announcementOf(victim), first) })
		second := n.announcementOf(victim)
		was, err := mesh.Decode(second)
		if err != nil {
			t.Fatal(err)
		}
		// What the liar signs in the victim's name, under the victim's sequence.
		forged := liar.says(t, was.Sequence, func(a *mesh.Announcement) { a.Server, a.Certificate = was.Server, was.Certificate })
		// What the victim signed, signed once more.
		again, err := was.Sign(func(data []byte, at time.Time) (mesh.Signature, error) {
			sig, err := pgp.SignCompact(t.Context(), victim.id.Signer, data, at.Add(time.Second))
			return mesh.Signature(sig), err
		})
		if err != nil || bytes.Equal(again, second) {
			t.Fatalf("the same signature, %v", err)
		}
		for name, other := range map[string][]byte{"forged": forged, "signed again": again, "earlier": first, "the same": second} {
			pair := [][]byte{second, other}
			slices.SortFunc(pair, slices.Compare)
			ev := mesh.Evidence{Server: was.Server, Sequence: was.Sequence, First: pair[0], Second: pair[1]}
			for _, to := range nodes {
				c := n.connect(n.add(30, nil), to)
				n.answers(c)
				c.SendFrame(wire.TypeEvidence, 0, ev.AppendTo(nil))
				c.SendFrame(wire.TypeServerCert, 0, liar.id.Certificate.Bytes())
				c.SendFrame(wire.TypeLSA, 0, other)
				time.Sleep(time.Second)
				c.Close()
			}
			for _, nd := range nodes {
				if ev, err := nd.Evidence(); err != nil || len(ev) > 0 {
					t.Fatalf("%s: %s believes it, %v", name, nd.addr, err)
				}
				if st := nd.Topology().States[was.Server]; st != mesh.Full {
					t.Errorf("%s: the victim is %v at %s", name, st, nd.addr)
				}
			}
		}
	})
}

// Evidence that proves nothing is not taken, and whoever sends it is dropped.
func TestFalseEvidence(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(4, nil)
		liar, victim := n.add(9, nil), nodes[1]
		good := nodes[0].Announcements()
		var first []byte
		for _, b := range good {
			if mesh.Origin(b) == victim.id.Account() {
				first = b
			}
		}
		second := slices.Clone(first)
		second[len(mesh.Label)+70] ^= 1
		pair := [][]byte{first, second}
		slices.SortFunc(pair, slices.Compare)
		ev := mesh.Evidence{First: pair[0], Second: pair[1]}
		mine, theirs := newPipe(n, liar, nodes[0])
		defer mine.Close()
		ended := make(chan error, 1)
		nodes[0].wg.Go(func() { ended <- nodes[0].Accept(nodes[0].ctx, theirs) })
		for i := range maxBad {
			body := ev.AppendTo(nil)
			if i%2 == 1 {
				body = fmt.Appendf(nil, "nonsense %d", i)
			}
			mine.SendFrame(wire.TypeEvidence, 0, body)
		}
		<-ended
		if proofs, err := nodes[0].Evidence(); err != nil || len(proofs) != 0 {
			t.Errorf("%d proofs, %v", len(proofs), err)
		}
		if st := nodes[2].Topology().States[victim.id.Account()]; st != mesh.Full {
			t.Errorf("the victim is %v", st)
		}
	})
}

// Messages between honest servers come once and soon while a member lies about
// itself and about others. What drops, replays, floods and stalls packets is in
// TestBlackHoles, TestReplayingMember, TestFloodOfPackets and TestStallingMember.
func TestDeliveryAmidLies(t *testing.T) {
	rows := map[string]func(n *testNet, liar *node, honest []*node){
		"false links": func(n *testNet, liar *node, honest []*node) {
			far := []*node{n.add(30, nil), n.add(31, nil)} // nobody: ways that lead nowhere
			seq := sequenceOf(honest[0], liar)
			for i := range uint64(20) {
				liar.inject(n.t, liar.neighbour(n), wire.TypeLSA, 0, liar.says(n.t, seq+1+i, linksTo(append(far, honest...)...)))
				time.Sleep(200 * time.Millisecond)
			}
		},
		"announcements of yesterday": func(n *testNet, liar *node, honest []*node) {
			var old [][]byte
			for _, s := range liar.Servers() {
				old = append(old, s.Bytes)
			}
			for _, nd := range honest {
				if err := nd.Update(func(a *mesh.Announcement) { a.Load = 7 }); err != nil {
					n.t.Fatal(err)
				}
			}
			for range 20 {
				for range 50 {
					for _, b := range old {
						liar.inject(n.t, liar.neighbour(n), wire.TypeLSA, 0, b)
					}
				}
				time.Sleep(100 * time.Millisecond)
			}
		},
		"a flood of announcements": func(n *testNet, liar *node, honest []*node) {
			seq := sequenceOf(honest[0], liar)
			for i := range uint64(2000) {
				liar.inject(n.t, liar.neighbour(n), wire.TypeLSA, 0, liar.says(n.t, seq+1+i, linksTo(honest...)))
				if i%100 == 99 {
					time.Sleep(100 * time.Millisecond)
				}
			}
		},
		"two announcements of one number": func(n *testNet, liar *node, honest []*node) {
			seq := sequenceOf(honest[0], liar) + 1
			for i, nd := range []*node{honest[0], honest[1]} {
				n.connect(n.add(20+i, nil), nd).SendFrame(wire.TypeLSA, 0, liar.says(n.t, seq, linksTo(honest[:3+i]...)))
			}
			n.await("everybody has the proof", 2*time.Second, func() bool {
				return !slices.ContainsFunc(honest, func(nd *node) bool {
					ev, err := nd.Evidence()
					return err != nil || len(ev) != 1
				})
			})
		},
	}
	for name, lie := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nodes := n.cloudOf(7, nil)
				time.Sleep(time.Minute) // every link that is wanted is there
				liar, honest := nodes[6], nodes[:6]
				n.amid(honest, func() { lie(n, liar, honest) })
			})
		})
	}
}

// neighbour is one of those that a server has a connection to.
func (nd *node) neighbour(n *testNet) *node {
	for _, other := range n.all() {
		if l := nd.table.Load().links[other.id.Account()]; l != nil {
			return other
		}
	}
	n.t.Fatalf("%s has no connection", nd.addr)
	return nil
}

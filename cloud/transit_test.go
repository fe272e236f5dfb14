package cloud

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// shape starts servers that can dial each other only where edges says so, such
// as "AB BC", and waits until all of them see exactly these links.
func (n *testNet) shape(edges string, edit func(name string, cfg *Config)) map[string]*node {
	n.t.Helper()
	nodes := map[string]*node{}
	pairs := strings.Fields(edges)
	for _, pair := range pairs {
		for _, r := range pair {
			if name := string(r); nodes[name] == nil {
				nodes[name] = n.add(int(r-'A'), func(cfg *Config) {
					if edit != nil {
						edit(name, cfg)
					}
				})
			}
		}
	}
	for a := range nodes {
		for b := range nodes {
			if a < b && !slices.Contains(pairs, a+b) && !slices.Contains(pairs, b+a) {
				n.set(n.refuse, nodes[a], nodes[b], true)
			}
		}
	}
	for _, nd := range nodes {
		nd.start()
	}
	for _, pair := range pairs {
		n.tie(nodes[pair[:1]], nodes[pair[1:]])
	}
	n.await("the shape "+edges, time.Minute, func() bool {
		for _, nd := range nodes {
			if top := nd.Topology(); len(top.Servers) != len(nodes) || len(top.Links) != len(pairs) {
				return false
			}
		}
		return true
	})
	return nodes
}

// tie makes a link between two servers without asking anybody's plan.
func (n *testNet) tie(a, b *node) {
	serve := func(nd *node, conn Conn, dialled bool) {
		l := newLink(conn, dialled)
		l.mine, l.mineFrom = true, time.Now()
		nd.wg.Go(func() { nd.serve(nd.ctx, l) })
	}
	dialled, accepted := newPipe(n, a, b)
	serve(a, dialled, true)
	serve(b, accepted, false)
}

// A stream is messages from one server to another, one every step.
type stream struct {
	from, to *node
	sent     map[string]time.Time
}

func (n *testNet) stream(from, to *node, name string, count int, step time.Duration) *stream {
	n.t.Helper()
	s := &stream{from: from, to: to, sent: map[string]time.Time{}}
	for i := range count {
		msg := fmt.Sprint(name, i)
		s.sent[msg] = time.Now()
		if err := from.sendTo(to, msg); err != nil {
			n.t.Errorf("%s: %v", msg, err)
		}
		time.Sleep(step)
	}
	return s
}

// check reports how long the slowest took, and fails for what did not come once.
func (s *stream) check(t *testing.T) (slowest time.Duration) {
	t.Helper()
	s.to.mu.Lock()
	defer s.to.mu.Unlock()
	lost, twice := 0, 0
	for msg, at := range s.sent {
		switch s.to.copies[msg] {
		case 0:
			lost++
		case 1:
			slowest = max(slowest, s.to.when[msg].Sub(at))
		default:
			twice++
		}
	}
	if lost > 0 || twice > 0 {
		t.Errorf("of %d messages %d were lost, %d came more than once", len(s.sent), lost, twice)
	}
	return slowest
}

// during runs f while a stream is under way.
func (n *testNet) during(from, to *node, f func()) *stream {
	n.t.Helper()
	done := make(chan *stream)
	go func() { done <- n.stream(from, to, "message ", 300, 10*time.Millisecond) }()
	time.Sleep(time.Second)
	f()
	s := <-done
	time.Sleep(6 * time.Second)
	return s
}

// firstHop is the server that packets go to first.
func firstHop(t *testing.T, nodes map[string]*node, from, to *node) *node {
	t.Helper()
	for _, nd := range nodes {
		if tr := from.Trace(to.id.Account()); len(tr.Hops) > 1 && tr.Hops[0].Server == nd.id.Account() {
			return nd
		}
	}
	t.Fatal("no way over others")
	return nil
}

// From A to D there are three ways of two links. In a cube the way from A to G
// has three, and every server three links. In the graph of Petersen there is
// one shortest way between any two servers.
const (
	threeWays = "AB AC AE DB DC DE BC CE BE"
	cube      = "AB BC CD DA EF FG GH HE AE BF CG DH"
	petersen  = "AB BC CD DE EA AF BG CH DI EJ FH HJ JG GI IF"
)

// A link that is cut, on the way of a stream of messages, loses none of them and
// doubles none, and none is late by more than the goal of 400 ms.
func TestCutWithPacketsInFlight(t *testing.T) {
	rows := map[string]func(n *testNet, a, hop, d *node){
		"silent, behind the first hop": func(n *testNet, a, hop, d *node) { n.set(n.cut, hop, d, true) },
		"silent, before it":            func(n *testNet, a, hop, d *node) { n.set(n.cut, a, hop, true) },
		"a silent server":              func(n *testNet, a, hop, d *node) { n.isolate(hop, true) },
		"a server that crashes":        func(n *testNet, a, hop, d *node) { hop.stop() },
	}
	for name, cut := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nodes := n.shape(threeWays, nil)
				a, d := nodes["A"], nodes["D"]
				hop := firstHop(t, nodes, a, d)
				s := n.during(a, d, func() { cut(n, a, hop, d) })
				slowest := s.check(t)
				if slowest > 400*time.Millisecond {
					t.Errorf("the slowest message took %v", slowest)
				}
				t.Logf("slowest %v, hedged %d, rerouted %d, retried %d", slowest, a.Stats().Hedged+hop.Stats().Hedged,
					a.Stats().Rerouted+hop.Stats().Rerouted, a.Stats().Retried)
				n.quiet(nodes)
			})
		})
	}
}

// quiet checks that nobody keeps anything any more.
func (n *testNet) quiet(nodes map[string]*node) {
	n.t.Helper()
	for name, nd := range nodes {
		if nd.ctx.Err() == nil && nd.Stats().Letters > 0 {
			n.t.Errorf("%s still waits for %d receipts", name, nd.Stats().Letters)
		}
	}
}

// Two links die silently at once, far from each other, and nobody's view has
// it yet.
func TestTwoLinksDieAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.shape(cube, nil)
		a, g := nodes["A"], nodes["G"]
		path := a.Cloud.table.Load().view.Tree.Path(g.id.Account())
		if len(path) != 4 {
			t.Fatalf("the way has %d servers", len(path))
		}
		s := n.during(a, g, func() {
			n.set(n.cut, a, n.byFingerprint(path[1]), true)
			n.set(n.cut, n.byFingerprint(path[2]), g, true)
		})
		slowest := s.check(t)
		t.Logf("slowest %v, %+v", slowest, a.Stats())
		if slowest > 800*time.Millisecond { // two stalls, one after the other
			t.Errorf("the slowest message took %v", slowest)
		}
		n.quiet(nodes)
	})
}

// A link that carries in one direction only: what goes the other way is sent
// around it although hellos still come.
func TestOneWayCut(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.shape(threeWays, nil)
		a, b := nodes["A"], nodes["B"]
		s := n.during(a, b, func() {
			n.setTap(func(from, to string, f wire.Frame) bool { return from == a.addr && to == b.addr })
		})
		slowest := s.check(t)
		t.Logf("slowest %v, hedged %d", slowest, a.Stats().Hedged)
		if slowest > 400*time.Millisecond || a.Stats().Hedged == 0 {
			t.Errorf("the slowest message took %v; hedged %d", slowest, a.Stats().Hedged)
		}
	})
}

// A packet for many goes over each link once.
func TestMulticastCopies(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.shape(petersen, nil)
		a := nodes["A"]
		counts := map[[2]string]int{}
		n.setTap(func(from, to string, f wire.Frame) bool {
			if f.Type == wire.TypePacket {
				if p, err := wire.ParsePacket(f.Body); err == nil && p.Source() == a.id.Account() {
					counts[[2]string{from, to}]++
				}
			}
			return false
		})
		var to []omega.Fingerprint
		for name, nd := range nodes {
			if name != "A" {
				to = append(to, nd.id.Account())
			}
		}
		if err := a.ForwardAll(a.ctx, to, wire.ClassText, []byte("to all")); err != nil {
			t.Fatal(err)
		}
		n.await("everybody has it", time.Second, func() bool {
			for name, nd := range nodes {
				if name != "A" && nd.received("to all") != a.id.Account().String() {
					return false
				}
			}
			return true
		})
		time.Sleep(6 * time.Second)
		n.mu.Lock()
		defer n.mu.Unlock()
		for link, count := range counts {
			if count != 1 {
				t.Errorf("%d copies from %s to %s", count, link[0], link[1])
			}
		}
		if len(counts) != len(nodes)-1 {
			t.Errorf("%d links carried it, want %d", len(counts), len(nodes)-1)
		}
	})
}

func (n *testNet) byFingerprint(fp omega.Fingerprint) *node {
	for _, nd := range n.all() {
		if nd.id.Account() == fp {
			return nd
		}
	}
	n.t.Fatalf("no server %v", fp)
	return nil
}

// One in ten servers lets everything vanish that it should carry. Of messages
// between the others 99.9 % arrive within three seconds, although nobody can
// dial.
func TestBlackHoles(t *testing.T) {
	const count, each = 20, 60
	inBubble(t, func(t *testing.T, n *testNet) {
		var edges []string // four per server
		for i := range count {
			for _, far := range []int{1, 7} {
				edges = append(edges, string(rune('A'+i))+string(rune('A'+(i+far)%count)))
			}
		}
		byName := n.shape(strings.Join(edges, " "), nil)
		nodes := n.all()
		if len(byName) != count || len(nodes) != count {
			t.Fatalf("%d servers", len(byName))
		}
		rng := rand.New(rand.NewPCG(1, 2))
		carries := map[*node]int{} // over all ways
		for _, nd := range nodes {
			for _, other := range nodes {
				for _, fp := range other.between(nd.id.Account()) {
					carries[n.byFingerprint(fp)]++
				}
			}
		}
		slices.SortStableFunc(nodes, func(a, b *node) int { return carries[b] - carries[a] }) // the busiest are bad
		bad, good := map[string]omega.Fingerprint{}, nodes[count/10:]
		for _, nd := range nodes[:count/10] {
			bad[nd.addr] = nd.id.Account()
		}
		n.setTap(func(from, to string, f wire.Frame) bool {
			fp, isBad := bad[from]
			if !isBad || f.Type != wire.TypePacket {
				return false
			}
			p, err := wire.ParsePacket(f.Body)
			return err == nil && p.Source() != fp
		})
		streams := make(chan *stream)
		for i, a := range good {
			b := good[(i+1+rng.IntN(len(good)-2))%len(good)]
			go func() { streams <- n.stream(a, b, a.addr+" ", each, 50*time.Millisecond) }()
		}
		var all []*stream
		for range good {
			all = append(all, <-streams)
		}
		time.Sleep(6 * time.Second)
		total, late, twice := 0, 0, 0
		var slowest time.Duration
		for _, s := range all {
			s.to.mu.Lock()
			for msg, at := range s.sent {
				total++
				switch took := s.to.when[msg].Sub(at); {
				case s.to.copies[msg] == 0 || took > 3*time.Second:
					late++
				case s.to.copies[msg] > 1:
					twice++
				default:
					slowest = max(slowest, took)
				}
			}
			s.to.mu.Unlock()
		}
		var retried uint64
		for _, nd := range good {
			retried += nd.Stats().Retried
		}
		t.Logf("%d messages, %d repetitions, the slowest took %v", total, retried, slowest)
		if late*1000 > total || twice > 0 {
			t.Errorf("of %d messages %d came late or not at all, %d more than once", total, late, twice)
		}
		if retried == 0 {
			t.Error("no black hole was on any way")
		}
	})
}

// Nothing is routed through a server that refuses transit, and it gets and sends
// its own; who sends it packets for others is refused.
func TestNoTransit(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.shape("AB BD BE AC AF CE CF CG EF FG EG DE DG", func(name string, cfg *Config) {
			if name == "B" {
				cfg.Announcement.Flags &^= mesh.FlagTransit
			}
		})
		a, b, d := nodes["A"], nodes["B"], nodes["D"]
		for _, s := range []*stream{
			n.stream(a, d, "past ", 20, 10*time.Millisecond), n.stream(a, b, "to ", 20, 10*time.Millisecond), n.stream(b, d, "from ", 20, 10*time.Millisecond),
		} {
			time.Sleep(time.Second)
			s.check(t)
		}
		if st := b.Stats(); st.Forwarded > 0 || st.Refused > 0 {
			t.Errorf("it forwarded %d packets and refused %d", st.Forwarded, st.Refused)
		}
		if hops := a.Trace(d.id.Account()).Hops; len(hops) != 3 { // by B it would be two
			t.Errorf("the way is %v", hops)
		}
		// A server that sends it packets for others all the same gets them back,
		// and they go another way.
		l := a.table.Load().links[b.id.Account()]
		p, err := a.wrap(d.id.Account(), wire.ClassText, 0, []byte("through it"), a.nextPacketID(), true)
		if err != nil || l.post(p, p.view(), a.now()) != nil {
			t.Fatal(err)
		}
		n.await("the refused packet", time.Second, func() bool { return d.received("through it") != "" })
		if st := b.Stats(); st.Refused != 1 {
			t.Errorf("it refused %d packets, want 1", st.Refused)
		}
	})
}

// The courier sleeps while nothing is under way.
func TestCourierSleeps(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(2, nil)
		for range 3 {
			nodes[0].sendTo(nodes[1], "hello")
			time.Sleep(time.Second)
			synctest.Wait()
			if nodes[0].courier.active.Load() {
				t.Fatal("it looks although nothing is under way")
			}
		}
	})
}

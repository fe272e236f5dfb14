package cloud

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// requestOf is what a newcomer with a good plan sends.
func requestOf(from, to *node, plan ...*node) *wire.LinkRequest {
	q := &wire.LinkRequest{
		Purpose: uint8(mesh.ReasonJoin), Nonce: [16]byte{1}, Issued: time.Now(), Asker: from.id.Account(), Candidate: to.id.Account(),
		Operator: "newcomer",
	}
	for _, nd := range plan {
		q.Plan = append(q.Plan, nd.id.Account())
	}
	sortPlan(q)
	return q
}

// askOver sends a request and returns the answer: the refusal, or nil and the
// offer.
func askOver(t *testing.T, conn *memConn, q *wire.LinkRequest) (*wire.LinkRefusal, *wire.LinkOffer) {
	t.Helper()
	b, err := q.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SendFrame(wire.TypeLinkRequest, 0, b); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := conn.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f.Type {
		case wire.TypeLinkRefusal:
			r, err := wire.DecodeLinkRefusal(f.Body)
			if err != nil || r.Nonce != q.Nonce {
				t.Fatalf("refusal %+v, %v", r, err)
			}
			return r, nil
		case wire.TypeLinkOffer:
			o, err := wire.DecodeLinkOffer(f.Body)
			if err != nil || o.Nonce != q.Nonce {
				t.Fatalf("offer %+v, %v", o, err)
			}
			return nil, o
		}
	}
}

// connect is a connection of a server that does not run to one that does.
func (n *testNet) connect(from, to *node) *memConn {
	mine, theirs := newPipe(n, from, to)
	to.wg.Go(func() { to.Accept(to.ctx, theirs) })
	return mine
}

func TestCandidateRefuses(t *testing.T) {
	rows := []struct {
		name   string
		change func(q *wire.LinkRequest, nodes []*node)
		want   mesh.Refusal
	}{
		{"a good plan", func(*wire.LinkRequest, []*node) {}, mesh.RefusalNone},
		{"for somebody else", func(q *wire.LinkRequest, nodes []*node) { q.Candidate = nodes[1].id.Account() }, mesh.RefusalMistake},
		{"of somebody else", func(q *wire.LinkRequest, nodes []*node) { q.Asker = nodes[1].id.Account() }, mesh.RefusalMistake},
		{"a clock that is ahead", func(q *wire.LinkRequest, _ []*node) { q.Issued = q.Issued.Add(3 * time.Minute) }, mesh.RefusalClock},
		{"a clock that is behind", func(q *wire.LinkRequest, _ []*node) { q.Issued = q.Issued.Add(-3 * time.Minute) }, mesh.RefusalClock},
		{"a denied operator", func(q *wire.LinkRequest, _ []*node) { q.Operator = "denied" }, mesh.RefusalDenied},
		{"too few links", func(q *wire.LinkRequest, _ []*node) { q.Plan = q.Plan[:1] }, mesh.RefusalLinks},
		{"links to nobody", func(q *wire.LinkRequest, nodes []*node) {
			for i := range q.Plan {
				if q.Plan[i] != nodes[0].id.Account() {
					q.Plan[i] = identity(t, fmt.Sprint("nobody ", i)).Account()
				}
			}
			sortPlan(q)
		}, mesh.RefusalLinks},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nodes := n.cloudOf(4, func(_ int, cfg *Config) { cfg.Deny.Operators = []string{"denied"} })
				time.Sleep(acceptWindow) // what the cloud itself was offered is past
				newcomer := n.add(9, nil)
				conn := n.connect(newcomer, nodes[0])
				defer conn.Close()
				q := requestOf(newcomer, nodes[0], nodes[:3]...)
				row.change(q, nodes)
				refusal, offer := askOver(t, conn, q)
				if row.want == mesh.RefusalNone {
					checkOffer(t, nodes[0], newcomer, offer)
				} else if refusal == nil || mesh.Refusal(refusal.Reason) != row.want || refusal.Text == "" || refusal.Retry <= 0 {
					t.Errorf("answer %+v, want %v", refusal, row.want)
				}
			})
		})
	}
}

func sortPlan(q *wire.LinkRequest) { slices.SortFunc(q.Plan, omega.Fingerprint.Compare) }

func checkOffer(t *testing.T, candidate, asker *node, o *wire.LinkOffer) {
	t.Helper()
	if o == nil || o.Asker != asker.id.Account() || o.Candidate != candidate.id.Account() || !o.Expires.After(time.Now()) {
		t.Fatalf("offer %+v", o)
	}
	dev := candidate.id.Certificate.Active(time.Now())[0]
	if err := pgp.VerifyCompact(dev.Signing, o.Signed(), time.Unix(o.Sig.Time, 0), pgp.Compact(o.Sig.Bytes)); err != nil {
		t.Error(err)
	}
}

// Five offers in ten seconds; to ask for an explanation costs none of them.
// Without an offer the link flag alone makes no link.
func TestOffersAreRationed(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(4, nil)
		time.Sleep(acceptWindow)
		ask := func(i int, flags uint8) mesh.Refusal {
			newcomer := n.add(20+i, nil)
			conn := n.connect(newcomer, nodes[0])
			defer conn.Close()
			q := requestOf(newcomer, nodes[0], nodes[:3]...)
			q.Flags = flags
			refusal, _ := askOver(t, conn, q)
			if refusal == nil {
				return mesh.RefusalNone
			}
			return mesh.Refusal(refusal.Reason)
		}
		for i := range 2 * maxAccepts {
			if why := ask(i, wire.RequestExplain); why != mesh.RefusalNone {
				t.Fatalf("explanation %d: %v", i, why)
			}
		}
		for i := range maxAccepts {
			if why := ask(20+i, 0); why != mesh.RefusalNone {
				t.Fatalf("request %d: %v", i, why)
			}
		}
		if why := ask(30, 0); why != mesh.RefusalBusy {
			t.Errorf("one more: %v", why)
		}
		time.Sleep(acceptWindow)
		if why := ask(31, 0); why != mesh.RefusalNone {
			t.Errorf("ten seconds later: %v", why)
		}
		pushy := n.connect(n.add(60, nil), nodes[0])
		defer pushy.Close()
		pushy.SendFrame(wire.TypeHello, 0, appendHello(nil, 0, true))
		time.Sleep(time.Second)
		if st := nodes[0].Stats(); st.Links != 3 {
			t.Errorf("%d links, want 3", st.Links)
		}
	})
}

// A newcomer becomes a full member with one announcement, from no links to all
// that it needs.
func TestNewcomerJoinsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(8, nil)
		newcomer := n.add(8, nil)
		newcomer.start(nodes[0])
		me := newcomer.id.Account()
		took := n.await("it is a member", 5*time.Second, func() bool {
			st := nodes[5].Topology().States[me]
			if st == mesh.Probationary {
				t.Error("it was on probation in between")
			}
			return st == mesh.Full
		})
		t.Logf("after %v with %d announcements", took, newcomer.Stats().Announced)
		if d := newcomer.Stats().Links; d < mesh.RequiredLinks {
			t.Errorf("%d links", d)
		}
	})
}

// Probation: a server with one link is in no list of proxies.
func TestProbationIsNotListed(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(5, nil)
		late := n.add(5, nil)
		for _, nd := range nodes[1:] {
			n.set(n.cut, late, nd, true)
		}
		late.start(nodes[0])
		time.Sleep(20 * time.Second)
		top := nodes[3].Topology()
		if st := top.States[late.id.Account()]; st != mesh.Probationary && st != mesh.Unreachable {
			t.Errorf("with one server that it can reach it is %v", st)
		}
		if len(top.Bridges) > 0 {
			t.Errorf("bridges %v", top.Bridges)
		}
		for _, b := range nodes[3].Announcements() {
			if mesh.Origin(b) == late.id.Account() && top.States[late.id.Account()] == mesh.Probationary {
				t.Error("it is listed")
			}
		}
	})
}

// Who is on a deny list is neither asked nor accepted, and the cloud forms
// around that.
func TestDenied(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		a := identity(t, "server 0").Account()
		nodes := n.cloudOf(7, func(i int, cfg *Config) {
			if i == 6 {
				cfg.Deny.Servers = []omega.Fingerprint{a}
			}
		})
		time.Sleep(time.Minute)
		if n.linked(nodes[0], nodes[6]) {
			t.Error("there is a link between the two")
		}
		if !n.agree(nodes) {
			t.Error("the cloud is not whole")
		}
	})
}

// TestRefused: a server that the cloud gives no link says by whom and why, until it
// has one.
func TestRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(4, func(_ int, cfg *Config) { cfg.Deny.Operators = []string{"denied"} })
		for _, x := range nodes {
			if r, refused := x.Refused(); refused {
				t.Errorf("a member is refused: %+v", r)
			}
		}
		out := n.add(9, func(cfg *Config) { cfg.Announcement.Operator = "denied" })
		out.start(nodes[0])
		time.Sleep(time.Minute)
		r, refused := out.Refused()
		if !refused || r.Why != mesh.RefusalDenied || r.Text == "" || !r.Again.After(time.Now()) {
			t.Fatalf("refused %v: %+v", refused, r)
		}
		time.Sleep(2 * time.Hour)
		if _, still := out.Refused(); !still {
			t.Error("it is not refused any more, although nothing has changed")
		}
	})
}

// vouchFor is a certification of of's certificate by the server named by.
func vouchFor(t *testing.T, by, of int) []byte {
	t.Helper()
	b, err := pgp.Certify(t.Context(), primaryOf(t, fmt.Sprint("server ", by)), identity(t, fmt.Sprint("server ", of)).Certificate, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// With a policy of two, a newcomer needs certifications by members of two
// operators; forged ones, its own and those of strangers do not help. A member
// that comes back needs none.
func TestVouching(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(4, func(i int, cfg *Config) {
			cfg.Vouch = 2
			for by := range i { // founders know each other
				cfg.Vouches = append(cfg.Vouches, vouchFor(t, by, i))
			}
			for by := i + 1; by < 4; by++ {
				cfg.Vouches = append(cfg.Vouches, vouchFor(t, by, i))
			}
		})
		time.Sleep(acceptWindow)
		newcomer := n.add(4, nil)
		for _, row := range []struct {
			name    string
			vouches [][]byte
			want    mesh.Refusal
		}{
			{"none", nil, mesh.RefusalVouch},
			{"one", [][]byte{vouchFor(t, 0, 4)}, mesh.RefusalVouch},
			{"one twice", [][]byte{vouchFor(t, 0, 4), vouchFor(t, 0, 4)}, mesh.RefusalVouch},
			{"one, and one for another", [][]byte{vouchFor(t, 0, 4), vouchFor(t, 1, 5)}, mesh.RefusalVouch},
			{"one, and one of a stranger", [][]byte{vouchFor(t, 0, 4), vouchFor(t, 9, 4)}, mesh.RefusalVouch},
			{"octets", [][]byte{{1, 2, 3}, {}}, mesh.RefusalVouch},
			{"two", [][]byte{vouchFor(t, 0, 4), vouchFor(t, 1, 4)}, mesh.RefusalNone},
		} {
			conn := n.connect(newcomer, nodes[2])
			q := requestOf(newcomer, nodes[2], nodes[:3]...)
			q.Vouches = row.vouches
			why := mesh.RefusalNone
			if refusal, _ := askOver(t, conn, q); refusal != nil {
				why = mesh.Refusal(refusal.Reason)
			}
			if why != row.want {
				t.Errorf("%s: %v, want %v", row.name, why, row.want)
			}
			conn.Close()
			time.Sleep(time.Second)
		}
		for _, nd := range nodes[:3] {
			nd.remember(nodes[3], time.Now())
		}
		nodes[3].stop() // a founder returns without showing anything
		nodes[3].edit = func(cfg *Config) { cfg.Vouch = 2 }
		time.Sleep(5 * time.Second)
		nodes[3].start(nodes[0])
		n.await("the member is back", 30*time.Second, func() bool { return n.agree(nodes) })
	})
}

// vouchingCloud is a cloud of four that know each other and want newcomers to be
// vouched for.
func (n *testNet) vouchingCloud(t *testing.T) []*node {
	t.Helper()
	return n.cloudOf(4, func(i int, cfg *Config) {
		cfg.Vouch = 2
		for by := range 4 {
			if by != i {
				cfg.Vouches = append(cfg.Vouches, vouchFor(t, by, i))
			}
		}
	})
}

// A newcomer that is refused waits as long as it is told, ten minutes, also where
// the connection ended meanwhile.
func TestRefusedNewcomerWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.vouchingCloud(t)
		time.Sleep(acceptWindow)
		newcomer := n.add(4, nil)
		asked := map[string][]time.Duration{}
		began := time.Now()
		n.setTap(func(from, to string, f wire.Frame) bool {
			if from == newcomer.addr && f.Type == wire.TypeLinkRequest {
				asked[to] = append(asked[to], time.Since(began))
			}
			return false
		})
		newcomer.start(nodes[0])
		time.Sleep(5 * time.Minute)
		n.setTap(nil)
		for _, nd := range nodes {
			if times := asked[nd.addr]; len(times) != 1 {
				t.Errorf("%s was asked after %v, want once", nd.addr, times)
			}
			if n.linked(nd, newcomer) {
				t.Errorf("%s links to it", nd.addr)
			}
		}
	})
}

// Members that want newcomers to be vouched for do not look for one that was never
// a member, though it says that it had links to all of them.
func TestMembersSeekNobodyUnvouched(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.vouchingCloud(t)
		liar := n.add(9, nil)
		conn := n.connect(liar, nodes[0])
		conn.SendFrame(wire.TypeLSA, 0, liar.says(t, 1, linksTo(nodes...)))
		n.await("everybody has heard of it", time.Second, func() bool { return len(nodes[3].Servers()) == 5 })
		conn.Close()
		liar.start() // it waits to be found
		for range 60 {
			time.Sleep(10 * time.Second)
			for _, nd := range nodes {
				if n.linked(nd, liar) {
					t.Fatalf("%s links to it", nd.addr)
				}
			}
		}
	})
}

// explain runs Explain as a server that is not in the cloud.
func (nd *node) explain(ctx context.Context, via *node, edit func(*Config)) (*Explanation, error) {
	cfg := Config{
		Identity: nd.id, Dial: nd.dial, Announcement: mesh.Announcement{Operator: "newcomer", Flags: mesh.FlagTransit},
		Bootstrap: []transport.Address{{Network: transport.NetworkTLS, HostPort: via.addr, Fingerprint: via.id.Account()}},
	}
	if edit != nil {
		edit(&cfg)
	}
	return Explain(ctx, cfg)
}

// An explanation says what would happen, and nobody notices.
func TestExplain(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(6, nil)
		time.Sleep(acceptWindow)
		before, err := nodes[3].Digest()
		if err != nil {
			t.Fatal(err)
		}
		newcomer := n.add(9, nil)
		e, err := newcomer.explain(t.Context(), nodes[2], nil)
		if err != nil {
			t.Fatal(err)
		}
		if !e.Joins() || e.Known != 6 || e.Refused != 0 || e.Plan.Members != 6 || len(e.Answers) != mesh.TargetLinks || e.Entry != nodes[2].id.Account() {
			t.Errorf("%+v %+v", e, e.Plan)
		}
		for fp, a := range e.Answers {
			if a.Err != nil || a.Refusal != mesh.RefusalNone || a.RTT == 0 {
				t.Errorf("%s answers %+v", n.name(fp), a)
			}
		}
		n.set(n.refuse, newcomer, nodes[0], true)
		e, err = newcomer.explain(t.Context(), nodes[2], func(cfg *Config) { cfg.Announcement.Operator = "operator of " + nodes[2].addr })
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range e.Plan.Candidates {
			if c.Server == nodes[2].id.Account() && c.Verdict != mesh.PassedOperator {
				t.Errorf("a server of its own operator: %v", c.Verdict)
			}
			if a, asked := e.Answers[c.Server]; asked && c.Server == nodes[0].id.Account() && a.Err == nil {
				t.Error("who cannot be dialled answers")
			}
		}
		time.Sleep(time.Minute)
		if after, err := nodes[3].Digest(); err != nil || after != before {
			t.Errorf("the database has changed, %v", err)
		}
		if _, err := newcomer.explain(t.Context(), nodes[0], nil); err == nil || !strings.Contains(err.Error(), nodes[0].addr) {
			t.Errorf("a member that cannot be reached: %v", err)
		}
	})
}

// A newcomer measures the servers that it could ask before it chooses: the
// nearest two get a link, wherever the one is that it met first.
func TestNewcomerMeasures(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(9, nil)
		time.Sleep(acceptWindow)
		near := map[omega.Fingerprint]bool{nodes[4].id.Account(): true, nodes[7].id.Account(): true}
		var mu sync.Mutex
		asked := map[omega.Fingerprint]int{}
		newcomer := n.add(12, func(cfg *Config) {
			cfg.Probe = func(ctx context.Context, to transport.Address) (time.Duration, error) {
				mu.Lock()
				asked[to.Fingerprint]++
				mu.Unlock()
				if near[to.Fingerprint] {
					return time.Microsecond, nil
				}
				<-ctx.Done() // too far
				return 0, context.Cause(ctx)
			}
		})
		newcomer.start(nodes[0])
		n.await("the newcomer is a member", 30*time.Second, func() bool { return n.agree(append(slices.Clone(nodes), newcomer)) })
		linked := 0
		for _, s := range newcomer.Topology().Links {
			if s.A == newcomer.id.Account() && near[s.B] || s.B == newcomer.id.Account() && near[s.A] {
				linked++
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if linked != len(near) || len(asked) != len(nodes) {
			t.Errorf("%d links to the %d nearest, %d of %d servers measured", linked, len(near), len(asked), len(nodes))
		}
		for fp, times := range asked {
			if times != 1 {
				t.Errorf("%s was measured %d times", n.name(fp), times)
			}
		}
	})
}

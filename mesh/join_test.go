package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"pgregory.net/rapid"
)

// memberDB is a database of the servers and links of g, all of them full
// members if they have the links for it, and each its own operator.
func memberDB(g *Graph) *DB {
	db := NewDB(Config{Self: g.nodes[0], Verify: fakeVerify})
	for i, f := range g.nodes {
		a := &Announcement{Server: f, Flags: FlagTransit, Peer: "192.0.2.1:1", Operator: nameOf(f), Issued: t0, Expires: t0.Add(MaxAge)}
		for _, arc := range g.arcsOf(int32(i)) {
			a.Links = append(a.Links, Link{g.nodes[arc.to], time.Duration(arc.cost) * time.Microsecond})
		}
		db.put(&Record{Announcement: a})
	}
	return db
}

// A plan is judged as plain search over the graph with the newcomer in it says.
func TestJudgeJoinAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := seeded(rapid.Uint64().Draw(t, "seed"))
		g := randomGraph(rng, rapid.IntRange(1, 12).Draw(t, "n"), rapid.Float64Range(0.2, 0.9).Draw(t, "p"))
		v := memberDB(g).View(t0, new(Standing))
		a := Applicant{Server: fp("zz newcomer"), Operator: "newcomer"}
		var plan []omega.Fingerprint
		for _, f := range g.nodes {
			if rng.Float64() < 0.4 {
				plan = append(plan, f)
			}
		}
		got, text := v.JudgeJoin(a, plan)
		if want := bruteJudge(v, a, plan); got != want {
			t.Fatalf("%v (%s), want %v: plan %v in %v", got, text, want, plan, g.Edges())
		}
	})
}

func bruteJudge(v *View, a Applicant, plan []omega.Fingerprint) Refusal {
	members := 0
	for _, st := range v.States {
		if st > Leaf {
			members++
		}
	}
	links := 0
	for _, f := range plan {
		if v.State(f) > Leaf {
			links++
		}
	}
	if links < min(RequiredLinks, members) {
		return RefusalLinks
	}
	full := v.Full()
	if full.Len() < 2 {
		return RefusalNone
	}
	edges := full.Edges()
	servers := append(slices.Clone(full.Servers()), a.Server)
	for _, f := range plan {
		if full.Has(f) {
			edges = append(edges, Edge{f, a.Server, 1})
		}
	}
	before, after := bruteBridges(full), bruteBridges(NewGraph(servers, edges, nil))
	for _, e := range after {
		if e.A == a.Server || e.B == a.Server {
			return RefusalBridge
		}
	}
	if len(after) > 0 && len(after) >= len(before) {
		return RefusalBridge
	}
	return RefusalNone
}

func bruteBridges(g *Graph) (out []Edge) {
	whole := parts(adjacency(g))
	for id := range g.edges {
		if parts(adjacency(g, id)) > whole {
			out = append(out, g.edge(int32(id)))
		}
	}
	return out
}

// A cloud that grows by the plan alone keeps its promise after every join, and
// every candidate agrees with every plan.
func TestGrowthByPlan(t *testing.T) {
	for seed := range uint64(3) {
		rng := seeded(40 + seed)
		links := map[omega.Fingerprint][]Link{}
		for n := range 60 {
			name := fmt.Sprintf("s%03d", (n*37+int(seed))%1000)
			a := Applicant{Server: fp(name), Operator: fmt.Sprint("op ", rng.IntN(12)), Site: fmt.Sprint("site ", rng.IntN(20))}
			if n > 0 {
				joinByPlan(t, grownDB(links), links, a, n)
			}
			operators[a.Server], sites[a.Server] = a.Operator, a.Site
			if n == 0 {
				links[a.Server] = nil
			}
			g := grownDB(links).View(t0, new(Standing)).Full()
			if g.Len() != n+1 || g.MinDegree() < Required(n+1) || g.Connectivity() < Required(n+1) {
				t.Fatalf("seed %d: after %d joins: %d full members, least degree %d, connectivity %d", seed, n, g.Len(), g.MinDegree(), g.Connectivity())
			}
		}
	}
}

// What the servers of TestGrowthByPlan say about themselves.
var operators, sites = map[omega.Fingerprint]string{}, map[omega.Fingerprint]string{}

func grownDB(links map[omega.Fingerprint][]Link) *DB {
	db := NewDB(Config{Self: fp("nobody"), Verify: fakeVerify})
	for f, l := range links {
		db.cfg.Self = f
		a := &Announcement{
			Server: f, Flags: FlagTransit, Peer: "192.0.2.1:1", Operator: operators[f], Site: sites[f], Issued: t0, Expires: t0.Add(MaxAge),
			Links: slices.SortedFunc(slices.Values(l), func(x, y Link) int { return x.Peer.Compare(y.Peer) }),
		}
		db.put(&Record{Announcement: a})
	}
	return db
}

func joinByPlan(t *testing.T, db *DB, links map[omega.Fingerprint][]Link, a Applicant, n int) {
	t.Helper()
	v := db.View(t0, new(Standing))
	p := v.PlanJoin(JoinInput{Applicant: a}, seeded(uint64(n)))
	chosen := p.Chosen()
	if p.Problem != RefusalNone || len(chosen) < min(TargetLinks, n) && len(chosen) < p.Required || p.Required > n {
		t.Fatalf("join %d: %v with %d chosen, %d required", n, p.Problem, len(chosen), p.Required)
	}
	owners := map[string]bool{}
	for _, c := range p.Candidates {
		if c.Verdict.Chosen() {
			owners[c.Operator] = true
		}
	}
	all := map[string]bool{}
	for f := range links {
		all[operators[f]] = true
	}
	delete(all, a.Operator)
	if want := min(len(chosen), len(all), RequiredLinks); len(owners) < want {
		t.Fatalf("join %d: %d operators of %d, want %d", n, len(owners), len(all), want)
	}
	if why, text := v.JudgeJoin(a, chosen); why != RefusalNone {
		t.Fatalf("join %d: a member says %v: %s", n, why, text)
	}
	for _, f := range chosen {
		rtt := time.Duration(1+n%50) * time.Millisecond
		links[a.Server] = append(links[a.Server], Link{f, rtt})
		links[f] = append(links[f], Link{a.Server, rtt})
	}
}

// After the sample a newcomer measures those around the nearest of it, nearest
// first, and nobody twice or who could not be asked.
func TestProbeNear(t *testing.T) {
	links := map[omega.Fingerprint][]Link{}
	link := func(a, b string, rtt time.Duration) {
		links[fp(a)] = append(links[fp(a)], Link{fp(b), rtt})
		links[fp(b)] = append(links[fp(b)], Link{fp(a), rtt})
	}
	for i := range 200 { // a ring of growing steps, and everybody's link to one far away
		link(fmt.Sprintf("r%03d", i), fmt.Sprintf("r%03d", (i+1)%200), time.Duration(1+i)*time.Millisecond)
		link(fmt.Sprintf("r%03d", i), "hub", time.Second)
	}
	v := grownDB(links).View(t0, new(Standing))
	rtt := map[omega.Fingerprint]time.Duration{}
	in := JoinInput{
		Applicant: Applicant{Server: fp("newcomer")},
		RTT:       func(f omega.Fingerprint) (time.Duration, bool) { d, ok := rtt[f]; return d, ok },
		Skip:      func(f omega.Fingerprint) bool { return f == fp("r052") },
	}
	sample := []omega.Fingerprint{fp("r047"), fp("r050"), fp("r051"), fp("r100")}
	if near := v.ProbeNear(in, sample); len(near) > 0 {
		t.Errorf("nothing was measured, and near that are %d servers", len(near))
	}
	rtt[fp("r100")], rtt[fp("r050")], rtt[fp("r051")] = 9*time.Millisecond, 3*time.Millisecond, 4*time.Millisecond
	near := v.ProbeNear(in, sample)
	if len(near) != ProbeServers {
		t.Fatalf("%d servers near the nearest, want %d", len(near), ProbeServers)
	}
	ways := v.Graph.SPF(fp("r050"))
	last := time.Duration(0)
	for _, f := range near {
		d, _ := ways.Distance(f)
		if _, known := rtt[f]; known || f == fp("r052") || f == fp("r047") || f == fp("hub") || d < last {
			t.Errorf("%v at %v after %v", nameOf(f), d, last)
		}
		last = d
	}
	if near[0] != fp("r049") {
		t.Errorf("first %v, want r049", nameOf(near[0]))
	}
}

// Who was a member before asks those it had links to, the nearest first and no
// more than it keeps, and measures nobody; if too few of them are there, others
// make up for it. (spec/cloud.md, CLOUD-45)
func TestFormerLinksFirst(t *testing.T) {
	rng := seeded(5)
	v := memberDB(meshGraph(rng, 200, 8)).View(t0, new(Standing))
	in := JoinInput{Applicant: Applicant{Server: fp("zz back")}}
	for i := range 11 {
		in.Former = append(in.Former, Link{fp(fmt.Sprintf("s%05d", 10*i)), time.Duration(100-i) * time.Millisecond})
	}
	in.Former = append(in.Former, Link{fp("gone"), time.Millisecond})
	fit := map[omega.Fingerprint]bool{}
	for _, c := range v.PlanJoin(JoinInput{Applicant: in.Applicant}, seeded(1)).Candidates {
		fit[c.Server] = c.Verdict < UnfitFull
	}
	var want []omega.Fingerprint
	for _, l := range slices.Backward(in.Former[:11]) {
		if fit[l.Peer] && len(want) < SurplusLinks {
			want = append(want, l.Peer)
		}
	}
	if len(want) < TargetLinks {
		t.Fatalf("%d of the former ones take links: the test shows nothing", len(want))
	}
	if got := v.PlanJoin(in, rng).Chosen(); !slices.Equal(got, want) {
		t.Errorf("chosen %v, want %v", got, want)
	}
	if n := len(v.ProbeSample(in, rng)); n != 0 {
		t.Errorf("%d servers measured", n)
	}
	in.Skip = func(f omega.Fingerprint) bool { return slices.Contains(want[1:], f) }
	in.Former = []Link{{want[0], time.Millisecond}, {want[1], time.Millisecond}}
	got := v.PlanJoin(in, rng).Chosen()
	if len(got) != TargetLinks || got[0] != want[0] || slices.Contains(got, want[1]) {
		t.Errorf("chosen %v, want %v and others up to %d", got, want[0], TargetLinks)
	}
	if n := len(v.ProbeSample(in, rng)); n != ProbeServers {
		t.Errorf("%d servers measured, want %d", n, ProbeServers)
	}
}

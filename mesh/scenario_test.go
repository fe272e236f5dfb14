package mesh

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

var update = flag.Bool("update", false, "rewrite the expected output of the scenarios")

// TestScenarios runs testdata/*.txt. A scenario is a list of commands, one per
// line; what a command prints stands under it, indented by two spaces. Lines
// with # are comments. Commands:
//
//	server A [operator=X] [site=Y] [nat] [leaf] [draining] [undialable]
//	link A B RTT        both announce a link
//	claim A B RTT       only A announces it
//	cut A B             both withdraw it
//	dead A              all its neighbours withdraw their links to it
//	freeze A            A hears of nothing any more: what it sees is stale
//	thaw A              it hears of everything again
//	wait DURATION       time passes
//	topology A          what A tells people
//	routes A            next hop and round trip to everyone, as A computes it
//	hop A B [A-C B-C]   next hop from A to B without the dead links
//	split A B,C [A-C]   destinations by next hop, without the dead links
//	bypass A            for each link of A the way around it
//	join N [operator=X] [site=Y] [entry=A] [seed=N] [skip=B,C]    how newcomer N plans to join
//	judge A N B,C [operator=X]    what A says to N that plans links to B and C
//	plan A [seed=N] [quiet=D] [skip=B,C] [links=B,C]    whom A dials (links: those announced)
//	look A [rtt=B:5ms,C:9ms] [skip=B,C] [links=B,C]    whom A, which measured those, asks for a nearer link
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newScenario(t).run(string(b))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(b) {
				t.Errorf("%s says\n%s\nwant\n%s", file, got, b)
			}
		})
	}
}

type scenario struct {
	t         *testing.T
	now       time.Time
	servers   map[string]*Announcement
	order     []string
	standings map[string]*Standing
	frozen    map[string]map[string]*Announcement // by server: what it saw last
}

func newScenario(t *testing.T) *scenario {
	return &scenario{t: t, now: t0, servers: map[string]*Announcement{}, standings: map[string]*Standing{}, frozen: map[string]map[string]*Announcement{}}
}

// run returns the scenario as it should read.
func (s *scenario) run(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "  ") {
			continue // expected output
		}
		out.WriteString(line)
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		for printed := range strings.Lines(s.command(words[0], words[1:])) {
			out.WriteString("  " + printed)
		}
	}
	return out.String()
}

func (s *scenario) command(verb string, args []string) string {
	switch verb {
	case "server":
		s.server(args)
	case "link":
		s.claim(args[0], args[1], args[2])
		s.claim(args[1], args[0], args[2])
	case "claim":
		s.claim(args[0], args[1], args[2])
	case "cut":
		s.withdraw(args[0], args[1])
		s.withdraw(args[1], args[0])
	case "dead":
		for _, name := range s.order {
			s.withdraw(name, args[0])
		}
	case "freeze":
		s.frozen[args[0]] = map[string]*Announcement{}
		for name, a := range s.servers {
			copied := *a
			s.frozen[args[0]][name] = &copied
		}
	case "thaw":
		delete(s.frozen, args[0])
	case "wait":
		s.now = s.now.Add(s.duration(args[0]))
	case "topology":
		return s.topology(args[0])
	case "routes":
		return s.routes(args[0])
	case "hop":
		return s.hop(args[0], args[1], args[2:])
	case "split":
		return s.split(args[0], args[1], args[2:])
	case "bypass":
		return s.bypass(args[0])
	case "join":
		return s.join(args[0], args[1:])
	case "judge":
		return s.judge(args[0], args[1], args[2], args[3:])
	case "plan":
		return s.plan(args[0], args[1:])
	case "look":
		return s.look(args[0], args[1:])
	default:
		s.t.Fatalf("unknown command %s", verb)
	}
	return ""
}

func (s *scenario) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *scenario) server(args []string) {
	a := &Announcement{Flags: FlagTransit, Peer: "192.0.2.1:1", Name: args[0], Operator: args[0]}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "operator":
			a.Operator = value
		case "site":
			a.Site = value
		case "nat":
			a.Flags |= FlagNAT
		case "leaf":
			a.Flags &^= FlagTransit
		case "draining":
			a.Flags |= FlagDraining
		case "undialable":
			a.Peer = ""
		default:
			s.t.Fatalf("server %s: %s?", args[0], arg)
		}
	}
	s.servers[args[0]] = a
	s.order = append(s.order, args[0])
	s.standings[args[0]] = new(Standing)
}

func (s *scenario) claim(from, to, rtt string) {
	a := s.servers[from]
	s.withdraw(from, to)
	a.Links = append(a.Links, Link{fp(to), s.duration(rtt)})
	slices.SortFunc(a.Links, func(x, y Link) int { return x.Peer.Compare(y.Peer) })
}

func (s *scenario) withdraw(from, to string) {
	a := s.servers[from]
	a.Links = slices.DeleteFunc(slices.Clone(a.Links), func(l Link) bool { return l.Peer == fp(to) })
}

// view is the scenario through the database of one server: everything is
// announced, signed, decoded and verified on the way.
func (s *scenario) view(self string) *View {
	db := newTestDB(self)
	seen := s.servers
	if old := s.frozen[self]; old != nil {
		seen = old
	}
	for _, name := range s.order {
		if seen[name] == nil {
			continue // not heard of
		}
		a := *seen[name]
		if name == self {
			if _, err := db.Originate(s.now, a, signAs(fp(name))); err != nil {
				s.t.Fatal(err)
			}
			continue
		}
		a.Server, a.Sequence = fp(name), uint64(s.now.Sub(t0))+1
		a.Issued = s.now.Truncate(time.Millisecond)
		a.Expires = a.Issued.Add(MaxAge)
		b, err := a.Sign(signAs(a.Server))
		if err != nil {
			s.t.Fatal(err)
		}
		mustApply(s.t, db, s.now, b)
	}
	return db.View(s.now, s.standings[self])
}

func names(fps []omega.Fingerprint) string {
	var out []string
	for _, f := range fps {
		out = append(out, nameOf(f))
	}
	return strings.Join(out, " ")
}

func linkNames(edges []Edge) string {
	var out []string
	for _, e := range edges {
		out = append(out, nameOf(e.A)+"-"+nameOf(e.B))
	}
	return strings.Join(out, " ")
}

func (s *scenario) topology(self string) string {
	top := s.view(self).Topology(seeded(1).Uint64)
	byState := map[ServerState][]string{}
	for _, r := range top.Servers {
		byState[top.States[r.Server]] = append(byState[top.States[r.Server]], nameOf(r.Server))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v, connectivity %d, least degree %d, %d two-cuts\n", top.State, top.Connectivity, top.MinDegree, top.TwoCuts)
	for st := Full; ; st-- {
		if len(byState[st]) > 0 {
			fmt.Fprintf(&b, "%v: %s\n", st, strings.Join(byState[st], " "))
		}
		if st == Unreachable {
			break
		}
	}
	if len(top.Bridges) > 0 {
		fmt.Fprintf(&b, "bridges: %s\n", linkNames(top.Bridges))
	}
	if len(top.Vertices) > 0 {
		fmt.Fprintf(&b, "cut vertices: %s\n", names(top.Vertices))
	}
	return b.String()
}

func (s *scenario) routes(self string) string {
	var b strings.Builder
	tree := s.view(self).Tree
	for to, hop := range tree.Routes {
		d, _ := tree.Distance(to)
		fmt.Fprintf(&b, "%s by %s in %v\n", nameOf(to), nameOf(hop), d)
	}
	return b.String()
}

func (s *scenario) plan(self string, args []string) string {
	in, seed := s.input(self, args)
	v := s.view(self)
	v.Time = v.Time.Add(DialDeferral) // everyone has had the time to dial
	var b strings.Builder
	for _, w := range v.Plan(in, seeded(seed)) {
		fmt.Fprintf(&b, "%s for %v\n", nameOf(w.Peer), w.Reason)
	}
	if b.Len() == 0 {
		return "nobody\n"
	}
	return b.String()
}

func (s *scenario) look(self string, args []string) string {
	in, seed := s.input(self, args)
	v := s.view(self)
	if peer, ok := v.LookLink(in, seeded(seed)); ok {
		return nameOf(peer) + "\n"
	}
	if len(v.LookSample(in, seeded(seed))) == 0 {
		return "it does not look\n"
	}
	return "nobody\n"
}

func (s *scenario) input(self string, args []string) (in PlanInput, seed uint64) {
	seed = 1
	rtt := map[omega.Fingerprint]time.Duration{}
	in.RTT = func(f omega.Fingerprint) (time.Duration, bool) { d, ok := rtt[f]; return d, ok }
	for _, l := range s.servers[self].Links {
		in.Links = append(in.Links, l.Peer)
	}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "seed":
			fmt.Sscan(value, &seed)
		case "quiet":
			in.Quiet = s.duration(value)
		case "links":
			for _, name := range strings.Split(value, ",") {
				in.Links = append(in.Links, fp(name))
			}
		case "skip":
			in.Skip = func(f omega.Fingerprint) bool { return slices.Contains(strings.Split(value, ","), nameOf(f)) }
		case "rtt":
			for _, pair := range strings.Split(value, ",") {
				name, d, _ := strings.Cut(pair, ":")
				rtt[fp(name)] = s.duration(d)
			}
		default:
			s.t.Fatalf("plan %s: %s?", self, arg)
		}
	}
	return in, seed
}

func deadLinks(args []string) []LinkID {
	var dead []LinkID
	for _, arg := range args {
		a, b, _ := strings.Cut(arg, "-")
		dead = append(dead, LinkBetween(fp(a), fp(b)))
	}
	return dead
}

func (s *scenario) hop(self, to string, dead []string) string {
	hop, ok := s.view(self).NextHopAvoiding(fp(to), deadLinks(dead))
	if !ok {
		return "no way\n"
	}
	return nameOf(hop) + "\n"
}

func (s *scenario) split(self, list string, dead []string) string {
	var to []omega.Fingerprint
	for _, name := range strings.Split(list, ",") {
		to = append(to, fp(name))
	}
	byHop, lost := s.view(self).Split(to, deadLinks(dead))
	var lines []string
	for hop, group := range byHop {
		lines = append(lines, fmt.Sprintf("by %s to %s\n", nameOf(hop), names(group)))
	}
	slices.Sort(lines)
	if len(lost) > 0 {
		lines = append(lines, "no way to "+names(lost)+"\n")
	}
	return strings.Join(lines, "")
}

func (s *scenario) bypass(self string) string {
	v := s.view(self)
	var b strings.Builder
	for _, l := range s.servers[self].Links {
		if way, ok := v.Bypass(l.Peer); ok {
			fmt.Fprintf(&b, "%s by %s in %v: %s\n", nameOf(l.Peer), nameOf(way.Hop), way.Cost, names(way.Path))
		} else {
			fmt.Fprintf(&b, "%s: none\n", nameOf(l.Peer))
		}
	}
	return b.String()
}

// join plans with the database of the entry, or of the first server.
func (s *scenario) join(newcomer string, args []string) string {
	in, seed, from := JoinInput{Applicant: Applicant{Server: fp(newcomer), Operator: newcomer}}, uint64(1), s.order[0]
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "seed":
			fmt.Sscan(value, &seed)
		case "operator":
			in.Operator = value
		case "site":
			in.Site = value
		case "entry":
			in.Entry, from = fp(value), value
		case "skip":
			in.Skip = func(f omega.Fingerprint) bool { return slices.Contains(strings.Split(value, ","), nameOf(f)) }
		default:
			s.t.Fatalf("join %s: %s?", newcomer, arg)
		}
	}
	p := s.view(from).PlanJoin(in, seeded(seed))
	var b strings.Builder
	fmt.Fprintf(&b, "%v, %d members, %d links required", p.State, p.Members, p.Required)
	if len(p.Bridges) > 0 {
		fmt.Fprintf(&b, ", bridges %s", linkNames(p.Bridges))
	}
	fmt.Fprintln(&b)
	for _, c := range p.Candidates {
		fmt.Fprintf(&b, "%s %v (%d links, %v)\n", nameOf(c.Server), c.Verdict, c.Degree, c.RTT)
	}
	if p.Problem != RefusalNone {
		fmt.Fprintf(&b, "problem: %v\n", p.Problem)
	}
	return b.String()
}

func (s *scenario) judge(self, newcomer, list string, args []string) string {
	a := Applicant{Server: fp(newcomer), Operator: newcomer}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		if key != "operator" {
			s.t.Fatalf("judge %s: %s?", self, arg)
		}
		a.Operator = value
	}
	var plan []omega.Fingerprint
	for _, name := range strings.Split(list, ",") {
		plan = append(plan, fp(name))
	}
	why, text := s.view(self).JudgeJoin(a, plan)
	if why == RefusalNone {
		return "welcome\n"
	}
	return fmt.Sprintf("%v: %s\n", why, text)
}

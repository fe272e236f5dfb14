package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Owners are members that are old enough, or as old as anybody, and were not
// away for longer than a restart.
func TestPlacementOwners(t *testing.T) {
	week := 7 * 24 * time.Hour
	start := time.Unix(1_800_000_000, 0)
	self, founder, later := server(t, 1, "a", nil), server(t, 2, "b", nil), server(t, 3, "c", nil)
	m, err := loadMembers(filepath.Join(t.TempDir(), "members"), self.Server, week, start)
	if err != nil {
		t.Fatal(err)
	}
	in := func(s cloud.Server, state mesh.ServerState, flags mesh.Flags) cloud.Server {
		s.State = state
		a := *s.Announcement
		a.Flags = flags
		s.Record = &mesh.Record{Announcement: &a}
		return s
	}
	for _, step := range []struct {
		name    string
		at      time.Duration
		servers []cloud.Server
		want    []cloud.Server
	}{
		{"they found a cloud", 0, []cloud.Server{self, founder}, []cloud.Server{self, founder}},
		{"a newcomer", 2 * time.Hour, []cloud.Server{self, founder, later}, []cloud.Server{self, founder}},
		{"a restart", 2*time.Hour + time.Minute, []cloud.Server{self, in(founder, mesh.Unreachable, 0), later}, []cloud.Server{self, founder}},
		{"away for long", 4 * time.Hour, []cloud.Server{self, in(founder, mesh.Unreachable, 0), later}, []cloud.Server{self}},
		{"back", 5 * time.Hour, []cloud.Server{self, founder, later}, []cloud.Server{self, founder}},
		{"old enough", week + 3*time.Hour, []cloud.Server{self, founder, later}, []cloud.Server{self, founder, later}},
		{"one drains", week + 4*time.Hour, []cloud.Server{self, in(founder, mesh.Full, mesh.FlagDraining), later}, []cloud.Server{self, later}},
		{"on probation again", week + 5*time.Hour, []cloud.Server{self, in(founder, mesh.Probationary, 0), later}, []cloud.Server{self, later}},
	} {
		m.update(step.servers, start.Add(step.at))
		var got, want []omega.Fingerprint
		for _, c := range m.owners(step.servers, start.Add(step.at)) {
			got = append(got, c.Server)
		}
		for _, s := range step.want {
			want = append(want, s.Server)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: owners %v, want %v", step.name, got, want)
		}
	}
}

// A server that starts again goes by the members that were there when it stopped,
// until it knows better: they are asked who is new. (spec/keys.md, KEYS-21)
func TestOwnersAfterRestart(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	self, there, gone := server(t, 1, "a", nil), server(t, 2, "b", nil), server(t, 3, "c", nil)
	path := filepath.Join(t.TempDir(), "members")
	open := func(now time.Time) *members {
		m, err := loadMembers(path, self.Server, 0, now)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open(start)
	m.update([]cloud.Server{self, there, gone}, start)
	away := gone
	away.State = mesh.Unreachable
	for at := start; at.Before(start.Add(3 * time.Hour)); at = at.Add(time.Minute) {
		m.update([]cloud.Server{self, there, away}, at)
	}
	silent := there
	silent.State = mesh.Unreachable
	again := start.Add(30 * time.Hour)
	m = open(again)
	for _, step := range []struct {
		name string
		at   time.Duration
		want []omega.Fingerprint
	}{
		{"it has met nobody yet", time.Second, []omega.Fingerprint{self.Server, there.Server}},
		{"nor for an hour", time.Hour + time.Minute, []omega.Fingerprint{self.Server}},
	} {
		now := again.Add(step.at)
		m.update([]cloud.Server{self, silent, away}, now)
		var got []omega.Fingerprint
		for _, c := range m.owners([]cloud.Server{self, silent, away}, now) {
			got = append(got, c.Server)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("%s: owners %v, want %v", step.name, got, step.want)
		}
	}
}

// No server takes accounts before it knows whom to ask whether they are new.
// (spec/keys.md, KEYS-21)
func TestNobodyNewBeforeOwners(t *testing.T) {
	a := run(t, "")
	b := run(t, "[cloud]\nbootstrap = [\""+a.ServerAddress()+"\"]")
	await(t, "it takes accounts", 20*time.Second, func() bool {
		if b.joining() {
			return false
		}
		if b.keys.Owners(b.Fingerprint()) == nil {
			t.Fatal("it takes accounts, and does not know the owners")
		}
		return true
	})
}

// A tester is an account that signs what a test likes.
type tester struct {
	t    *testing.T
	cert *pgp.Certificate
	dev  *pgp.DeviceSecrets
}

func newTester(t *testing.T) *tester {
	t.Helper()
	now := time.Now()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	must(err)
	cert, err := pgp.NewCertificate(t.Context(), primary, time.Time{}, now)
	must(err)
	dev, err := pgp.GenerateDevice(rand.Reader, "test", now)
	must(err)
	req, err := dev.Request(t.Context(), primary.Public(), now)
	must(err)
	cert, err = pgp.AddDevice(t.Context(), primary, cert, req, now)
	must(err)
	return &tester{t, cert, dev}
}

// record signs a location record.
func (x *tester) record(sequence uint64, previous *wire.Record, homes ...*Node) *wire.Record {
	x.t.Helper()
	now := time.Now()
	rec := &wire.Record{
		Sequence: sequence, Issued: now, Expires: now.Add(time.Hour), Certificate: x.cert.Hash(), User: x.cert.Fingerprint(),
		Device: x.dev.Signing.Public().Fingerprint(),
	}
	if previous != nil {
		rec.Previous = previous.Hash()
	}
	for _, h := range homes {
		rec.Homes = append(rec.Homes, h.Fingerprint())
	}
	sig, err := pgp.SignCompact(x.t.Context(), x.dev.Signing, rec.Signed(), now)
	if err != nil {
		x.t.Fatal(err)
	}
	rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return rec
}

// enter registers at n, as a handshake does, and again where the owners of the entry
// were too slow to say whether it is new. (spec/keys.md, KEYS-19)
func (x *tester) enter(n *Node, rec *wire.Record) {
	x.t.Helper()
	r := transport.Registration{Role: transport.RoleClient, Certificate: x.cert, Record: rec.Bytes()}
	await(x.t, "an account is registered", time.Minute, func() bool {
		_, _, err := n.register(x.t.Context(), r)
		var busy *omega.Error
		if errors.As(err, &busy) && busy.Code == omega.CodeUnavailable {
			return false
		}
		if err != nil {
			x.t.Fatal(err)
		}
		return true
	})
}

// enter registers a new account at n, its home.
func (n *Node) enter(t *testing.T) omega.Fingerprint {
	t.Helper()
	x := newTester(t)
	x.enter(n, x.record(1, nil, n))
	return x.cert.Fingerprint()
}

// A device that signs two records under one sequence is found out when key
// servers compare, and the proof is on disk.
func TestDisputesOfRealServers(t *testing.T) {
	a := run(t, "[store]\nkind = \"pebble\"\n")
	b := run(t, "[store]\nkind = \"pebble\"\n[cloud]\nbootstrap = [\""+a.ServerAddress()+"\"]")
	await(t, "the servers know each other", 20*time.Second, func() bool { return !b.joining() && len(a.others()) == 1 })
	x := newTester(t)
	first := x.record(1, nil, a)
	x.enter(a, first)
	fp := x.cert.Fingerprint()
	await(t, "both know the account", 20*time.Second, func() bool { _, err := b.keys.Find(t.Context(), fp); return err == nil })
	for _, n := range []*Node{a, b} { // each hears of one
		if _, _, err := n.keys.Publish(t.Context(), fp, wire.Entry{Certificate: x.cert.Bytes(), Record: x.record(2, first, n).Bytes()}); err != nil {
			t.Fatal(err)
		}
	}
	finder := a // or b, if it has compared before by itself: then the two agree
	await(t, "the other's record is here", 20*time.Second, func() bool {
		_, err := a.proxy.SyncWith(t.Context(), b.Fingerprint())
		for _, n := range []*Node{a, b} {
			if proof, evidenceErr := n.keys.Evidence(t.Context(), fp); evidenceErr == nil && len(proof) == 2 {
				finder = n
				return err == nil
			}
		}
		return false
	})
	var list []Dispute
	await(t, "the proof is on disk", 20*time.Second, func() bool {
		var err error
		list, err = ReadDisputes(finder.cfg.Dir)
		return err == nil && len(list) > 0
	})
	if d := list[0]; len(list) != 1 || d.Err != nil || d.Account != fp || d.First.Sequence != 2 || d.First.Hash() == d.Second.Hash() {
		t.Errorf("proofs %+v", list)
	}
	list[0].Second = list[0].First
	if err := list[0].Verify(); !errors.Is(err, keyserver.ErrNoEquivocation) {
		t.Errorf("one record twice: %v, want ErrNoEquivocation", err)
	}
	again, err := loadDisputes(filepath.Join(finder.cfg.Dir, fileDisputes))
	if err != nil || len(again.list) != 1 {
		t.Errorf("after a restart: %v", err)
	}
	testDisputesInBackup(t, finder)
}

// What a comparison finds out while the server ends is on disk.
func TestDisputesAtTheEnd(t *testing.T) {
	cfg := mustParse(t, "[listen]\nclient = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nhttp = \"\"\nadmin = \"\"\n[store]\nkind = \"memory\"\n")
	cfg.Dir, cfg.Cloud.Private = t.TempDir(), true
	n, err := New(t.Context(), *cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := newTester(t)
	first := x.record(1, nil, n)
	found := make(chan struct{})
	n.comparisons.compare = func(context.Context, omega.Fingerprint) error {
		<-found
		n.disputes.add(keyserver.Equivocation{Certificate: x.cert, First: x.record(2, first, n), Second: x.record(2, nil, n)})
		return nil
	}
	n.comparisons.look(t.Context(), []omega.Fingerprint{x.cert.Fingerprint()}, time.Now())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	cancel()
	await(t, "nobody listens any more", 20*time.Second, func() bool {
		c, err := net.Dial("tcp", n.client.Addr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(found)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if list, err := ReadDisputes(cfg.Dir); err != nil || len(list) != 1 {
		t.Errorf("%d proofs on disk, %v; want 1", len(list), err)
	}
}

// testDisputesInBackup: a backup has the proofs that are not yet on disk, and a
// server that was restored from it knows them.
func testDisputesInBackup(t *testing.T, n *Node) {
	t.Helper()
	if err := os.Remove(filepath.Join(n.cfg.Dir, fileDisputes)); err != nil {
		t.Fatal(err)
	}
	n.disputes.mu.Lock()
	n.disputes.dirty, n.disputes.saved = true, n.opt.Clock()
	n.disputes.mu.Unlock()
	if _, err := n.checkpoint(); err != nil {
		t.Fatal(err)
	}
	cfg := n.cfg
	cfg.Dir = filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(&cfg, filepath.Join(n.cfg.Dir, dirCheckpoint)); err != nil {
		t.Fatal(err)
	}
	if list, err := ReadDisputes(cfg.Dir); err != nil || len(list) != 1 || list[0].Err != nil {
		t.Errorf("restored: %d proofs, %v", len(list), err)
	}
	again, err := loadDisputes(filepath.Join(cfg.Dir, fileDisputes))
	if err != nil || len(again.list) != 1 {
		t.Errorf("a server that was restored does not know the proof: %v", err)
	}
}

// Real servers over a real network: above the size each keeps its share, and all
// of them find everybody.
func TestServersShareEntries(t *testing.T) {
	const servers, people = 6, 12
	config := "[keys]\neverything = 1\n[homes]\nmin_age = \"0s\"\n"
	nodes := []*Node{run(t, config)}
	for range servers - 1 {
		nodes = append(nodes, run(t, fmt.Sprintf("[cloud]\nbootstrap = [%q]\n%s", nodes[0].ServerAddress(), config)))
	}
	await(t, "all are members of one cloud", 60*time.Second, func() bool {
		for _, n := range nodes {
			if len(n.members.owners(n.cloud.Servers(), time.Now())) != servers || n.joining() {
				return false
			}
		}
		return true
	})
	var accounts []omega.Fingerprint
	for i := range people {
		accounts = append(accounts, nodes[i%servers].enter(t))
	}
	wrong := ""
	defer func() {
		if t.Failed() {
			t.Log(wrong)
		}
	}()
	await(t, "entries are with their owners and homes only", 120*time.Second, func() bool {
		for i, fp := range accounts {
			for j, n := range nodes {
				_, err := n.keys.Find(t.Context(), fp)
				if keeps := n.keys.Owns(fp) || i%servers == j; keeps != (err == nil) || n.keys.Metrics().All {
					wrong = fmt.Sprintf("account %d at server %d: owned %t, found: %v, all are kept: %t", i, j, n.keys.Owns(fp), err, n.keys.Metrics().All)
					return false
				}
			}
		}
		return true
	})
	await(t, "all go by the same members", 60*time.Second, func() bool {
		return !slices.ContainsFunc(nodes, func(n *Node) bool { return len(n.keys.Owners(accounts[0])) < keyserver.Copies })
	})
	for _, fp := range accounts {
		for _, n := range nodes {
			if e, err := n.proxy.Lookup(t.Context(), fp); err != nil || e.Fingerprint() != fp {
				t.Errorf("%v is not found at %v: %v", fp, n.Fingerprint(), err)
			}
			if got := n.keys.Owners(fp); len(got) < keyserver.Copies {
				t.Errorf("%d owners are asked for %v", len(got), fp)
			}
		}
	}
}

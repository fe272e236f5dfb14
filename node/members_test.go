package node

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

func server(t *testing.T, n int, operator string, edit func(*cloud.Server)) cloud.Server {
	t.Helper()
	fp, err := omega.ParseFingerprint(fmt.Sprintf("%040X", n))
	if err != nil {
		t.Fatal(err)
	}
	s := cloud.Server{
		Record: &mesh.Record{Announcement: &mesh.Announcement{Server: fp, Operator: operator, Registration: mesh.RegistrationOpen}},
		State:  mesh.Full,
	}
	if edit != nil {
		edit(&s)
	}
	return s
}

// A server is eligible once it has been known for long enough, also across
// restarts, and only while it is what homes must be.
func TestMembersAge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "members")
	week := 7 * 24 * time.Hour
	start := time.Unix(1_800_000_000, 0)
	old := server(t, 1, "a", nil)
	young := server(t, 2, "b", nil)
	others := []cloud.Server{
		server(t, 3, "c", func(s *cloud.Server) { s.Announcement.Registration = mesh.RegistrationClosed }),
		server(t, 4, "d", func(s *cloud.Server) { s.Announcement.Flags = mesh.FlagDraining }),
		server(t, 5, "e", func(s *cloud.Server) { s.State = mesh.Probationary }),
		server(t, 6, "f", func(s *cloud.Server) { s.State = mesh.Unreachable }),
		server(t, 7, "g", func(s *cloud.Server) { s.Announcement.Registration = mesh.RegistrationInvite }),
	}
	self := server(t, 9, "me", nil)
	open := func(now time.Time) *members {
		m, err := loadMembers(path, self.Server, week, now)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open(start)
	m.update(append([]cloud.Server{self, old}, others...), start)
	m = open(start.Add(time.Hour))
	m.update(append([]cloud.Server{self, old, young}, others...), start.Add(week))
	whys := map[omega.Fingerprint]wire.HomeWhy{
		young.Server: wire.HomeYoung, others[0].Server: wire.HomeClosed, others[1].Server: wire.HomeLeaving,
		others[2].Server: wire.HomeNoLinks, others[3].Server: wire.HomeAway, others[4].Server: wire.HomeInvites,
	}
	for _, x := range m.list() {
		want := x.Server == old.Server || x.Server == self.Server // known since the start
		if x.Eligible != want {
			t.Errorf("%v: eligible %v, want %v", x.Server, x.Eligible, want)
		}
		if why := whys[x.Server]; x.Why != why || why == wire.HomeYoung && !x.Until.Equal(start.Add(2*week)) {
			t.Errorf("%v: why %d until %v, want %d", x.Server, x.Why, x.Until, why)
		}
		if want := x.Server != others[3].Server; x.Reachable != want {
			t.Errorf("%v: reachable %v", x.Server, x.Reachable)
		}
	}
	// Links go by the same book.
	for s, want := range map[omega.Fingerprint]time.Time{old.Server: start, young.Server: start.Add(week)} {
		if since, ok := m.since(s); !ok || !since.Equal(want) {
			t.Errorf("%v is a member since %v (%v), want %v", s, since, ok, want)
		}
	}
	if since, ok := m.since(others[2].Server); ok { // on probation
		t.Errorf("one that never was a member is one since %v", since)
	}
	if got := m.operator(old.Server); got != "a" {
		t.Errorf("operator %q", got)
	}
}

func TestMembersOfOneOperator(t *testing.T) {
	a, b := server(t, 1, "same", nil), server(t, 2, "same", nil)
	m, err := loadMembers(filepath.Join(t.TempDir(), "members"), a.Server, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m.update([]cloud.Server{a, b}, time.Now())
	if got := m.operator(a.Server) + m.operator(b.Server); got != "" {
		t.Errorf("operators %q, want each server for itself", got)
	}
}

// Who was never a member and has not the links of one is a stranger, which nobody
// asks for accounts; a part of the cloud out of sight is none.
func TestMembersStrangers(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m, err := loadMembers(filepath.Join(t.TempDir(), "members"), omega.Fingerprint{}, 0, now)
	if err != nil {
		t.Fatal(err)
	}
	once := server(t, 1, "a", nil)
	m.update([]cloud.Server{once}, now)
	once.State = mesh.Unreachable
	lost := func(s *cloud.Server) { s.State = mesh.Unreachable }
	hidden := server(t, 2, "b", func(s *cloud.Server) { lost(s); s.Announcement.Links = make([]mesh.Link, mesh.RequiredLinks) })
	want := map[omega.Fingerprint]bool{once.Server: false, hidden.Server: false}
	servers := []cloud.Server{once, hidden}
	for i, edit := range []func(*cloud.Server){lost, func(s *cloud.Server) { s.State = mesh.Probationary }} {
		s := server(t, 3+i, "c", edit)
		want[s.Server] = true
		servers = append(servers, s)
	}
	m.update(servers, now)
	for _, x := range m.list() {
		if x.Stranger != want[x.Server] {
			t.Errorf("%s: stranger %v, want %v", x.Server, x.Stranger, want[x.Server])
		}
	}
}

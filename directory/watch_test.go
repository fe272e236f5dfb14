package directory

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

func TestUptime(t *testing.T) {
	p := &past{since: noon.Add(-100 * 24 * time.Hour)}
	// Up for 100 days, but for ten hours that ended five hours ago; every ten minutes.
	for now := noon.Add(-100 * 24 * time.Hour); now.Before(noon); now = now.Add(10 * time.Minute) {
		ago := noon.Sub(now)
		p.sample(now, ago > 15*time.Hour || ago <= 5*time.Hour)
	}
	u := p.uptime(noon.Add(-time.Minute))
	for _, tt := range []struct {
		name string
		span span
		n    int
		want float64
	}{{"24 h", u.day, 24, 14.0 / 24}, {"30 d", u.month, 30, 1 - 10/(29.5*24)}, {"90 d", u.quarter, 90, 1 - 10/(89.5*24)}} {
		got, ok := tt.span.share()
		if !ok || got < tt.want-0.001 || got > tt.want+0.001 || len(tt.span.cells) != tt.n {
			t.Errorf("%s: %v in %d cells, want %v in %d", tt.name, got, len(tt.span.cells), tt.want, tt.n)
		}
	}
	later := p.uptime(noon.Add(48 * time.Hour))
	if _, ok := later.day.share(); ok {
		t.Error("a day that nobody watched is known")
	}
	young := &past{since: noon.Add(-2 * time.Hour)}
	young.sample(noon.Add(-time.Hour), true)
	young.sample(noon, true)
	if u := young.uptime(noon); u.day.sum.total != 2 || u.month.sum.total != 0 || u.quarter.sum.total != 0 {
		t.Errorf("a server known for two hours: %v", u)
	}
}

func kinds(list []change) (out []string) {
	for _, c := range list {
		out = append(out, c.kind.String()+" "+c.name)
	}
	return out
}

func TestJournal(t *testing.T) {
	b, j := book{}, &journal{}
	top := cloudOf(3)
	top.State = mesh.StateTriangle
	first, second := top.Servers[0].Server, top.Servers[1].Server
	top.States[second] = mesh.Probationary
	j.look(b, top, noon)
	if j.look(b, top, noon.Add(time.Second)) {
		t.Error("nothing changed, and something is noted")
	}
	top.States[second] = mesh.Full
	j.look(b, top, noon.Add(2*time.Second))
	top.States[first] = mesh.Unreachable
	top.Bridges = []mesh.Edge{{A: first, B: second}}
	j.look(b, top, noon.Add(3*time.Second))
	top.States[first], top.Bridges = mesh.Full, nil
	j.look(b, top, noon.Add(4*time.Second))
	top.Servers = top.Servers[1:]
	j.look(b, top, noon.Add(5*time.Second))
	want := []string{
		"joined server 0", "joined server 2", "joined server 1", "down server 0", "bridge server 0", "up server 0", "bridged server 0", "left server 0",
	}
	if got := kinds(j.changes); !reflect.DeepEqual(got, want) {
		t.Errorf("journal %q, want %q", got, want)
	}
	for i := range 2 * keptChanges {
		j.note(change{at: noon, kind: changeUp, server: serverNumber(i)})
	}
	if len(j.changes) != keptChanges {
		t.Errorf("%d changes are kept", len(j.changes))
	}
}

// TestBridgesOfSmallClouds: the one link of two members is no news, neither when it
// comes nor when it is a bridge no more; and what was told before a restart is not
// told again.
func TestBridgesOfSmallClouds(t *testing.T) {
	b, j := book{}, &journal{}
	top := cloudOf(3)
	edge := mesh.Edge{A: top.Servers[0].Server, B: top.Servers[1].Server}
	top.State, top.Bridges = mesh.StateProvisional, []mesh.Edge{edge}
	j.look(b, top, noon)
	top.State, top.Bridges = mesh.StateTriangle, nil
	j.look(b, top, noon.Add(time.Second))
	top.State, top.Bridges = mesh.StateStrict, []mesh.Edge{edge}
	j.look(b, top, noon.Add(2*time.Second))
	j.bridges = nil // it started again
	j.look(b, top, noon.Add(3*time.Second))
	top.Bridges = nil
	j.look(b, top, noon.Add(4*time.Second))
	want := []string{"joined server 0", "joined server 1", "joined server 2", "bridge server 0", "bridged server 0"}
	if got := kinds(j.changes); !reflect.DeepEqual(got, want) {
		t.Errorf("journal %q, want %q", got, want)
	}
}

func TestMemory(t *testing.T) {
	b, j := book{}, &journal{}
	j.look(b, cloudOf(5), noon)
	for _, p := range b {
		p.sample(noon, true)
		p.sample(noon.Add(time.Hour), false)
	}
	for _, kind := range []changeKind{changeBridge, changeBridged} {
		j.note(change{at: noon, kind: kind, server: serverNumber(1), far: serverNumber(2), name: "x", other: "y"})
	}
	var l layout
	l.update(cloudOf(5), noon)
	m := &memory{b, *j, l.remembered()}
	data := m.encode()
	again, err := decodeMemory(data, 10)
	if err != nil {
		t.Fatal(err)
	}
	got, gotJournal := again.past, again.journal
	for fp, p := range b {
		q := got[fp]
		if q == nil || q.name != p.name || q.hours != p.hours || q.days != p.days || !q.since.Equal(p.since) || q.presence != p.presence {
			t.Errorf("%v became %v", p, q)
		}
	}
	if !slices.Equal(kinds(gotJournal.changes), kinds(j.changes)) {
		t.Errorf("journal %q", kinds(gotJournal.changes))
	}
	if gotJournal.look(got, cloudOf(5), noon.Add(time.Hour)) {
		t.Errorf("after a restart everybody joins again: %q", kinds(gotJournal.changes))
	}
	if _, err := decodeMemory(data, 3); err == nil {
		t.Error("more servers than the limit are taken")
	}
	old := len(data) - 4*4 - 4 - len(l.raw)*(len(serverNumber(0).Wire())+2*4)
	if m, err := decodeMemory(data[:old], 10); err != nil || len(m.past) != 5 || len(m.sketch.raw) != 0 {
		t.Errorf("memory without a picture: %v", err)
	}
	for cut := range data {
		if _, err := decodeMemory(data[:cut], 10); cut != old && !errors.Is(err, errMemory) {
			t.Fatalf("cut to %d of %d octets: %v", cut, len(data), err)
		}
	}
}

func FuzzMemory(f *testing.F) {
	b, j := book{}, &journal{}
	j.look(b, cloudOf(2), noon)
	f.Add((&memory{past: b, journal: *j}).encode())
	var l layout
	l.update(cloudOf(9), noon)
	f.Add((&memory{b, *j, l.remembered()}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMemory(data, 100)
		if err != nil {
			return
		}
		if _, err := decodeMemory(m.encode(), 100); err != nil {
			t.Error(err)
		}
		again := layout{sketch: m.sketch, still: noon.Add(time.Second)}
		for fp, p := range again.update(cloudOf(9), noon) {
			if math.IsNaN(p.X+p.Y) || math.IsInf(p.X+p.Y, 0) {
				t.Errorf("%v stands at %v", fp, p)
			}
		}
	})
}

// TestRun: servers are probed, the report is told when somebody is new or stops
// answering, uptime is counted, and everything survives a restart.
func TestRun(t *testing.T) {
	id := testIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		top := cloudOf(4)
		top.Servers = append(top.Servers, &mesh.Record{Announcement: &mesh.Announcement{Server: id.Account(), Name: "self", Client: "self:1"}})
		top.States[id.Account()] = mesh.Full
		silent := top.Servers[2].Server
		var down atomic.Bool
		var mu sync.Mutex
		var told [][]byte // guarded by mu
		reports := func() [][]byte { mu.Lock(); defer mu.Unlock(); return slices.Clone(told) }
		var disk []byte
		cfg := Config{
			Identity: id, Topology: func() *mesh.Topology { return top },
			Probe: func(ctx context.Context, r *mesh.Record) (time.Duration, error) {
				if r.Server == id.Account() {
					t.Error("it probes itself")
				}
				if down.Load() && r.Server == silent {
					<-ctx.Done()
					return 0, ctx.Err()
				}
				return 5 * time.Millisecond, nil
			},
			Announce: func(_ context.Context, b []byte) error {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, b)
				return nil
			},
			Load: func() ([]byte, error) {
				if disk == nil {
					return nil, fs.ErrNotExist
				}
				return disk, nil
			},
			Save: func(b []byte) error { disk = bytes.Clone(b); return nil },
		}
		d, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		time.Sleep(5*time.Minute + time.Second)
		if n := len(reports()); n != 1 {
			t.Fatalf("%d reports in five quiet minutes, want 1", n)
		}
		r, ok := decodeReport(reports()[0])
		if !ok || len(r.rows) != 4 || r.rows[0].rtt != 5*time.Millisecond {
			t.Fatalf("report %v", r)
		}
		down.Store(true)
		time.Sleep(15 * time.Minute)
		all := reports()
		if n := len(all); n < 2 || n > 4 {
			t.Errorf("%d reports after a server went silent", n)
		}
		last, _ := decodeReport(all[len(all)-1])
		sees := map[subjectKey]bool{}
		for _, w := range last.rows {
			sees[w.subject] = w.sees()
		}
		if sees[keyOf(silent)] || !sees[keyOf(top.Servers[0].Server)] {
			t.Errorf("last report %v", last)
		}
		if o := d.opinions(top, time.Now())[silent]; o.of != 1 || o.seen != 0 {
			t.Errorf("opinion of the silent one: %v", o)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		again, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		day := again.watch.past[silent].lastHours(time.Now(), 24)
		if up, total := day.sum.up, day.sum.total; total != 4 || up != 2 {
			t.Errorf("%d of %d samples after a restart, want 2 of 4", up, total)
		}
	})
}

// TestCutOff: a server that sees hardly anybody does not blame the others.
func TestCutOff(t *testing.T) {
	top := cloudOf(5)
	self := top.Servers[0].Server
	for _, r := range top.Servers[1:3] {
		top.States[r.Server] = mesh.Unreachable
	}
	if cutOff(top, self) {
		t.Error("two of four away, and it thinks that it is cut off")
	}
	top.States[top.Servers[3].Server] = mesh.Unreachable
	if !cutOff(top, self) {
		t.Error("three of four away, and it blames them")
	}
}

func TestBookForgets(t *testing.T) {
	b := book{}
	for i := range 10 {
		b.of(serverNumber(i), noon).seen = noon.Add(-time.Duration(i) * time.Hour)
	}
	b.of(serverNumber(20), noon).seen = noon.Add(-forgotten - time.Hour)
	b.forget(noon, 4)
	var left []omega.Fingerprint
	for i := range 4 {
		left = append(left, serverNumber(i))
	}
	for _, fp := range left {
		if b[fp] == nil {
			t.Errorf("%v is forgotten", fp)
		}
	}
	if len(b) != 4 {
		t.Errorf("%d servers are remembered", len(b))
	}
}

// TestClockJumps: a clock that was wrong for a time makes no uptime that nobody
// saw, and what it hid is unknown.
func TestClockJumps(t *testing.T) {
	// begin watches a server that is always down for a number of hours.
	begin := func(hours int) (*past, time.Time) {
		p, now := &past{since: noon}, noon
		for range hours * 12 {
			now = now.Add(5 * time.Minute)
			p.sample(now, false)
		}
		return p, now
	}
	t.Run("ahead for ever", func(t *testing.T) {
		p, now := begin(2)
		now = now.Add(40 * 24 * time.Hour)
		u := p.uptime(now)
		for name, s := range map[string]span{"day": u.day, "month": u.month, "quarter": u.quarter} {
			if v, ok := s.share(); ok {
				t.Errorf("two hours are a share of %v of the %s", v, name)
			}
		}
		p.sample(now, true)
		if v, ok := p.uptime(now).day.share(); ok {
			t.Errorf("one sample after the jump is a day of %v", v)
		}
	})
	for name, ahead := range map[string]time.Duration{"an hour": time.Hour, "a day": 24 * time.Hour, "25 hours": 25 * time.Hour, "a year": 365 * 24 * time.Hour} {
		t.Run("ahead and back by "+name, func(t *testing.T) {
			p, now := begin(26)
			for m := range 12 { // as if all were well: who is wrong does not know
				p.sample(now.Add(ahead+time.Duration(m)*5*time.Minute), true)
			}
			for range 30 * 12 { // 30 hours on the right clock again
				now = now.Add(5 * time.Minute)
				p.sample(now, false)
				if v, _ := p.uptime(now).day.share(); v > 0.05 { // what fell into the hour under way
					t.Fatalf("%v after the clock is right again %v of the day was up", now.Sub(noon), v)
				}
			}
			if s := p.lastHours(now, 24); s.sum.up != 0 || s.sum.total != 23*12+1 { // the last hour has just begun
				t.Errorf("the last day has %d of %d samples up, want 0 of %d", s.sum.up, s.sum.total, 23*12+1)
			}
			if got := p.uptime(now).day.watched(); got != 24 {
				t.Errorf("%d hours of the last day are known", got)
			}
		})
	}
	t.Run("first seen in the future", func(t *testing.T) {
		p := &past{since: noon.Add(1000 * time.Hour)}
		now := noon
		for range 3 * 12 {
			now = now.Add(5 * time.Minute)
			p.sample(now, true)
		}
		if v, ok := p.uptime(now).day.share(); !ok || v != 1 {
			t.Errorf("after three hours the day is %v, known %v", v, ok)
		}
	})
}

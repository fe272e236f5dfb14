package proxy

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

func TestNewChecksConfig(t *testing.T) {
	if _, err := New(t.Context(), Config{}); err == nil {
		t.Error("an empty Config was taken")
	}
}

func TestSmallRequests(t *testing.T) {
	blobs := [][]byte{[]byte("one"), []byte("two")}
	prepare := func(c *testCloud) {
		c.edit = func(cfg *Config) {
			cfg.Announcements = func() [][]byte { return blobs }
			cfg.Rendezvous = transport.NewRendezvous(0, 0, nil)
		}
	}
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice := c.register(1, s)
		a := newClient(alice, 0).connect(s)
		handle := bytes.Repeat([]byte{7}, 16)
		for _, tt := range []struct {
			name string
			t    wire.Type
			body []byte
			want wire.Type
			code omega.Code
		}{
			{"ping", wire.TypePing, []byte("12345678"), wire.TypePong, 0},
			{"long ping", wire.TypePing, make([]byte, 65), wire.TypeError, omega.CodeTooLarge},
			{"servers", wire.TypeServers, nil, wire.TypeServerList, 0},
			{"pick before drop", wire.TypePick, handle, wire.TypeError, omega.CodeNotFound},
			{"drop", wire.TypeDrop, append(slices.Clone(handle), "blob"...), wire.TypeDone, omega.CodeOK},
			{"pick", wire.TypePick, handle, wire.TypeBlob, 0},
			{"short drop", wire.TypeDrop, handle[:5], wire.TypeError, omega.CodeBadRequest},
			{"look-up", wire.TypeLookup, alice.fp().Wire(), wire.TypeEntry, 0},
			{"look-up of a subkey", wire.TypeLookup, alice.device(0).Wire(), wire.TypeEntry, 0},
			{"look-up of a stranger", wire.TypeLookup, newPerson(t, 1).fp().Wire(), wire.TypeError, omega.CodeNotFound},
			{"look-up of nothing", wire.TypeLookup, []byte{4, 1}, wire.TypeError, omega.CodeBadRequest},
			{"bad acknowledgement", wire.TypeAck, []byte{1}, wire.TypeError, omega.CodeBadRequest},
			{"bad lease", wire.TypeAttach, []byte{1}, wire.TypeError, omega.CodeBadRequest},
			{"bad entry", wire.TypePublish, []byte{1}, wire.TypeDone, omega.CodeBadRequest},
			{"bad envelope", wire.TypeSend, []byte{1}, wire.TypeSent, omega.CodeBadRequest},
			{"frame between servers", wire.TypeDigest, nil, wire.TypeError, omega.CodeBadRequest},
			{"unknown frame", 200, nil, wire.TypeError, omega.CodeBadRequest},
		} {
			f := a.request(tt.t, tt.body)
			if f.Type != tt.want {
				t.Errorf("%s: answer has type %d %q, want %d", tt.name, f.Type, f.Body, tt.want)
				continue
			}
			switch f.Type {
			case wire.TypeError, wire.TypeDone:
				if got := codeOf(wire.DecodeStatus(f.Body)); got != tt.code {
					t.Errorf("%s: %s, want %s", tt.name, got, tt.code)
				}
			case wire.TypeSent:
				if got, _ := a.codes(f); got != tt.code {
					t.Errorf("%s: %s, want %s", tt.name, got, tt.code)
				}
			case wire.TypePong:
				if !bytes.Equal(f.Body, tt.body) {
					t.Errorf("%s: %q", tt.name, f.Body)
				}
			case wire.TypeBlob:
				if string(f.Body) != "blob" {
					t.Errorf("%s: %q", tt.name, f.Body)
				}
			case wire.TypeServerList:
				if got, err := wire.DecodeBlobs(f.Body, 10); err != nil || len(got) != 2 {
					t.Errorf("%s: %q, %v", tt.name, got, err)
				}
			}
		}
	}, prepare)
}

// TestPublish: an account's new record reaches every server, and nobody else
// can publish it.
func TestPublish(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, eve := c.register(1, c.servers[0]), c.register(1, c.servers[0])
		a, e := newClient(alice, 0).connect(c.servers[1]), newClient(eve, 0).connect(c.servers[1])
		alice.addDevice()
		entry := alice.entry(c.servers[2])
		body := wire.AppendEntry(nil, &entry)
		if got := codeOf(wire.DecodeStatus(e.request(wire.TypePublish, body).Body)); got != omega.CodeRefused {
			t.Errorf("another account's session: %s, want refused", got)
		}
		for range 2 {
			if got := codeOf(wire.DecodeStatus(a.request(wire.TypePublish, body).Body)); got != omega.CodeOK {
				t.Errorf("publish = %s", got)
			}
		}
		synctest.Wait()
		for _, s := range c.servers {
			got, err := s.keys.Find(t.Context(), alice.fp())
			if err != nil || got.Sequence() != 2 || len(got.Certificate.Devices()) != 2 {
				t.Errorf("server %d holds %+v, %v", s.n, got, err)
			}
		}
		alice.record = nil
		entry = alice.entry(c.servers[2])
		if got := codeOf(wire.DecodeStatus(a.request(wire.TypePublish, wire.AppendEntry(nil, &entry)).Body)); got != omega.CodeConflict {
			t.Errorf("an old sequence: %s, want conflict", got)
		}
	})
}

func TestRegister(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		alice := newPerson(t, 1)
		s := c.servers[0]
		if _, err := s.proxy.Register(t.Context(), transport.RoleClient, wire.Entry{Certificate: alice.cert.Bytes()}, nil, nil); codeOf(err) != omega.CodeBadRequest {
			t.Errorf("without a record: %v", err)
		}
		e, err := s.proxy.Register(t.Context(), transport.RoleClient, alice.entry(s), nil, nil)
		if err != nil || e.Fingerprint() != alice.fp() {
			t.Fatalf("register = %v, %v", e, err)
		}
		synctest.Wait()
		if _, err := c.servers[1].keys.Find(t.Context(), alice.fp()); err != nil {
			t.Errorf("the other server: %v", err)
		}
		server := newPerson(t, 1)
		mallory := newPerson(t, 1)
		if _, err := s.proxy.Register(t.Context(), transport.RoleServer, mallory.entry(s), nil, nil); codeOf(err) != omega.CodeRefused {
			t.Errorf("an account that says it is a server: %v, want refused", err)
		}
		if _, err := s.proxy.Register(t.Context(), transport.RoleServer, wire.Entry{Certificate: server.cert.Bytes()}, nil, nil); err != nil {
			t.Errorf("a server: %v", err)
		}
	})
}

// TestSyncWith: two key servers that missed different things agree after each
// has compared itself with the other, and then find nothing more to do.
func TestSyncWith(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		var people []*testPerson
		for i := range 20 {
			p := newPerson(t, 1)
			people = append(people, p)
			if _, _, err := c.servers[i%2].keys.Accept(t.Context(), keyserver.FromServer, p.entry(c.servers[0])); err != nil {
				t.Fatal(err)
			}
		}
		// One that both know, in different versions.
		p := people[0]
		p.addDevice()
		if _, _, err := c.servers[1].keys.Accept(t.Context(), keyserver.FromServer, p.entry(c.servers[1])); err != nil {
			t.Fatal(err)
		}
		for round, want := range []int{10, 10, 0, 0} {
			n, err := c.servers[round%2].proxy.SyncWith(t.Context(), c.servers[1-round%2].fp())
			if round == 0 {
				want = 11
			}
			if round == 1 {
				want = 9
			}
			if err != nil || n != want {
				t.Errorf("round %d: %d entries changed, %v; want %d", round, n, err, want)
			}
		}
		if *c.servers[0].keys.Digest() != *c.servers[1].keys.Digest() {
			t.Error("the digests differ")
		}
		c.mu.Lock()
		c.cut[[2]int{0, 1}] = true
		c.mu.Unlock()
		if _, err := c.servers[0].proxy.SyncWith(t.Context(), c.servers[1].fp()); err == nil {
			t.Error("compared with a server that cannot be reached")
		}
	})
}

func TestSyncFillsPages(t *testing.T) {
	if testing.Short() {
		t.Skip("makes many entries")
	}
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		// Summaries of one bucket that need two pages: the store is filled
		// behind the key server's back, the entries are never asked for.
		store := c.servers[1].kept
		for i := range keyserver.MaxSummaries + 10 {
			fp, err := omega.FingerprintV4(append([]byte{5, byte(i >> 8), byte(i)}, make([]byte, 17)...))
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Put(t.Context(), &keyserver.Item{Summary: keyserver.Summary{Fingerprint: fp, Sequence: 1}}); err != nil {
				t.Fatal(err)
			}
		}
		pages, err := c.servers[0].proxy.askBucket(t.Context(), c.servers[1].fp(), 5)
		if err != nil || len(pages) != 2 || len(pages[0]) != keyserver.MaxSummaries || len(pages[1]) != 10 {
			t.Errorf("%d pages, %v", len(pages), err)
		}
	})
}

func TestIdleSessionEnds(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		a, b := newClient(c.register(1, s), 0).connect(s), newClient(c.register(1, s), 0).connect(s)
		start := time.Now()
		for range 3 {
			time.Sleep(2 * time.Minute)
			a.request(wire.TypePing, nil)
		}
		if err := <-b.served; codeOf(err) != omega.CodeExpired {
			t.Errorf("silent session ended with %v", err)
		}
		if d := time.Since(start); d < 5*time.Minute || d > 7*time.Minute {
			t.Errorf("after %v", d)
		}
		select {
		case err := <-a.served:
			t.Errorf("the other session ended too: %v", err)
		default:
		}
	})
}

func TestClientLeaves(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		a := newClient(c.register(1, s), 0).connect(s)
		a.conn.leave()
		if err := <-a.served; err != nil {
			t.Errorf("serve = %v after the client closed", err)
		}
		a.connect(s)
		a.conn.write(wire.TypeBye, 0, wire.AppendStatus(nil, omega.CodeOK, ""))
		if err := <-a.served; err != nil {
			t.Errorf("serve = %v after a bye", err)
		}
		if m := s.proxy.Metrics(); m.Sessions != 0 || m.Served != 2 {
			t.Errorf("metrics %+v", m)
		}
	})
}

func TestServeRefusesServers(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		conn := newTestConn(transport.Peer{Account: c.servers[0].fp(), Role: transport.RoleServer})
		if err := c.servers[0].proxy.serve(t.Context(), conn); err == nil || !conn.closed {
			t.Errorf("serve = %v, closed %v", err, conn.closed)
		}
	})
}

func TestRateLimit(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		codes := make(map[omega.Code]int)
		for range 30 {
			code, _ := a.sendCode(a.envelope("x", bob))
			codes[code]++
		}
		if codes[omega.CodeOK] != 20 || codes[omega.CodeRateLimited] != 10 {
			t.Errorf("codes %v, want 20 ok and 10 rate limited", codes)
		}
		time.Sleep(time.Second)
		a.send("later", bob)
		for range 250 {
			a.conn.write(wire.TypeLookup, 0, alice.fp().Wire())
		}
		synctest.Wait()
		a.mu.Lock()
		refused := 0
		for _, f := range a.frames {
			if f.Type == wire.TypeError && codeOf(wire.DecodeStatus(f.Body)) == omega.CodeRateLimited {
				refused++
			}
		}
		a.mu.Unlock()
		if refused < 49 || refused > 51 {
			t.Errorf("%d look-ups refused, want 50", refused)
		}
	}, func(c *testCloud) { c.edit = func(cfg *Config) { cfg.SendRate, cfg.SendBurst = 10, 20 } })
}

// TestSendsUnderWayAreBounded: a client that sends without waiting is not read
// from while it has too much under way.
func TestSendsUnderWayAreBounded(t *testing.T) {
	gates := make(map[int]*gate)
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		gates[0].set(true)
		const total = maxUnderWay + 500
		for range total {
			a.start(wire.TypeSend, a.envelope("x", bob))
		}
		synctest.Wait()
		a.conn.mu.Lock()
		unread := len(a.conn.in)
		a.conn.mu.Unlock()
		if want := total - maxUnderWay - 1; unread != want {
			t.Errorf("%d frames are not read, want %d", unread, want)
		}
		gates[0].set(false)
		for tag := uint32(1); tag <= total; tag++ {
			if code, _ := a.codes(a.answer(tag)); code != omega.CodeOK {
				t.Fatalf("send %d = %s", tag, code)
			}
		}
	}, behindGates(gates))
}

// TestShutdown: every client is told, what is under way is answered, nothing
// new is taken.
func TestShutdown(t *testing.T) {
	gates := make(map[int]*gate)
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a, b := newClient(alice, 0).connect(s), newClient(bob, 0).attach(s, s)
		b.attachedAt(s, 0)
		gates[0].set(true)
		tag := a.start(wire.TypeSend, a.envelope("x", bob))
		b.expect("x")
		done := make(chan error, 1)
		go func() { done <- s.proxy.Shutdown(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("shutdown = %v before the envelope was stored", err)
		default:
		}
		for _, x := range []*testClient{a, b} {
			x.wait("bye", func() bool {
				return slices.ContainsFunc(x.frames, func(f wire.Frame) bool {
					var e *omega.Error
					if f.Type != wire.TypeBye || !errors.As(wire.DecodeStatus(f.Body), &e) || e.Code != omega.CodeShutdown {
						return false
					}
					ms, err := strconv.Atoi(e.Text)
					return err == nil && ms >= 0 && ms < int(drainJitter.Milliseconds())
				})
			})
		}
		if code, _ := a.sendCode(a.envelope("y", bob)); code != omega.CodeShutdown {
			t.Errorf("send while draining = %s", code)
		}
		late := newClient(c.register(1, s), 0).connect(s)
		if err := <-late.served; codeOf(err) != omega.CodeShutdown {
			t.Errorf("late session: %v", err)
		}
		gates[0].set(false)
		if err := <-done; err != nil {
			t.Errorf("shutdown = %v", err)
		}
		if code, _ := a.codes(a.answer(tag)); code != omega.CodeOK {
			t.Errorf("send under way = %s", code)
		}
		if m := s.proxy.Metrics(); m.Sessions != 0 {
			t.Errorf("%d sessions after the shutdown", m.Sessions)
		}
	}, behindGates(gates))
}

func TestShutdownInTime(t *testing.T) {
	gates := make(map[int]*gate)
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice := c.register(1, s)
		a := newClient(alice, 0).connect(s)
		gates[0].set(true)
		a.start(wire.TypeSend, a.envelope("x", alice))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := s.proxy.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("shutdown = %v after %v", err, time.Since(start))
		}
	}, behindGates(gates))
}

// TestShutdownInTimeOfFullSession: a session that waits for room under way does
// not keep a server whose disk stands still.
func TestShutdownInTimeOfFullSession(t *testing.T) {
	gates := make(map[int]*gate)
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice := c.register(1, s)
		a := newClient(alice, 0).connect(s)
		gates[0].set(true)
		for range maxUnderWay + 10 {
			a.start(wire.TypeSend, a.envelope("x", alice))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- s.proxy.Shutdown(ctx) }()
		time.Sleep(4 * time.Second)
		select {
		case err := <-done:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("shutdown = %v", err)
			}
		default:
			t.Error("shutdown waits longer than it may")
			gates[0].set(false)
			<-done
		}
	}, behindGates(gates))
}

// TestStoreThatFailed: nothing is acknowledged by a store that cannot be
// trusted.
func TestStoreThatFailed(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		s.disk.Crash()
		for range 2 {
			if code, _ := a.sendCode(a.envelope("x", bob)); code != omega.CodeInternal {
				t.Errorf("send = %s, want internal", code)
			}
		}
	})
}

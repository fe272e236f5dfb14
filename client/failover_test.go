package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// newSecond is another server that knows the client's account, and that the
// client knows.
func (c *Client) newSecond(t *testing.T, home omega.Fingerprint) *fakeProxy {
	t.Helper()
	p := newFakeProxy(t)
	p.put(entryOf(t, c.identity(), home, 1), c.acc.Fingerprint)
	c.know(t, p)
	return p
}

// at waits until the client is connected to a server, and returns the session.
func (c *Client) at(t *testing.T, p *fakeProxy) (s *session) {
	t.Helper()
	until(t, "connected to "+p.address, func() bool {
		var err error
		s, err = c.online()
		return err == nil && s.conn.Peer().Account == p.id.Account()
	})
	return s
}

// sendBlank puts an envelope into the outbox.
func (c *Client) sendBlank(t *testing.T) (id omega.ID) {
	t.Helper()
	_, err := c.cfg.rand().Read(id[:])
	must(t, err)
	peer := c.acc.Fingerprint
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return c.post(tx, peer, []omega.Fingerprint{peer}, id, omega.ID{}, []byte("payload"))
	}))
	c.queued.notify()
	return id
}

// outboxEmpty waits until everything was stored.
func (c *Client) outboxEmpty(t *testing.T) {
	t.Helper()
	until(t, "the outbox is empty", func() bool {
		n, err := c.outgoing(t.Context())
		return err == nil && n == 0
	})
}

// A server that dies with envelopes under way: the next one gets them, in order,
// and the lease.
func TestProxyDies(t *testing.T) {
	t.Parallel()
	first := newFakeProxy(t)
	c := first.newCore(t)
	second := c.newSecond(t, first.id.Account())
	first.mu.Lock()
	first.mute = func(f wire.Frame) bool { return f.Type == wire.TypeSend }
	first.mu.Unlock()
	var ids []omega.ID
	for range 5 {
		ids = append(ids, c.sendBlank(t))
	}
	until(t, "all are under way", func() bool { return len(first.frames(wire.TypeSend)) == len(ids) })
	began := time.Now()
	first.stop()
	c.at(t, second)
	t.Logf("on another server after %v", time.Since(began))
	c.outboxEmpty(t)
	if got := sentIDs(t, second); !slices.Equal(got, ids) {
		t.Errorf("the second server got %v, want %v", got, ids)
	}
	if n := len(second.frames(wire.TypeAttach)); n != 1 {
		t.Errorf("%d leases, want 1", n)
	}
}

// What waits is sent to the next server before the own entry has been compared
// there.
func TestMoverSendsFirst(t *testing.T) {
	t.Parallel()
	first := newFakeProxy(t)
	c := first.newCore(t)
	c.at(t, first)
	second := c.newSecond(t, first.id.Account())
	own := string(c.acc.Fingerprint.Wire())
	second.mute = func(f wire.Frame) bool {
		return f.Type == wire.TypeLookup && string(f.Body) == own && len(second.got[wire.TypeSend]) == 0
	}
	first.mu.Lock()
	first.mute = func(f wire.Frame) bool { return f.Type == wire.TypeSend }
	first.mu.Unlock()
	id := c.sendBlank(t)
	until(t, "it is under way", func() bool { return len(first.frames(wire.TypeSend)) == 1 })
	first.stop()
	until(t, "it is sent again", func() bool { return slices.Contains(sentIDs(t, second), id) })
}

// sentIDs lists the ids of the envelopes that a server got.
func sentIDs(t *testing.T, p *fakeProxy) (ids []omega.ID) {
	t.Helper()
	for _, b := range p.frames(wire.TypeSend) {
		env, err := wire.ParseEnvelope(b)
		must(t, err)
		ids = append(ids, env.ID())
	}
	return ids
}

// A server that gives no sign of life while something is awaited is left; one
// that only takes its time with the envelope is not.
func TestSilentProxy(t *testing.T) {
	tests := []struct {
		name string
		mute func(wire.Frame) bool
		want func(*Client)
		left bool
	}{
		{"silent, with an envelope under way", func(wire.Frame) bool { return true }, func(c *Client) { c.sendBlank(t) }, true},
		{"silent, when somebody comes", func(wire.Frame) bool { return true }, func(c *Client) {
			_, _ = c.Handle(t.Context(), "chats", nil)
		}, true},
		{"a slow disk", func(f wire.Frame) bool { return f.Type == wire.TypeSend }, func(c *Client) { c.sendBlank(t) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first := newFakeProxy(t)
			c := first.newCore(t)
			second := c.newSecond(t, first.id.Account())
			s := c.at(t, first)
			first.mu.Lock()
			first.mute = tt.mute
			first.mu.Unlock()
			until(t, "it was silent for a while", func() bool { return s.age()-time.Duration(s.heard.Load()) > quiet })
			pings := len(first.frames(wire.TypePing))
			tt.want(c)
			if !tt.left {
				until(t, "signs of life", func() bool { return len(first.frames(wire.TypePing)) >= pings+3 })
				if now, err := c.online(); err != nil || now != s {
					t.Errorf("the session was left: %v", err)
				}
				return
			}
			c.at(t, second)
			c.outboxEmpty(t)
		})
	}
}

// Where there is no other server, a sign of life is enough to stay.
func TestRevival(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := c.at(t, p)
	p.mu.Lock()
	p.mute = func(wire.Frame) bool { return true }
	p.mu.Unlock()
	c.sendBlank(t)
	until(t, "asked for a sign of life", func() bool { return len(p.frames(wire.TypePing)) > 0 })
	time.Sleep(2 * signWait) // the search for another server has begun
	p.mu.Lock()
	p.mute = nil
	conn := p.conns[len(p.conns)-1]
	p.mu.Unlock()
	must(t, conn.SendFrame(wire.TypePing, 0, nil))
	until(t, "it is asked again", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return time.Duration(s.heard.Load()) > 0 && len(s.pending) <= 1
	})
	if now, err := c.online(); err != nil || now != s {
		t.Errorf("the session was left: %v", err)
	}
}

// The client goes back to the server of choice in calm times, and the session
// elsewhere ends only then.
func TestGoBack(t *testing.T) {
	t.Parallel()
	first := newFakeProxy(t)
	cfg := first.newHome(t)
	c, err := Open(t.Context(), cfg)
	must(t, err)
	defer c.Close()
	c.returnAfter = 300 * time.Millisecond
	second := c.newSecond(t, first.id.Account())
	first.put(entryOf(t, c.identity(), first.id.Account(), 1), c.acc.Fingerprint)
	second.answer = func(f wire.Frame) (wire.Type, []byte) {
		if f.Type == wire.TypeHomes {
			return wire.TypeHomeList, nil
		}
		return 0, nil
	}
	first.mu.Lock()
	useless := true
	first.answer = func(f wire.Frame) (wire.Type, []byte) {
		if f.Type == wire.TypeLookup && useless {
			return wire.TypeEntry, []byte("no entry")
		}
		return 0, nil
	}
	first.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	c.at(t, second)
	first.mu.Lock()
	useless = false
	first.mu.Unlock()
	c.at(t, first)
}

// What a proxy tells of other servers is taken if they prove it.
func TestServerList(t *testing.T) {
	t.Parallel()
	p, other, liar := newFakeProxy(t), newFakeProxy(t), newFakeProxy(t)
	now := time.Now().Truncate(time.Millisecond)
	forged := liar.announcement(t)
	forged[len(forged)-1] ^= 1
	inName := func(a *mesh.Announcement) { a.Server = other.id.Account() }
	tests := []struct {
		name string
		blob []byte
		want bool
	}{
		{"good", other.announcement(t), true},
		{"forged", forged, false},
		{"in another's name", liar.announcement(t, inName), false},
		{"takes no clients", other.announcement(t, func(a *mesh.Announcement) { a.Client = "" }), false},
		{"of the past", other.announcement(t, func(a *mesh.Announcement) {
			a.Issued, a.Expires = now.Add(-2*time.Hour), now.Add(-time.Hour)
		}), false},
		{"of the future", other.announcement(t, func(a *mesh.Announcement) {
			a.Issued, a.Expires = now.Add(time.Hour), now.Add(2*time.Hour)
		}), false},
		{"no announcement", []byte("x"), false},
	}
	p.put(wire.Entry{Certificate: other.id.Certificate.Bytes()}, other.id.Account())
	p.put(wire.Entry{Certificate: liar.id.Certificate.Bytes()}, liar.id.Account())
	c := p.newCore(t)
	s := c.at(t, p)
	for _, tt := range tests {
		p.mu.Lock()
		p.answer = func(f wire.Frame) (wire.Type, []byte) {
			if f.Type == wire.TypeServers {
				return wire.TypeServerList, wire.AppendBlobs(nil, [][]byte{tt.blob})
			}
			return 0, nil
		}
		p.mu.Unlock()
		c.learnServers(t.Context(), s) // the session looks from time to time as well: none comes with the answer before
		c.mu.Lock()
		clear(c.servers)
		c.mu.Unlock()
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return tx.RemoveServer(other.id.Account()) }))
		c.learnServers(t.Context(), s)
		var stored []history.Server
		must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) {
			stored, err = tx.Servers()
			return err
		}))
		c.mu.Lock()
		got := len(c.servers) == 1
		c.mu.Unlock()
		if got != tt.want || len(stored) == 1 != tt.want {
			t.Errorf("%s: taken %v, %d stored, want %v", tt.name, got, len(stored), tt.want)
		}
	}
}

// The list of servers has an end, and the homes are not what is forgotten.
func TestServersAreBounded(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	c := p.newCore(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.servers)
	for i := range 3 * maxServers {
		fp, err := omega.FingerprintV4(append(make([]byte, 18), byte(i>>8), byte(i)))
		must(t, err)
		k := &knownServer{announced: &mesh.Announcement{Server: fp, Operator: "one of many", Expires: time.Now().Add(time.Hour)}}
		if i%3 == 0 {
			k.announced.Operator = fp.String()
		}
		c.servers[fp] = k
	}
	home := p.id.Account()
	c.servers[home] = &knownServer{announced: &mesh.Announcement{Server: home}}
	c.pruneServers()
	operators := map[string]int{}
	for _, k := range c.servers {
		operators[k.announced.Operator]++
	}
	if len(c.servers) != maxServers || c.servers[home] == nil || len(operators) < maxServers-perOperator {
		t.Errorf("%d servers of %d operators, the home is there: %v", len(c.servers), len(operators), c.servers[home] != nil)
	}
}

// A request that nobody waits for any more leaves nothing behind, and its late
// answer, whatever it is, does not end the session.
func TestAbandonedRequest(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := c.at(t, p)
	p.mu.Lock()
	var asking atomic.Uint32 // its tag; the core asks for other things as well
	p.mute = func(f wire.Frame) bool {
		if f.Type != wire.TypeWay {
			return false
		}
		asking.Store(uint32(f.Tag))
		return true
	}
	conn := p.conns[len(p.conns)-1]
	p.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	asked := len(p.frames(wire.TypeWay))
	go func() {
		_, err := s.request(ctx, wire.TypeWay, nil)
		done <- err
	}()
	until(t, "asked", func() bool { return len(p.frames(wire.TypeWay)) > asked })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("request: %v", err)
	}
	tag := asking.Load()
	s.mu.Lock()
	_, still := s.pending[tag]
	s.mu.Unlock()
	if still {
		t.Error("it is still awaited")
	}
	must(t, conn.SendFrame(wire.TypeError, tag, wire.AppendStatus(nil, omega.CodeInternal, "")))
	if _, err := s.lookup(t.Context(), c.acc.Fingerprint); err != nil {
		t.Errorf("look-up after the late answer: %v", err)
	}
}

// Of several servers the first that answers is taken, and the connections to the
// others are closed.
func TestRace(t *testing.T) {
	t.Parallel()
	first, second := newFakeProxy(t), newFakeProxy(t)
	c := first.newCore(t)
	var list []candidate
	for _, address := range []string{"127.0.0.1:1#" + first.id.Account().String(), second.address, first.address} {
		addr, err := transport.ParseAddress(address)
		must(t, err)
		list = append(list, candidate{addr, address})
	}
	before := len(first.frames(wire.TypeAttach))
	d, err := c.race(t.Context(), list)
	must(t, err)
	defer d.conn.Close()
	if d.to.text != second.address || d.took <= 0 {
		t.Errorf("connected to %s after %v", d.to.text, d.took)
	}
	if _, err := c.race(t.Context(), list[:1]); !isNetwork(err) {
		t.Errorf("race with nobody: %v", err)
	}
	if _, err := c.race(t.Context(), nil); !errors.Is(err, errNoServer) {
		t.Errorf("race without candidates: %v", err)
	}
	if n := len(first.frames(wire.TypeAttach)); n != before {
		t.Errorf("%d leases more", n-before)
	}
}

// Who leaves a server that died does not go where everybody goes.
func TestCandidatesDiffer(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	c := p.newCore(t)
	for range 4 {
		c.know(t, newFakeProxy(t))
	}
	firsts := map[string]bool{}
	for range 200 {
		list := c.candidates(p.id.Account(), false, false)
		if len(list) != 5 || list[4].text != p.address {
			t.Fatalf("%d candidates, the last is %s, want the server to avoid", len(list), list[len(list)-1].text)
		}
		firsts[list[0].text] = true
	}
	if len(firsts) != 4 {
		t.Errorf("%d servers come first, want all 4", len(firsts))
	}
	if list := c.candidates(p.id.Account(), true, false); len(list) != 4 {
		t.Errorf("%d candidates without it", len(list))
	}
	if list := c.candidates(omega.Fingerprint{}, false, false); list[0].text != p.address {
		t.Errorf("%s comes first, want the server of choice", list[0].text)
	}
}

// A server that its owner prefers is where the device goes at once, and where it begins the
// next time; one that does not take it changes nothing.
func TestPreferServer(t *testing.T) {
	t.Parallel()
	first := newFakeProxy(t)
	cfg := first.newHome(t)
	c, err := Open(t.Context(), cfg)
	must(t, err)
	second := c.newSecond(t, first.id.Account())
	first.put(entryOf(t, c.identity(), first.id.Account(), 1), c.acc.Fingerprint)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	end := sync.OnceFunc(func() { cancel(); <-done; c.Close() })
	defer end()
	c.at(t, first)
	prefer := func(address string) error {
		_, err := clientrpc.PreferServer.Call(t.Context(), c, clientrpc.PreferServerParams{Server: address})
		return err
	}
	wantCode(t, "no address", prefer("nonsense"), clientrpc.CodeUsage)
	gone := newFakeProxy(t)
	gone.stop()
	wantCode(t, "a server that is away", prefer(gone.address), clientrpc.CodeOffline)
	c.at(t, first)
	must(t, prefer(second.address))
	c.at(t, second)
	must(t, prefer(first.address)) // and there again
	c.at(t, first)
	must(t, prefer(second.address))
	c.at(t, second)
	end()
	again, err := Open(t.Context(), cfg)
	must(t, err)
	defer again.Close()
	if own, err := again.ownServer(); err != nil || own.text != second.address {
		t.Errorf("the next time it begins at %q, %v", own.text, err)
	}
}

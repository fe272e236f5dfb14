package proxy

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A replayer sits between two servers. It keeps a server's answers, and gives
// the kept one out in the place of what it withholds, as that server's: under the
// tag of the request, because the same tag has come again.
type replayer struct {
	c    *testCloud
	from int // who answers

	mu       sync.Mutex
	kept     []byte // body of the last TypeSent; guarded by mu
	withhold bool   // guarded by mu
	replayed int    // guarded by mu
}

// newReplayer puts one between the first server and another.
func newReplayer(c *testCloud, from int) *replayer {
	r := &replayer{c: c, from: from}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop = r.drop
	return r
}

func (r *replayer) drop(from, to int, f wire.Frame) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case from == r.from && to == 0 && f.Type == wire.TypeSent:
		r.kept = slices.Clone(f.Body)
	case r.withhold && from == 0 && to == r.from && (f.Type == wire.TypeSend || f.Type == wire.TypeHint):
		r.replayed++
		old := wire.AppendFrame(nil, wire.TypeSent, f.Tag, r.kept)
		r.c.wg.Go(func() {
			r.c.servers[0].proxy.Receive(r.c.ctx, r.c.servers[r.from].fp(), wire.ClassControl, old)
		})
		return true
	}
	return false
}

// begin has it withhold, once it has kept an answer.
func (r *replayer) begin(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		t.Fatal("nothing was answered that could be given out again")
	}
	r.withhold = true
}

// forget has it leave out what an answer names, as an older server would.
func (r *replayer) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept, _ = wire.CutRequestHash(r.kept)
}

func (r *replayer) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.replayed
}

// TestOldAnswerIsNoProof: a home's answer to one envelope, given out again for
// another that never arrives, is not taken for its word. Nor is the answer to an
// envelope for several: who is second there is not listed under the same number
// when the envelope is sent to him alone.
func TestOldAnswerIsNoProof(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob, carol := c.register(1, c.servers[0]), c.register(1, c.servers[1]), c.register(1, c.servers[2])
		a := newClient(alice, 0).attach(c.servers[0], c.servers[0])
		synctest.Wait()
		r := newReplayer(c, 1)
		both := a.envelope("x", bob, carol)
		if code, _ := a.sendCode(both); code != omega.CodeOK {
			t.Fatalf("the honest way: %v", code)
		}
		r.begin(t)
		env, err := wire.ParseEnvelope(both)
		if err != nil {
			t.Fatal(err)
		}
		alone := wire.Envelope{Class: env.Class(), Sender: env.Sender(), ID: env.ID(), Lifetime: env.Lifetime(), Recipients: []omega.Fingerprint{bob.fp()}, Payload: env.Payload()}
		b, err := alone.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"another envelope": a.envelope("y", bob), "the same to fewer": b} {
			if code, _ := a.sendCode(b); code == omega.CodeOK {
				t.Errorf("%s: %v, and the home has nothing", name, code)
			}
		}
		r.forget()
		if code, _ := a.sendCode(a.envelope("z", bob)); code == omega.CodeOK {
			t.Errorf("what names nothing is taken from a server that says it names: %v", code)
		}
		if r.count() == 0 {
			t.Error("nothing was given out again")
		}
	})
}

// TestOldAnswerOfDeputy: nor is a deputy's answer to one hint taken for its word
// on another. Beside one home it would do.
func TestOldAnswerOfDeputy(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[0], c.servers[1])
		a := newClient(alice, 0).attach(c.servers[0], c.servers[0])
		c.servers[1].stop()
		synctest.Wait()
		r := newReplayer(c, 2)
		if code, _ := a.sendCode(a.envelope("x", bob)); code != omega.CodeOK {
			t.Fatalf("the honest way: %v", code)
		}
		r.begin(t)
		if code, _ := a.sendCode(a.envelope("y", bob)); code != omega.CodeQueued || r.count() == 0 {
			t.Errorf("%v after %d old answers, and the deputy has nothing", code, r.count())
		}
	}, withSpool)
}

// TestOlderServers: where one of two servers does not say that its answers name
// what they answer, both do as before; an answer that names something else is
// not taken from it either.
func TestOlderServers(t *testing.T) {
	var older omega.Fingerprint
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		older = c.servers[1].fp()
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		a := newClient(alice, 0).attach(c.servers[0], c.servers[0])
		b := newClient(bob, 0).attach(c.servers[1], c.servers[1])
		var plain, named int
		c.mu.Lock()
		c.spy = func(_, _ int, f wire.Frame) {
			if f.Type != wire.TypeSent {
				return
			}
			if _, _, err := wire.DecodeResults(f.Body); err == nil {
				plain++
			} else {
				named++
			}
		}
		c.mu.Unlock()
		a.send("to the older", bob)
		b.send("to the newer", alice)
		b.expect("to the older")
		a.expect("to the newer")
		c.mu.Lock()
		defer c.mu.Unlock()
		if plain != 2 || named != 0 {
			t.Errorf("%d answers as before and %d that an older server does not know, want 2 and 0", plain, named)
		}
	}, func(c *testCloud) {
		// Each of the two knows of the other what its announcement says, and the
		// older one nothing of any of this.
		c.edit = func(cfg *Config) {
			self := cfg.Identity.Account()
			cfg.Answers = func(server omega.Fingerprint) bool { return server != older && self != older }
		}
	})
}

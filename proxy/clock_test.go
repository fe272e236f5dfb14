package proxy

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega/wire"
)

// TestClockStepsBack sets a server's clock back by an hour. Sessions keep their
// rates, and a request that is under way is repeated and given up as ever.
func TestClockStepsBack(t *testing.T) {
	var step atomic.Int64
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		a := newClient(alice, 0).attach(c.servers[0], c.servers[0])
		var tries atomic.Int64
		c.mu.Lock()
		c.drop = func(_, _ int, f wire.Frame) bool {
			if f.Type == wire.TypeSend {
				tries.Add(1)
			}
			return f.Type == wire.TypeSend
		}
		c.mu.Unlock()
		tag := a.start(wire.TypeSend, a.envelope("into the dark", bob))
		time.Sleep(100 * time.Millisecond)
		step.Store(int64(-time.Hour))
		time.Sleep(6 * time.Second)
		if tries.Load() < 2 {
			t.Errorf("the envelope was sent %d times in 6 s", tries.Load())
		}
		if code, _ := a.codes(a.answer(tag)); code == 0 {
			t.Error("stored by nobody and answered with ok")
		}
		for range 20 {
			if f := a.request(wire.TypeLookup, bob.fp().Wire()); f.Type != wire.TypeEntry {
				t.Fatalf("a look-up after the clock went back is answered with type %d: %v", f.Type, wire.DecodeStatus(f.Body))
			}
		}
	}, func(c *testCloud) {
		c.edit = func(cfg *Config) {
			cfg.Now = func() time.Time { return time.Now().Add(time.Duration(step.Load())) }
		}
	})
}

// TestClockStepsForward sets a server's clock an hour ahead: nobody was silent.
func TestClockStepsForward(t *testing.T) {
	var step atomic.Int64
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		alice := c.register(1, c.servers[0])
		newClient(alice, 0).connect(c.servers[0])
		step.Store(int64(time.Hour))
		time.Sleep(time.Minute)
		if m := c.servers[0].proxy.Metrics(); m.IdleEnded != 0 {
			t.Error("a session ended because the clock was set")
		}
	}, func(c *testCloud) {
		c.edit = func(cfg *Config) {
			cfg.Now = func() time.Time { return time.Now().Add(time.Duration(step.Load())) }
		}
	})
}

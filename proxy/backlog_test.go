package proxy

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// backlog has alice write count texts to bob, whose home is cut off for ten minutes,
// and returns how long after the cut is over nothing is owed any more. heal is called
// then.
func backlog(t *testing.T, count int, heal func(sender, home *testServer)) (took time.Duration) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		sender, home := c.servers[0], c.servers[1]
		alice, bob := c.register(1, sender), c.register(1, home)
		c.mu.Lock()
		c.delay = 100 * time.Millisecond
		c.cut[[2]int{0, 1}] = true
		c.mu.Unlock()
		a := newClient(alice, 0).connect(sender)
		begun := time.Now()
		for i := range count {
			e := &wire.Envelope{Class: wire.ClassText, Lifetime: 24 * time.Hour, Sender: alice.fp(), Recipients: []omega.Fingerprint{bob.fp()}, Payload: make([]byte, 200)}
			binary.BigEndian.PutUint32(e.ID[:], uint32(i))
			b, err := e.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			if code, _ := a.sendCode(b); code != omega.CodeQueued {
				t.Fatalf("sent: %s", code)
			}
		}
		time.Sleep(10*time.Minute - time.Since(begun))
		c.mu.Lock()
		clear(c.cut)
		c.mu.Unlock()
		healed := time.Now()
		heal(sender, home)
		waitFor(t, 2*spoolMaxWait, "nothing is owed", func() bool { return sender.spooled(t, home) == 0 })
		took = time.Since(healed)
		if n := home.held(t, bob); n != count {
			t.Errorf("the home has %d of %d", n, count)
		}
	}, withSpool)
	return took
}

// What gathered while a home was cut off goes to it as fast as it answers, once it is
// back: 10,000 texts in 30 s where an answer takes up to 0.2 s, whether or not a
// connection to it tells. (spec/delivery.md, DELIV-15)
func TestBacklogGoesSoon(t *testing.T) {
	const count = 2000
	told := backlog(t, count, func(sender, home *testServer) { sender.proxy.ServerUp(home.fp()) })
	if told > count*3*time.Millisecond+time.Second {
		t.Errorf("%d texts took %v to a home that is connected", count, told)
	}
	if took := backlog(t, count, func(*testServer, *testServer) {}); took > told+spoolReturn+2*spoolGlance {
		t.Errorf("they took %v to one that can be reached, and %v to one that is connected", took, told)
	}
}

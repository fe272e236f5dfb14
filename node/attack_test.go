package node

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// run starts a server on loopback that ends with the test.
func run(t *testing.T, config string) *Node {
	t.Helper()
	cfg := mustParse(t, "[listen]\nclient = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nadmin = \"\"\n"+config)
	if !strings.Contains(config, "[store]") {
		cfg.Store.Kind = "memory"
	}
	cfg.Dir, cfg.Cloud.Private = t.TempDir(), true
	n, err := New(t.Context(), *cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return n
}

func await(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > within {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// inUse is what the process holds of memory, in octets.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// crowd opens count connections to an address and says so much on each, then a
// space a second until the other side has had enough. It returns when all are
// open; done is closed when the other side has ended all.
func crowd(t *testing.T, addr string, count int, first string) (done chan struct{}) {
	t.Helper()
	done = make(chan struct{})
	var all sync.WaitGroup
	for range count {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, first); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer c.Close()
			gone := make(chan struct{})
			go func() { io.Copy(io.Discard, c); close(gone) }()
			for {
				select {
				case <-gone:
					return
				case <-time.After(time.Second):
					c.Write([]byte(" "))
				}
			}
		})
	}
	go func() { all.Wait(); close(done) }()
	return done
}

// TestCrowdThatSaysNothing: a thousand connections to each port of a server that
// begin, and go on by an octet a second, take bounded memory and are ended. The
// link to another server stays, a newcomer joins, and visitors and guests are
// answered all the while.
func TestCrowdThatSaysNothing(t *testing.T) {
	victim := run(t, "")
	other := run(t, "[cloud]\nbootstrap = [\""+victim.ServerAddress()+"\"]")
	both := func() bool { return victim.formed(2) && other.formed(2) }
	await(t, "a cloud of two", time.Minute, both)

	before := inUse()
	const count = 1000
	crowds := map[string]chan struct{}{
		"clients": crowd(t, victim.client.Addr().String(), count, "\x16\x03\x01"),
		"servers": crowd(t, victim.peer.Addr().String(), count, "\x16\x03\x01"),
		"http":    crowd(t, victim.http.Addr().String(), count, "GET / HTTP/1.1\r\nHost: "),
	}
	each := (inUse() - before) / (3 * count) // both ends of it are here
	t.Logf("%d octets for each connection", each)
	if each > 96<<10 {
		t.Errorf("%d octets for each connection that says nothing", each)
	}
	late := run(t, "[cloud]\nbootstrap = [\""+victim.ServerAddress()+"\"]")
	await(t, "a newcomer joins by the victim", time.Minute, func() bool { return late.formed(3) && victim.formed(3) })
	for name, ended := range crowds {
		for over := false; !over; {
			select {
			case <-ended:
				over = true
			default:
				checkService(t, victim, other)
				if !both() {
					t.Fatalf("the servers lost each other while the crowd of %s was there", name)
				}
			}
			if t.Failed() {
				return
			}
		}
	}
	await(t, "nobody is left", time.Minute, func() bool { return victim.transport.Stats().HalfOpen == 0 && victim.budget.Open() < 50 })
	if links := victim.cloud.Stats().LinksLost; links > 0 {
		t.Errorf("%d links lost", links)
	}
}

// checkService asks as a visitor and as a guest.
func checkService(t *testing.T, victim, other *Node) {
	t.Helper()
	within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(within, "GET", victim.HTTPAddress()+"/api/v1/topology", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("a visitor: %v", err)
		return
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(b), mesh.Full.String()) {
		t.Errorf("a visitor reads %.80q, %v", b, err)
	}
	addr, err := transport.ParseAddress(victim.ClientAddress())
	if err != nil {
		t.Fatal(err)
	}
	g, err := transport.DialGuest(within, transport.DialConfig{Address: addr})
	if err != nil {
		t.Errorf("a guest: %v", err)
		return
	}
	defer g.Close()
	if _, err := g.Lookup(within, other.Fingerprint()); err != nil {
		t.Errorf("a guest looks up a server: %v", err)
	}
}

package whole

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/node"
)

// ownCloud starts servers that a test may stop.
func ownCloud(t *testing.T, n int, registration string, change ...func(*node.Config)) []*server {
	t.Helper()
	servers, err := startCloud(t.TempDir(), n, registration, "pebble", change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range servers {
			s.end()
		}
	})
	return servers
}

// TestRestart stops a server while clients are attached to it and others write
// to them, and starts it again: they come back, by their tickets where the
// server has not forgotten them, and nothing is lost or there twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 2, "open")
	a, d := newPerson(t, "a", servers[0].address()), newPerson(t, "d", servers[1].address())
	if d.status(t).Resumed {
		t.Error("resumed before there was anything to resume")
	}
	var want []string
	var last omega.ID
	write := func(wait string) {
		text := fmt.Sprint("text ", len(want)+1)
		last = a.send(t, d, text, wait)
		want = append(want, text)
	}
	write("delivered")
	write("none")
	if err := servers[1].end(); err != nil {
		t.Fatalf("end the server: %v", err)
	}
	until(t, "the client notices", func() bool {
		st := d.status(t)
		return !st.Online || st.Proxy != servers[1].fpr() // it may be at the other one already
	})
	for range 3 {
		write("none")
	}
	if err := servers[1].start(); err != nil {
		t.Fatalf("start the server again: %v", err)
	}
	d.online(t)
	write("none")
	d.close(t)
	write("none")
	d.open(t)
	// The first time it may come back from the other server, without a ticket
	// for this one.
	until(t, "the session is resumed", func() bool {
		d.online(t)
		d.close(t)
		d.open(t)
		return d.online(t).Resumed
	})
	wantVerified(t, d.history(t, a)[:1], want[0])
	a.awaitState(t, d, last, "delivered")
	got := d.receive(t, len(want))
	slices.SortFunc(got, func(a, b clientrpc.Message) int { return int(a.Sequence) - int(b.Sequence) })
	wantVerified(t, got, want...)
	wantVerified(t, d.history(t, a), want...)
}

// TestProxyDies takes away the server that a device is attached to, which is
// not its home: it goes to another one that it remembers, and has its mail.
func TestProxyDies(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 3, "open")
	a, b := newPerson(t, "a", servers[0].address()), newPerson(t, "b", servers[1].address())
	b2 := b.link(t, servers[2].address())
	st := b2.online(t)
	if st.Proxy != servers[2].fpr() || len(st.Homes) != 1 || st.Homes[0].Server != servers[1].fpr() {
		t.Fatalf("status %+v", st)
	}
	a.know(t, b)
	a.send(t, b, "one", "stored")
	wantVerified(t, b2.receive(t, 1), "one")
	if err := servers[2].end(); err != nil {
		t.Fatal(err)
	}
	until(t, "the device is attached through another server", func() bool {
		st := b2.status(t)
		return st.Online && st.Proxy != servers[2].fpr() && len(st.Homes) == 1 && st.Homes[0].Attached
	})
	a.send(t, b, "two", "stored")
	wantVerified(t, b2.receive(t, 1), "two")
	b2.send(t, a, "three", "delivered")
	wantVerified(t, a.receive(t, 1), "three")
}

// TestWebSocket uses the address for browsers as the only one.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	a, b := newPerson(t, "a", cloud[0].webSocket()), newPerson(t, "b", cloud[1].address())
	if st := a.status(t); !strings.HasPrefix(st.Server, "ws://") || st.Proxy != cloud[0].fpr() {
		t.Errorf("attached to %s, %s", st.Server, st.Proxy)
	}
	a.send(t, b, "through a WebSocket", "delivered")
	wantVerified(t, b.receive(t, 1), "through a WebSocket")
	b.send(t, a, "and back", "delivered")
	wantVerified(t, a.receive(t, 1), "and back")
}

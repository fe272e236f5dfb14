package whole

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// waiting is how many messages BenchmarkCatchUp has wait.
const waiting = 10_000

// BenchmarkCatchUp takes in 10,000 messages that wait at a home with files, until
// all are committed: from opening the home, connection and handshake included.
// Server and client share the process and its processors. The target is 2 s.
func BenchmarkCatchUp(b *testing.B) {
	servers, err := startCloud(b.TempDir(), 1, "open", "pebble")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { servers[0].end() })
	address := servers[0].address()
	ann, bob := newPerson(b, "ann", address), newPerson(b, "bob", address)
	bob.knows(b, ann) // mail of strangers is bounded
	ann.knows(b, bob)
	ann.sendAs(b, newID(), bob, "第一則", "stored")
	unread := func() int {
		r, err := clientrpc.Chats.Call(b.Context(), bob.conn, clientrpc.Page{})
		if err != nil {
			b.Fatal(err)
		}
		if len(r.Chats) == 0 {
			return 0
		}
		return r.Chats[0].Unread
	}
	until(b, "the first message is here", func() bool { return unread() == 1 })
	all := 1
	for b.Loop() {
		b.StopTimer()
		bob.close(b)
		ann.pour(b, bob, waiting)
		all += waiting
		b.StartTimer()
		bob.open(b)
		for unread() < all {
			time.Sleep(poll)
		}
	}
}

// pour sends n texts, and returns when all are stored at homes.
func (d *device) pour(b *testing.B, to *device, n int) {
	b.Helper()
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for j := i; j < n; j += 16 {
				d.sendAs(b, newID(), to, fmt.Sprintf("第 %d 則：明天早上十點在台北車站見面，記得帶傘", j), "none")
			}
		})
	}
	group.Wait()
	until(b, "all is sent", func() bool { return d.status(b).Outbox == 0 })
}

package cloud

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A packet whose list of dead links is full is not copied over the connection
// that it stalls on, look after look. (spec/cloud.md, CLOUD-23)
func TestFullListAndStall(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(4, nil)
		a, b := nodes[0], nodes[1]
		l := a.table.Load().links[b.id.Account()]
		if l == nil {
			t.Fatal("not connected")
		}
		n.isolate(b, true)
		head := wire.Packet{Class: wire.ClassText, ID: omega.ID{9}, Source: a.id.Account(), Destinations: []omega.Fingerprint{b.id.Account()}}
		for i := range wire.MaxAvoid {
			head.Avoid = append(head.Avoid, wire.LinkHash(i+1))
		}
		p, err := a.fill(&head, wire.AppendFrame(nil, wire.TypeSend, 0, []byte("x")))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.post(l, p, p.view(), a.now()); err != nil {
			t.Fatal(err)
		}
		a.courier.wake()
		time.Sleep(800 * time.Millisecond)
		if a.Stats().Hedged == 0 {
			t.Fatal("it did not stall")
		}
		l.window.mu.Lock()
		defer l.window.mu.Unlock()
		if got := l.window.next - l.window.first; got > 4 { // itself, and what its origin repeats
			t.Errorf("%d packets under way", got)
		}
	})
}

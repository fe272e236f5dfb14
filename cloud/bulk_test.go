package cloud

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// withBulk lets a server dial second connections.
func (n *testNet) withBulk(of func() *node) func(cfg *Config) {
	return func(cfg *Config) {
		cfg.DirectIdle = 20 * time.Second
		cfg.DialBulk = func(_ context.Context, to transport.Address) (Conn, error) {
			me := of()
			n.mu.Lock()
			other := n.nodes[to.HostPort]
			n.mu.Unlock()
			if n.isCut(me.addr, to.HostPort) {
				return nil, errRefused
			}
			mine, theirs := newPipe(n, me, other)
			mine.peer.Bulk, theirs.peer.Bulk = true, true
			other.wg.Go(func() { other.Accept(other.ctx, theirs) })
			return mine, nil
		}
	}
}

// Bulk gets a connection of its own, messages stay where they are, and an idle
// one ends.
func TestBulkConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		var nodes []*node
		for i := range 2 {
			nodes = append(nodes, n.add(i, n.withBulk(func() *node { return nodes[i] })))
		}
		nodes[0].start(nodes[1])
		nodes[1].start(nodes[0])
		a, b := nodes[0], nodes[1]
		n.await("a cloud", time.Minute, func() bool { return n.agree(nodes) })
		main := a.table.Load().links[b.id.Account()]
		send := func(class wire.Class, count int) {
			for i := range count {
				msg := fmt.Sprint(class, " ", time.Now().UnixNano(), " ", i)
				if err := a.Forward(a.ctx, b.id.Account(), class, []byte(msg)); err != nil {
					t.Fatal(err)
				}
				n.await(msg, time.Second, func() bool { return b.received(msg) != "" })
			}
		}
		send(wire.ClassBulk, 10) // the first ones share the first connection
		links := main.bulks.all()
		if len(links) != 1 {
			t.Fatalf("%d bulk connections", len(links))
		}
		before := main.window.next
		send(wire.ClassBulk, 100)
		if got := main.window.next - before; got != 0 {
			t.Errorf("%d bulk packets went over the first connection", got)
		}
		send(wire.ClassText, 5)
		if got := main.window.next - before; got != 5 {
			t.Errorf("%d of 5 messages went over the first connection", got)
		}
		time.Sleep(time.Minute)
		if got := len(main.bulks.all()) + len(b.table.Load().links[a.id.Account()].bulks.all()); got != 0 {
			t.Errorf("%d idle bulk connections stay", got)
		}
		if st := a.Stats(); st.Connections != 1 || st.LinksLost != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// A bulk connection that ends in the middle loses nothing, and ends with the
// first one.
func TestBulkConnectionEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		var nodes []*node
		for i := range 2 {
			nodes = append(nodes, n.add(i, n.withBulk(func() *node { return nodes[i] })))
		}
		nodes[0].start(nodes[1])
		nodes[1].start(nodes[0])
		a, b := nodes[0], nodes[1]
		n.await("a cloud", time.Minute, func() bool { return n.agree(nodes) })
		main := a.table.Load().links[b.id.Account()]
		for i := range 100 {
			msg := fmt.Sprint("bulk ", i)
			if err := a.Forward(a.ctx, b.id.Account(), wire.ClassBulk, []byte(msg)); err != nil {
				t.Fatal(err)
			}
			if links := main.bulks.all(); i == 50 && len(links) > 0 {
				links[0].conn.Close()
			}
			time.Sleep(time.Millisecond)
		}
		n.await("all of it", 2*time.Second, func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return len(b.copies) == 100
		})
		b.mu.Lock()
		defer b.mu.Unlock()
		for msg, count := range b.copies {
			if count != 1 {
				t.Errorf("%s came %d times", msg, count)
			}
		}
	})
	inBubble(t, func(t *testing.T, n *testNet) {
		nd := n.cloudOf(1, nil)[0]
		mine, theirs := newPipe(n, n.add(8, nil), nd)
		theirs.peer.Bulk = true
		if err := nd.Accept(nd.ctx, theirs); !errors.Is(err, errNoMain) {
			t.Errorf("a second connection without a first: %v", err)
		}
		mine.Close()
	})
}

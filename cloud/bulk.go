package cloud

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Bounds of bulk connections. (spec/cloud.md, CLOUD-34)
const (
	maxBulks      = 2           // beside one connection: one that each side dialled
	bulkDialAgain = time.Minute // after a dial that failed, or a connection that ended
)

var errNoMain = errors.New("a bulk connection without another one")

// bulks are the bulk connections beside one connection. Closed with it.
type bulks struct {
	mu     sync.Mutex
	links  []*link // the first one is sent over; guarded by mu
	closed bool    // guarded by mu
	asked  int64   // when one was dialled last; 0: never; guarded by mu
}

func (b *bulks) add(l *link) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.links) >= maxBulks {
		return false
	}
	b.links = append(b.links, l)
	return true
}

func (b *bulks) remove(l *link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, x := range b.links {
		if x == l {
			b.links = append(b.links[:i:i], b.links[i+1:]...)
			return
		}
	}
}

// all returns the connections; do not change them.
func (b *bulks) all() []*link {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.links
}

func (b *bulks) close() {
	b.mu.Lock()
	links := b.links
	b.closed = true
	b.mu.Unlock()
	for _, l := range links {
		l.conn.Close()
	}
}

// want reports whether a bulk connection is to be dialled now.
func (b *bulks) want(now int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.links) > 0 || b.asked != 0 && now-b.asked < int64(bulkDialAgain) {
		return false
	}
	b.asked = max(now, 1)
	return true
}

// post is link.post for any class: bulk goes over a connection of its own, once
// there is one.
func (c *Cloud) post(l *link, p *parcel, v wire.PacketView, now int64) error {
	if c.cfg.DialBulk != nil && v.Class() == wire.ClassBulk {
		if links := l.bulks.all(); len(links) > 0 {
			if links[0].post(p, v, now) == nil {
				return nil
			}
		} else if l.bulks.want(now) {
			c.courier.wantBulk(l)
		}
	}
	return l.post(p, v, now)
}

// dialBulk makes a bulk connection beside l and serves it.
func (c *Cloud) dialBulk(ctx context.Context, l *link) {
	rec := c.table.Load().view.Record(l.peer)
	if rec == nil || !rec.Dialable() {
		return // the other side may dial
	}
	addr := transport.Address{Network: transport.NetworkTLS, HostPort: rec.Peer, Fingerprint: l.peer}
	dialCtx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	conn, err := c.cfg.DialBulk(dialCtx, addr)
	cancel()
	if err == nil {
		err = c.serveBulk(ctx, newLink(conn, true))
	}
	c.cfg.Logger.Debug("bulk connection ended", "peer", l.peer, "err", err)
}

// serveBulk reads a bulk connection until it ends or the other one does.
func (c *Cloud) serveBulk(ctx context.Context, l *link) error {
	defer l.conn.Close()
	defer context.AfterFunc(ctx, func() { l.conn.Close() })()
	main := c.table.Load().links[l.peer]
	if main == nil || !main.bulks.add(l) {
		return errNoMain
	}
	defer c.courier.lose(l) // what it carried goes by the other one
	defer main.bulks.remove(l)
	return c.read(ctx, l)
}

// tickBulks ends bulk connections beside l that carried nothing for long.
func (o *owner) tickBulks(l *link) {
	for _, b := range l.bulks.all() {
		if b.used.Swap(false) || b.idle.IsZero() {
			b.idle = o.now
		}
		if b.dialled && o.now.Sub(b.idle) >= o.cfg.DirectIdle || o.now.Sub(b.idle) >= 2*o.cfg.DirectIdle {
			b.conn.Close()
		}
	}
}

// wantBulk has a bulk connection dialled.
func (k *courier) wantBulk(l *link) {
	k.mu.Lock()
	k.bulks = append(k.bulks, l) // at most one per connection and minute
	k.mu.Unlock()
	k.ring()
}

func (k *courier) takeBulks() (l []*link) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l, k.bulks = k.bulks, nil
	return l
}

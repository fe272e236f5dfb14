package proxy

import (
	"context"
	"fmt"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// maxOutbox is how many octets may wait for one server. What is over it is
// dropped: all of it is repeated until it is answered, or pushed again.
const maxOutbox = 4 << 20

// An outbox holds frames for one server that come from callbacks which must
// not call out, such as those of the mailbox store. They leave in order, by a
// goroutine that lives until there is nothing left.
type outbox struct {
	p  *Proxy
	to omega.Fingerprint

	mu      sync.Mutex
	buf     []byte // { u8 class | frame }*; guarded by mu
	spare   []byte // empty, for the next round; guarded by mu
	running bool   // guarded by mu
	used    bool   // since the last sweep; guarded by mu
}

func (p *Proxy) outbox(to omega.Fingerprint) *outbox {
	if o := p.outboxes.get(to); o != nil {
		return o
	}
	return p.outboxes.getOr(to, func() *outbox { return &outbox{p: p, to: to} })
}

// post takes a copy of one whole frame. It reports false when there is no room.
func (o *outbox) post(class wire.Class, frame []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf)+len(frame) > maxOutbox {
		o.p.stats.forwardFailed.Add(1)
		return false
	}
	o.buf = append(append(o.buf, byte(class)), frame...)
	o.used = true
	if !o.running {
		o.running = o.p.spawn(o.drain)
		if !o.running {
			o.buf = nil
		}
	}
	return true
}

// drain forwards until nothing is left.
func (o *outbox) drain() {
	for {
		o.mu.Lock()
		batch := o.buf
		if len(batch) == 0 {
			o.running = false
			o.spare = nil
			o.mu.Unlock()
			return
		}
		o.buf = o.spare
		o.mu.Unlock()
		for b := batch; len(b) > 0; {
			n := 1 + frameSize(b[1:])
			o.p.forward(context.Background(), o.to, wire.Class(b[0]), b[1:n])
			b = b[n:]
		}
		o.mu.Lock()
		o.spare = batch[:0]
		o.mu.Unlock()
	}
}

// sweepOutboxes forgets those that nobody used for a while: clients name
// servers that do not exist. Leases that still hold one may go on using it.
func (p *Proxy) sweepOutboxes() {
	p.outboxes.all(func(o *outbox) {
		o.mu.Lock()
		idle := !o.used && !o.running
		o.used = false
		o.mu.Unlock()
		if idle {
			p.outboxes.removeIf(o.to, func(x *outbox) bool { return x == o })
		}
	})
}

// frameSize is the length that the frame at the front of b claims.
func frameSize(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// forward hands a frame to the Forwarder and counts. Its error wraps errNoWay.
func (p *Proxy) forward(ctx context.Context, to omega.Fingerprint, class wire.Class, frame []byte) error {
	p.stats.forwarded.Add(1)
	if p.cfg.Forwarder == nil {
		p.stats.forwardFailed.Add(1)
		return errNoWay
	}
	err := p.cfg.Forwarder.Forward(ctx, to, class, frame)
	if err != nil {
		p.stats.forwardFailed.Add(1)
		return fmt.Errorf("%w: %w", errNoWay, err)
	}
	return nil
}

// forwardAll is forward to several servers.
func (p *Proxy) forwardAll(ctx context.Context, to []omega.Fingerprint, class wire.Class, frame []byte) error {
	p.stats.forwarded.Add(int64(len(to)))
	if p.cfg.Forwarder == nil {
		return errNoWay
	}
	if err := p.cfg.Forwarder.ForwardAll(ctx, to, class, frame); err != nil {
		p.stats.forwardFailed.Add(1)
		return fmt.Errorf("%w: %w", errNoWay, err)
	}
	return nil
}

// postFrame builds a frame and posts it.
func (p *Proxy) postFrame(to omega.Fingerprint, t wire.Type, tag uint32, body []byte) {
	p.outbox(to).post(wire.ClassControl, wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(body)), t, tag, body))
}

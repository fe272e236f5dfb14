package proxy

import (
	"context"

	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/wire"
)

// pump reads mail after what was sent until the window is full, the connection
// takes no more, or the present is reached: then the lease is live.
func (l *lease) pump(ctx context.Context) {
	var buf []byte
	for ctx.Err() == nil {
		after, limit, ok := l.want()
		if !ok {
			return
		}
		mails, err := l.h.p.cfg.Mail.Read(ctx, l.account, after.sent, limit)
		if err != nil {
			l.h.p.log.ErrorContext(ctx, "waiting mail not read", "after", after.sent, "err", err)
			break
		}
		if buf, ok = l.pumped(after, mails, buf); !ok {
			return
		}
	}
	l.mu.Lock()
	l.pumping = false // the next tick tries again
	l.mu.Unlock()
}

// position is where a lease stood when its pump began to read.
type position struct {
	sent, latest, gen uint64
}

// want says what to read next; false when the pump is done.
func (l *lease) want() (position, mailbox.Limit, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	messages, bytes := windowMails-len(l.flight), windowBytes-l.bytes
	if l.live || l.closed || messages <= 0 || bytes <= 0 {
		l.pumping = false
		return position{}, mailbox.Limit{}, false
	}
	return position{l.sent, l.latest, l.gen}, mailbox.Limit{Messages: messages, Bytes: int64(bytes)}, true
}

// pumped sends what was read at a position. It returns false when the pump is
// done.
func (l *lease) pumped(at position, mails []mailbox.Mail, buf []byte) ([]byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gen != at.gen {
		return buf, true // rewound meanwhile: read again
	}
	if len(mails) == 0 {
		// What came while this was read has set latest. If nothing came,
		// nothing is missing; what is gone from the store was sent or expired.
		if l.latest == at.latest {
			l.live = true
			l.pumping = false
			l.tellGone()
			return buf, false
		}
		return buf, true
	}
	for i := range mails {
		m := &mails[i]
		if m.Seq <= l.sent { // acknowledged meanwhile
			continue
		}
		wm := wire.Mail{Seq: m.Seq, Received: uint64(m.Received.UnixMilli()), Envelope: m.Envelope}
		sent := l.room(len(m.Envelope))
		if sent {
			buf, sent = l.send(&wm, buf)
		}
		if !sent {
			l.pumping = false // an acknowledgement or the next tick goes on
			return buf, false
		}
		l.h.p.stats.pumped.Add(1)
	}
	return buf, true
}

package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/wire"
)

// Mail may come before the session is in use for anything else, since the lease is
// the first that a device sends: a sender that has to be looked up first is no
// reason to end it, or the device ends every session, at every server, while that
// mail waits. (spec/delivery.md, DELIV-20)
func TestMailBeforeSettled(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	c, err := Open(t.Context(), cfg)
	must(t, err)
	stop := c.start(t)
	c.at(t, p)
	stop()

	c, err = Open(t.Context(), cfg)
	must(t, err)
	s := p.newStranger(t, c, "stranger")
	own := string(c.acc.Fingerprint.Wire())
	leases := len(p.frames(wire.TypeAttach))
	p.mu.Lock()
	p.mute = func(f wire.Frame) bool {
		return f.Type == wire.TypeLookup && string(f.Body) == own && len(p.got[wire.TypeAck]) == 0
	}
	p.mu.Unlock()
	defer c.start(t)()
	until(t, "a lease", func() bool { return len(p.frames(wire.TypeAttach)) > leases })
	mails := s.seal(t, c, "early")
	p.push(t, mails...)
	until(t, "the mail is taken", func() bool { return len(p.frames(wire.TypeAck)) > 0 })
	if n := len(p.frames(wire.TypeAttach)) - leases; n != 1 {
		t.Errorf("%d leases, want 1", n)
	}
}

// A sender whom no server can tell of now holds up the mail behind it, not the
// session.
func TestSenderLater(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "stranger")
	session := c.at(t, p)
	later := string(s.id.Wire())
	asked := 0
	p.mu.Lock()
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		if f.Type == wire.TypeLookup && string(f.Body) == later {
			if asked++; asked < 3 {
				return wire.TypeError, wire.AppendStatus(nil, omega.CodeUnavailable, "")
			}
		}
		return 0, nil
	}
	p.mu.Unlock()
	p.push(t, s.seal(t, c, "who am I")...)
	r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Count: 1, Timeout: 60e9})
	if err != nil || len(r.Messages) != 1 || r.Messages[0].Text != "who am I" {
		t.Fatalf("%+v, %v", r, err)
	}
	if now, err := c.online(); err != nil || now != session {
		t.Errorf("the session was left: %v", err)
	}
}

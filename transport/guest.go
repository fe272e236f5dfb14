package transport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

func isGuest(t wire.Type) bool {
	return t == wire.TypeLookup || t == wire.TypeDrop || t == wire.TypePick || t == wire.TypeServers || t == wire.TypeContest
}

// serveGuest answers a visitor until he leaves, asks too much, or his time is
// over. He cannot become a session any more. It always returns an error, and
// ErrGuest if nothing was wrong. (spec/handshake.md, SHAKE-12)
func (h *shake) serveGuest(ctx context.Context, f wire.Frame) error {
	s := h.server
	addr := h.conn.RemoteAddr()
	if !h.gate.enterGuest(addr, s.now()) {
		_ = h.say(f.Tag, &omega.Error{Code: omega.CodeRateLimited, Text: "too many guests"})
		_ = h.conn.Close()
		return ErrBusy
	}
	defer func() { h.gate.leaveGuest(addr, s.now()) }()
	defer func() { _ = h.conn.Close() }()
	s.guests.Add(1)
	l := s.cfg.Limits
	_ = h.conn.link.SetReadDeadline(time.Now().Add(l.GuestLifetime))
	left := map[wire.Type]int{wire.TypeLookup: l.GuestLookups, wire.TypeDrop: l.GuestDrops, wire.TypePick: l.GuestPicks, wire.TypeServers: l.GuestLists, wire.TypeContest: l.GuestContests}
	for {
		if left[f.Type]--; left[f.Type] < 0 {
			// Types that are no guest's have nothing left from the start.
			_ = h.say(f.Tag, &omega.Error{Code: omega.CodeRateLimited, Text: "a guest may not ask more"})
			return fmt.Errorf("guest: more than he may, at type %d", f.Type)
		}
		_ = h.conn.link.SetWriteDeadline(time.Now().Add(l.HandshakeTimeout))
		err := h.answerGuest(ctx, f)
		if err != nil {
			return ErrGuest
		}
		if f, err = h.read(maxFirst); err != nil {
			return ErrGuest
		}
	}
}

// answerGuest writes the answer to one request.
func (h *shake) answerGuest(ctx context.Context, f wire.Frame) error {
	t, body, err := h.guestRequest(ctx, f)
	if err == nil {
		return h.conn.writeNow(t, f.Tag, body)
	}
	say := &omega.Error{Code: omega.CodeInternal, Text: "the server failed; try again later"}
	if !errors.As(err, &say) {
		h.server.cfg.Logger.ErrorContext(ctx, "guest's request failed", "type", int(f.Type), "err", err)
	}
	return h.say(f.Tag, say)
}

func (h *shake) guestRequest(ctx context.Context, f wire.Frame) (wire.Type, []byte, error) {
	switch f.Type {
	case wire.TypeLookup:
		body, err := h.guestLookup(ctx, f.Body)
		return wire.TypeEntry, body, err
	case wire.TypeDrop:
		if len(f.Body) < HandleSize {
			return 0, nil, omega.Errorf(omega.CodeBadRequest, "drop: no handle")
		}
		err := h.server.cfg.Rendezvous.Drop(h.visitor(), Handle(f.Body), f.Body[HandleSize:])
		return wire.TypeDone, wire.AppendStatus(nil, omega.CodeOK, ""), err
	case wire.TypeServers:
		if h.server.cfg.Servers == nil {
			return 0, nil, omega.Errorf(omega.CodeNotFound, "no servers are known here")
		}
		body, err := h.server.cfg.Servers(f.Body)
		return wire.TypeServerList, body, err
	case wire.TypeContest:
		return wire.TypeDone, wire.AppendStatus(nil, omega.CodeOK, ""), h.guestContest(ctx, f.Body)
	default:
		if len(f.Body) != HandleSize {
			return 0, nil, omega.Errorf(omega.CodeBadRequest, "pick: no handle")
		}
		blob, err := h.server.cfg.Rendezvous.Pick(Handle(f.Body))
		return wire.TypeBlob, blob, err
	}
}

// visitor names where a guest comes from: an address, "" where those do not count.
func (h *shake) visitor() string {
	if p, ok := hostOf(h.conn.RemoteAddr()); ok {
		return p.String()
	}
	return ""
}

func (h *shake) guestContest(ctx context.Context, body []byte) error {
	fp, n, err := omega.DecodeFingerprint(body)
	if err != nil {
		return omega.Errorf(omega.CodeBadRequest, "contest: not a fingerprint")
	}
	if h.server.cfg.Contest == nil {
		return omega.Errorf(omega.CodeNotFound, "nobody is known here")
	}
	return h.server.cfg.Contest(ctx, fp, body[n:])
}

func (h *shake) guestLookup(ctx context.Context, body []byte) ([]byte, error) {
	fp, n, err := omega.DecodeFingerprint(body)
	if err != nil || n != len(body) {
		return nil, omega.Errorf(omega.CodeBadRequest, "look up: not a fingerprint")
	}
	if h.server.cfg.Lookup == nil {
		return nil, omega.Errorf(omega.CodeNotFound, "nobody is known here")
	}
	entry, err := h.server.cfg.Lookup(ctx, fp)
	if err != nil {
		return nil, err
	}
	return wire.AppendEntry(nil, &entry), nil
}

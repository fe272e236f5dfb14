package proxy

import (
	"bytes"
	"context"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// send takes an envelope from the client. It waits while the session has too
// much under way, which is what slows a client down.
func (s *session) send(ctx context.Context, f wire.Frame) {
	s.p.stats.sends.Add(1)
	env, err := wire.ParseEnvelope(f.Body)
	if err != nil {
		s.sent(f.Tag, omega.CodeBadRequest)
		return
	}
	if code := s.maySend(env); code != omega.CodeOK {
		s.sent(f.Tag, code)
		return
	}
	if env.Class() == wire.ClassEphemeral {
		s.sendEphemeral(ctx, f.Tag, env)
		return
	}
	s.flow.wait(ctx.Done())
	s.flow.start(len(env))
	if env.NumRecipients() == 1 && s.sendHere(ctx, f.Tag, env) {
		return
	}
	s.p.route(ctx, s, f.Tag, env)
}

// maySend judges an envelope by who sends it and how many.
func (s *session) maySend(env wire.EnvelopeView) omega.Code {
	cfg := &s.p.cfg
	switch {
	case env.Sender() != s.account:
		return omega.CodeRefused
	case s.p.drained.Load():
		return omega.CodeShutdown
	case cfg.SendRate > 0 && !s.sends.take(s.p.steady().UnixNano(), int64(1e9)/int64(cfg.SendRate), int64(cfg.SendBurst)):
		s.p.stats.sendsLimited.Add(1)
		return omega.CodeRateLimited
	}
	return omega.CodeOK
}

// sent answers without having sent anything.
func (s *session) sent(tag uint32, code omega.Code) {
	s.p.stats.sendsFailed.Add(1)
	_ = s.c.SendFrame(wire.TypeSent, tag, wire.AppendResults(nil, code, nil))
}

// sendHere is the short way of the usual envelope: one recipient, whose only
// home is this server. It reports false if it is not that.
func (s *session) sendHere(ctx context.Context, tag uint32, env wire.EnvelopeView) bool {
	to := firstRecipient(env)
	r, err := s.p.cfg.Keys.Route(ctx, to)
	if err != nil || len(r.Homes) != 1 || r.Homes[0] != s.p.self {
		return false
	}
	d := s.p.newDelivery(env, answerSession)
	d.s, d.tag = s, tag
	d.add(0, to)
	s.p.deliver(ctx, d)
	return true
}

func firstRecipient(env wire.EnvelopeView) (first omega.Fingerprint) {
	for _, account := range env.Recipients {
		return account
	}
	return first
}

// sendEphemeral hands an envelope that nobody stores to every home that is
// known, and answers at once.
func (s *session) sendEphemeral(ctx context.Context, tag uint32, env wire.EnvelopeView) {
	var homes []omega.Fingerprint
	for _, account := range env.Recipients {
		r, err := s.p.cfg.Keys.Route(ctx, account)
		if err != nil {
			continue
		}
		for _, home := range r.Homes {
			if !slices.Contains(homes, home) {
				homes = append(homes, home)
			}
		}
	}
	if i := slices.Index(homes, s.p.self); i >= 0 {
		homes = slices.Delete(homes, i, i+1)
		s.p.deliverEphemeral(ctx, env)
	}
	if len(homes) > 0 {
		frame := wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(env)), wire.TypeSend, 0, env)
		_ = s.p.forwardAll(ctx, homes, wire.ClassEphemeral, frame) // nobody misses it
	}
	if tag != 0 {
		_ = s.c.SendFrame(wire.TypeSent, tag, wire.AppendResults(nil, omega.CodeOK, nil))
	}
}

// route sends an envelope to wherever its recipients live. If one of them is
// unknown it looks around first, on a goroutine of its own.
func (p *Proxy) route(ctx context.Context, s *session, tag uint32, env wire.EnvelopeView) {
	routes, unknown := p.routes(ctx, env)
	if unknown == 0 {
		p.fanOut(ctx, s, tag, env, routes, nil)
		return
	}
	env = bytes.Clone(env)
	started := p.finds.start(p, s.asker(), func() {
		ctx := context.Background() // the session may end, the envelope goes on
		codes := p.findAll(ctx, s.asker(), env, routes, omega.Fingerprint{}, anybody)
		p.fanOut(ctx, s, tag, env, routes, codes)
	})
	if !started { // nobody looked for them
		p.fanOut(ctx, s, tag, env, routes, slices.Repeat([]omega.Code{omega.CodeRateLimited}, len(routes)))
	}
}

// routes looks up the recipients here. Those that are unknown have none.
func (p *Proxy) routes(ctx context.Context, env wire.EnvelopeView) (routes []*keyserver.Route, unknown int) {
	routes = make([]*keyserver.Route, env.NumRecipients())
	for i, account := range env.Recipients {
		r, err := p.cfg.Keys.Route(ctx, account)
		if err != nil || len(r.Homes) == 0 {
			unknown++
			continue
		}
		routes[i] = r
	}
	return routes, unknown
}

// errUnexpected is an answer of a type that was not asked for.
var errUnexpected = omega.Errorf(omega.CodeUnavailable, "the server answered something else")

// sendResults reads a home's answer to a Send.
func sendResults(f wire.Frame, err error) (omega.Code, []wire.Result, error) {
	if err != nil {
		return 0, nil, err
	}
	if f.Type != wire.TypeSent {
		return 0, nil, errUnexpected
	}
	return wire.DecodeResults(f.Body)
}

// notHere turns a home's "not found" into "try again": the account exists, but
// one of the two servers has not heard where it lives.
func notHere(c omega.Code) omega.Code {
	if c == omega.CodeNotFound {
		return omega.CodeUnavailable
	}
	return c
}

package proxy

import (
	"bytes"
	"context"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// wantCopies is how many homes have to store an envelope before its sender is
// told so, if the recipient has as many. (spec/delivery.md, DELIV-5)
const wantCopies = 2

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
	seen := make(map[omega.Fingerprint]bool)
	for _, account := range env.Recipients {
		r, err := s.p.cfg.Keys.Route(ctx, account)
		if err != nil {
			continue
		}
		for _, home := range r.Homes {
			if !seen[home] && home != s.p.self {
				frame := wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(env)), wire.TypeSend, 0, env)
				_ = s.p.forward(ctx, home, wire.ClassEphemeral, frame) // nobody misses it
			}
			seen[home] = true
		}
	}
	if seen[s.p.self] {
		s.p.deliverEphemeral(env)
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
		p.fanOut(ctx, s, tag, env, routes, omega.CodeNotFound)
		return
	}
	env = bytes.Clone(env)
	started := p.finds.start(p, s.account, func() {
		ctx := context.Background() // the session may end, the envelope goes on
		p.findAll(ctx, env, routes, omega.Fingerprint{})
		p.fanOut(ctx, s, tag, env, routes, omega.CodeNotFound)
	})
	if !started {
		p.fanOut(ctx, s, tag, env, routes, omega.CodeRateLimited) // nobody looked for them
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

// An outgoing is an envelope of a session on its way to several homes.
type outgoing struct {
	s    *session
	tag  uint32
	size int

	mu   sync.Mutex
	to   []progress // by recipient; guarded by mu
	open int        // recipients that are not decided; guarded by mu
}

// progress is what is known about one recipient.
type progress struct {
	need uint8      // copies to be stored until it is decided
	left uint8      // homes that have not said
	code omega.Code // what to tell if it fails
}

// fanOut hands one copy to every home, each with the recipients it is for. Who
// has no route is told as missing.
func (p *Proxy) fanOut(ctx context.Context, s *session, tag uint32, env wire.EnvelopeView, routes []*keyserver.Route, missing omega.Code) {
	o := &outgoing{s: s, tag: tag, size: len(env), to: make([]progress, len(routes)), open: len(routes)}
	homes := make(map[omega.Fingerprint][]uint16)
	var unknown []uint16
	for i, r := range routes {
		if r == nil {
			o.to[i] = progress{need: 1, left: 1}
			unknown = append(unknown, uint16(i))
			continue
		}
		n := uint8(min(len(r.Homes), omega.MaxHomes))
		o.to[i] = progress{need: min(wantCopies, n), left: n}
		for _, h := range r.Homes[:n] {
			homes[h] = append(homes[h], uint16(i))
		}
	}
	o.report(unknown, missing, nil)
	for home, index := range homes {
		if home == p.self {
			p.deliverOutgoing(ctx, o, env, index)
		} else {
			p.sendCopy(ctx, o, home, env, index)
		}
	}
}

// deliverOutgoing stores the copy of this home.
func (p *Proxy) deliverOutgoing(ctx context.Context, o *outgoing, env wire.EnvelopeView, index []uint16) {
	d := p.newDelivery(env, answerOutgoing)
	d.out = o
	for i, account := range accountsOf(env, index) {
		d.add(int(index[i]), account)
	}
	p.deliver(ctx, d)
}

// accountsOf returns the recipients at ascending positions in env.
func accountsOf(env wire.EnvelopeView, index []uint16) []omega.Fingerprint {
	accounts := make([]omega.Fingerprint, 0, len(index))
	for i, account := range env.Recipients {
		if len(accounts) < len(index) && int(index[len(accounts)]) == i {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

// sendCopy sends the copy of another home.
func (p *Proxy) sendCopy(ctx context.Context, o *outgoing, home omega.Fingerprint, env wire.EnvelopeView, index []uint16) {
	accounts := accountsOf(env, index)
	p.ask(ctx, home, env.Class(), wire.TypeSend, env, func(f wire.Frame, err error) bool {
		worst, results, err := sendResults(f, err)
		if err != nil {
			o.report(index, codeOf(err), nil)
			return false
		}
		if worst == omega.CodeNotFound {
			p.doubt(home, accounts)
		}
		for i := range results {
			results[i].Code = notHere(results[i].Code)
		}
		if len(results) > 0 {
			worst = omega.CodeOK // for those that are not listed
		}
		o.report(index, notHere(worst), results)
		return false
	})
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

// report notes what became of the recipients in index at one home: code, or
// what results say. When everything is decided the client is told.
func (o *outgoing) report(index []uint16, code omega.Code, results []wire.Result) {
	o.mu.Lock()
	for _, i := range index {
		c := code
		for _, r := range results {
			if r.Index == i {
				c = r.Code
			}
		}
		o.settle(&o.to[i], c)
	}
	finished := o.open == 0 && len(index) > 0
	if finished {
		o.open = -1 // said once
	}
	o.mu.Unlock()
	if finished {
		o.answer()
	}
}

// settle notes one home's word on one recipient. o.mu is held.
func (o *outgoing) settle(to *progress, c omega.Code) {
	if to.left == 0 {
		return
	}
	decided := to.need == 0 || to.left < to.need
	to.left--
	if c == omega.CodeOK {
		to.need -= min(to.need, 1)
	} else {
		to.code = max(to.code, c)
	}
	if !decided && (to.need == 0 || to.left < to.need) {
		o.open--
	}
}

// answer tells the client. Everything is decided, so nothing changes any more
// that it reads.
func (o *outgoing) answer() {
	var results []wire.Result
	worst := omega.CodeOK
	o.mu.Lock()
	for i, to := range o.to {
		if to.need > 0 {
			results = append(results, wire.Result{Index: uint16(i), Code: to.code})
			worst = max(worst, to.code)
		}
	}
	o.mu.Unlock()
	if worst != omega.CodeOK {
		o.s.p.stats.sendsFailed.Add(1)
	}
	_ = o.s.c.SendFrame(wire.TypeSent, o.tag, wire.AppendResults(nil, worst, results))
	o.s.flow.end(o.size)
}

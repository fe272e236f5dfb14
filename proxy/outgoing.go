package proxy

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// wantDomains is in how many failure domains an envelope has to be on stable
// storage before its sender is told so, if the recipient's homes are in as
// many. (spec/delivery.md, DELIV-13)
const wantDomains = 2

// An outgoing is an envelope of a session on its way to several homes. It goes
// on after its sender was answered: a home that is away is owed its copy.
type outgoing struct {
	p   *Proxy
	s   *session
	tag uint32
	env wire.EnvelopeView // own copy

	mu     sync.Mutex
	to     []progress                 // by recipient; guarded by mu
	open   int                        // recipients that are not decided; guarded by mu
	hinted map[omega.Fingerprint]bool // homes that deputies were told of; guarded by mu
}

// A domain is what fails together: an operator, or a server that names none.
type domain struct {
	operator string
	server   omega.Fingerprint // zero if operator is not empty
}

func (p *Proxy) domain(server omega.Fingerprint) domain {
	if p.cfg.Operator != nil {
		if name := p.cfg.Operator(server); name != "" {
			return domain{operator: name}
		}
	}
	return domain{server: server}
}

// progress is what is known about one recipient.
type progress struct {
	homes  []omega.Fingerprint // of the route; not to be changed
	need   int                 // domains that must have it
	has    []domain            // of homes that have it
	deputy bool                // a deputy has it
	kept   bool                // this server has it, in its spool
	left   int                 // words still to come
	code   omega.Code          // the worst of a home
	over   bool                // decided
}

// stored reports whether the sender may be told that it is. A deputy counts
// beside a home, never alone.
func (g *progress) stored() bool {
	n := len(g.has)
	if n > 0 && g.deputy {
		n++
	}
	return n >= g.need
}

// verdict is what the sender is told of this recipient.
func (g *progress) verdict() omega.Code {
	switch {
	case g.stored():
		return omega.CodeOK
	case len(g.has) > 0 || g.deputy || g.kept:
		return omega.CodeQueued
	}
	return g.code
}

// expect starts the count for a recipient with this route.
func (p *Proxy) expect(r *keyserver.Route) progress {
	homes := r.Homes[:min(len(r.Homes), omega.MaxHomes)]
	var domains []domain
	for _, h := range homes {
		if d := p.domain(h); !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	return progress{homes: homes, need: min(wantDomains, len(domains)), left: len(homes)}
}

// fanOut hands one copy to every home, each with the recipients it is for. Who
// has no route is told as missing says, by recipient.
func (p *Proxy) fanOut(ctx context.Context, s *session, tag uint32, env wire.EnvelopeView, routes []*keyserver.Route, missing []omega.Code) {
	o := &outgoing{p: p, s: s, tag: tag, env: bytes.Clone(env), to: make([]progress, len(routes)), open: len(routes)}
	homes := make(map[omega.Fingerprint][]uint16)
	var unknown []uint16
	var why []wire.Result
	for i, r := range routes {
		if r == nil {
			o.to[i] = progress{need: 1, left: 1}
			unknown = append(unknown, uint16(i))
			why = append(why, wire.Result{Index: uint16(i), Code: missing[i]})
			continue
		}
		o.to[i] = p.expect(r)
		for _, h := range o.to[i].homes {
			homes[h] = append(homes[h], uint16(i))
		}
	}
	o.report(omega.Fingerprint{}, unknown, omega.CodeUnavailable, why)
	if index := homes[p.self]; len(index) > 0 {
		o.deliverHere(ctx, index)
		delete(homes, p.self)
	}
	o.sendCopies(ctx, homes)
}

// deliverHere stores the copy of this home.
func (o *outgoing) deliverHere(ctx context.Context, index []uint16) {
	d := o.p.newDelivery(o.env, answerOutgoing)
	d.out = o
	for i, account := range accountsOf(o.env, index) {
		d.add(int(index[i]), account)
	}
	o.p.deliver(ctx, d)
}

// answerOutgoing reports what this home did.
func answerOutgoing(d *delivery, err error) {
	d.out.report(d.p.self, d.index, codeOf(err), d.results)
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

// manyHomes is from how many homes on their copies go as one frame over the mesh
// and not to each alone. (spec/cloud.md, CLOUD-28)
const manyHomes = 9

// sendCopies sends the copies of other homes.
func (o *outgoing) sendCopies(ctx context.Context, homes map[omega.Fingerprint][]uint16) {
	questions := make([]question, 0, len(homes))
	for home, index := range homes {
		questions = append(questions, o.sendCopy(home, index))
	}
	if len(questions) >= manyHomes {
		o.p.askAll(ctx, questions, o.env.Class(), wire.TypeSend, o.env)
		return
	}
	for _, q := range questions {
		o.p.askPatiently(ctx, q.to, o.env.Class(), wire.TypeSend, o.env, q.done, q.slow)
	}
}

// sendCopy is what is done with the copy of another home. If that is slow or
// away, deputies get one for it.
func (o *outgoing) sendCopy(home omega.Fingerprint, index []uint16) question {
	accounts := accountsOf(o.env, index)
	done := func(f wire.Frame, err error) bool {
		worst, results, err := sendResults(f, err)
		if err != nil {
			if away(err) {
				o.hint(home, index)
			}
			o.report(home, index, codeOf(err), nil)
			return false
		}
		if worst == omega.CodeNotFound {
			o.p.doubt(home, accounts)
		}
		for i := range results {
			results[i].Code = notHere(results[i].Code)
		}
		if len(results) > 0 {
			worst = omega.CodeOK // for those that are not listed
		}
		o.report(home, index, notHere(worst), results)
		return false
	}
	return question{home, done, func() { o.hint(home, index) }}
}

// away reports whether a request failed because the server was not there.
func away(err error) bool {
	return errors.Is(err, errNoWay) || errors.Is(err, errTimeout) || errors.Is(err, errBusy)
}

// report notes what became of the recipients in index at one home: code, or
// what results say. When everything is decided the client is told.
func (o *outgoing) report(home omega.Fingerprint, index []uint16, code omega.Code, results []wire.Result) {
	d := domain{}
	if !home.IsZero() {
		d = o.p.domain(home)
	}
	o.note(index, func(i uint16, g *progress) {
		c := code
		for _, r := range results {
			if r.Index == i {
				c = r.Code
			}
		}
		switch {
		case c != omega.CodeOK:
			g.code = max(g.code, c)
		case !slices.Contains(g.has, d):
			g.has = append(g.has, d)
		}
	})
}

// note has one of the awaited words on each of the recipients in index taken
// down, and answers the client when that decides the last one.
func (o *outgoing) note(index []uint16, take func(i uint16, g *progress)) {
	if len(index) == 0 {
		return
	}
	o.mu.Lock()
	for _, i := range index {
		g := &o.to[i]
		take(i, g)
		g.left--
		if !g.over && (g.stored() || g.left <= 0) {
			g.over = true
			o.open--
		}
	}
	finished := o.open == 0
	if finished {
		o.open = -1 // said once
	}
	o.mu.Unlock()
	if finished {
		o.answer()
	}
}

// answer tells the client.
func (o *outgoing) answer() {
	var results []wire.Result
	worst := omega.CodeOK
	o.mu.Lock()
	for i := range o.to {
		if c := o.to[i].verdict(); c != omega.CodeOK {
			results = append(results, wire.Result{Index: uint16(i), Code: c})
			worst = max(worst, c)
		}
	}
	o.mu.Unlock()
	if worst != omega.CodeOK {
		o.p.stats.sendsFailed.Add(1)
	}
	_ = o.s.c.SendFrame(wire.TypeSent, o.tag, wire.AppendResults(nil, worst, results))
	o.s.flow.end(len(o.env))
}

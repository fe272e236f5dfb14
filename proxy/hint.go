package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// hint has deputies keep the copy of a home that does not answer, once per
// home. Each account has deputies of its own, so that its devices know whom to
// ask. (spec/delivery.md, DELIV-14)
func (o *outgoing) hint(home omega.Fingerprint, index []uint16) {
	if o.p.cfg.Spool == nil {
		return
	}
	o.mu.Lock()
	again := o.hinted[home]
	if !again {
		if o.hinted == nil {
			o.hinted = make(map[omega.Fingerprint]bool)
		}
		o.hinted[home] = true
		for _, i := range index {
			if g := &o.to[i]; !g.over {
				g.left++ // the deputies' word
			}
		}
	}
	o.mu.Unlock()
	if again {
		return
	}
	if !o.p.spawn(func() { o.askDeputies(context.Background(), home, index) }) {
		o.note(index, func(uint16, *progress) {})
	}
}

// askDeputies groups recipients by whom to ask.
func (o *outgoing) askDeputies(ctx context.Context, home omega.Fingerprint, index []uint16) {
	members := o.p.reachable()
	groups := make(map[[keyserver.Deputies]omega.Fingerprint][]uint16)
	for n, account := range accountsOf(o.env, index) {
		i := index[n]
		var pair [keyserver.Deputies]omega.Fingerprint
		copy(pair[:], keyserver.DeputiesOf(account, o.to[i].homes, members))
		groups[pair] = append(groups[pair], i)
	}
	for pair, part := range groups {
		deputies := slices.DeleteFunc(pair[:], omega.Fingerprint.IsZero)
		o.askDeputy(ctx, home, deputies, part)
	}
}

// askDeputy asks the first deputy, then the next; when there is none left, this
// server keeps the copy itself.
func (o *outgoing) askDeputy(ctx context.Context, home omega.Fingerprint, deputies []omega.Fingerprint, index []uint16) {
	if len(deputies) == 0 || o.p.drained.Load() { // whose answers nobody waits for any more
		o.p.spool.put(ctx, home, spooled{o.p.self, index, o.env}, time.Time{}, func(err error) {
			o.note(index, func(_ uint16, g *progress) { g.kept = g.kept || err == nil })
		})
		return
	}
	next := func(index []uint16) {
		if !o.p.spawn(func() { o.askDeputy(ctx, home, deputies[1:], index) }) {
			o.note(index, func(uint16, *progress) {})
		}
	}
	o.p.stats.hinted.Add(1)
	if deputies[0] == o.p.self {
		o.p.keepHint(ctx, o.p.self, home, o.env, func(kept []uint16, err error) {
			o.deputyDid(index, func(i uint16) bool { return err == nil && slices.Contains(kept, i) }, next)
		})
		return
	}
	body := wire.AppendHint(nil, wire.Hint{Home: home, Envelope: o.env})
	o.p.ask(ctx, deputies[0], o.env.Class(), wire.TypeHint, body, func(f wire.Frame, err error) bool {
		worst, results, err := sendResults(f, err)
		o.deputyDid(index, func(i uint16) bool {
			return err == nil && worst == omega.CodeOK && !slices.ContainsFunc(results, func(r wire.Result) bool { return r.Index == i })
		}, next)
		return false
	})
}

// deputyDid notes a deputy's word on those recipients that it has an envelope
// for, and has the next one asked for the others. (spec/delivery.md, DELIV-36)
func (o *outgoing) deputyDid(index []uint16, has func(i uint16) bool, next func(index []uint16)) {
	var kept, left []uint16
	for _, i := range index {
		if has(i) {
			kept = append(kept, i)
		} else {
			left = append(left, i)
		}
	}
	if len(left) > 0 {
		next(left)
	}
	o.note(kept, func(_ uint16, g *progress) { g.deputy = true })
}

// reachable lists the full members that there is a way to, this server
// included.
func (p *Proxy) reachable() []omega.Fingerprint {
	var out []omega.Fingerprint
	for _, m := range p.members() {
		if m.Full && (m.Reachable || m.Server == p.self) {
			out = append(out, m.Server)
		}
	}
	return out
}

// receiveHint keeps an envelope as the deputy of its recipients.
func (p *Proxy) receiveHint(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	h, err := wire.DecodeHint(f.Body)
	if err != nil {
		p.postSent(from, f, omega.CodeBadRequest)
		return
	}
	env, err := wire.ParseEnvelope(h.Envelope)
	switch {
	case err != nil || h.Home == p.self || env.Class() == wire.ClassEphemeral:
		p.postSent(from, f, omega.CodeBadRequest)
	case !p.mayHint(from): // it keeps its mail itself
		p.postSent(from, f, omega.CodeRefused)
	default:
		p.takeHint(ctx, from, f, h.Home, env)
	}
}

// deputyRank is among how many members a server has to stand for an account to look
// for it as its deputy: twice as many as there can be before a deputy where both
// sides see the same members. (spec/delivery.md, DELIV-40)
const deputyRank = 2 * (omega.MaxHomes + keyserver.Deputies)

// takeHint keeps a hint after looking for those of its recipients that others
// keep the entries of and that this server may be a deputy of: whoever handed it
// over knows them. It says of whom it has nothing. (spec/delivery.md, DELIV-36,
// DELIV-40)
func (p *Proxy) takeHint(ctx context.Context, from omega.Fingerprint, f wire.Frame, home omega.Fingerprint, env wire.EnvelopeView) {
	keep := func(ctx context.Context) {
		p.keepHint(ctx, from, home, env, func(kept []uint16, err error) {
			p.postSent(from, f, codeOf(err), lacking(env, kept, err)...)
		})
	}
	routes, unknown := p.routes(ctx, env)
	if unknown == 0 {
		keep(ctx)
		return
	}
	members := p.reachable()
	mine := func(account omega.Fingerprint) bool {
		return keyserver.StandsAmong(deputyRank, account, p.self, members)
	}
	if p.finds.start(p, asker{forServer, from}, func() {
		ctx := context.Background()
		p.findAll(ctx, asker{forServer, from}, env, routes, from, mine)
		keep(ctx)
	}) {
		return
	}
	keep(ctx)
}

// lacking lists the recipients that are not among those for whom an envelope is
// kept; nothing where none is.
func lacking(env wire.EnvelopeView, kept []uint16, err error) (results []wire.Result) {
	for i := range env.NumRecipients() {
		if _, has := slices.BinarySearch(kept, uint16(i)); err == nil && !has {
			results = append(results, wire.Result{Index: uint16(i), Code: omega.CodeNotFound})
		}
	}
	return results
}

// mayHint reports whether a server can be one whose clients send: one that never
// was a member is not. (spec/delivery.md, DELIV-30)
func (p *Proxy) mayHint(server omega.Fingerprint) bool {
	return slices.ContainsFunc(p.members(), func(m Member) bool { return m.Server == server && !m.Stranger })
}

package proxy

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// appendTimeout bounds how long Receive waits for the mailbox store when its
// queue is full: the server that sent the envelope repeats it.
const appendTimeout = time.Second

// Receive takes one whole frame from another server, which the caller has
// authenticated. It keeps no reference to frame and does not block for long:
// what takes time is handed to the workers of Run.
func (p *Proxy) Receive(ctx context.Context, from omega.Fingerprint, class wire.Class, frame []byte) {
	p.stats.peerIn.Add(1)
	f, rest, err := wire.ParseFrame(frame, omega.MaxPeerFrame)
	if err != nil || len(rest) != 0 || !p.receive(ctx, from, f) {
		p.stats.peerBad.Add(1)
	}
}

// receive reports false for what makes no sense or is too much.
func (p *Proxy) receive(ctx context.Context, from omega.Fingerprint, f wire.Frame) bool {
	switch f.Type {
	case wire.TypeSend:
		return p.receiveSend(ctx, from, f)
	case wire.TypeMail:
		return p.receiveMail(from, f.Body)
	case wire.TypeWaiting:
		return p.receiveWaiting(from, f.Body)
	case wire.TypeAck, wire.TypeRewind, wire.TypeDetach:
		a, err := wire.DecodeAck(f.Body)
		if err != nil {
			return false
		}
		p.receiveAck(ctx, from, f.Type, &a)
		return true
	case wire.TypeSent, wire.TypeAttached, wire.TypeEntry, wire.TypeDone, wire.TypeError, wire.TypeSummary, wire.TypeLack, wire.TypeThere,
		wire.TypeCompared, wire.TypeLeaves, wire.TypeListed, wire.TypeFetched, wire.TypeHeld,
		wire.TypePrekeyCount, wire.TypePrekeys, wire.TypeTokenState:
		p.answered(from, f)
		return true
	case wire.TypeLeases:
		if len(f.Body) != 8 {
			return p.home.receiveTally(from, f)
		}
		p.answered(from, f)
		return true
	case wire.TypeLeaseList:
		l, err := wire.DecodeLeaseList(f.Body)
		if err != nil {
			return false
		}
		if l.Answer {
			p.answered(from, f)
			return true
		}
		return p.jobs.add(from, len(f.Body), func(context.Context) { p.home.receiveLeaseList(from, f.Tag, l) })
	case wire.TypeBlobClaim, wire.TypeBlobAppend, wire.TypeBlobGet, wire.TypeBlobState, wire.TypeBlobPart, wire.TypeBlobUsage, wire.TypeBlobUsed:
		return p.receiveBlob(context.WithoutCancel(ctx), from, f)
	case wire.TypeDigest:
		if len(f.Body) > 0 {
			p.answered(from, f)
			return true
		}
	case wire.TypeAttach, wire.TypeLookup, wire.TypePublish, wire.TypeBucket, wire.TypeHint, wire.TypeHave, wire.TypeWhere,
		wire.TypeCompare, wire.TypeBranch, wire.TypeList, wire.TypeFetch, wire.TypePlace, wire.TypeHold,
		wire.TypePrekeyPut, wire.TypePrekeyLook, wire.TypePrekeyTake, wire.TypeTokenPut, wire.TypeTokenLook:
	default:
		return false
	}
	f.Body = bytes.Clone(f.Body)
	return p.jobs.add(from, len(f.Body), func(ctx context.Context) { p.work(ctx, from, f) })
}

// work does what may take a while.
func (p *Proxy) work(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	switch f.Type {
	case wire.TypeAttach:
		p.receiveAttach(ctx, from, f)
	case wire.TypeLookup:
		p.receiveLookup(ctx, from, f)
	case wire.TypePublish:
		p.receivePublish(ctx, from, f)
	case wire.TypeDigest:
		p.postFrame(from, wire.TypeDigest, f.Tag, p.cfg.Keys.Digest().AppendTo(nil))
	case wire.TypeBucket:
		p.receiveBucket(ctx, from, f)
	case wire.TypeHint:
		p.receiveHint(ctx, from, f)
	case wire.TypeHave:
		p.receiveHave(ctx, from, f)
	case wire.TypeWhere:
		p.receiveWhere(ctx, from, f)
	case wire.TypePrekeyPut, wire.TypePrekeyLook, wire.TypePrekeyTake:
		p.receivePrekeys(ctx, from, f)
	case wire.TypeTokenPut, wire.TypeTokenLook:
		p.answerAsHome(ctx, from, f, wire.TypeTokenState, p.workOnTokens)
	default:
		p.workOnKeys(ctx, from, f)
	}
}

// workOnKeys is work for the key server.
func (p *Proxy) workOnKeys(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	switch f.Type {
	case wire.TypeCompare:
		p.receiveCompare(from, f)
	case wire.TypeBranch:
		p.receiveBranch(from, f)
	case wire.TypeList:
		p.receiveList(ctx, from, f)
	case wire.TypeFetch:
		p.receiveFetch(ctx, from, f)
	case wire.TypePlace:
		p.receivePlace(ctx, from, f)
	case wire.TypeHold:
		p.receiveHold(ctx, from, f)
	}
}

// receiveAttach takes a lease from the proxy of a device. If this home has not
// heard of the account, the proxy has.
func (p *Proxy) receiveAttach(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	attach := func(ctx context.Context) {
		p.home.attach(ctx, from, f.Body, nil, func(a wire.Attached) {
			p.postFrame(from, wire.TypeAttached, f.Tag, wire.AppendAttached(nil, &a))
		})
	}
	l, err := wire.DecodeLease(f.Body)
	if err == nil {
		_, err = p.cfg.Keys.Route(ctx, l.User)
	}
	if codeOf(err) == omega.CodeNotFound && p.finds.start(p, asker{forServer, from}, func() {
		ctx := context.Background()
		_, _ = p.findRemote(ctx, asker{forServer, from}, l.User, from) // attach says what came of it
		attach(ctx)
	}) {
		return
	}
	attach(ctx)
}

// receiveSend takes an envelope for mailboxes of this home.
func (p *Proxy) receiveSend(ctx context.Context, from omega.Fingerprint, f wire.Frame) bool {
	env, err := wire.ParseEnvelope(f.Body)
	if err != nil {
		if f.Tag != 0 {
			p.postSent(from, f, omega.CodeBadRequest)
		}
		return false
	}
	if env.Class() == wire.ClassEphemeral {
		p.deliverEphemeral(ctx, env)
		return true
	}
	if env.NumRecipients() == 1 {
		r, err := p.cfg.Keys.Route(ctx, firstRecipient(env))
		if err == nil && slices.Contains(r.Homes, p.self) {
			d := p.newDelivery(env, answerPeer)
			d.from, d.tag = from, f.Tag
			d.add(0, firstRecipient(env))
			p.deliverPeer(ctx, d)
			return true
		}
	}
	routes, unknown := p.routes(ctx, env)
	if unknown > 0 && (unknown <= findEach || !p.livesHere(routes)) {
		// The sender's proxy knows what this home has not heard yet. Of an envelope to
		// many, nearly all live elsewhere. (spec/delivery.md, DELIV-41)
		env := wire.EnvelopeView(bytes.Clone(env))
		if p.finds.start(p, asker{forServer, from}, func() {
			ctx := context.Background()
			p.findAll(ctx, asker{forServer, from}, env, routes, from, anybody)
			p.deliverKnown(ctx, from, f.Tag, env, routes)
		}) {
			return true
		}
	}
	p.deliverKnown(ctx, from, f.Tag, env, routes)
	return true
}

// livesHere reports whether one of the routes leads here.
func (p *Proxy) livesHere(routes []*keyserver.Route) bool {
	return slices.ContainsFunc(routes, func(r *keyserver.Route) bool { return r != nil && slices.Contains(r.Homes, p.self) })
}

// deliverPeer is deliver for an envelope of another server.
func (p *Proxy) deliverPeer(ctx context.Context, d *delivery) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	p.deliver(ctx, d)
}

// deliverKnown stores an envelope for those of its recipients that live here.
func (p *Proxy) deliverKnown(ctx context.Context, from omega.Fingerprint, tag uint32, env wire.EnvelopeView, routes []*keyserver.Route) {
	d := p.newDelivery(env, answerPeer)
	d.from, d.tag = from, tag
	for i, account := range env.Recipients {
		switch r := routes[i]; {
		case r != nil && slices.Contains(r.Homes, p.self):
			d.add(i, account)
		case r == nil && p.isDeleted(ctx, account):
			d.refuse(i, omega.CodeDeleted)
		default:
			d.refuse(i, omega.CodeNotFound)
		}
	}
	p.deliverPeer(ctx, d)
}

// receiveMail passes mail from a home to the session of its device.
func (p *Proxy) receiveMail(from omega.Fingerprint, body []byte) bool {
	m, err := wire.DecodeMail(body)
	if err != nil || m.Home != from {
		return false
	}
	s := p.sessions.get(m.Device)
	if s == nil || !s.isRemote(from) {
		p.sendDetach(from, from, m.Device, ^uint64(0)>>1)
		return true
	}
	if ack, repeated := s.repeats(from, m.Seq); repeated {
		if ack != nil {
			p.outbox(from).post(wire.ClassControl, ack)
		}
		return true
	}
	if s.c.Queued()+len(body) <= maxQueuedMail {
		_ = s.c.SendFrame(wire.TypeMail, 0, body) // the home sends it again
	}
	return true
}

// receiveWaiting passes what a home says of waiting mail to the session of the
// device.
func (p *Proxy) receiveWaiting(from omega.Fingerprint, body []byte) bool {
	w, err := wire.DecodeWaiting(body)
	if err != nil || w.Home != from {
		return false
	}
	if s := p.sessions.get(w.Device); s != nil && s.noteWaiting(&w) {
		_ = s.c.SendFrame(wire.TypeWaiting, 0, body)
	}
	return true
}

// receiveAck takes what a device said through its proxy.
func (p *Proxy) receiveAck(ctx context.Context, from omega.Fingerprint, t wire.Type, a *wire.Ack) {
	switch t {
	case wire.TypeAck:
		p.home.acknowledge(ctx, a)
	case wire.TypeRewind:
		p.home.rewind(from, a)
	case wire.TypeDetach:
		if a.Home == from && from != p.self {
			p.dismissed(from, a)
			return
		}
		p.home.detach(a.Device, func(l *lease) bool { return l.proxy == from && l.epoch <= a.Seq })
	}
}

// receiveLookup answers what this key server knows.
func (p *Proxy) receiveLookup(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	fp, n, err := omega.DecodeFingerprint(f.Body)
	if err != nil || n != len(f.Body) {
		p.stats.peerBad.Add(1)
		return
	}
	raw, err := p.cfg.Keys.Raw(ctx, fp)
	if err != nil {
		p.postFrame(from, wire.TypeError, f.Tag, statusOf(err))
		return
	}
	p.postFrame(from, wire.TypeEntry, f.Tag, raw)
}

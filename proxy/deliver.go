package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A delivery is one envelope on its way into mailboxes of this home. It owns a
// copy of the envelope and is used again for another one when it is stored, so
// that a usual message makes no garbage.
type delivery struct {
	p        *Proxy
	item     mailbox.Item
	envelope []byte              // copy; item.Envelope
	accounts []omega.Fingerprint // item.Recipients
	index    []uint16            // of accounts in the envelope
	tokens   []omega.Token       // of accounts, as far as there are any; item.Tokens
	results  []wire.Result       // of recipients that are not kept here; then of all
	buf      []byte              // frames are built here

	// answer tells whoever asked: a session, an outgoing or another server.
	answer func(d *delivery, err error)
	s      *session
	out    *outgoing
	from   omega.Fingerprint
	tag    uint32
}

// keepBuffer is the largest buffer that a delivery keeps for the next one.
const keepBuffer = 16 << 10

// newDelivery returns an empty delivery with a copy of an envelope.
func (p *Proxy) newDelivery(env wire.EnvelopeView, answer func(*delivery, error)) *delivery {
	d, _ := p.deliveries.Get().(*delivery)
	if d == nil {
		d = &delivery{p: p}
		d.item.Staged = d.staged
		d.item.Done = d.done
	}
	d.envelope = append(d.envelope[:0], env...)
	d.answer = answer
	return d
}

// add names one more recipient, who lives here.
func (d *delivery) add(index int, account omega.Fingerprint) {
	d.accounts = append(d.accounts, account)
	d.index = append(d.index, uint16(index))
}

// refuse notes what became of a recipient without asking the store.
func (d *delivery) refuse(index int, code omega.Code) {
	d.results = append(d.results, wire.Result{Index: uint16(index), Code: code})
}

// deliver stores the envelope and pushes it at once. d.answer is called
// exactly once, when everything is on stable storage or an error is known; d
// must not be touched after deliver. (spec/delivery.md, DELIV-5)
func (p *Proxy) deliver(ctx context.Context, d *delivery) {
	if len(d.accounts) == 0 {
		d.done(&d.item, nil)
		return
	}
	p.stats.delivered.Add(1)
	env := wire.EnvelopeView(d.envelope)
	d.tell(env)
	it := &d.item
	it.Recipients = d.accounts
	it.Envelope = d.envelope
	it.Key = mailbox.KeyOf(env.Sender(), env.ID(), env.Payload())
	it.Expires = time.Time{} // as long as mail may wait
	if life := env.Lifetime(); life > 0 {
		it.Expires = p.now().Add(life)
	}
	p.append(ctx, d, maxSplits)
}

// staged pushes to attached devices. The store's lock is held.
func (d *delivery) staged(it *mailbox.Item) {
	m := wire.Mail{Received: uint64(it.Received.UnixMilli()), Envelope: d.envelope}
	var many *spread
	for i, account := range d.accounts {
		r := &it.Results[i]
		if r.Err != nil || r.Duplicate {
			continue
		}
		if m.Seq == 0 { // it is the same for all
			m.Seq = r.Seq
			if len(d.accounts) >= spreadFrom {
				many = d.p.home.spreads.begin(&m)
			}
		}
		if many != nil {
			d.p.home.spread(account, many)
		} else {
			d.buf = d.p.home.push(account, &m, d.buf)
		}
	}
	if many != nil && len(many.to) > 0 {
		d.p.home.spreads.add(d.p, many)
	}
}

// done answers and makes d ready for the next envelope.
func (d *delivery) done(it *mailbox.Item, err error) {
	duplicate := len(d.accounts) > 0
	for i := range d.accounts {
		switch r := &it.Results[i]; {
		case err != nil:
		case r.Err != nil:
			d.refuse(int(d.index[i]), codeOf(r.Err))
			duplicate = false
		case !r.Duplicate:
			duplicate = false
		}
	}
	if duplicate && err == nil {
		d.p.stats.duplicates.Add(1)
	}
	d.answer(d, err)
	if err != nil {
		return // the store may still hold it
	}
	d.accounts, d.index, d.results, d.tokens = d.accounts[:0], d.index[:0], d.results[:0], d.tokens[:0]
	d.answer, d.s, d.out, d.from, d.tag = nil, nil, nil, omega.Fingerprint{}, 0
	if cap(d.envelope) <= keepBuffer && cap(d.buf) <= keepBuffer {
		d.p.deliveries.Put(d)
	}
}

// sentFrame builds the answer to a Send: every recipient that is not listed in
// results has the code of err, CodeOK for nil. Its length counts more octets
// than there are, for the caller to append.
func (d *delivery) sentFrame(err error, more int) []byte {
	worst := codeOf(err)
	if worst == omega.CodeOK {
		for _, r := range d.results {
			worst = max(worst, r.Code)
		}
	}
	results := d.results
	if err != nil {
		results = nil
	}
	d.buf = wire.AppendHeader(d.buf[:0], wire.TypeSent, d.tag, 3+3*len(results)+more)
	d.buf = wire.AppendResults(d.buf, worst, results)
	return d.buf
}

// answerSession answers a client whose recipients all live here.
func answerSession(d *delivery, err error) {
	s := d.s
	frame := d.sentFrame(err, 0)
	if frame[wire.HeaderSize] != byte(omega.CodeOK) {
		d.p.stats.sendsFailed.Add(1)
	}
	_ = s.c.Send(frame) // a client that misses its answer asks again
	s.flow.end(len(d.envelope))
}

// answerPeer answers another server.
func answerPeer(d *delivery, err error) {
	if d.tag == 0 {
		return
	}
	if d.p.namesRequests(d.from) {
		d.sentFrame(err, wire.RequestHashSize)
		d.buf = wire.AppendRequestHash(d.buf, wire.TypeSend, d.envelope)
	} else {
		d.sentFrame(err, 0)
	}
	d.p.outbox(d.from).post(wire.ClassControl, d.buf)
}

// deliverEphemeral pushes to attached devices and keeps nothing. A stranger's is
// nothing to them. (spec/delivery.md, DELIV-46)
func (p *Proxy) deliverEphemeral(ctx context.Context, env wire.EnvelopeView) {
	p.stats.ephemeral.Add(1)
	m := wire.Mail{Received: uint64(p.now().UnixMilli()), Envelope: env}
	var buf []byte
	tokens := env.AppendTokens(nil)
	for i, account := range env.Recipients {
		if p.home.boxes.get(account) == nil {
			continue
		}
		strange, err := p.cfg.Mail.Strangers(ctx, []omega.Fingerprint{account}, []omega.Token{omega.TokenAt(tokens, i)})
		if err == nil && strange == nil {
			buf = p.home.pushEphemeral(account, &m, buf)
		}
	}
}

// codeOf chooses what the other side is told. It is the only place that does.
func codeOf(err error) omega.Code {
	if err == nil {
		return omega.CodeOK // without what follows, which allocates
	}
	return codeOfError(err)
}

func codeOfError(err error) omega.Code {
	var e *omega.Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, mailbox.ErrFull):
		return omega.CodeMailboxFull
	case errors.Is(err, mailbox.ErrDiskFull):
		return omega.CodeDiskFull
	case errors.Is(err, mailbox.ErrTooLarge):
		return omega.CodeTooLarge
	case errors.Is(err, mailbox.ErrClosed):
		return omega.CodeShutdown
	}
	return codeOfPeer(err)
}

// codeOfPeer is codeOf for what other servers and devices did.
func codeOfPeer(err error) omega.Code {
	switch {
	case errors.Is(err, keyserver.ErrLease):
		return omega.CodeExpired
	case errors.Is(err, keyserver.ErrFuture), errors.Is(err, wire.ErrMalformed):
		return omega.CodeBadRequest
	case errors.Is(err, keyserver.ErrDevice), errors.Is(err, keyserver.ErrNotOwner), errors.Is(err, pgp.ErrSignature), errors.Is(err, pgp.ErrRevoked):
		return omega.CodeRefused
	case errors.Is(err, errNoWay), errors.Is(err, errTimeout), errors.Is(err, errNoSpool), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return omega.CodeUnavailable
	case errors.Is(err, errBusy):
		return omega.CodeRateLimited
	}
	return omega.CodeInternal
}

// internal logs an error that is the server's own fault and returns its code.
func (p *Proxy) internal(ctx context.Context, what string, err error) omega.Code {
	p.log.ErrorContext(ctx, "request failed", "what", what, "err", err)
	return codeOf(err)
}

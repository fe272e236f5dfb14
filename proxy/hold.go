package proxy

import (
	"context"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/wire"
)

// errShare is told a server for which enough is kept.
var errShare = omega.Errorf(omega.CodeMailboxFull, "this deputy keeps as much for the server as it has room for beside others")

// keepHint keeps an envelope of an origin as the deputy of those of its
// recipients that live at home: for their devices, which read it here as they do
// at a home, and for the home itself. done is called once, with those recipients,
// when both are on stable storage or an error is known. (spec/delivery.md, DELIV-14,
// DELIV-30)
func (p *Proxy) keepHint(ctx context.Context, origin, home omega.Fingerprint, env wire.EnvelopeView, done func(kept []uint16, err error)) {
	index := p.livingAt(ctx, env, home)
	switch {
	case len(index) == 0:
		done(nil, omega.Errorf(omega.CodeNotFound, "no recipient lives there"))
		return
	case p.spool.store == nil:
		done(nil, errNoSpool)
		return
	}
	e := spooled{origin, index, slices.Clone(env)}
	// The devices' copy comes first: the home may take its own at once, and
	// takes that of the devices away with it.
	p.spool.putShare(context.Background(), home, e, func(ready func(error)) { p.hold(ctx, &e, ready) }, func(err error) { done(index, err) })
}

// livingAt lists the recipients whose record names a server as home. So nobody
// can have things kept here for servers that nobody chose.
func (p *Proxy) livingAt(ctx context.Context, env wire.EnvelopeView, home omega.Fingerprint) (index []uint16) {
	for i, account := range env.Recipients {
		r, err := p.cfg.Keys.Route(ctx, account)
		if err == nil && slices.Contains(r.Homes, home) {
			index = append(index, uint16(i))
		}
	}
	return index
}

// hold puts an envelope into the mailboxes here of the recipients that it is for.
func (p *Proxy) hold(ctx context.Context, e *spooled, done func(error)) {
	d := p.newDelivery(e.env, func(d *delivery, err error) {
		for _, r := range d.results {
			if err == nil {
				err = omega.Errorf(r.Code, "recipient %d", r.Index)
			}
		}
		done(err)
	})
	for n, account := range accountsOf(e.env, e.index) {
		if err := p.readHere(ctx, account); err != nil {
			d.answer(d, err)
			return
		}
		d.add(int(e.index[n]), account)
	}
	p.deliver(ctx, d)
}

// readHere sees to it that the devices of an account can acknowledge here.
func (p *Proxy) readHere(ctx context.Context, account omega.Fingerprint) error {
	e, err := p.cfg.Keys.Find(ctx, account)
	if err != nil {
		return err
	}
	return p.cfg.Mail.SetDevices(ctx, account, p.waitingDevices(e, p.now()))
}

// release takes what a home has now for these accounts out of the mailboxes that
// were kept here for their devices, but for accounts that live elsewhere now, or
// here as well, or one of whose other homes is owed the same envelope.
func (p *Proxy) release(ctx context.Context, home omega.Fingerprint, env wire.EnvelopeView, accounts []omega.Fingerprint) {
	key := []mailbox.Key{mailbox.KeyOf(env.Sender(), env.ID(), env.Payload())}
	for _, account := range accounts {
		r, err := p.cfg.Keys.Route(ctx, account)
		if err != nil || !slices.Contains(r.Homes, home) || slices.Contains(r.Homes, p.self) || p.spool.owes(ctx, r.Homes, home, key) {
			continue
		}
		seqs, err := p.cfg.Mail.Find(ctx, account, key)
		if err == nil && len(seqs) > 0 {
			err = p.cfg.Mail.Remove(ctx, account, seqs)
		}
		if err != nil {
			p.log.WarnContext(ctx, "mail that a home has was not let go", "err", err) // it expires
		}
	}
}

// owes reports whether the spool has the envelope for one of these homes other
// than the one given.
func (s *spool) owes(ctx context.Context, homes []omega.Fingerprint, but omega.Fingerprint, key []mailbox.Key) bool {
	for _, h := range homes {
		if h == but || h == s.p.self {
			continue
		}
		if seqs, err := s.store.Find(ctx, h, key); err != nil || len(seqs) > 0 {
			return true
		}
	}
	return false
}

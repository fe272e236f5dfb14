package proxy

import (
	"context"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/wire"
)

// keepHint keeps an envelope as the deputy of those of its recipients that live
// at home: for their devices, which read it here as they do at a home, and for
// the home itself. done is called once, when both are on stable storage or an
// error is known. (spec/delivery.md, DELIV-14)
func (p *Proxy) keepHint(ctx context.Context, home omega.Fingerprint, env wire.EnvelopeView, done func(error)) {
	env = slices.Clone(env)
	// The devices' copy comes first: the home may take its own at once, and
	// takes that of the devices away with it.
	p.hold(ctx, home, env, func(err error) {
		if err != nil {
			done(err)
			return
		}
		// This is a callback of the mailbox store, which must not wait for the
		// spool's.
		if !p.spawn(func() { p.spool.put(context.Background(), home, env, done) }) {
			done(errNoSpool)
		}
	})
}

// hold puts an envelope into the mailboxes here of the recipients that live at
// home.
func (p *Proxy) hold(ctx context.Context, home omega.Fingerprint, env wire.EnvelopeView, done func(error)) {
	d := p.newDelivery(env, func(d *delivery, err error) {
		for _, r := range d.results {
			if err == nil {
				err = omega.Errorf(r.Code, "recipient %d", r.Index)
			}
		}
		done(err)
	})
	i := 0
	for _, account := range env.Recipients {
		if err := p.admitHeld(ctx, home, account, i, d); err != nil {
			d.answer(d, err)
			return
		}
		i++
	}
	p.deliver(ctx, d)
}

// admitHeld adds one recipient to d if it lives at home, and sees to it that its
// devices can acknowledge here.
func (p *Proxy) admitHeld(ctx context.Context, home, account omega.Fingerprint, i int, d *delivery) error {
	r, err := p.cfg.Keys.Route(ctx, account)
	if err != nil || !slices.Contains(r.Homes, home) {
		return nil // not for whom this hint is
	}
	e, err := p.cfg.Keys.Find(ctx, account)
	if err != nil {
		return err
	}
	if err := p.cfg.Mail.SetDevices(ctx, account, activeDevices(e, p.now())); err != nil {
		return err
	}
	d.add(i, account)
	return nil
}

// release takes what a home has now out of the mailboxes that were kept here for
// devices of the accounts that live there, but for accounts that live here as
// well, or one of whose other homes is owed the same envelope.
func (p *Proxy) release(ctx context.Context, home omega.Fingerprint, env wire.EnvelopeView) {
	key := []mailbox.Key{mailbox.KeyOf(env.Sender(), env.ID(), env.Payload())}
	for _, account := range env.Recipients {
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

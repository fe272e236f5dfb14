package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// sweepInterval is how often mailboxes of deleted accounts are looked for again:
// mail that was on its way when the news came, or that a crash brought back.
const sweepInterval = time.Hour

// deleted forgets all that this server has for an account whose owner deleted
// it, whether it was a home, a deputy or the proxy of a device. Doing it again
// changes nothing. (spec/delivery.md, DELIV-33)
func (p *Proxy) deleted(ctx context.Context, account omega.Fingerprint) {
	p.sessions.all(func(s *session) {
		if s.account == account && !s.publishes.Load() { // see answered
			s.endDeleted()
		}
	})
	p.home.evict(account)
	if p.cfg.Media != nil {
		if err := p.cfg.Media.Forget(ctx, account); err != nil {
			p.log.ErrorContext(ctx, "blobs of a deleted account not given up", "err", err)
			return // the next sweep does
		}
	}
	n, err := p.cfg.Mail.Clear(ctx, account)
	if err != nil {
		p.log.ErrorContext(ctx, "mailbox of a deleted account not cleared", "err", err) // the next sweep does
		return
	}
	p.stats.purged.Add(int64(n))
}

func (s *session) endDeleted() {
	s.end(omega.CodeDeleted, "the account was deleted by its owner")
}

// evict ends all leases of an account.
func (h *home) evict(account omega.Fingerprint) {
	b := h.boxes.get(account)
	if b == nil {
		return
	}
	b.mu.Lock()
	leases := append([]*lease(nil), b.leases...)
	b.mu.Unlock()
	for _, l := range leases {
		h.detach(l.device, func(o *lease) bool { return o == l })
		l.dismiss()
	}
}

// sweep clears what waits for deleted accounts, from time to time until ctx ends
// and at once: a crash between the news and the clearing is made good.
func (p *Proxy) sweep(ctx context.Context) {
	t := time.NewTicker(sweepInterval)
	defer t.Stop()
	for {
		if err := errors.Join(p.sweepDeleted(ctx), p.spool.sweepDeleted(ctx)); err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "mailboxes of deleted accounts not looked for", "err", err)
		}
		if err := p.sweepPrekeys(ctx); err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "prekeys without an owner not looked for", "err", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *Proxy) sweepDeleted(ctx context.Context) error {
	var after omega.Fingerprint
	for {
		page, err := p.cfg.Mail.Waiting(ctx, after, comparePage)
		if err != nil {
			return err
		}
		for _, account := range page {
			if p.isDeleted(ctx, account) {
				p.deleted(ctx, account)
			}
		}
		if len(page) < comparePage {
			return nil
		}
		after = page[len(page)-1]
	}
}

// isDeleted reports whether this server knows that an account was deleted.
func (p *Proxy) isDeleted(ctx context.Context, account omega.Fingerprint) bool {
	r, err := p.cfg.Keys.Route(ctx, account)
	return err == nil && r.Deleted
}

// sweepDeleted lets go what is owed for deleted accounts only: a pass over a lane
// ends where its home does not answer, maybe before it comes to that.
// (spec/delivery.md, DELIV-33)
func (s *spool) sweepDeleted(ctx context.Context) error {
	if s.store == nil {
		return nil
	}
	var after omega.Fingerprint
	for {
		page, err := s.store.Waiting(ctx, after, spoolPage)
		if err != nil {
			return err
		}
		for _, home := range page {
			if err := s.lane(home).sweepDeleted(ctx); err != nil {
				return err
			}
		}
		if len(page) < spoolPage {
			return nil
		}
		after = page[len(page)-1]
	}
}

// sweepDeleted leaves a lane alone that runs: the next sweep comes.
func (l *spoolLane) sweepDeleted(ctx context.Context) error {
	if !l.begin() {
		return nil
	}
	defer l.end()
	store := l.spool.store
	for after := uint64(0); ctx.Err() == nil; {
		mails, err := store.Read(ctx, l.home, after, mailbox.Limit{Messages: spoolWindow, Bytes: spoolBytes})
		if err != nil || len(mails) == 0 {
			return err
		}
		var over []uint64
		for i := range mails {
			after = mails[i].Seq
			if e, err := readSpooled(mails[i].Envelope); err == nil && l.spool.owesNobody(ctx, &e) {
				over = append(over, l.done(&mails[i], &e))
			}
		}
		if err := store.Remove(ctx, l.home, over); err != nil {
			return err
		}
	}
	return ctx.Err()
}

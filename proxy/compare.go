package proxy

import (
	"context"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/wire"
)

// comparePage is how many mailboxes are looked at together.
const comparePage = 256

// CompareWith offers another server the mail of accounts that both serve, and
// sends what it lacks. It is called when a connection between the two comes up
// and every ten minutes, at both ends, so that both end with all of it. It
// returns how many envelopes were lacking. (spec/delivery.md, DELIV-16)
func (p *Proxy) CompareWith(ctx context.Context, server omega.Fingerprint) (sent int, err error) {
	var after omega.Fingerprint
	for {
		page, err := p.cfg.Mail.Waiting(ctx, after, comparePage)
		if err != nil {
			return sent, err
		}
		for _, account := range page {
			r, err := p.cfg.Keys.Route(ctx, account)
			if err != nil || !slices.Contains(r.Homes, server) || !slices.Contains(r.Homes, p.self) {
				continue
			}
			n, err := p.compareBox(ctx, server, account)
			sent += n
			if err != nil {
				return sent, fmt.Errorf("compare mail of an account with %s: %w", server, err)
			}
		}
		if len(page) < comparePage {
			return sent, nil
		}
		after = page[len(page)-1]
	}
}

// compareBox offers the mail of one account.
func (p *Proxy) compareBox(ctx context.Context, server, account omega.Fingerprint) (sent int, err error) {
	keys, err := p.cfg.Mail.Keys(ctx, account)
	if err != nil {
		return 0, err
	}
	have := wire.Have{Account: account}
	for part := range slices.Chunk(keys, wire.MaxHave) {
		have.Keys = have.Keys[:0]
		for _, k := range part {
			have.Keys = append(have.Keys, wire.Key(k))
		}
		f, err := p.call(ctx, server, wire.TypeHave, wire.AppendHave(nil, &have))
		if err != nil {
			return sent, err
		}
		lack, err := wire.DecodeHave(f.Body)
		if err != nil || f.Type != wire.TypeLack || lack.Account != account {
			return sent, errUnexpected
		}
		n, err := p.sendLacking(ctx, server, account, lack.Keys)
		sent += n
		if err != nil {
			return sent, err
		}
		have.After = have.Keys[len(have.Keys)-1]
	}
	return sent, nil
}

// sendLacking sends envelopes of one mailbox to another home.
func (p *Proxy) sendLacking(ctx context.Context, server, account omega.Fingerprint, lack []wire.Key) (sent int, err error) {
	keys := make([]mailbox.Key, len(lack))
	for i, k := range lack {
		keys[i] = mailbox.Key(k)
	}
	seqs, err := p.cfg.Mail.Find(ctx, account, keys)
	if err != nil {
		return 0, err
	}
	for _, seq := range seqs {
		mails, err := p.cfg.Mail.Read(ctx, account, seq-1, mailbox.Limit{Messages: 1})
		if err != nil {
			return sent, err
		}
		if len(mails) == 0 || mails[0].Seq != seq {
			continue // acknowledged meanwhile
		}
		if _, err := p.call(ctx, server, wire.TypeSend, mails[0].Envelope); err != nil {
			return sent, err
		}
		p.stats.compared.Add(1)
		sent++
	}
	return sent, nil
}

// receiveHave answers which of another home's mail this one lacks.
func (p *Proxy) receiveHave(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	have, err := wire.DecodeHave(f.Body)
	if err != nil {
		p.postFrame(from, wire.TypeError, f.Tag, statusOf(omega.Errorf(omega.CodeBadRequest, "list of keys")))
		return
	}
	lack := wire.Have{Account: have.Account, After: have.After}
	r, err := p.cfg.Keys.Route(ctx, have.Account)
	if err == nil && slices.Contains(r.Homes, from) && slices.Contains(r.Homes, p.self) {
		lack.Keys, err = p.lacking(ctx, have)
	}
	if err != nil {
		p.postFrame(from, wire.TypeError, f.Tag, statusOf(err))
		return
	}
	p.postFrame(from, wire.TypeLack, f.Tag, wire.AppendHave(nil, &lack))
}

func (p *Proxy) lacking(ctx context.Context, have *wire.Have) ([]wire.Key, error) {
	keys := make([]mailbox.Key, len(have.Keys))
	for i, k := range have.Keys {
		keys[i] = mailbox.Key(k)
	}
	lacks, err := p.cfg.Mail.Lacks(ctx, have.Account, keys)
	if err != nil {
		return nil, p.hide(ctx, "compare mail", err)
	}
	out := make([]wire.Key, len(lacks))
	for i, k := range lacks {
		out[i] = wire.Key(k)
	}
	return out, nil
}

// hide logs an error of this server's own and returns one for others.
func (p *Proxy) hide(ctx context.Context, what string, err error) error {
	return omega.Errorf(p.internal(ctx, what, err), "%s", what)
}

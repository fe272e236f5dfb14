package proxy

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// maxSplits is how often an envelope is split anew because lists change meanwhile.
const maxSplits = 16

// sourceKey makes the key by which this server numbers where requests come from: it is
// the same after a start, and nobody else can make it.
func sourceKey(ctx context.Context, id *pgp.Identity) (key mailbox.SourceKey, err error) {
	secret, err := id.Decrypter.SharedSecret(ctx, id.Decrypter.Public())
	if err == nil {
		secret, err = hkdf.Key(sha256.New, secret, nil, "omega-im/request-source/v1\n", len(key))
	}
	if err != nil {
		return key, fmt.Errorf("derive the key of request sources: %w", err)
	}
	return mailbox.SourceKey(secret), nil
}

// tell notes with which tokens an envelope comes, and from where, for those of its
// recipients that d is for.
func (d *delivery) tell(env wire.EnvelopeView) {
	from := d.from // another server
	if from.IsZero() {
		from = d.p.self
	}
	d.item.From = d.p.sources.SourceOf(env.Sender(), from)
	d.tokens = env.AppendTokens(d.tokens[:0])
	if len(d.tokens) > 0 && len(d.index) != env.NumRecipients() {
		all := d.tokens
		d.tokens = make([]omega.Token, len(d.index))
		for i, at := range d.index {
			d.tokens[i] = omega.TokenAt(all, int(at))
		}
	}
	d.item.Tokens = d.tokens
}

// append gives d to the mailbox store. An envelope that is a stranger's to some of its
// recipients only becomes two, which are answered as one. Whether it is one the store
// judges in the step that keeps it, so a list that changes meanwhile is a reason to split
// anew. splits is how often that may happen still.
func (p *Proxy) append(ctx context.Context, d *delivery, splits int) {
	err := p.cfg.Mail.Append(ctx, &d.item)
	if !errors.Is(err, mailbox.ErrMixed) {
		if err != nil {
			d.answer(d, err)
		}
		return
	}
	var other *delivery
	if splits == 0 {
		err = errBusy
	} else {
		other, err = p.split(ctx, d)
	}
	if err != nil {
		d.answer(d, err)
		return
	}
	p.append(ctx, d, splits-1)
	if other != nil {
		p.append(ctx, other, splits-1)
	}
}

// split takes those recipients out of d to whom the envelope is a stranger's, if it is
// not to all, and returns a delivery for them: d and it are answered as one.
func (p *Proxy) split(ctx context.Context, d *delivery) (*delivery, error) {
	strange, err := p.cfg.Mail.Strangers(ctx, d.accounts, d.tokens)
	if err != nil || !slices.Contains(strange, true) || !slices.Contains(strange, false) {
		return nil, err
	}
	both := &joint{answer: d.answer}
	other := p.newDelivery(d.envelope, both.done)
	other.s, other.out, other.from, other.tag = d.s, d.out, d.from, d.tag
	d.answer = both.done
	accounts, index, tokens := d.accounts, d.index, d.tokens
	d.accounts, d.index, d.tokens = nil, nil, nil
	for i := range accounts {
		to := d
		if strange[i] {
			to = other
		}
		to.add(int(index[i]), accounts[i])
		to.tokens = append(to.tokens, omega.TokenAt(tokens, i))
	}
	for _, part := range []*delivery{d, other} {
		part.item.Recipients, part.item.Tokens = part.accounts, part.tokens
	}
	other.item.From, other.item.Envelope, other.item.Key, other.item.Expires = d.item.From, other.envelope, d.item.Key, d.item.Expires
	return other, nil
}

// A joint is two deliveries of one envelope: whoever asked is answered by the one that
// is done last, for both.
type joint struct {
	answer func(*delivery, error)

	mu      sync.Mutex
	over    bool // one of them is done; guarded by mu
	err     error
	index   []uint16
	results []wire.Result
}

func (b *joint) done(d *delivery, err error) {
	b.mu.Lock()
	if !b.over {
		b.over, b.err, b.index, b.results = true, err, slices.Clone(d.index), slices.Clone(d.results)
		b.mu.Unlock()
		return
	}
	b.mu.Unlock()
	d.index = append(d.index, b.index...)
	d.results = append(d.results, b.results...)
	if err == nil {
		err = b.err
	}
	b.answer(d, err)
}

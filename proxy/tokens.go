package proxy

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/wire"
)

// tokens takes a frame about delivery tokens from the client, for this server or for
// another home. (spec/delivery.md, DELIV-45)
func (s *session) tokens(ctx context.Context, f wire.Frame) error {
	var l wire.TokenLook
	var err error
	if f.Type == wire.TypeTokenLook {
		l, err = wire.DecodeTokenLook(f.Body)
	} else {
		var list *wire.TokenList
		if list, err = wire.DecodeTokenList(f.Body); err == nil {
			l = wire.TokenLook{Home: list.Home, User: list.User, Device: list.Device}
		}
	}
	if err != nil || l.User != s.account || l.Device != s.device {
		return s.refuse(f.Tag, omega.CodeBadRequest, "tokens")
	}
	return s.askHome(ctx, l.Home, f, wire.TypeTokenState, s.p.workOnTokens)
}

// workOnTokens is the homeWork of frames about tokens.
func (p *Proxy) workOnTokens(ctx context.Context, from omega.Fingerprint, f wire.Frame) ([]byte, error) {
	if f.Type == wire.TypeTokenLook {
		l, err := wire.DecodeTokenLook(f.Body)
		if err != nil {
			return nil, err
		}
		if l.Home != p.self {
			return nil, errOtherHome
		}
		stands, err := p.cfg.Mail.TokensOf(ctx, l.User)
		return tokenState(stands), err
	}
	l, err := wire.DecodeTokenList(f.Body)
	if err != nil {
		return nil, err
	}
	if l.Home != p.self {
		return nil, errOtherHome
	}
	e, err := p.prekeyOwner(ctx, from, l.User)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(e.Homes(), p.self) {
		return nil, omega.Errorf(omega.CodeNotFound, "the account does not live here")
	}
	if err := keyserver.VerifyTokens(e.Certificate, l, p.now()); err != nil {
		return nil, err
	}
	stands, err := p.cfg.Mail.SetTokens(ctx, l.User, mailbox.Tokens{Made: l.Made.UnixMilli(), List: l.Tokens})
	return tokenState(stands), err
}

func tokenState(t mailbox.Tokens) []byte {
	s := wire.TokenState{Made: time.UnixMilli(t.Made)}
	if t.Made > 0 {
		s.Hash = wire.HashTokens(t.List)
	}
	return wire.AppendTokenState(nil, s)
}

// tell notes with which tokens an envelope comes, and from where, for those of its
// recipients that d is for.
func (d *delivery) tell(env wire.EnvelopeView) {
	from := d.from // another server
	if from.IsZero() {
		from = d.p.self
	}
	d.item.From = mailbox.SourceOf(env.Sender(), from)
	d.tokens = env.AppendTokens(d.tokens[:0])
	if len(d.tokens) > 0 && len(d.index) != env.NumRecipients() {
		all := d.tokens
		d.tokens = make([]omega.Token, len(d.index))
		for i, at := range d.index {
			if int(at) < len(all) {
				d.tokens[i] = all[at]
			}
		}
	}
	d.item.Tokens = d.tokens
}

// split takes those recipients out of d to whom the envelope is a stranger's, if it is
// not to all, and returns a delivery for them: d and it are answered as one.
func (p *Proxy) split(ctx context.Context, d *delivery) *delivery {
	if len(d.accounts) < 2 {
		return nil
	}
	strange, err := p.cfg.Mail.Strangers(ctx, d.accounts, d.tokens)
	if err != nil || !slices.Contains(strange, true) || !slices.Contains(strange, false) {
		return nil // Append says what is wrong
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
		to.tokens = append(to.tokens, tokenOf(tokens, i))
	}
	other.item.From, other.item.Tokens, d.item.Tokens = d.item.From, other.tokens, d.tokens
	return other
}

func tokenOf(tokens []omega.Token, i int) omega.Token {
	if i < len(tokens) {
		return tokens[i]
	}
	return omega.Token{}
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

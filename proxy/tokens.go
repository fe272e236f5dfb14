package proxy

import (
	"context"
	"slices"
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
		return p.lookAtTokens(ctx, from, f.Body)
	}
	return p.putTokens(ctx, from, f.Body)
}

// lookAtTokens answers which list stands, to who may know. (spec/delivery.md, DELIV-49)
func (p *Proxy) lookAtTokens(ctx context.Context, from omega.Fingerprint, body []byte) ([]byte, error) {
	l, err := wire.DecodeTokenLook(body)
	if err != nil {
		return nil, err
	}
	if l.Home != p.self {
		return nil, errOtherHome
	}
	if !p.home.serves(from, l.User, l.Device) {
		return nil, omega.Errorf(omega.CodeRefused, "the device is not attached through that server")
	}
	stands, err := p.cfg.Mail.TokensOf(ctx, l.User)
	return tokenState(stands), err
}

// putTokens takes a list of an account that lives here.
func (p *Proxy) putTokens(ctx context.Context, from omega.Fingerprint, body []byte) ([]byte, error) {
	l, err := wire.DecodeTokenList(body)
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
	t := mailbox.Tokens{Made: l.Made.UnixMilli(), List: l.Tokens}
	if !p.home.serves(from, l.User, l.Device) {
		stands, err := p.cfg.Mail.TokensOf(ctx, l.User)
		if err != nil {
			return nil, err
		}
		if t.Made <= stands.Made {
			return nil, omega.Errorf(omega.CodeSuperseded, "another list stands")
		}
	}
	stands, err := p.cfg.Mail.SetTokens(ctx, l.User, t)
	return tokenState(stands), err
}

// serves reports whether a device of an account is attached through a server now.
func (h *home) serves(proxy, account, device omega.Fingerprint) bool {
	l := h.leases.get(device)
	return l != nil && l.account == account && l.proxy == proxy
}

func tokenState(t mailbox.Tokens) []byte {
	s := wire.TokenState{Made: time.UnixMilli(t.Made)}
	if t.Made > 0 {
		s.Hash = wire.HashTokens(t.List)
	}
	return wire.AppendTokenState(nil, s)
}

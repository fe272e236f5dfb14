package proxy

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// publish takes the account's own new entry.
func (s *session) publish(ctx context.Context, f wire.Frame) error {
	e, err := wire.DecodeEntry(f.Body)
	if err != nil {
		return s.done(f.Tag, err)
	}
	if !s.p.published.may(s.account, s.p.steady().UnixNano(), int64(publishInterval), publishBurst) {
		return s.done(f.Tag, errPublish)
	}
	s.publishes.Store(true)
	defer s.answered(ctx)
	s.publishing.Lock() // until it is known what the device has now
	stands, changed, err := s.p.cfg.Keys.Publish(ctx, s.account, e)
	if err == nil {
		s.told = entryTag(stands)
	}
	s.publishing.Unlock()
	if changed {
		s.p.countPublished(s.account)
		s.p.sponsor(ctx, s.account)
		s.p.announce(stands)
	}
	return s.done(f.Tag, err)
}

// answered ends the session if what stands now is a tombstone: the device that
// published it was to have the answer first.
func (s *session) answered(ctx context.Context) {
	s.publishes.Store(false)
	if s.p.isDeleted(ctx, s.account) {
		s.endDeleted()
	}
}

// How often an account may publish: every server of the cloud verifies and stores
// what it says. (spec/delivery.md, DELIV-1)
const (
	publishInterval = time.Minute
	publishBurst    = 30
)

var errPublish = omega.Errorf(omega.CodeRateLimited, "the account published too often just now")

// countPublished counts what an account published, and reports whether that is not
// too often.
func (p *Proxy) countPublished(account omega.Fingerprint) bool {
	return p.published.take(account, p.steady().UnixNano(), int64(publishInterval), publishBurst)
}

// sponsor gives an active account a receipt, if it needs one: those from before
// there were receipts, and those that came over the budget of a day.
func (p *Proxy) sponsor(ctx context.Context, account omega.Fingerprint) {
	if err := p.cfg.Keys.Sponsor(ctx, account); err != nil && codeOf(err) != omega.CodeRateLimited {
		p.log.DebugContext(ctx, "no receipt for an account", "err", err)
	}
}

// newcomerTimeout is how long others may take to say that they know somebody
// who seems to be new here.
const newcomerTimeout = time.Second

var errUncertain = omega.Errorf(omega.CodeUnavailable, "the servers that would know whether this account is new do not answer; try again")

// findNewcomer asks the other owners about an account that is not known here: it
// may be old, and then what stands is to be built on. It is new only if as many
// say so that they are, with this server if it is an owner, half of all owners: one
// that is away keeps nobody from registering, and one that lags, or came last,
// does not decide. Otherwise the error is CodeUnavailable, or CodeRateLimited when
// others cannot be asked now. from is its address, nil if that is not known.
// (spec/keys.md, KEYS-19, KEYS-20)
func (p *Proxy) findNewcomer(ctx context.Context, e wire.Entry, from net.Addr) error {
	given, err := keyserver.ParseEntry(e, p.now())
	if err != nil {
		return nil // whoever takes it says so
	}
	fp := given.Fingerprint()
	if _, err := p.cfg.Keys.Raw(ctx, fp); codeOf(err) != omega.CodeNotFound {
		return nil
	}
	servers := p.cfg.Keys.Owners(fp)
	jury := min(len(servers), keyserver.Copies) // who own it now
	enough := (jury + 1) / 2
	if i := slices.Index(servers, p.self); i >= 0 {
		servers = slices.Delete(servers, i, i+1)
		if i < jury {
			jury, enough = jury-1, enough-1
		}
	}
	if len(servers) == 0 {
		return nil // nobody else keeps anything
	}
	if !p.finds.newcomer(fp, from, p.steady()) {
		return errRation
	}
	ctx, cancel := context.WithTimeout(ctx, newcomerTimeout)
	defer cancel()
	if _, err := p.askThese(ctx, fp, servers, jury, enough); err != nil && codeOf(err) != omega.CodeNotFound {
		return errUncertain
	}
	return nil
}

// done answers with the code and text of err.
func (s *session) done(tag uint32, err error) error {
	_ = s.c.SendFrame(wire.TypeDone, tag, statusOf(err))
	return nil
}

// statusOf is the body of TypeDone and TypeError that says what err says.
func statusOf(err error) []byte {
	text := ""
	var e *omega.Error
	if errors.As(err, &e) {
		text = e.Text
	}
	return wire.AppendStatus(nil, codeOf(err), text)
}

// Register takes an entry that an account, or a server that dials in, shows
// during its handshake (transport.Config.Register), with the invite of somebody
// who has one, and publishes it. from is the address it came from, nil if that is
// not known. The error is an *omega.Error.
func (p *Proxy) Register(ctx context.Context, role transport.Role, e wire.Entry, invite *omega.Invite, from net.Addr) (stands *keyserver.Entry, err error) {
	var changed bool
	if role == transport.RoleServer {
		// Whoever says so is a server, so that is no way around registration.
		if len(e.Record) > 0 {
			return nil, omega.Errorf(omega.CodeRefused, "a server has no location record; who has one registers as a client")
		}
		stands, changed, err = p.cfg.Keys.Accept(ctx, keyserver.FromServer, e)
	} else {
		if err := p.findNewcomer(ctx, e, from); err != nil {
			return nil, err
		}
		stands, changed, err = p.cfg.Keys.Register(ctx, e, invite)
	}
	if err != nil {
		return nil, err
	}
	// Above the ration others get it when they compare.
	if changed && p.countPublished(stands.Fingerprint()) {
		p.announce(stands)
	}
	return stands, nil
}

// Update merges what the owner of a known account signed, and anybody brought,
// and publishes it. The error is that of keyserver.Server.Update.
func (p *Proxy) Update(ctx context.Context, account omega.Fingerprint, own []byte) (changed bool, err error) {
	stands, changed, err := p.cfg.Keys.Update(ctx, account, own)
	if changed {
		p.announce(stands)
	}
	return changed, err
}

// announce pushes an entry to all servers. Its homes are asked until they
// answer, since they need it for mail, and so are its owners; the others get it
// once and compare later.
func (p *Proxy) announce(e *keyserver.Entry) {
	p.spawn(func() {
		ctx := context.Background()
		p.stats.published.Add(1)
		placed, err := p.cfg.Keys.Placed(ctx, e.Fingerprint())
		if err != nil {
			return // it went again
		}
		w := e.Wire()
		plain := wire.AppendEntry(nil, &w)
		asked := slices.Clone(e.Homes())
		if owners := p.cfg.Keys.Owners(e.Fingerprint()); len(owners) < len(p.cfg.Servers()) {
			asked = append(asked, owners...) // in a small cloud all own everything
		}
		asked = slices.DeleteFunc(asked, func(s omega.Fingerprint) bool { return s == p.self })
		for i, s := range asked {
			if slices.Contains(asked[:i], s) {
				continue
			}
			t, body := wire.TypePublish, plain
			if p.places(s) {
				t, body = wire.TypePlace, placed
			}
			p.ask(ctx, s, wire.ClassControl, t, body, func(wire.Frame, error) bool { return false })
		}
		var newer, older []omega.Fingerprint
		for _, s := range p.cfg.Servers() {
			switch {
			case s == p.self || slices.Contains(asked, s):
			case p.places(s):
				newer = append(newer, s)
			default:
				older = append(older, s)
			}
		}
		// What is missed is found when comparing.
		if len(newer) > 0 {
			_ = p.forwardAll(ctx, newer, wire.ClassControl, wire.AppendFrame(nil, wire.TypePlace, 0, placed))
		}
		if len(older) > 0 {
			_ = p.forwardAll(ctx, older, wire.ClassControl, wire.AppendFrame(nil, wire.TypePublish, 0, plain))
		}
	})
}

// How many entries another server may send unasked: each costs signatures. What is
// over it comes when they compare, or are asked about again. (spec/keys.md, KEYS-12)
const (
	pushInterval = 5 * time.Millisecond
	pushBurst    = 20_000
)

var errPushed = omega.Errorf(omega.CodeRateLimited, "the server sent too many entries just now")

// receivePublish takes an entry from a server that knows no receipts.
func (p *Proxy) receivePublish(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	p.placed(ctx, from, f, func() (wire.Placed, error) {
		e, err := wire.DecodeEntry(f.Body)
		return wire.Placed{Entry: e}, err
	})
}

// receivePlace takes an entry, with its receipt, from another server.
func (p *Proxy) receivePlace(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	p.placed(ctx, from, f, func() (wire.Placed, error) { return wire.DecodePlaced(f.Body) })
}

func (p *Proxy) placed(ctx context.Context, from omega.Fingerprint, f wire.Frame, decode func() (wire.Placed, error)) {
	err := error(errPushed)
	if p.pushed.take(from, p.steady().UnixNano(), int64(pushInterval), pushBurst) {
		var placed wire.Placed
		if placed, err = decode(); err == nil {
			_, _, err = p.cfg.Keys.Take(ctx, from, placed)
		}
	}
	if err != nil {
		p.log.DebugContext(ctx, "entry from another server refused", "server", from, "err", err)
	}
	if f.Tag != 0 {
		p.postFrame(from, wire.TypeDone, f.Tag, statusOf(err))
	}
}

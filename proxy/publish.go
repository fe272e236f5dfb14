package proxy

import (
	"context"
	"errors"
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
	s.publishing.Lock() // until it is known what the device has now
	stands, changed, err := s.p.cfg.Keys.Publish(ctx, s.account, e)
	if err == nil {
		s.told = entryTag(stands)
	}
	s.publishing.Unlock()
	if changed {
		s.p.countPublished(s.account)
		s.p.announce(stands)
	}
	return s.done(f.Tag, err)
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
// who has one, and publishes it. The error is an *omega.Error.
func (p *Proxy) Register(ctx context.Context, role transport.Role, e wire.Entry, invite *omega.Invite) (stands *keyserver.Entry, err error) {
	var changed bool
	if role == transport.RoleServer {
		stands, changed, err = p.cfg.Keys.Accept(ctx, keyserver.FromServer, e)
	} else {
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
// answer, since they need it for mail; the others get it once and compare
// later.
func (p *Proxy) announce(e *keyserver.Entry) {
	w := e.Wire()
	body := wire.AppendEntry(nil, &w)
	p.spawn(func() {
		ctx := context.Background()
		p.stats.published.Add(1)
		for _, home := range e.Homes() {
			if home != p.self {
				p.ask(ctx, home, wire.ClassControl, wire.TypePublish, body, func(wire.Frame, error) bool { return false })
			}
		}
		frame := wire.AppendFrame(nil, wire.TypePublish, 0, body)
		others := slices.DeleteFunc(slices.Clone(p.cfg.Servers()), func(s omega.Fingerprint) bool {
			return s == p.self || slices.Contains(e.Homes(), s)
		})
		if len(others) > 0 {
			_ = p.forwardAll(ctx, others, wire.ClassControl, frame) // what is missed is found when comparing
		}
	})
}

// receivePublish takes an entry from another server.
func (p *Proxy) receivePublish(ctx context.Context, from omega.Fingerprint, tag uint32, body []byte) {
	e, err := wire.DecodeEntry(body)
	if err == nil {
		_, _, err = p.cfg.Keys.Accept(ctx, keyserver.FromServer, e)
	}
	if err != nil {
		p.log.DebugContext(ctx, "entry from another server refused", "server", from, "err", err)
	}
	if tag != 0 {
		p.postFrame(from, wire.TypeDone, tag, statusOf(err))
	}
}

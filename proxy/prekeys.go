package proxy

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/prekeys"
	"github.com/omega-im/omega/wire"
)

// maxSessionPrekeys is how many frames about prekeys and tokens of one session may be without
// an answer.
const maxSessionPrekeys = 4

// prekeys takes a frame about prekeys from the client, for this server or for
// another home. A client puts and counts its own device's, and takes in its own
// account's name. (spec/secure.md, SEC-8 and SEC-9)
func (s *session) prekeys(ctx context.Context, f wire.Frame) error {
	home, ok := s.prekeyHome(f)
	if !ok {
		return s.refuse(f.Tag, omega.CodeBadRequest, "prekeys")
	}
	return s.askHome(ctx, home, f, prekeyAnswer(f.Type), s.p.workOnPrekeys)
}

// askHome has a home, this server or another, do what a frame of the client asks, and
// passes its answer on.
func (s *session) askHome(ctx context.Context, home omega.Fingerprint, f wire.Frame, want wire.Type, work homeWork) error {
	if s.stocks.Add(1) > maxSessionPrekeys {
		s.stocks.Add(-1)
		return s.refuse(f.Tag, omega.CodeRateLimited, "too many frames for homes are not answered")
	}
	tag := f.Tag
	answer := func(t wire.Type, body []byte, err error) {
		s.stocks.Add(-1)
		if err != nil {
			_ = s.refuseErr(tag, err)
			return
		}
		_ = s.c.SendFrame(t, tag, body)
	}
	if home != s.p.self {
		s.p.ask(ctx, home, wire.ClassControl, f.Type, f.Body, func(got wire.Frame, err error) bool {
			if err == nil && got.Type != want {
				err = errUnexpected
			}
			answer(got.Type, got.Body, err)
			return false
		})
		return nil
	}
	f.Body = bytes.Clone(f.Body)
	if !s.p.jobs.add(s.account, len(f.Body), func(ctx context.Context) {
		body, err := work(ctx, s.p.self, f)
		answer(want, body, err)
	}) {
		answer(0, nil, errBusy)
	}
	return nil
}

// homeWork does what a frame that came through a server asks of this home, and returns
// the body of the answer.
type homeWork func(ctx context.Context, from omega.Fingerprint, f wire.Frame) ([]byte, error)

// prekeyHome is the home that a frame is for, if the session may ask that.
func (s *session) prekeyHome(f wire.Frame) (home omega.Fingerprint, ok bool) {
	switch f.Type {
	case wire.TypePrekeyPut:
		w, err := wire.DecodePrekeyStock(f.Body)
		if err != nil || w.User != s.account || w.Device != s.device {
			return home, false
		}
		return w.Home, true
	case wire.TypePrekeyLook:
		l, err := wire.DecodePrekeyLook(f.Body)
		return l.Home, err == nil && l.User == s.account && l.Device == s.device
	}
	t, err := wire.DecodePrekeyTake(f.Body)
	if err != nil || t.Asker != s.account {
		return home, false
	}
	return t.Home, true
}

// prekeyAnswer is the type that answers a frame about prekeys.
func prekeyAnswer(t wire.Type) wire.Type {
	if t == wire.TypePrekeyTake {
		return wire.TypePrekeys
	}
	return wire.TypePrekeyCount
}

// receivePrekeys answers another server as a home.
func (p *Proxy) receivePrekeys(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	p.answerAsHome(ctx, from, f, prekeyAnswer(f.Type), p.workOnPrekeys)
}

// answerAsHome does what another server asks of this home.
func (p *Proxy) answerAsHome(ctx context.Context, from omega.Fingerprint, f wire.Frame, answer wire.Type, work homeWork) {
	body, err := work(ctx, from, f)
	if err != nil {
		p.postFrame(from, wire.TypeError, f.Tag, statusOf(err))
		return
	}
	p.postFrame(from, answer, f.Tag, body)
}

// workOnPrekeys is the homeWork of frames about prekeys.
func (p *Proxy) workOnPrekeys(ctx context.Context, from omega.Fingerprint, f wire.Frame) ([]byte, error) {
	if p.cfg.Prekeys == nil {
		return nil, omega.Errorf(omega.CodeRefused, "this server keeps no prekeys")
	}
	var count wire.PrekeyCount
	var err error
	switch f.Type {
	case wire.TypePrekeyPut:
		count, err = p.putPrekeys(ctx, from, f.Body)
	case wire.TypePrekeyLook:
		var l wire.PrekeyLook
		if l, err = wire.DecodePrekeyLook(f.Body); err == nil && l.Home != p.self {
			err = errOtherHome
		}
		if err == nil {
			count, err = p.cfg.Prekeys.Count(l.User, l.Device)
		}
	default:
		return p.takePrekeys(ctx, from, f.Body)
	}
	if err != nil {
		return nil, p.prekeyError(ctx, err)
	}
	return wire.AppendPrekeyCount(nil, count), nil
}

var errOtherHome = omega.Errorf(omega.CodeBadRequest, "for another server")

// prekeyError notes what is this server's own fault.
func (p *Proxy) prekeyError(ctx context.Context, err error) error {
	if codeOf(err) == omega.CodeInternal {
		p.log.ErrorContext(ctx, "prekeys not served", "err", err)
	}
	return err
}

// putPrekeys takes a stock of a device of an account that lives here.
func (p *Proxy) putPrekeys(ctx context.Context, from omega.Fingerprint, body []byte) (count wire.PrekeyCount, err error) {
	w, err := wire.DecodePrekeyStock(body)
	if err != nil {
		return count, err
	}
	if w.Home != p.self {
		return count, errOtherHome
	}
	e, err := p.prekeyOwner(ctx, from, w.User)
	if err != nil {
		return count, err
	}
	if !slices.Contains(e.Homes(), p.self) {
		return count, omega.Errorf(omega.CodeNotFound, "the account does not live here")
	}
	if err := keyserver.VerifyStock(e.Certificate, w, p.now()); err != nil {
		if errors.Is(err, keyserver.ErrStock) {
			err = omega.Errorf(omega.CodeExpired, "%v", err)
		}
		return count, err
	}
	if count, err = p.cfg.Prekeys.Put(w); err != nil {
		return count, err
	}
	// Whoever revoked the device meanwhile found no stock to drop.
	if e, err := p.cfg.Keys.Find(ctx, w.User); err == nil {
		p.keepPrekeys(ctx, e)
	}
	return count, nil
}

// prekeyOwner finds an account; of one that this home has not heard of yet, the
// server that speaks of it has.
func (p *Proxy) prekeyOwner(ctx context.Context, from, account omega.Fingerprint) (*keyserver.Entry, error) {
	e, err := p.cfg.Keys.Find(ctx, account)
	if codeOf(err) == omega.CodeNotFound && from != p.self {
		e, err = p.findRemote(ctx, asker{forServer, from}, account, from)
	}
	if err != nil {
		return nil, err
	}
	if e.Certificate.Deleted() {
		return nil, omega.Errorf(omega.CodeDeleted, "the account was deleted")
	}
	return e, nil
}

// takePrekeys gives one prekey of each device that is active and has a stock here.
func (p *Proxy) takePrekeys(ctx context.Context, from omega.Fingerprint, body []byte) ([]byte, error) {
	t, err := wire.DecodePrekeyTake(body)
	if err != nil {
		return nil, err
	}
	if t.Home != p.self {
		return nil, errOtherHome
	}
	e, err := p.prekeyOwner(ctx, from, t.User)
	if err != nil {
		return nil, err
	}
	by := prekeys.Asker{Account: t.Asker, ID: t.ID}
	if from != p.self {
		by.Server = from
	}
	var out []wire.DevicePrekey
	for _, device := range activeDevices(e, p.now()) {
		key, err := p.cfg.Prekeys.Take(t.User, device, by)
		if err != nil {
			return nil, p.prekeyError(ctx, err)
		}
		if key != nil {
			out = append(out, wire.DevicePrekey{Device: device, Prekey: key})
		}
	}
	return wire.AppendPrekeys(nil, out), nil
}

// keepPrekeys drops what this home has of devices that may not speak any more, or of
// an account that does not live here.
func (p *Proxy) keepPrekeys(ctx context.Context, e *keyserver.Entry) {
	if p.cfg.Prekeys == nil {
		return
	}
	var devices []omega.Fingerprint
	now := p.now()
	if !e.Certificate.Deleted() && e.Certificate.Check(now) == nil && slices.Contains(e.Homes(), p.self) {
		devices = p.waitingDevices(e, now)
	}
	if err := p.cfg.Prekeys.Keep(e.Fingerprint(), devices, now); err != nil {
		p.log.ErrorContext(ctx, "prekeys not dropped", "err", err) // the next sweep does
	}
}

// sweepPrekeys looks for prekeys to drop: of what a crash left, and of devices whose
// time was over without any news.
func (p *Proxy) sweepPrekeys(ctx context.Context) error {
	if p.cfg.Prekeys == nil {
		return nil
	}
	return p.cfg.Prekeys.Accounts(func(account omega.Fingerprint) bool {
		if e, err := p.cfg.Keys.Find(ctx, account); err == nil {
			p.keepPrekeys(ctx, e)
		}
		return ctx.Err() == nil
	})
}

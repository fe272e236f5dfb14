package proxy

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// Lookup returns the entry of an account, server or subkey from this key
// server, or, if it is not there, from others of the cloud, within 3 seconds.
// The error is an *omega.Error.
func (p *Proxy) Lookup(ctx context.Context, fp omega.Fingerprint) (*keyserver.Entry, error) {
	e, err := p.cfg.Keys.Find(ctx, fp)
	if codeOf(err) != omega.CodeNotFound {
		return e, err
	}
	return p.findRemote(ctx, asker{kind: forWeb}, fp, omega.Fingerprint{})
}

// findRemote asks other servers for an asker, and the server also, if it is given.
// Its error is CodeNotFound only if all that were asked said that there is none;
// CodeUnavailable if one of them could not be asked, and CodeRateLimited if none was.
func (p *Proxy) findRemote(ctx context.Context, by asker, fp, also omega.Fingerprint) (*keyserver.Entry, error) {
	fd, mine, err := p.finds.join(fp, by, p.steady())
	if err != nil {
		return nil, err
	}
	if mine {
		p.stats.finds.Add(1)
		fd.entry, fd.err = p.askAround(ctx, fp, also)
		if fd.err != nil {
			p.stats.misses.Add(1)
		}
		p.finds.finish(fp, by, fd, p.steady())
		return fd.entry, fd.err
	}
	select {
	case <-fd.done:
		return fd.entry, fd.err
	case <-ctx.Done():
		return nil, omega.Errorf(omega.CodeUnavailable, "looking for %s: %v", fp, ctx.Err())
	}
}

// askAround asks several servers at once: the owners before others. It returns
// what stands after the answers of two of them, or of one when the others have
// none or take too long; what comes later counts as well. Those that had less
// than another are told. (spec/keys.md, KEYS-8)
func (p *Proxy) askAround(ctx context.Context, fp, also omega.Fingerprint) (*keyserver.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	servers := p.whoMayKnow(fp, also)
	e, err := p.askThese(ctx, fp, servers, len(servers), len(servers))
	if codeOf(err) == omega.CodeNotFound && p.cfg.Apart != nil && p.cfg.Apart() {
		err = omega.Errorf(omega.CodeUnavailable, "this server has no way to those that may know who %s is", fp)
	}
	return e, err
}

// askThese asks servers until ctx ends. There is no fp if as many as enough of the
// first of them, the jury, say so.
func (p *Proxy) askThese(ctx context.Context, fp omega.Fingerprint, servers []omega.Fingerprint, jury, enough int) (*keyserver.Entry, error) {
	a := &search{p: p, fp: fp, servers: servers, jury: servers[:jury], enough: enough}
	a.answers = make(chan answer, len(a.servers))
	for _, s := range a.servers {
		t, want := wire.TypeLookup, wire.TypeEntry
		if p.places(s) {
			t, want = wire.TypeFetch, wire.TypeFetched
		}
		p.ask(ctx, s, wire.ClassControl, t, fp.Wire(), func(f wire.Frame, err error) bool {
			if err == nil && f.Type != want {
				err = errUnexpected
			}
			a.answers <- answer{s, f.Type, bytes.Clone(f.Body), err}
			return false
		})
	}
	e, err := a.settle(ctx)
	if e != nil || len(a.came) < len(a.servers) { // what comes late is kept for the next time
		p.spawn(func() { a.repair(context.Background()) })
	}
	return e, err
}

// A search is one look-up under way.
type search struct {
	p       *Proxy
	fp      omega.Fingerprint
	servers []omega.Fingerprint
	answers chan answer         // one of each server
	jury    []omega.Fingerprint // those whose word counts that there is none
	enough  int                 // of them that say so

	came   []answer         // as they came, verified
	good   int              // of those, with an entry
	none   int              // of those, of the jury, that say that there is none
	stands *keyserver.Entry // after them
}

// An answer is what one server said.
type answer struct {
	server omega.Fingerprint
	t      wire.Type
	body   []byte
	err    error
}

// settle waits for enough answers.
func (a *search) settle(ctx context.Context) (*keyserver.Entry, error) {
	var late <-chan time.Time // once there is one answer, or enough that say no
	for len(a.came) < len(a.servers) {
		if late == nil && (a.good > 0 || a.none >= a.enough) {
			t := time.NewTimer(findGrace)
			defer t.Stop()
			late = t.C
		}
		select {
		case ans := <-a.answers:
			a.take(ctx, ans)
		case <-late:
			return a.verdict()
		case <-ctx.Done():
			return a.verdict()
		}
		if a.good >= findEnough {
			break
		}
	}
	return a.verdict()
}

// verdict is what the answers say.
func (a *search) verdict() (*keyserver.Entry, error) {
	switch {
	case a.stands != nil:
		return a.stands, nil
	case a.none < a.enough:
		return nil, omega.Errorf(omega.CodeUnavailable, "%d of %d servers could not say who %s is", len(a.jury)-a.none, len(a.jury), a.fp)
	}
	return nil, omega.Errorf(omega.CodeNotFound, "nobody is known as %s", a.fp)
}

// take merges one answer into what stands.
func (a *search) take(ctx context.Context, ans answer) {
	if ans.err == nil {
		var e *keyserver.Entry
		if e, ans.err = a.p.take(ctx, a.fp, ans); ans.err == nil {
			a.stands = e
			a.good++
		}
	}
	if codeOf(ans.err) == omega.CodeNotFound && slices.Contains(a.jury, ans.server) {
		a.none++
	}
	a.came = append(a.came, ans)
}

// repair hears the rest, and sends what stands to those that had less.
func (a *search) repair(ctx context.Context) {
	for len(a.came) < len(a.servers) { // each answers, or its request ends
		a.take(ctx, <-a.answers)
	}
	if a.stands == nil {
		return
	}
	account := a.stands.Fingerprint()
	placed, err := a.p.cfg.Keys.Placed(ctx, account)
	if err != nil {
		return
	}
	stands, err := wire.DecodePlaced(placed)
	if err != nil {
		return
	}
	for _, ans := range a.came {
		behind := codeOf(ans.err) == omega.CodeNotFound
		if ans.err == nil {
			had, err := ans.placed()
			behind = err == nil && !(bytes.Equal(had.Entry.Certificate, stands.Entry.Certificate) && bytes.Equal(had.Entry.Record, stands.Entry.Record))
		}
		if behind && a.p.places(ans.server) {
			a.p.stats.repairs.Add(1)
			a.p.ask(ctx, ans.server, wire.ClassControl, wire.TypePlace, placed, func(wire.Frame, error) bool { return false })
		}
	}
}

// placed reads the entry of an answer.
func (a *answer) placed() (wire.Placed, error) {
	if a.t == wire.TypeFetched {
		return wire.DecodePlaced(a.body)
	}
	e, err := wire.DecodeEntry(a.body)
	return wire.Placed{Entry: e}, err
}

// whoMayKnow are the servers that a look-up asks: the owners, then those that
// stand highest as homes, and also, if it is given.
func (p *Proxy) whoMayKnow(fp, also omega.Fingerprint) []omega.Fingerprint {
	var servers []omega.Fingerprint
	for _, s := range slices.Concat(p.cfg.Keys.Owners(fp), keyserver.Rank(fp, p.mayKnow())) {
		if len(servers) < findServers && s != also && !slices.Contains(servers, s) {
			servers = append(servers, s)
		}
	}
	servers = slices.DeleteFunc(servers, func(s omega.Fingerprint) bool { return s == p.self })
	if !also.IsZero() {
		servers = append(servers, also)
	}
	return servers
}

// mayKnow are the servers to ask about an account: not those that never were
// members of the cloud, whose silence would say nothing.
func (p *Proxy) mayKnow() []omega.Fingerprint {
	strangers := map[omega.Fingerprint]bool{}
	for _, m := range p.members() {
		strangers[m.Server] = m.Stranger
	}
	return slices.DeleteFunc(slices.Clone(p.cfg.Servers()), func(s omega.Fingerprint) bool { return strangers[s] })
}

// errNowhere is of an account that no record, or no home, says the place of.
var errNowhere = omega.Errorf(omega.CodeUnavailable, "it is not known where the account lives")

var errOther = errors.New("the entry is of somebody else")

// take keeps an entry that another server sent, if it is the wanted one.
func (p *Proxy) take(ctx context.Context, fp omega.Fingerprint, ans answer) (*keyserver.Entry, error) {
	placed, err := ans.placed()
	if err != nil {
		return nil, err
	}
	given, err := keyserver.ParseEntry(placed.Entry, p.now())
	if err != nil {
		return nil, err
	}
	if given.Fingerprint() != fp && !slices.Contains(given.Subkeys(), fp) {
		return nil, errOther
	}
	e, _, err := p.cfg.Keys.Fetched(ctx, placed)
	return e, err
}

// anybody is all whom findAll may look for.
func anybody(omega.Fingerprint) bool { return true }

// findAll looks around for the recipients of env that have no route and are
// wanted, and fills in those that it finds. codes say why the others have none: an account
// is missing for good only when everybody who can know has said so, twice.
// (spec/delivery.md, DELIV-23)
func (p *Proxy) findAll(ctx context.Context, by asker, env wire.EnvelopeView, routes []*keyserver.Route, also omega.Fingerprint, wanted func(omega.Fingerprint) bool) (codes []omega.Code) {
	codes = make([]omega.Code, len(routes))
	var wg sync.WaitGroup
	slots := make(chan struct{}, findEach)
	for i, account := range env.Recipients {
		if routes[i] != nil || !wanted(account) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			routes[i], codes[i] = p.findRoute(ctx, by, account, also)
		})
	}
	wg.Wait()
	return codes
}

// findRoute looks around for one account.
func (p *Proxy) findRoute(ctx context.Context, by asker, account, also omega.Fingerprint) (*keyserver.Route, omega.Code) {
	if p.isDeleted(ctx, account) {
		return nil, omega.CodeDeleted
	}
	_, err := p.findRemote(ctx, by, account, also)
	if err == nil {
		r, err := p.cfg.Keys.Route(ctx, account)
		if err == nil && r.Deleted {
			return nil, omega.CodeDeleted
		}
		if err == nil && len(r.Homes) > 0 {
			return r, omega.CodeOK
		}
		p.finds.rest(account, by, p.steady())
		return nil, codeOf(errNowhere)
	}
	code := codeOf(err)
	if code == omega.CodeNotFound && !p.finds.sure(account) {
		code = omega.CodeUnavailable
	}
	return nil, code
}

// doubt asks a home, which does not know accounts that this server believes to
// be there, what it knows of them; once in a while per account.
func (p *Proxy) doubt(home omega.Fingerprint, accounts []omega.Fingerprint) {
	for _, account := range accounts {
		by := asker{forServer, home}
		if p.finds.rest(account, by, p.steady()) {
			p.finds.start(p, by, func() {
				_, _ = p.askAround(context.Background(), account, home) // the sender tries again, whatever comes of it
			})
		}
	}
}

// asker is for whom a session has others asked.
func (s *session) asker() asker { return asker{forAccount, s.account} }

// lookup answers a client.
func (s *session) lookup(ctx context.Context, f wire.Frame) error {
	fp, n, err := omega.DecodeFingerprint(f.Body)
	if err != nil || n != len(f.Body) {
		return s.refuse(f.Tag, omega.CodeBadRequest, "look-up")
	}
	raw, err := s.p.cfg.Keys.Raw(ctx, fp)
	if err == nil {
		_ = s.c.SendFrame(wire.TypeEntry, f.Tag, raw)
		return nil
	}
	if codeOf(err) != omega.CodeNotFound {
		return s.refuseErr(f.Tag, err)
	}
	started := s.p.finds.start(s.p, s.asker(), func() {
		e, err := s.p.findRemote(context.Background(), s.asker(), fp, omega.Fingerprint{})
		if err != nil {
			_ = s.refuseErr(f.Tag, err)
			return
		}
		w := e.Wire()
		_ = s.c.SendFrame(wire.TypeEntry, f.Tag, wire.AppendEntry(nil, &w))
	})
	if !started {
		return s.refuse(f.Tag, omega.CodeRateLimited, "too many look-ups")
	}
	return nil
}

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

// Bounds of looking around for what this key server does not have.
const (
	findServers = 8                // asked, in the order of the rendezvous hash
	findTimeout = 3 * time.Second  // for all of them
	findSlots   = 256              // looking at once
	findAsker   = findSlots / 4    // of those, for one account or server
	findEach    = 16               // recipients of one envelope at once
	missTime    = 10 * time.Second // before what nobody had is looked for again
	missMemory  = 10 * time.Minute // and remembered as missed
	maxMisses   = 10_000
)

// finds are look-ups at other servers: one at a time per fingerprint, and not
// again at once for what nobody had.
type finds struct {
	slots chan struct{} // one for each that looks

	mu     sync.Mutex
	askers map[omega.Fingerprint]int   // slots taken, at least one; guarded by mu
	under  map[omega.Fingerprint]*find // guarded by mu
	misses map[omega.Fingerprint]miss  // guarded by mu
}

// A miss is what nobody had the last time it was looked for.
type miss struct {
	again  int64 // when to look again, steady ms
	err    error // what came of it; an *omega.Error
	absent int   // times in a row that everybody asked said that there is none
}

// A find is one look-up that any number wait for.
type find struct {
	done  chan struct{} // closed once the rest is set
	entry *keyserver.Entry
	err   error
}

func (f *finds) init() {
	f.slots = make(chan struct{}, findSlots)
	f.askers = make(map[omega.Fingerprint]int)
	f.under = make(map[omega.Fingerprint]*find)
	f.misses = make(map[omega.Fingerprint]miss)
}

// start runs do on a goroutine if not too many are looking around, for anybody
// and for the account or server that asks.
func (f *finds) start(p *Proxy, asker omega.Fingerprint, do func()) bool {
	if !f.enter(asker) {
		return false
	}
	if !p.spawn(func() {
		defer f.leave(asker)
		do()
	}) {
		f.leave(asker)
		return false
	}
	return true
}

func (f *finds) enter(asker omega.Fingerprint) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.askers[asker] >= findAsker {
		return false
	}
	select {
	case f.slots <- struct{}{}:
		f.askers[asker]++
		return true
	default:
		return false
	}
}

func (f *finds) leave(asker omega.Fingerprint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	<-f.slots
	if f.askers[asker]--; f.askers[asker] == 0 {
		delete(f.askers, asker)
	}
}

// join returns the find of fp; mine says that the caller has to do it. The error
// is that of a find that is too fresh to be repeated.
func (f *finds) join(fp omega.Fingerprint, now time.Time) (fd *find, mine bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m, missed := f.misses[fp]; missed && now.UnixMilli() < m.again {
		return nil, false, m.err
	}
	if fd = f.under[fp]; fd != nil {
		return fd, false, nil
	}
	fd = &find{done: make(chan struct{})}
	f.under[fp] = fd
	return fd, true, nil
}

// finish lets go those that wait for fd.
func (f *finds) finish(fp omega.Fingerprint, fd *find, now time.Time) {
	f.mu.Lock()
	delete(f.under, fp)
	if fd.err != nil {
		f.miss(fp, fd.err, now)
	}
	f.mu.Unlock()
	close(fd.done)
}

// miss notes that fp was looked for in vain. f.mu is held.
func (f *finds) miss(fp omega.Fingerprint, err error, now time.Time) {
	m, known := f.misses[fp]
	if !known && len(f.misses) >= maxMisses {
		return
	}
	m.again, m.err = now.Add(missTime).UnixMilli(), err
	if m.absent++; codeOf(err) != omega.CodeNotFound {
		m.absent = 0
	}
	f.misses[fp] = m
}

// rest keeps fp, which has no place for mail as far as is known, from being
// looked for again for a while. It reports false if it rests already.
func (f *finds) rest(fp omega.Fingerprint, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, known := f.misses[fp]
	if now.UnixMilli() < m.again || !known && len(f.misses) >= maxMisses {
		return false
	}
	f.miss(fp, errNowhere, now)
	return true
}

// sure reports whether it was said twice, with time for news to spread in
// between, that there is no fp.
func (f *finds) sure(fp omega.Fingerprint) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.misses[fp].absent >= 2
}

// found forgets that fp was missed.
func (f *finds) found(fp omega.Fingerprint) {
	f.mu.Lock()
	delete(f.misses, fp)
	f.mu.Unlock()
}

// forget forgets misses of long ago.
func (f *finds) forget(now time.Time) {
	ms := now.Add(-missMemory).UnixMilli()
	f.mu.Lock()
	defer f.mu.Unlock()
	for fp, m := range f.misses {
		if m.again <= ms {
			delete(f.misses, fp)
		}
	}
}

// Lookup returns the entry of an account, server or subkey from this key
// server, or, if it is not there, from others of the cloud, within 3 seconds.
// The error is an *omega.Error.
func (p *Proxy) Lookup(ctx context.Context, fp omega.Fingerprint) (*keyserver.Entry, error) {
	e, err := p.cfg.Keys.Find(ctx, fp)
	if codeOf(err) != omega.CodeNotFound {
		return e, err
	}
	return p.findRemote(ctx, fp, omega.Fingerprint{})
}

// findRemote asks other servers, and the server also, if it is given. Its error
// is CodeNotFound only if all that were asked said that there is none;
// CodeUnavailable if one of them could not be asked.
func (p *Proxy) findRemote(ctx context.Context, fp, also omega.Fingerprint) (*keyserver.Entry, error) {
	fd, mine, err := p.finds.join(fp, p.steady())
	if err != nil {
		return nil, err
	}
	if mine {
		p.stats.finds.Add(1)
		fd.entry, fd.err = p.askAround(ctx, fp, also)
		if fd.err != nil {
			p.stats.misses.Add(1)
		}
		p.finds.finish(fp, fd, p.steady())
		return fd.entry, fd.err
	}
	select {
	case <-fd.done:
		return fd.entry, fd.err
	case <-ctx.Done():
		return nil, omega.Errorf(omega.CodeUnavailable, "looking for %s: %v", fp, ctx.Err())
	}
}

// askAround asks several servers at once and takes the first answer that holds.
func (p *Proxy) askAround(ctx context.Context, fp, also omega.Fingerprint) (*keyserver.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	servers := keyserver.Rank(fp, p.mayKnow())
	servers = slices.DeleteFunc(servers[:min(len(servers), findServers)], func(s omega.Fingerprint) bool {
		return s == also || s == p.self
	})
	if !also.IsZero() {
		servers = append(servers, also)
	}
	type answer struct {
		body []byte
		err  error
	}
	answers := make(chan answer, len(servers))
	for _, s := range servers {
		p.ask(ctx, s, wire.ClassControl, wire.TypeLookup, fp.Wire(), func(f wire.Frame, err error) bool {
			if err == nil && f.Type != wire.TypeEntry {
				err = errUnexpected
			}
			answers <- answer{bytes.Clone(f.Body), err}
			return false
		})
	}
	silent := 0
	for range servers {
		select {
		case a := <-answers:
			if a.err == nil {
				var e *keyserver.Entry
				if e, a.err = p.take(ctx, fp, a.body); a.err == nil {
					return e, nil
				}
			}
			if codeOf(a.err) != omega.CodeNotFound {
				silent++
			}
		case <-ctx.Done():
			return nil, omega.Errorf(omega.CodeUnavailable, "not all answered who %s is", fp)
		}
	}
	if silent > 0 || p.cfg.Apart != nil && p.cfg.Apart() {
		return nil, omega.Errorf(omega.CodeUnavailable, "%d of %d servers could not say who %s is", silent, len(servers), fp)
	}
	return nil, omega.Errorf(omega.CodeNotFound, "nobody is known as %s", fp)
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
func (p *Proxy) take(ctx context.Context, fp omega.Fingerprint, body []byte) (*keyserver.Entry, error) {
	w, err := wire.DecodeEntry(body)
	if err != nil {
		return nil, err
	}
	given, err := keyserver.ParseEntry(w, p.now())
	if err != nil {
		return nil, err
	}
	if given.Fingerprint() != fp && !slices.Contains(given.Subkeys(), fp) {
		return nil, errOther
	}
	e, _, err := p.cfg.Keys.Accept(ctx, keyserver.FromServer, w)
	return e, err
}

// findAll looks around for the recipients of env that have no route, and
// fills in those that it finds. codes say why the others have none: an account
// is missing for good only when everybody who can know has said so, twice.
// (spec/delivery.md, DELIV-23)
func (p *Proxy) findAll(ctx context.Context, env wire.EnvelopeView, routes []*keyserver.Route, also omega.Fingerprint) (codes []omega.Code) {
	codes = make([]omega.Code, len(routes))
	var wg sync.WaitGroup
	slots := make(chan struct{}, findEach)
	for i, account := range env.Recipients {
		if routes[i] != nil {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			routes[i], codes[i] = p.findRoute(ctx, account, also)
		})
	}
	wg.Wait()
	return codes
}

// findRoute looks around for one account.
func (p *Proxy) findRoute(ctx context.Context, account, also omega.Fingerprint) (*keyserver.Route, omega.Code) {
	_, err := p.findRemote(ctx, account, also)
	if err == nil {
		r, err := p.cfg.Keys.Route(ctx, account)
		if err == nil && len(r.Homes) > 0 {
			return r, omega.CodeOK
		}
		p.finds.rest(account, p.steady())
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
		if p.finds.rest(account, p.steady()) {
			p.finds.start(p, home, func() {
				_, _ = p.askAround(context.Background(), account, home) // the sender tries again, whatever comes of it
			})
		}
	}
}

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
	started := s.p.finds.start(s.p, s.account, func() {
		e, err := s.p.findRemote(context.Background(), fp, omega.Fingerprint{})
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

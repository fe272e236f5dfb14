package proxy

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
)

// Bounds of looking around for what this key server does not have.
// (spec/cloud.md, CLOUD-44)
const (
	findServers = 8                      // asked, in the order of the rendezvous hash
	findTimeout = 3 * time.Second        // for all of them
	findEnough  = 2                      // entries that differ by chance only: the newest of them is good enough
	findGrace   = 200 * time.Millisecond // for a second one
	findSlots   = 256                    // looking at once
	findAsker   = findSlots / 4          // of those, for one account or server
	findEach    = 16                     // recipients of one envelope at once
	missTime    = 10 * time.Second       // before what nobody had is looked for again
	missMemory  = 10 * time.Minute       // and remembered as missed
	maxMisses   = 10_000
	missShare   = 8 // of them, one asker has a part in so many at most

	findInterval = 2500 * time.Microsecond // between look-ups, of all askers, in the long run; the same for newcomers
	findBurst    = 2000                    // and so many at once
)

// findRations are how often one asker has others asked, by its kind: who writes to a
// large group for the first time looks for all of it at once.
var findRations = [...]struct {
	interval time.Duration // in the long run
	burst    int64         // at once
}{
	forWeb:     {100 * time.Millisecond, 200}, // all visitors of the web site together
	forAccount: {200 * time.Millisecond, 2 * omega.MaxRecipients},
	forServer:  {20 * time.Millisecond, 2000},
}

// newcomerRations are how often the question who somebody is may be asked for
// newcomers of one network, by how wide it is: who has many addresses has them in
// few networks, and whoever comes from elsewhere finds room. (spec/keys.md, KEYS-20)
var newcomerRations = [...]struct {
	bits4, bits6 int
	interval     time.Duration // in the long run
	burst        int64         // at once
}{
	{24, 48, 100 * time.Millisecond, 100},
	{16, 32, 20 * time.Millisecond, 400},
}

type askerKind uint8

const (
	forWeb askerKind = iota
	forAccount
	forServer
)

// An asker is for whom others are asked.
type asker struct {
	kind askerKind
	fp   omega.Fingerprint // zero for forWeb
}

// finds are look-ups at other servers: one at a time per fingerprint, and not
// again at once for what nobody had. Each asker has its part of all bounds.
type finds struct {
	slots chan struct{} // one for each that looks

	mu     sync.Mutex
	all    gcra                        // of look-ups; guarded by mu
	news   gcra                        // of newcomers; guarded by mu
	nets   map[netip.Prefix]gcra       // of the networks of newcomers; guarded by mu
	askers map[asker]*asking           // that something is remembered of; guarded by mu
	under  map[omega.Fingerprint]*find // guarded by mu
	misses map[omega.Fingerprint]miss  // guarded by mu
}

// asking is what one asker has done.
type asking struct {
	slots  int // taken
	rate   gcra
	missed []omega.Fingerprint // that it looked for, the oldest first; some may be gone from misses
	misses int                 // of those, not gone
}

// A miss is what nobody had the last time it was looked for.
type miss struct {
	by     asker // who looked first
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
	f.askers = make(map[asker]*asking)
	f.nets = make(map[netip.Prefix]gcra)
	f.under = make(map[omega.Fingerprint]*find)
	f.misses = make(map[omega.Fingerprint]miss)
}

// of returns what is remembered of an asker. f.mu is held.
func (f *finds) of(by asker) *asking {
	a := f.askers[by]
	if a == nil {
		a = new(asking)
		f.askers[by] = a
	}
	return a
}

// start runs do on a goroutine if not too many are looking around, for anybody
// and for the account or server that asks.
func (f *finds) start(p *Proxy, by asker, do func()) bool {
	if !f.enter(by) {
		return false
	}
	if !p.spawn(func() {
		defer f.leave(by)
		do()
	}) {
		f.leave(by)
		return false
	}
	return true
}

func (f *finds) enter(by asker) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.askers[by]; a != nil && a.slots >= findAsker {
		return false
	}
	select {
	case f.slots <- struct{}{}:
		f.of(by).slots++
		return true
	default:
		return false
	}
}

func (f *finds) leave(by asker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	<-f.slots
	f.of(by).slots--
}

// pay takes one look-up from the rations of an asker and of all of its sort.
// f.mu is held.
func (f *finds) pay(by asker, all *gcra, now time.Time) bool {
	r, ns := findRations[by.kind], now.UnixNano()
	a := f.of(by)
	if rate := a.rate; !rate.take(ns, int64(r.interval), r.burst) || !all.take(ns, int64(findInterval), findBurst) {
		return false
	}
	return a.rate.take(ns, int64(r.interval), r.burst)
}

// newcomer takes the question who somebody is that registers from the rations: those
// of the networks of its address, and that of all newcomers, which no look-ups take
// anything from. Addresses of this machine, or a proxy in front of it, have none of
// their own.
func (f *finds) newcomer(fp omega.Fingerprint, from net.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	var next [len(newcomerRations)]gcra
	nets := networksOf(from)
	for i, n := range nets {
		r := newcomerRations[i]
		if next[i] = f.nets[n]; !next[i].take(now.UnixNano(), int64(r.interval), r.burst) {
			return false
		}
	}
	if !f.pay(asker{forAccount, fp}, &f.news, now) {
		return false
	}
	for i, n := range nets {
		f.nets[n] = next[i]
	}
	return true
}

// networksOf are the networks of an address, one for each of newcomerRations; none
// where it is of no network.
func networksOf(a net.Addr) (nets []netip.Prefix) {
	if a == nil {
		return nil
	}
	ap, err := netip.ParseAddrPort(a.String())
	ip := ap.Addr().Unmap().WithZone("")
	if err != nil || ip.IsLoopback() {
		return nil
	}
	for _, r := range newcomerRations {
		bits := r.bits4
		if ip.Is6() {
			bits = r.bits6
		}
		nets = append(nets, netip.PrefixFrom(ip, bits).Masked())
	}
	return nets
}

// errRation is told who has others asked too often.
var errRation = omega.Errorf(omega.CodeRateLimited, "too many look-ups of what is not known here")

// join returns the find of fp; mine says that the caller has to do it. The error
// is that of a find that is too fresh to be repeated, or errRation.
func (f *finds) join(fp omega.Fingerprint, by asker, now time.Time) (fd *find, mine bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m, missed := f.misses[fp]; missed && now.UnixMilli() < m.again {
		return nil, false, m.err
	}
	if fd = f.under[fp]; fd != nil {
		return fd, false, nil
	}
	if !f.pay(by, &f.all, now) {
		return nil, false, errRation
	}
	fd = &find{done: make(chan struct{})}
	f.under[fp] = fd
	return fd, true, nil
}

// finish lets go those that wait for fd.
func (f *finds) finish(fp omega.Fingerprint, by asker, fd *find, now time.Time) {
	f.mu.Lock()
	delete(f.under, fp)
	if fd.err != nil {
		f.miss(fp, by, fd.err, now)
	}
	f.mu.Unlock()
	close(fd.done)
}

// miss notes that fp was looked for in vain. f.mu is held.
func (f *finds) miss(fp omega.Fingerprint, by asker, err error, now time.Time) {
	m, known := f.misses[fp]
	if !known {
		f.makeRoom(by)
		a := f.of(by)
		a.missed = append(a.missed, fp)
		a.misses++
		m.by = by
	}
	m.again, m.err = now.Add(missTime).UnixMilli(), err
	if m.absent++; codeOf(err) != omega.CodeNotFound {
		m.absent = 0
	}
	f.misses[fp] = m
}

// makeRoom lets one more miss of an asker be remembered: in the place of its own
// oldest where it has its share, else of any. f.mu is held.
func (f *finds) makeRoom(by asker) {
	a := f.of(by)
	for a.misses >= maxMisses/missShare {
		oldest := a.missed[0]
		a.missed = a.missed[1:]
		if f.misses[oldest].by == by {
			f.drop(oldest)
		}
	}
	if len(a.missed) >= 2*maxMisses/missShare {
		kept := make([]omega.Fingerprint, 0, a.misses)
		for _, fp := range a.missed {
			if m, ok := f.misses[fp]; ok && m.by == by {
				kept = append(kept, fp)
			}
		}
		a.missed = kept
	}
	for fp := range f.misses { // in random order: who has many loses many
		if len(f.misses) < maxMisses {
			return
		}
		f.drop(fp)
	}
}

// drop forgets a miss. f.mu is held.
func (f *finds) drop(fp omega.Fingerprint) {
	m, ok := f.misses[fp]
	if !ok {
		return
	}
	delete(f.misses, fp)
	if a := f.askers[m.by]; a != nil {
		if a.misses--; a.misses == 0 {
			a.missed = nil
		}
	}
}

// rest keeps fp, which has no place for mail as far as is known, from being
// looked for again for a while. It reports false if it rests already, or if its
// asker had others asked too often.
func (f *finds) rest(fp omega.Fingerprint, by asker, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.UnixMilli() < f.misses[fp].again || !f.pay(by, &f.all, now) {
		return false
	}
	f.miss(fp, by, errNowhere, now)
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
	f.drop(fp)
	f.mu.Unlock()
}

// forget forgets misses of long ago, and askers of whom there is nothing to
// remember.
func (f *finds) forget(now time.Time) {
	ms := now.Add(-missMemory).UnixMilli()
	f.mu.Lock()
	defer f.mu.Unlock()
	for fp, m := range f.misses {
		if m.again <= ms {
			f.drop(fp)
		}
	}
	for n, g := range f.nets { // no more of them than f.news has let in
		if g.paid <= now.UnixNano() {
			delete(f.nets, n)
		}
	}
	for by, a := range f.askers {
		if a.slots == 0 && a.misses == 0 && a.rate.paid <= now.UnixNano() {
			delete(f.askers, by)
		}
	}
}

package directory

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// Times of watching.
const (
	lookInterval = 10 * time.Second // between looks at what changed, at most
	sampleRounds = 5                // rounds of probes per sample of uptime
	saveInterval = 10 * time.Minute
)

// A watch is what this server knows of the others beside their announcements:
// what it measures, what it remembers.
type watch struct {
	prober *prober

	mu      sync.Mutex
	past    book    // guarded by mu
	journal journal // guarded by mu
	version uint64  // rises with every change of what is above; guarded by mu
}

func newWatch(cfg *Config) *watch {
	return &watch{
		prober: &prober{self: cfg.Identity.Account(), probe: cfg.Probe, results: map[omega.Fingerprint][]result{}},
		past:   book{},
	}
}

// load begins with what was saved. Memory that is damaged is used as far as it
// goes: it only tells people about the past.
func (d *Directory) load() error {
	if d.cfg.Load == nil {
		return nil
	}
	b, err := d.cfg.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := decodeMemory(b, mesh.MaxServers)
	if err != nil {
		d.cfg.Logger.Warn("what the directory remembers is damaged; the rest is used", "err", err)
	}
	d.watch.past, d.watch.journal = m.past, m.journal
	d.site.layout = layout{sketch: m.sketch, still: d.cfg.Clock().Add(settling)}
	return nil
}

// Run probes other servers and remembers how they do, until ctx ends. It
// returns when everything it started has ended and what is remembered is saved.
func (d *Directory) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	if d.cfg.Probe != nil {
		wg.Go(func() { d.probe(ctx) })
	}
	look := time.NewTicker(min(lookInterval, d.cfg.ProbeInterval))
	defer look.Stop()
	sample := time.NewTicker(sampleRounds * d.cfg.ProbeInterval)
	defer sample.Stop()
	save := time.NewTicker(saveInterval)
	defer save.Stop()
	for {
		select {
		case <-ctx.Done():
			wg.Wait()
			d.save()
			return nil
		case <-look.C:
			d.look()
		case <-sample.C:
			d.sample()
		case <-save.C:
			d.save()
		}
	}
}

// probe runs rounds of probes and announces what they found.
func (d *Directory) probe(ctx context.Context) {
	tick := time.NewTicker(d.cfg.ProbeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p := d.watch.prober
		list, n := p.mine(d.cfg.Topology(), d.cfg.Clock())
		p.round(ctx, list, d.cfg.Clock)
		d.watch.changed()
		now := d.cfg.Clock()
		r := p.report(now, n)
		if ctx.Err() != nil || d.cfg.Announce == nil || !p.due(&r, now, n) {
			continue
		}
		if err := d.cfg.Announce(ctx, r.encode()); err != nil {
			d.cfg.Logger.Debug("report of probes not announced", "err", err)
			continue
		}
		p.tell(&r, now)
	}
}

func (w *watch) changed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version++
}

// look notes what changed in the cloud.
func (d *Directory) look() {
	t, now := d.cfg.Topology(), d.cfg.Clock()
	w := d.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.journal.look(w.past, t, now) {
		w.version++
	}
	w.past.forget(now, mesh.MaxServers)
}

// sample takes one verdict on every server. (spec/directory.md, DIR-6)
func (d *Directory) sample() {
	t, now := d.cfg.Topology(), d.cfg.Clock()
	if cutOff(t, d.cfg.Identity.Account()) {
		return
	}
	said := d.opinions(t, now)
	w := d.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version++
	for _, r := range t.Servers {
		if up, known := verdict(t.States[r.Server], said[r.Server]); known && w.past[r.Server] != nil {
			w.past[r.Server].sample(now, up)
		}
	}
	for _, p := range w.past {
		if p.presence == gone {
			p.sample(now, false)
		}
	}
}

// verdict reports whether a server can be used. Without anybody who probed it
// nothing is known, unless there is no way to it.
func verdict(s mesh.ServerState, o opinion) (up, known bool) {
	if s == mesh.Unreachable {
		return false, true
	}
	return o.up()
}

// cutOff reports whether more than half of the others are out of reach.
func cutOff(t *mesh.Topology, self omega.Fingerprint) bool {
	others, lost := 0, 0
	for _, r := range t.Servers {
		if r.Server == self {
			continue
		}
		others++
		if t.States[r.Server] == mesh.Unreachable {
			lost++
		}
	}
	return 2*lost > others
}

// opinions is what is said of every server now.
func (d *Directory) opinions(t *mesh.Topology, now time.Time) map[omega.Fingerprint]opinion {
	p := d.watch.prober
	_, n := p.mine(t, now)
	return opinions(t, p.self, p.report(now, n), now)
}

func (d *Directory) save() {
	if d.cfg.Save == nil {
		return
	}
	if err := d.cfg.Save(d.remember()); err != nil {
		d.cfg.Logger.Warn("what the directory remembers is not saved", "err", err)
	}
}

// remember writes down what a restart must not lose.
func (d *Directory) remember() []byte {
	s, w := &d.site, d.watch
	s.mu.Lock()
	defer s.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	s.layout.forget(w.past)
	m := memory{past: w.past, journal: w.journal, sketch: s.layout.remembered()}
	return m.encode()
}

// recent returns the newest n changes, newest first.
func (w *watch) recent(n int) []change {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Clone(w.journal.changes[max(0, len(w.journal.changes)-n):])
	slices.Reverse(list)
	return list
}

// shares is the uptime of every server over 30 days, where it is known.
func (w *watch) shares(now time.Time) map[omega.Fingerprint]float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[omega.Fingerprint]float64{}
	for fp, p := range w.past {
		if v, ok := p.uptime(now).month.share(); ok {
			out[fp] = v
		}
	}
	return out
}

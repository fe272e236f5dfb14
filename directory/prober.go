package directory

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// Times and limits of probes. (spec/directory.md, DIR-2, DIR-4)
const (
	DefaultProbeInterval = time.Minute // between two probes of a server
	probeTimeout         = 5 * time.Second
	probesAtOnce         = 8
	keptProbes           = 10 // results that a row tells of

	reportEvery   = 10 * time.Minute // in a small cloud; in a larger one so much per server:
	reportPerNode = 3600 * time.Millisecond
	reportRarely  = 2 * time.Hour // and never less often
)

// ErrUntried is what a probe says that was not made: it tells nothing of the
// server.
var ErrUntried = errors.New("the server was not probed")

// A result is what one probe found; rtt is 0 when nothing answered.
type result struct {
	hour uint32
	rtt  time.Duration
}

// A prober is what this server measures of the others.
type prober struct {
	self  omega.Fingerprint
	probe func(context.Context, *mesh.Record) (time.Duration, error)

	mu      sync.Mutex
	results map[omega.Fingerprint][]result // newest last, at most keptProbes; guarded by mu

	// Of the goroutine that runs rounds:
	announced time.Time
	told      map[subjectKey]bool // what the announced report says
}

// mine lists the subjects of this server in the hour of now that have a place in
// the cloud, and how many subjects there are. So nobody is probed who only
// announces an address.
func (p *prober) mine(t *mesh.Topology, now time.Time) (out []*mesh.Record, n int) {
	for _, r := range t.Servers {
		if r.Client != "" {
			n++
		}
	}
	hour := hourOf(now)
	for _, r := range t.Servers {
		if r.Client != "" && r.Server != p.self && listed(t.States[r.Server]) && len(out) < maxRows && drawn(hour, p.self, r.Server, n, 1) {
			out = append(out, r)
		}
	}
	return out, n
}

// round probes every subject once and returns when all have answered or not.
func (p *prober) round(ctx context.Context, list []*mesh.Record, clock func() time.Time) {
	// Of servers at neighbouring addresses some may be left out (CLOUD-43): not
	// always the same.
	list = slices.Clone(list)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slots := make(chan struct{}, probesAtOnce)
	var wg sync.WaitGroup
	for _, r := range list {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			one, cancel := context.WithTimeout(ctx, probeTimeout)
			defer cancel()
			rtt, err := p.probe(one, r)
			if ctx.Err() != nil || errors.Is(err, ErrUntried) {
				return // it is this server that ends, or does not try
			}
			if err != nil {
				rtt = 0
			}
			p.note(r.Server, result{hourOf(clock()), rtt})
		})
	}
	wg.Wait()
	p.keep(list)
}

func (p *prober) note(fp omega.Fingerprint, r result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := append(p.results[fp], r)
	p.results[fp] = list[max(0, len(list)-keptProbes):]
}

// keep forgets whoever is no subject any more.
func (p *prober) keep(list []*mesh.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.results
	p.results = make(map[omega.Fingerprint][]result, len(list))
	for _, r := range list {
		if have := old[r.Server]; len(have) > 0 {
			p.results[r.Server] = have
		}
	}
}

// report says what this server sees, among n subjects.
func (p *prober) report(now time.Time, n int) report {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := report{hour: hourOf(now)}
	for fp, list := range p.results {
		w := row{subject: keyOf(fp)}
		var rtts []time.Duration
		for _, one := range list {
			if n > probeAll && one.hour != r.hour {
				continue
			}
			w.tries++
			if one.rtt > 0 {
				w.answers++
				rtts = append(rtts, one.rtt)
			}
		}
		w.rtt = median(rtts)
		if w.tries > 0 {
			r.rows = append(r.rows, w)
		}
	}
	return r
}

// due reports whether r must be announced now for its own sake.
func (p *prober) due(r *report, now time.Time, n int) bool {
	if now.Sub(p.announced) >= min(reportRarely, max(reportEvery, time.Duration(n)*reportPerNode)) {
		return len(r.rows) > 0
	}
	if n > probeAll {
		return false
	}
	for _, w := range r.rows {
		if was, known := p.told[w.subject]; !known || was != w.sees() {
			return true
		}
	}
	return false
}

// tell notes that r was announced.
func (p *prober) tell(r *report, now time.Time) {
	p.announced = now
	p.told = make(map[subjectKey]bool, len(r.rows))
	for _, w := range r.rows {
		p.told[w.subject] = w.sees()
	}
}

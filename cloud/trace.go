package cloud

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Bounds of traces. (spec/cloud.md, CLOUD-31)
const (
	traceWait  = 3 * time.Second
	traceRate  = 64 // answers per second, and at once
	maxProbes  = 16 // own traces under way
	maxAnswers = wire.HopLimit + 1
)

// ErrTraces is returned by Probe when too many traces are under way.
var ErrTraces = omega.Errorf(omega.CodeRateLimited, "too many traces are under way")

// A Trace is the way of a packet.
type Trace struct {
	Hops   []Hop // from this server to the last, this one left out; nil: no way
	Direct bool  // over a connection of its own

	// Arrived is set by Probe when the server itself answered.
	Arrived bool
}

// A Hop is one server on the way, with the round trip from this server to it
// (0: not known).
type Hop struct {
	Server omega.Fingerprint
	RTT    time.Duration
}

// Trace returns the way that a packet would take now as this server sees it.
// Servers on the way may see another.
func (c *Cloud) Trace(to omega.Fingerprint) Trace {
	t := c.table.Load()
	if l := t.links[to]; l != nil {
		return Trace{Hops: []Hop{{to, time.Duration(l.rtt.Load())}}, Direct: true}
	}
	if t.view.Tree == nil || to == c.self {
		return Trace{}
	}
	var tr Trace
	for _, fp := range append(slices.Clone(c.between(to)), to) {
		if rtt, ok := t.view.Tree.Distance(fp); ok {
			tr.Hops = append(tr.Hops, Hop{fp, rtt})
		}
	}
	return tr
}

// Probe sends a packet to a server that everybody on its way answers, and
// measures. It returns when the server itself answered, after three seconds, or
// when ctx ends, with what there is. (spec/cloud.md, CLOUD-31)
func (c *Cloud) Probe(ctx context.Context, to omega.Fingerprint) (Trace, error) {
	if to == c.self {
		return Trace{Arrived: true}, nil
	}
	nonce := binary.BigEndian.Uint64(c.nextSecret())
	p, err := c.probes.begin(nonce, to, c.now())
	if err != nil {
		return Trace{}, err
	}
	defer c.probes.end(nonce)
	direct := c.table.Load().links[to] != nil
	if err := c.say(to, wire.TypeTrace, binary.BigEndian.AppendUint64(nil, nonce)); err != nil {
		return Trace{}, err
	}
	wait := time.NewTimer(traceWait)
	defer wait.Stop()
	select {
	case <-p.arrived:
	case <-wait.C:
	case <-ctx.Done():
	}
	tr := c.probes.result(p)
	tr.Direct = direct && tr.Arrived && len(tr.Hops) == 1
	return tr, nil
}

// probes are this server's traces under way, and the pace of its answers to
// those of others.
type probes struct {
	mu      sync.Mutex
	m       map[uint64]*probe // by nonce; guarded by mu
	tokens  float64           // answers that may go; guarded by mu
	counted int64             // when tokens was right; guarded by mu
}

// A probe is one trace.
type probe struct {
	to      omega.Fingerprint
	start   int64
	arrived chan struct{} // closed when to answered
	done    bool
	answers []traced
}

type traced struct {
	Hop
	left uint8 // hop limit as it arrived
}

func (s *probes) begin(nonce uint64, to omega.Fingerprint, now int64) (*probe, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.m) >= maxProbes {
		return nil, ErrTraces
	}
	if s.m == nil {
		s.m = map[uint64]*probe{}
	}
	p := &probe{to: to, start: now, arrived: make(chan struct{})}
	s.m[nonce] = p
	return p, nil
}

func (s *probes) end(nonce uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, nonce)
}

// answered notes that a server on the way answered. Only the first answer of
// each counts.
func (s *probes) answered(from omega.Fingerprint, nonce uint64, left uint8, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.m[nonce]
	if p == nil || len(p.answers) >= maxAnswers || slices.ContainsFunc(p.answers, func(a traced) bool { return a.Server == from }) {
		return
	}
	p.answers = append(p.answers, traced{Hop{from, time.Duration(now - p.start)}, left})
	if from == p.to && !p.done {
		p.done = true
		close(p.arrived)
	}
}

// result puts the answers in the order of the way.
func (s *probes) result(p *probe) (tr Trace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortStableFunc(p.answers, func(a, b traced) int { return cmp.Compare(b.left, a.left) })
	for _, a := range p.answers {
		tr.Hops = append(tr.Hops, a.Hop)
	}
	tr.Arrived = p.done
	return tr
}

// mayAnswer reports whether one more trace may be answered now.
func (s *probes) mayAnswer(now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counted == 0 {
		s.tokens = traceRate
	}
	s.tokens = min(s.tokens+traceRate*time.Duration(now-s.counted).Seconds(), traceRate)
	s.counted = max(now, 1)
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}

// answerTrace tells the source of a trace that it passed here.
func (c *Cloud) answerTrace(p wire.PacketView) {
	f, _, err := wire.ParseFrame(p.Payload(), omega.MaxPeerFrame)
	if err != nil {
		return
	}
	nonce, err := wire.DecodeTrace(f.Body)
	if err != nil || !c.probes.mayAnswer(c.now()) {
		return
	}
	_ = c.say(p.Source(), wire.TypeTraced, wire.AppendTraced(nil, nonce, uint8(p.HopLimit())))
}

// heardTraced takes an answer to a trace of this server.
func (c *Cloud) heardTraced(from omega.Fingerprint, body []byte) {
	if nonce, left, err := wire.DecodeTraced(body); err == nil {
		c.probes.answered(from, nonce, left, c.now())
	}
}

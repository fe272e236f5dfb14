package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Times of requests to other servers. All of them may be repeated: homes
// deduplicate envelopes, leases are told by their epoch, the rest only reads.
const (
	firstRetry     = 1 * time.Second // at the earliest
	nextRetry      = 2 * time.Second // after that, and doubled each time
	requestTimeout = 5 * time.Second
)

// maxRequests is how many requests may be under way at once: five seconds of
// 13,000 envelopes a second that nobody answers. One server has at most as many of
// them, and of their octets, as are free beside it: one that is slow leaves half to
// the others, two a third. (spec/delivery.md, DELIV-37)
const maxRequests = 1 << 16

// maxRequestBytes is how many octets their frames may have: an envelope to many
// homes is kept once for each until that answers.
const maxRequestBytes = 512 << 20

// Why a request came to nothing.
var (
	errNoWay   = errors.New("no way to the server now")
	errTimeout = errors.New("the server did not answer in time")
	errBusy    = errors.New("too many requests are under way")
	errNoSpool = errors.New("this server keeps nothing for others")
)

// A request is a frame to another server that is repeated until it is
// answered, refused or too late.
type request struct {
	to    omega.Fingerprint
	class wire.Class
	frame []byte // as it is sent
	pace  *pace  // of the server
	sent  int64  // for the first time, steady ms

	// Guarded by the lock of its shard.
	due     int64 // when it is sent again, steady ms
	repeats int
	late    bool // slow was called
	begun   bool // a first frame of the answer came

	// done gets the answer, or an error; the frame is only valid during the
	// call. It must not block. It returns true to get more frames.
	done func(f wire.Frame, err error) (more bool)

	// slow is called once, if not nil, when the server is slow for a home
	// (DELIV-35). It must not block.
	slow func()
}

// A requestKey is the tag that an answer repeats, and who answers: what goes to
// many servers has one tag, because it is one frame.
type requestKey struct {
	tag uint32
	to  omega.Fingerprint
}

// requests are under way.
type requests struct {
	shards [16]struct {
		mu sync.Mutex
		m  map[requestKey]*request // guarded by mu
	}
	seed  maphash.Seed
	last  atomic.Uint32 // what the tag given last was made of
	count atomic.Int64
	bytes atomic.Int64 // of frames
}

func (t *requests) init() {
	t.seed = maphash.MakeSeed()
	for i := range t.shards {
		t.shards[i].m = make(map[requestKey]*request)
	}
}

func (t *requests) len() int64 { return t.count.Load() }

// next is a tag that was not given for as long as can be, so that a late answer
// is never taken for another, and that only who sees the request knows: the
// number of the request through a small Feistel network with secret rounds.
func (t *requests) next() uint32 {
	n := t.last.Add(1)
	l, r := uint16(n>>16), uint16(n)
	for round := range uint16(4) {
		l, r = r, l^uint16(maphash.Comparable(t.seed, [2]uint16{round, r}))
	}
	return uint32(l)<<16 | uint32(r)
}

// add gives r a tag, in its frame too, and keeps it.
func (t *requests) add(r *request) (uint32, error) {
	if !t.fits(r) {
		return 0, errBusy
	}
	for {
		tag := t.next()
		if tag == 0 {
			continue
		}
		binary.BigEndian.PutUint32(r.frame[4:], tag)
		if t.keepAs(tag, r) {
			return tag, nil
		}
	}
}

// fits reports whether r is within what its server may have under way.
func (t *requests) fits(r *request) bool {
	return r.pace.count.Load() < maxRequests-t.count.Load() && r.pace.bytes.Load()+int64(len(r.frame)) <= maxRequestBytes-t.bytes.Load()
}

// keepAs keeps r, whose frame has this tag already. It reports false if the
// same server is asked something else under it.
func (t *requests) keepAs(tag uint32, r *request) bool {
	sh := &t.shards[tag%16]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k := requestKey{tag, r.to}
	if _, taken := sh.m[k]; taken {
		return false
	}
	sh.m[k] = r
	t.keep(r, 1)
	return true
}

// get returns the request that an answer from a server is for, or nil.
func (t *requests) get(tag uint32, from omega.Fingerprint) *request {
	sh := &t.shards[tag%16]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.m[requestKey{tag, from}]
}

// take removes and returns the request that an answer from a server is for,
// or nil.
func (t *requests) take(tag uint32, from omega.Fingerprint) *request {
	sh := &t.shards[tag%16]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.m[requestKey{tag, from}]
	if r == nil {
		return nil
	}
	delete(sh.m, requestKey{tag, from})
	t.keep(r, -1)
	return r
}

// restore undoes take, for requests that want more than one frame.
func (t *requests) restore(tag uint32, r *request) {
	sh := &t.shards[tag%16]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r.begun = true
	sh.m[requestKey{tag, r.to}] = r
	t.keep(r, 1)
}

// keep counts a request that comes, 1, or goes, -1.
func (t *requests) keep(r *request, n int64) {
	t.count.Add(n)
	r.pace.count.Add(n)
	t.bytes.Add(n * int64(len(r.frame)))
	r.pace.bytes.Add(n * int64(len(r.frame)))
}

// ask sends a request of the given type. body is copied. done is called once
// at least, maybe before ask returns.
func (p *Proxy) ask(ctx context.Context, to omega.Fingerprint, class wire.Class, t wire.Type, body []byte, done func(wire.Frame, error) bool) {
	p.askPatiently(ctx, to, class, t, body, done, nil)
}

// askPatiently is ask that calls slow, if not nil, when the other server has
// not answered for a while. done is called all the same.
func (p *Proxy) askPatiently(ctx context.Context, to omega.Fingerprint, class wire.Class, t wire.Type, body []byte, done func(wire.Frame, error) bool, slow func()) {
	r := p.request(question{to, done, slow}, class)
	r.frame = wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(body)), t, 0, body)
	tag, err := p.requests.add(r)
	if err != nil {
		done(wire.Frame{}, err)
		return
	}
	if err := p.forward(ctx, to, class, r.frame); err != nil && p.requests.take(tag, to) != nil {
		done(wire.Frame{}, err)
	}
}

// A question is one of many like it: to whom, and what becomes of it, as in
// askPatiently.
type question struct {
	to   omega.Fingerprint
	done func(wire.Frame, error) bool
	slow func()
}

// request is a request that is sent now, without its frame.
func (p *Proxy) request(q question, class wire.Class) *request {
	r := &request{to: q.to, class: class, pace: p.pace(q.to), sent: p.steady().UnixMilli(), done: q.done, slow: q.slow}
	r.pace.begin(r)
	return r
}

// askAll is askPatiently of several servers: one frame, of which each connection
// carries one copy. Who cannot be reached is noticed by its silence.
func (p *Proxy) askAll(ctx context.Context, questions []question, class wire.Class, t wire.Type, body []byte) {
	var (
		to    []omega.Fingerprint
		frame []byte
		tag   uint32
		err   error
	)
	for _, q := range questions {
		r := p.request(q, class)
		if frame == nil {
			r.frame = wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(body)), t, 0, body)
			if tag, err = p.requests.add(r); err == nil {
				frame = r.frame
			}
		} else if r.frame, err = frame, nil; !p.requests.fits(r) || !p.requests.keepAs(tag, r) {
			err = errBusy
		}
		if err != nil {
			q.done(wire.Frame{}, err)
			continue
		}
		to = append(to, q.to)
	}
	if len(to) > 0 {
		_ = p.forwardAll(ctx, to, class, frame)
	}
}

// answered gives an answer to the request it is for.
func (p *Proxy) answered(from omega.Fingerprint, f wire.Frame) {
	r := p.requests.get(f.Tag, from)
	if r == nil {
		return // late, repeated, or never asked for
	}
	if !p.fits(r, &f) {
		p.stats.peerBad.Add(1)
		return // the request waits for its own answer
	}
	if p.requests.take(f.Tag, from) != r {
		return // answered meanwhile
	}
	if !r.begun {
		r.pace.answered(r, p.steady().UnixMilli())
	}
	if f.Type == wire.TypeError {
		err := wire.DecodeStatus(f.Body)
		if err == nil {
			err = omega.Errorf(omega.CodeInternal, "the server answered an error without a code")
		}
		r.done(wire.Frame{}, err)
		return
	}
	if r.done(f, nil) {
		p.requests.restore(f.Tag, r)
	}
}

// repeatRequests sends again what is due and gives up what is too late.
func (p *Proxy) repeatRequests(now time.Time) {
	ms := now.UnixMilli()
	for i := range p.requests.shards {
		sh := &p.requests.shards[i]
		var late, slow []*request
		sh.mu.Lock()
		for k, r := range sh.m {
			if r.slow != nil && !r.late && r.pace.doubts(r, ms) {
				r.late = true
				slow = append(slow, r)
			}
			switch {
			case r.pace.over(r, ms):
				delete(sh.m, k)
				p.requests.keep(r, -1)
				late = append(late, r)
			case ms >= r.due && r.pace.again(r, ms):
				p.stats.retries.Add(1)
				p.outbox(r.to).post(r.class, r.frame)
			}
		}
		sh.mu.Unlock()
		for _, r := range slow {
			r.slow()
		}
		for _, r := range late {
			p.stats.timeouts.Add(1)
			r.done(wire.Frame{}, errTimeout)
		}
	}
}

// call asks and waits for one answer, whose body it copies.
func (p *Proxy) call(ctx context.Context, to omega.Fingerprint, t wire.Type, body []byte) (wire.Frame, error) {
	type answer struct {
		f   wire.Frame
		err error
	}
	ch := make(chan answer, 1)
	p.ask(ctx, to, wire.ClassControl, t, body, func(f wire.Frame, err error) bool {
		f.Body = bytes.Clone(f.Body)
		ch <- answer{f, err}
		return false
	})
	select {
	case a := <-ch:
		return a.f, a.err
	case <-ctx.Done():
		return wire.Frame{}, ctx.Err()
	}
}

// failRequests answers all that is left when the Proxy stops.
func (p *Proxy) failRequests() {
	for i := range p.requests.shards {
		sh := &p.requests.shards[i]
		sh.mu.Lock()
		left := sh.m
		sh.m = make(map[requestKey]*request)
		sh.mu.Unlock()
		for _, r := range left {
			p.requests.keep(r, -1)
			r.done(wire.Frame{}, errNoWay)
		}
	}
}

package proxy

import (
	"context"
	"slices"
	"sync"

	"github.com/omega-im/omega"
)

// Workers of Run, and what they may have waiting.
const (
	pumpWorkers = 2        // read waiting mail; the disk serves a few at once
	jobWorkers  = 4        // answer other servers
	maxJobs     = 1024     // waiting; more are dropped, and asked for again
	maxJobBytes = 16 << 20 // octets of frames in them
	jobShare    = 4        // of both, one server has a part in so many at most
)

// A lifetime lets goroutines start until it has ended, and then waits for
// them.
type lifetime struct {
	mu    sync.Mutex
	ended bool // guarded by mu
	wg    sync.WaitGroup
}

// spawn starts f unless the lifetime has ended.
func (l *lifetime) spawn(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.wg.Go(f)
	return true
}

func (l *lifetime) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.wg.Wait()
}

// spawn starts a goroutine that Run waits for.
func (p *Proxy) spawn(f func()) bool { return p.life.spawn(f) }

// pumps is the queue of leases that have mail to read. Each is in it once at
// most, so it needs no bound.
type pumps struct {
	mu    sync.Mutex
	list  []*lease      // guarded by mu
	ready chan struct{} // capacity 1: the list is not empty
}

func (q *pumps) add(l *lease) {
	q.mu.Lock()
	q.list = append(q.list, l)
	q.mu.Unlock()
	q.signal()
}

func (q *pumps) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *pumps) next() *lease {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return nil
	}
	l := q.list[0]
	q.list[0] = nil
	q.list = q.list[1:]
	if len(q.list) == 0 {
		q.list = nil
	} else {
		q.signal() // another worker may help
	}
	return l
}

// run pumps until ctx ends.
func (q *pumps) run(ctx context.Context) {
	for {
		if l := q.next(); l != nil {
			l.pump(ctx)
			continue
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return
		}
	}
}

// A job is work for another server that takes a while.
type job struct {
	from omega.Fingerprint
	size int // octets of its frame
	run  func(ctx context.Context)
}

// jobs is a bounded queue of them. The servers take turns, and none has all
// workers or more than its share of the queue, whatever it asks.
type jobs struct {
	mu    sync.Mutex
	wake  sync.Cond                        // of mu: there may be something to do
	count int                              // waiting, of all; guarded by mu
	bytes int                              // of those; guarded by mu
	turns []omega.Fingerprint              // who has jobs waiting, the next one first; guarded by mu
	by    map[omega.Fingerprint]*jobsOfOne // who has any; guarded by mu
	ended bool                             // guarded by mu
	each  int                              // jobs of one server that run at once, at most
}

// jobsOfOne is what one server asked for.
type jobsOfOne struct {
	waiting []job
	bytes   int // of waiting
	running int
}

func (j *jobs) init(each int) {
	j.each = each
	j.wake.L = &j.mu
	j.by = make(map[omega.Fingerprint]*jobsOfOne)
}

// add reports false when there is no room, for all or for this server.
func (j *jobs) add(from omega.Fingerprint, size int, run func(context.Context)) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	one := j.by[from]
	if one == nil {
		one = new(jobsOfOne)
	}
	if j.ended || j.count >= maxJobs || j.bytes+size > maxJobBytes ||
		len(one.waiting) >= maxJobs/jobShare || one.bytes+size > maxJobBytes/jobShare {
		return false
	}
	j.by[from] = one
	if len(one.waiting) == 0 {
		j.turns = append(j.turns, from)
	}
	one.waiting = append(one.waiting, job{from, size, run})
	one.bytes += size
	j.count++
	j.bytes += size
	j.wake.Signal()
	return true
}

// take returns the next job and counts it as running; false when whoever has
// jobs waiting has its share of workers. mu is held.
func (j *jobs) take() (job, bool) {
	for i, from := range j.turns {
		one := j.by[from]
		if one.running >= j.each {
			continue
		}
		next := one.waiting[0]
		one.waiting[0] = job{}
		one.waiting = one.waiting[1:]
		one.bytes -= next.size
		one.running++
		j.count--
		j.bytes -= next.size
		j.turns = slices.Delete(j.turns, i, i+1)
		if len(one.waiting) > 0 {
			j.turns = append(j.turns, from)
		}
		return next, true
	}
	return job{}, false
}

// done ends what take began.
func (j *jobs) done(from omega.Fingerprint) {
	j.mu.Lock()
	defer j.mu.Unlock()
	one := j.by[from]
	if one.running--; one.running == 0 && len(one.waiting) == 0 {
		delete(j.by, from)
	}
	j.wake.Signal() // one of its own may have waited for this
}

// next waits for a job; false when the queue has ended.
func (j *jobs) next() (job, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for !j.ended {
		if next, ok := j.take(); ok {
			return next, true
		}
		j.wake.Wait()
	}
	return job{}, false
}

func (j *jobs) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = true
	j.wake.Broadcast()
}

// run works until ctx ends.
func (j *jobs) run(ctx context.Context) {
	defer context.AfterFunc(ctx, j.end)()
	for {
		next, ok := j.next()
		if !ok {
			return
		}
		next.run(ctx)
		j.done(next.from)
	}
}

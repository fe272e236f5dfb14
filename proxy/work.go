package proxy

import (
	"context"
	"sync"
)

// Workers of Run, and what they may have waiting.
const (
	pumpWorkers = 2        // read waiting mail; the disk serves a few at once
	jobWorkers  = 4        // answer other servers
	maxJobs     = 1024     // waiting; more are dropped, and asked for again
	maxJobBytes = 16 << 20 // octets of frames in them
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
	size int
	run  func(ctx context.Context)
}

// jobs is a bounded queue of them.
type jobs struct {
	mu    sync.Mutex
	bytes int // guarded by mu
	queue chan job
}

// add reports false when there is no room.
func (j *jobs) add(size int, run func(context.Context)) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.bytes+size > maxJobBytes {
		return false
	}
	select {
	case j.queue <- job{size, run}:
		j.bytes += size
		return true
	default:
		return false
	}
}

// run works until ctx ends.
func (j *jobs) run(ctx context.Context) {
	for {
		select {
		case job := <-j.queue:
			j.mu.Lock()
			j.bytes -= job.size
			j.mu.Unlock()
			job.run(ctx)
		case <-ctx.Done():
			return
		}
	}
}

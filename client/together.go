package client

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/omega-im/omega/history"
)

// A together makes one transaction of what several goroutines want to write at once: each
// costs the disk a sync. What comes while a transaction waits for the database, or for the
// one before, goes along with it; so does what others are about to write (expect), if it
// comes within a moment.
type together struct {
	patience time.Duration // in the place of togetherWait; zero: that

	mu       sync.Mutex
	queued   []*joint // guarded by mu
	expected int      // that come, or are queued; guarded by mu
	moved    notice   // one of these changed
}

// togetherWait is how long what is ready waits for what is expected. A server that
// answers slowly holds up nobody for longer.
const togetherWait = 100 * time.Millisecond

// expect says that the caller will most likely write something, until it calls done.
func (q *together) expect() (done func()) {
	q.count(1)
	return func() { q.count(-1) }
}

func (q *together) count(n int) {
	q.mu.Lock()
	q.expected += n
	q.mu.Unlock()
	q.moved.notify()
}

// gather waits until all that are expected are queued, or for a moment.
func (q *together) gather() {
	late := time.NewTimer(cmp.Or(q.patience, togetherWait))
	defer late.Stop()
	for {
		moved := q.moved.wait()
		q.mu.Lock()
		all := len(q.queued) >= q.expected
		q.mu.Unlock()
		if all {
			return
		}
		select {
		case <-moved:
		case <-late.C:
			return
		}
	}
}

// A joint is one part of such a transaction.
type joint struct {
	do   func(*history.Tx) error // may run twice, the first time in a transaction that does not happen
	done chan error
}

// update is db.Update of do, together with others.
func (q *together) update(ctx context.Context, db *history.DB, do func(*history.Tx) error) error {
	j := &joint{do: do, done: make(chan error, 1)}
	q.mu.Lock()
	q.queued = append(q.queued, j)
	first := len(q.queued) == 1
	q.mu.Unlock()
	q.moved.notify()
	if !first { // whoever came first writes for all
		return <-j.done
	}
	q.gather()
	var all []*joint
	// What others queued does not end with this one's caller.
	err := db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error {
		all = q.take()
		for _, j := range all {
			if err := j.do(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if len(all) == 0 { // it did not come that far
		all = q.take()
	} else if err != nil && len(all) > 1 { // one of them is no reason for the others to fail
		for _, j := range all {
			j.done <- db.Update(context.WithoutCancel(ctx), j.do)
		}
		return <-j.done
	}
	for _, j := range all {
		j.done <- err
	}
	return <-j.done
}

func (q *together) take() (all []*joint) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all, q.queued = q.queued, nil
	return all
}

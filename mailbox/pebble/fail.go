package pebble

import (
	"sync"

	"github.com/omega-im/omega/mailbox"
)

// usable reports why the driver cannot be used. mu is held.
func (d *Driver) usable() error {
	if d.closed {
		return mailbox.ErrClosed
	}
	return d.guard.Err()
}

// A worker is a goroutine that calls what may never return: when the disk
// fails, Pebble's goroutines stop where they are, with their locks held.
type worker struct {
	jobs chan func()
	wg   sync.WaitGroup
}

func newWorker() *worker {
	w := &worker{jobs: make(chan func())}
	w.wg.Go(func() {
		for job := range w.jobs {
			job()
		}
	})
	return w
}

// stop ends a worker that has returned from all it was given.
func (w *worker) stop() {
	close(w.jobs)
	w.wg.Wait()
}

// do runs f on the worker and returns its error. A panic is a failure. When
// the driver has failed it returns at once and leaves the worker behind. If f
// succeeds the worker goes on with then, if there is one, and has Sync return
// its error: one goroutine for both is one less to wake for each commit.
func (d *Driver) do(f, then func() error) error {
	done := make(chan error, 1)
	job := func() {
		err := d.guard.Try(f)
		done <- err
		if err == nil && then != nil {
			d.synced <- d.guard.Try(then)
		}
	}
	select {
	case d.worker.jobs <- job:
	case <-d.guard.Failed():
		return d.guard.Err()
	}
	select {
	case err := <-done:
		return err
	case <-d.guard.Failed():
		return d.guard.Err()
	}
}

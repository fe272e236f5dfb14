package pebble

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/omega-im/omega/mailbox"
)

// failure remembers the first error after which the driver is of no use.
type failure struct {
	err atomic.Pointer[error]
	ch  chan struct{} // closed with the first error
}

func (f *failure) get() error {
	if p := f.err.Load(); p != nil {
		return *p
	}
	return nil
}

// fail stops the driver for good.
func (d *Driver) fail(err error) {
	if d.failed.err.CompareAndSwap(nil, &err) {
		d.log.Error("mailbox driver failed", "dir", d.cfg.Dir, "err", err)
		close(d.failed.ch)
	}
}

// usable reports why the driver cannot be used. mu is held.
func (d *Driver) usable() error {
	if d.closed {
		return mailbox.ErrClosed
	}
	return d.failed.get()
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
		err := d.try(f)
		done <- err
		if err == nil && then != nil {
			d.synced <- d.try(then)
		}
	}
	select {
	case d.worker.jobs <- job:
	case <-d.failed.ch:
		return d.failed.get()
	}
	select {
	case err := <-done:
		return err
	case <-d.failed.ch:
		return d.failed.get()
	}
}

// try calls f and turns a panic into a failure of the driver.
func (d *Driver) try(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.fail(fmt.Errorf("pebble: %v", p))
			err = d.failed.get()
		}
	}()
	return f()
}

// logger is how Pebble says that it cannot go on.
type logger struct{ d *Driver }

// Infof drops what Pebble tells of its daily work.
func (l logger) Infof(string, ...any) {}

// Errorf logs an error that Pebble can live with.
func (l logger) Errorf(format string, args ...any) {
	l.d.log.Error("pebble", "dir", l.d.cfg.Dir, "err", fmt.Sprintf(format, args...))
}

// Fatalf makes the driver fail. Pebble counts on it not to return, and holds
// locks, so the goroutine stops here for good.
func (l logger) Fatalf(format string, args ...any) {
	l.d.fail(fmt.Errorf("pebble: "+format, args...))
	select {}
}

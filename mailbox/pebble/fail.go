package pebble

import (
	"fmt"
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

// do runs f on the writer and returns its error. A panic is a failure. When
// the driver fails meanwhile it returns at once: Pebble may be waiting for a
// lock that nobody will let go, and then the writer is left behind.
func (d *Driver) do(f func() error) error {
	done := make(chan error, 1)
	job := func() {
		defer func() {
			if p := recover(); p != nil {
				d.fail(fmt.Errorf("pebble: %v", p))
				done <- d.failed.get()
			}
		}()
		done <- f()
	}
	select {
	case d.jobs <- job:
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

// logger is Pebble's way to say that it cannot go on.
type logger struct{ d *Driver }

// Infof drops what Pebble tells of its daily work.
func (l logger) Infof(string, ...any) {}

// Errorf logs an error that Pebble can live with.
func (l logger) Errorf(format string, args ...any) {
	l.d.log.Error("pebble", "dir", l.d.cfg.Dir, "err", fmt.Sprintf(format, args...))
}

// Fatalf marks the driver as failed. Pebble counts on it not to return, and
// its locks may be held, so the goroutine stops here for good.
func (l logger) Fatalf(format string, args ...any) {
	l.d.fail(fmt.Errorf("pebble: "+format, args...))
	if l.d.opening() {
		panic("cannot open: " + fmt.Sprintf(format, args...))
	}
	select {}
}

// opening reports whether Open has not returned yet.
func (d *Driver) opening() bool { return !d.fs.patient.Load() }

// closedErr is what calls after Close get.
func (d *Driver) usable() error {
	if d.closed {
		return mailbox.ErrClosed
	}
	return d.failed.get()
}

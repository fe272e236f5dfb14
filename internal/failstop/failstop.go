// Package failstop keeps what stands on a database apart from the database's end.
// When a disk fails, Pebble panics, or stops where it is with its locks held. What
// the kernel holds and what the disk holds may differ then, so only a new process
// may go on: everything fails at once, and nothing waits for what never returns.
package failstop

import (
	"fmt"
	"log/slog"
	"sync/atomic"
)

// A Guard remembers the first error after which a store is of no use. Its methods
// may be called concurrently.
type Guard struct {
	log  *slog.Logger
	wrap error
	err  atomic.Pointer[error]
	ch   chan struct{} // closed with the first error
}

// New returns the guard of the store that log tells of.
// Errors after the failure wrap wrap, if it is not nil.
func New(log *slog.Logger, wrap error) *Guard {
	return &Guard{log: log, wrap: wrap, ch: make(chan struct{})}
}

// Failed is closed when the store has failed for good. A server should exit then, so
// that its supervisor starts it again.
func (g *Guard) Failed() <-chan struct{} { return g.ch }

// Err is why the store failed, nil while it has not.
func (g *Guard) Err() error {
	if p := g.err.Load(); p != nil {
		return *p
	}
	return nil
}

// Fail makes the store fail for good. Only the first cause counts.
func (g *Guard) Fail(cause error) {
	err := cause
	if g.wrap != nil {
		err = fmt.Errorf("%w: %w", g.wrap, cause)
	}
	if g.err.CompareAndSwap(nil, &err) {
		g.log.Error("store failed", "err", cause)
		close(g.ch)
	}
}

// Do runs f, which may never return, on a goroutine, which is left behind then. A
// panic is a failure. After a failure f is not run.
func (g *Guard) Do(f func() error) error {
	if err := g.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- g.Try(f) }()
	select {
	case err := <-done:
		return err
	case <-g.ch:
		return g.Err()
	}
}

// Try calls f. A panic is a failure, and its error.
func (g *Guard) Try(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			g.Fail(fmt.Errorf("pebble: %v", p))
			err = g.Err()
		}
	}()
	return f()
}

// Logger is how Pebble says that it cannot go on.
func (g *Guard) Logger() Logger { return Logger{g} }

// A Logger is pebble.Logger.
type Logger struct{ g *Guard }

// Infof drops what Pebble tells of its daily work.
func (Logger) Infof(string, ...any) {}

// Errorf logs an error that Pebble can live with.
func (l Logger) Errorf(format string, args ...any) {
	l.g.log.Error("pebble", "err", fmt.Sprintf(format, args...))
}

// Fatalf makes the store fail. Pebble counts on it not to return, and holds locks,
// so the goroutine stops here for good.
func (l Logger) Fatalf(format string, args ...any) {
	l.g.Fail(fmt.Errorf("pebble: "+format, args...))
	select {}
}

package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/keyserver"
)

// errFailed is wrapped by everything after stable storage failed: what the
// kernel holds and what the disk holds may differ then, so only a new process
// may go on.
var errFailed = errors.New("key store failed")

// failure remembers the first error after which a store is of no use.
type failure struct {
	err atomic.Pointer[error]
	ch  chan struct{} // closed with the first error
}

// Failed is closed when stable storage failed for good. A server should exit
// then, so that its supervisor starts it again.
func (s *Store) Failed() <-chan struct{} { return s.failed.ch }

// usable is nil until the store has failed.
func (s *Store) usable() error {
	if p := s.failed.err.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Store) fail(cause error) {
	err := fmt.Errorf("%w: %w", errFailed, cause)
	if s.failed.err.CompareAndSwap(nil, &err) {
		s.log.Error("key store failed", "err", cause)
		close(s.failed.ch)
	}
}

// do runs f, which Pebble may never return from when the disk fails: it stops
// with its locks held. The goroutine is left behind then.
func (s *Store) do(f func() error) error {
	if err := s.usable(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				s.fail(fmt.Errorf("pebble: %v", p))
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			return fmt.Errorf("%w: %w", keyserver.ErrDiskFull, err)
		}
		return err
	case <-s.failed.ch:
		return s.usable()
	}
}

// checkEvery is how often the free space is asked for.
const checkEvery = 100 * time.Millisecond

// room is nil while there is enough free space: Pebble does not survive a
// write that finds none.
func (s *Store) room() error {
	if s.reserve < 0 {
		return nil
	}
	now := time.Now().UnixNano()
	if last := s.looked.Load(); now-last > int64(checkEvery) && s.looked.CompareAndSwap(last, now) {
		usage, err := s.fs.GetDiskUsage(s.dir)
		// File systems in memory cannot tell.
		s.low.Store(err == nil && usage.AvailBytes < min(uint64(s.reserve), usage.TotalBytes/40))
	}
	if s.low.Load() {
		return fmt.Errorf("%w: %s has less than its reserve free", keyserver.ErrDiskFull, s.dir)
	}
	return nil
}

// space is what room knows.
type space struct {
	fs      vfs.FS
	dir     string
	reserve int64        // octets; negative means none
	looked  atomic.Int64 // Unix nanoseconds
	low     atomic.Bool
}

// logger is how Pebble says that it cannot go on.
type logger struct {
	log  *slog.Logger
	fail func(error)
}

// Infof drops what Pebble tells of its daily work.
func (logger) Infof(string, ...any) {}

// Errorf logs an error that Pebble can live with.
func (l logger) Errorf(format string, args ...any) {
	l.log.Error("pebble", "err", fmt.Sprintf(format, args...))
}

// Fatalf makes the store fail. Pebble counts on it not to return, and holds
// locks, so the goroutine stops here for good.
func (l logger) Fatalf(format string, args ...any) {
	l.fail(fmt.Errorf("pebble: "+format, args...))
	select {}
}

package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/media"
)

// failure remembers the first error after which a store is of no use.
type failure struct {
	err atomic.Pointer[error]
	ch  chan struct{} // closed with the first error
}

// Failed implements media.Store.
func (s *Store) Failed() <-chan struct{} { return s.failed.ch }

// usable is nil until the store has failed.
func (s *Store) usable() error {
	if p := s.failed.err.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Store) fail(cause error) {
	err := fmt.Errorf("%w: %w", media.ErrFailed, cause)
	if s.failed.err.CompareAndSwap(nil, &err) {
		s.log.Error("store of blobs failed", "dir", s.cfg.Dir, "err", cause)
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
		return full(err)
	case <-s.failed.ch:
		return s.usable()
	}
}

// full says of an error of the file system that the disk is full.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", media.ErrDiskFull, err)
	}
	return err
}

// logger is how Pebble says that it cannot go on.
type logger struct {
	log  *slog.Logger
	fail func(error)
}

// Infof drops what Pebble tells of its daily work.
func (l logger) Infof(string, ...any) {}

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

// checkEvery is how often the free space is asked for.
const checkEvery = 100 * time.Millisecond

// space watches the free space of the disk.
type space struct {
	fs      vfs.FS
	dir     string
	reserve int64        // octets; 0 means the default, negative none
	checked atomic.Int64 // Unix nanoseconds of the last look
	low     atomic.Bool
}

// check returns ErrDiskFull while there is less than the reserve, and then
// until there is a quarter more.
func (s *space) check() error {
	if s.reserve < 0 {
		return nil
	}
	now := time.Now().UnixNano()
	last := s.checked.Load()
	if now-last > int64(checkEvery) && s.checked.CompareAndSwap(last, now) {
		s.look()
	}
	if s.low.Load() {
		return fmt.Errorf("%w: %s has less than its reserve free", media.ErrDiskFull, s.dir)
	}
	return nil
}

func (s *space) look() {
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		s.low.Store(false) // file systems in memory cannot tell
		return
	}
	reserve := uint64(s.reserve)
	if reserve == 0 {
		reserve = min(1<<30, usage.TotalBytes/10)
	}
	if s.low.Load() {
		reserve += reserve / 4
	}
	s.low.Store(usage.AvailBytes < reserve)
}

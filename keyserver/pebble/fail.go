package pebble

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/omega-im/omega/keyserver"
)

// errFailed is wrapped by everything after stable storage failed.
var errFailed = errors.New("key store failed")

// Failed is closed when stable storage failed for good. A server should exit
// then, so that its supervisor starts it again.
func (s *Store) Failed() <-chan struct{} { return s.guard.Failed() }

// do runs f, which Pebble may never return from when the disk fails.
func (s *Store) do(f func() error) error {
	err := s.guard.Do(f)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", keyserver.ErrDiskFull, err)
	}
	return err
}

// room is nil while there is enough free space: Pebble does not survive a
// write that finds none.
func (s *Store) room() error {
	if s.space.Low() {
		return fmt.Errorf("%w: %s has less than its reserve free", keyserver.ErrDiskFull, s.dir)
	}
	return nil
}

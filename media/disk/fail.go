package disk

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/omega-im/omega/media"
)

// Failed implements media.Store.
func (s *Store) Failed() <-chan struct{} { return s.guard.Failed() }

// do runs f, which Pebble may never return from when the disk fails.
func (s *Store) do(f func() error) error { return full(s.guard.Do(f)) }

// full says of an error of the file system that the disk is full.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", media.ErrDiskFull, err)
	}
	return err
}

// room is nil while there is enough free space.
func (s *Store) room() error {
	if s.space.Low() {
		return fmt.Errorf("%w: %s has less than its reserve free", media.ErrDiskFull, s.cfg.Dir)
	}
	return nil
}

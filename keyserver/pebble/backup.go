package pebble

import (
	"fmt"

	db "github.com/cockroachdb/pebble/v2"
)

// Checkpoint writes a copy of the store as it is now to dir, which must not
// exist: everything that Put returned for before the call is in it.
func (s *Store) Checkpoint(dir string) error {
	if err := s.do(func() error { return s.db.Checkpoint(dir, db.WithFlushedWAL()) }); err != nil {
		return fmt.Errorf("copy keys: %w", err)
	}
	return nil
}

package history

import (
	"context"
	"errors"
	"fmt"
)

// Snapshot writes a copy of the database of one moment to a file that must not
// exist, without the secrets that have to be destroyed: prekeys
// and epochs of secure chats. Who wants to write
// waits for it; a sync of the file is up to the caller.
func (db *DB) Snapshot(ctx context.Context, path string) error {
	return db.run(ctx, db.writer, func(s *session) error {
		if _, err := s.conn.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
			return fmt.Errorf("copy the database to %s: %w", path, wrap(err))
		}
		if err := s.leaveOut(ctx, path); err != nil {
			return fmt.Errorf("take secrets out of the copy %s: %w", path, wrap(err))
		}
		return nil
	})
}

// leaveOut takes out of a copy what must be in none.
func (s *session) leaveOut(ctx context.Context, path string) error {
	if _, err := s.conn.ExecContext(ctx, "ATTACH ? AS copy", path); err != nil {
		return err
	}
	_, err := s.conn.ExecContext(ctx, `PRAGMA copy.secure_delete = 1; DELETE FROM copy.prekey;
		DELETE FROM copy.secure_epoch; DELETE FROM copy.secure_wrap; DELETE FROM copy.secure_told; DELETE FROM copy.secure_waiting`)
	_, detached := s.conn.ExecContext(ctx, "DETACH copy")
	return errors.Join(err, detached)
}

// CountMessages returns how many messages are shown in all chats.
func (tx *Tx) CountMessages() (n int, err error) {
	err = tx.row("count messages", `SELECT count(*) FROM message WHERE shown = 1`, nil, &n)
	return n, err
}

package history

import (
	"context"
	"fmt"
)

// Snapshot writes a copy of the database of one moment to a file that must not
// exist. Who wants to write waits for it; a sync of the file is up to the caller.
func (db *DB) Snapshot(ctx context.Context, path string) error {
	return db.run(ctx, db.writer, func(s *session) error {
		if _, err := s.conn.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
			return fmt.Errorf("copy the database to %s: %w", path, wrap(err))
		}
		return nil
	})
}

// CountMessages returns how many messages are shown in all chats.
func (tx *Tx) CountMessages() (n int, err error) {
	err = tx.row("count messages", `SELECT count(*) FROM message WHERE shown = 1`, nil, &n)
	return n, err
}

package history

import (
	"context"
	"embed"
	"fmt"
	"path"
)

// applicationID is in the head of the file, for the program file(1) and
// against opening another program's database: "ωIM1".
const applicationID = 0xcf894d31 - 1<<32 // SQLite's header holds a signed number

// Schemas are numbered from 1; file n turns version n-1 into n. A file that
// was released is never changed.
//
//go:embed sql/*.sql
var schemas embed.FS

// schemaFiles returns the files in order; their number is this program's version.
func schemaFiles() ([]string, error) {
	entries, err := schemas.ReadDir("sql")
	if err != nil {
		return nil, err
	}
	var out []string
	for i, e := range entries {
		if want := fmt.Sprintf("%04d.sql", i+1); e.Name() != want {
			return nil, fmt.Errorf("schema %s stands where %s should", e.Name(), want)
		}
		out = append(out, path.Join("sql", e.Name()))
	}
	return out, nil
}

// migrate brings a database to this program's version, in one transaction.
func (s *session) migrate(ctx context.Context) error {
	files, err := schemaFiles()
	if err != nil {
		return err
	}
	// The mode of the log is a property of the file, and cannot be changed
	// inside a transaction.
	if _, err := s.conn.ExecContext(ctx, "PRAGMA journal_mode = wal"); err != nil {
		return err
	}
	return s.run(ctx, "BEGIN IMMEDIATE", nil, func(tx *Tx) error { return tx.migrate(files) })
}

func (tx *Tx) migrate(files []string) error {
	var app, version, tables int
	err := tx.row("read the schema's version", `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`, nil, &app, &version, &tables)
	switch {
	case err != nil:
		return err
	case version > len(files) && app == applicationID:
		return fmt.Errorf("%w (schema %d, this program knows %d)", ErrNewer, version, len(files))
	case app != applicationID && (tables > 0 || app != 0 || version != 0):
		return fmt.Errorf("%w (it belongs to another program)", ErrDamaged)
	case version == len(files):
		return tx.reindex()
	}
	conn := tx.session.conn
	for i := version; i < len(files); i++ {
		text, err := schemas.ReadFile(files[i])
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(tx.ctx, string(text)); err != nil {
			return fmt.Errorf("apply %s: %w", files[i], wrap(err))
		}
	}
	mark := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(files))
	if _, err = conn.ExecContext(tx.ctx, mark); err != nil {
		return err
	}
	return tx.reindex()
}

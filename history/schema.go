package history

import (
	"context"
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// applicationID is in the head of the file, for the program file(1) and
// against opening another program's database: "ωIM1".
const applicationID = 0xcf894d31 - 1<<32 // SQLite's header holds a signed number

// Schemas are numbered, with gaps where a number was given and not used; file n
// turns the version of the file before it into n. A file that was released is
// never changed.
//
//go:embed sql/*.sql
var schemas embed.FS

// newest makes a new database as all schemas one after the other do, in a third of
// the time (docs/decisions/0085-new-databases-begin-at-the-end.md). TestNewest says that it does, and writes it
// anew with -renew.
//
//go:embed newest.sql
var newest string

// A schemaFile is one step.
type schemaFile struct {
	version int
	path    string
}

// schemaFiles returns the files in order; the last one's version is this program's.
func schemaFiles() ([]schemaFile, error) {
	entries, err := schemas.ReadDir("sql")
	if err != nil {
		return nil, err
	}
	var out []schemaFile
	for _, e := range entries {
		n, err := strconv.Atoi(strings.TrimSuffix(e.Name(), ".sql"))
		if err != nil || e.Name() != fmt.Sprintf("%04d.sql", n) || n < 1 {
			return nil, fmt.Errorf("schema %s has no number", e.Name())
		}
		out = append(out, schemaFile{n, path.Join("sql", e.Name())})
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

func (tx *Tx) migrate(files []schemaFile) error {
	last := files[len(files)-1].version
	var app, version, tables int
	err := tx.row("read the schema's version", `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`, nil, &app, &version, &tables)
	switch {
	case err != nil:
		return err
	case version > last && app == applicationID:
		return fmt.Errorf("%w (schema %d, this program knows %d)", ErrNewer, version, last)
	case app != applicationID && (tables > 0 || app != 0 || version != 0):
		return fmt.Errorf("%w (it belongs to another program)", ErrDamaged)
	case version == last:
		return tx.reindex()
	}
	if tables == 0 {
		err = tx.script("newest.sql", newest)
	} else {
		err = tx.step(files, version)
	}
	if err == nil {
		err = tx.script("the version", fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, last))
	}
	if err != nil {
		return err
	}
	return tx.reindex()
}

// step applies the files that come after a version.
func (tx *Tx) step(files []schemaFile, version int) error {
	for _, f := range files {
		if f.version <= version {
			continue
		}
		text, err := schemas.ReadFile(f.path)
		if err == nil {
			err = tx.script(f.path, string(text))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// script runs statements one after the other.
func (tx *Tx) script(name, text string) error {
	if _, err := tx.session.conn.ExecContext(tx.ctx, text); err != nil {
		return fmt.Errorf("apply %s: %w", name, wrap(err))
	}
	return nil
}

// Package history is the client's database: contacts, chats, messages, the
// durable outbox, sending and receiving keys, how far each home was read, and
// what is parked. Everything that must stand or fall together goes through one
// Tx. One process has it open at a time: the holder of the client's home, by the lock of the
// home, which there is on all systems but GOOS=js.
//
// It is SQLite in one file; the tables are in sql/. Its journal is a write-ahead log beside it
// that is gone when it was closed, so readers do not wait for the writer. Where files have no
// locks and no shared memory, as under Node (GOOS=js), there is the same log, and one
// connection, which is the reader too; and nothing there keeps others out, since neither the
// file nor the home is locked (client/dir_js.go). Whoever runs the core so has to see to it
// that no other process, of either kind, has that home open: two at once damage the database.
// Either way a commit is on stable storage when Update returns, what a process left that ended
// within one is undone by the next, and a home can go from one to the other.
package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/ext/fts5"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Errors that callers decide on.
var (
	ErrNotFound = errors.New("not in the database")                               // no such row
	ErrDamaged  = errors.New("the database is damaged: restore it from a backup") // or it is another kind of file
	ErrNewer    = errors.New("the database was written by a newer version: update this program")
	ErrFull     = errors.New("no room left on the disk")
	ErrBusy     = errors.New("the database is in use by another program")
	ErrClosed   = errors.New("the database was closed")
)

// IsStorage reports whether an error is of the database itself. SQLite's own
// look like those of connections to errors.As, because they can be temporary.
func IsStorage(err error) bool {
	for _, target := range []error{ErrDamaged, ErrNewer, ErrFull, ErrBusy, ErrClosed} {
		if errors.Is(err, target) {
			return true
		}
	}
	var code sqlite3.ErrorCode
	return errors.As(err, &code)
}

// There is one writer, since SQLite has one; readers do not wait for it.
const (
	maxReaders  = 4
	busyTimeout = 5000 // milliseconds that another process is waited for
)

// DB is the database of one account on one device. Its methods may be called
// concurrently; writes are one at a time.
type DB struct {
	path    string
	pool    *sql.DB
	writer  chan *session // holds the only session that writes
	readers chan *session // the same channel for a database in memory
	keys    keyCache      // belongs to whoever has the writer

	onChange func([]Change) // nil: nobody looks

	closing sync.Once
	closed  chan struct{} // closed by Close
	err     error         // of Close
}

// Open opens or makes the database at path (":memory:" for tests) and brings it
// to the current schema. A file of another kind, or a damaged one, is
// ErrDamaged; one of a later version is ErrNewer. The file is readable by its
// owner only.
func Open(ctx context.Context, path string) (*DB, error) {
	db := &DB{path: path, writer: make(chan *session, 1), keys: keyCache{}, closed: make(chan struct{})}
	if err := db.open(ctx); err != nil {
		if db.pool != nil {
			db.pool.Close()
		}
		return nil, fmt.Errorf("open %s: %w", path, wrap(err))
	}
	return db, nil
}

func (db *DB) open(ctx context.Context) (err error) {
	if err := db.protect(); err != nil {
		return err
	}
	if db.pool, err = openPool(db.path, vfs.SupportsFileLocking, vfs.SupportsSharedMemory); err != nil {
		return err
	}
	w := &session{}
	if err := w.connect(ctx, db.pool); err != nil {
		return err
	}
	if err := w.migrate(ctx); err != nil {
		return err
	}
	if err := w.watch(ctx); err != nil {
		return err
	}
	db.writer <- w
	db.readers = db.writer
	if db.path == inMemory || !vfs.SupportsSharedMemory {
		return nil
	}
	db.readers = make(chan *session, maxReaders)
	for range maxReaders {
		db.readers <- &session{readOnly: true} // connected when it is needed
	}
	return nil
}

const inMemory = ":memory:"

// protect makes the files before SQLite does, with a mode that keeps others
// out: there are keys and texts in them, in the log too.
func (db *DB) protect() error {
	if db.path == inMemory || strings.HasPrefix(db.path, "file:") {
		return nil
	}
	ends := []string{"", "-wal", "-shm"}
	if !vfs.SupportsSharedMemory {
		ends = ends[:2]
	}
	for _, end := range ends {
		f, err := os.OpenFile(db.path+end, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// openPool prepares connections to path. Every commit is synced before it
// returns (synchronous FULL): mail is acknowledged on the strength of it. locks and shared
// say what files have here.
func openPool(path string, locks, shared bool) (*sql.DB, error) {
	name := path
	switch {
	case path == inMemory:
		name = "file::memory:"
	case !strings.HasPrefix(path, "file:"):
		name = "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
	}
	separator := "?"
	if strings.Contains(name, "?") {
		separator = "&"
	}
	name += fmt.Sprintf("%s_pragma=busy_timeout(%d)", separator, busyTimeout)
	if !locks && path != inMemory {
		vfs.Register(aloneName, alone{vfs.Find("").(vfs.VFSFilename)})
		name += "&vfs=" + aloneName
	}
	if !shared {
		name += "&_pragma=locking_mode(exclusive)" // without it there is no log then
	}
	name += "&_pragma=foreign_keys(1)&_pragma=trusted_schema(0)&_pragma=synchronous(full)&_pragma=secure_delete(1)"
	return driver.Open(name, setUp)
}

// setUp has a connection know the index of words, and plan each statement once: SQLite
// else plans one with a range anew whenever other values are bound, for the sake of
// statistics that this database has not.
func setUp(c *sqlite3.Conn) error {
	if _, err := c.Config(sqlite3.DBCONFIG_ENABLE_QPSG, true); err != nil {
		return err
	}
	return fts5.Register(c)
}

// Close closes it, once. It waits for transactions that run; later ones are
// ErrClosed.
func (db *DB) Close() error {
	db.closing.Do(func() {
		close(db.closed)
		err := (<-db.writer).close()
		if db.readers != db.writer {
			for range maxReaders {
				err = errors.Join(err, (<-db.readers).close())
			}
		}
		if err = errors.Join(err, db.pool.Close()); err != nil {
			db.err = fmt.Errorf("close %s: %w", db.path, err)
		}
	})
	return db.err
}

// Update runs fn in one transaction that is on stable storage when Update
// returns nil; an error of fn rolls everything back and is returned as it is.
// fn must not keep its Tx, nor call Update or View.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	return db.run(ctx, db.writer, func(s *session) error {
		committed := false
		defer func() {
			if !committed {
				clear(db.keys) // some may be of the transaction that did not happen
			}
		}()
		var changes []Change
		changed := false
		err := s.run(ctx, "BEGIN IMMEDIATE", db.keys, func(tx *Tx) (err error) {
			if err = fn(tx); err == nil {
				changes, changed, err = tx.takeChanges()
			}
			return err
		})
		if committed = err == nil; committed && changed && db.onChange != nil {
			db.onChange(changes)
		}
		return err
	})
}

// View runs fn in one read transaction: what it sees is of one moment.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	return db.run(ctx, db.readers, func(s *session) error {
		return s.run(ctx, "BEGIN", nil, fn)
	})
}

// run borrows a session.
func (db *DB) run(ctx context.Context, sessions chan *session, fn func(*session) error) error {
	var s *session
	select {
	case s = <-sessions:
		defer func() { sessions <- s }()
	case <-db.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-db.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	default:
	}
	if err := s.connect(ctx, db.pool); err != nil {
		return interrupted(ctx, fmt.Errorf("connect to %s: %w", db.path, wrap(err)))
	}
	return interrupted(ctx, fn(s))
}

// interrupted says of a statement that was cut short why it was: SQLite only
// knows that it was.
func interrupted(ctx context.Context, err error) error {
	if errors.Is(err, sqlite3.INTERRUPT) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// wrap gives the errors of SQLite that callers decide on our names.
func wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB), errors.Is(err, sqlite3.IOERR_SHORT_READ):
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	case errors.Is(err, sqlite3.FULL):
		return fmt.Errorf("%w (%w)", ErrFull, err)
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		return fmt.Errorf("%w (%w)", ErrBusy, err)
	case errors.Is(err, fs.ErrPermission):
		return err
	}
	return err
}

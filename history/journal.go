package history

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/ncruces/go-sqlite3/vfs"
)

// journalMode is SQLite's name of the journal, which is a property of the file.
func journalMode() string {
	if !vfs.SupportsFileLocking {
		return "truncate"
	}
	return "wal"
}

// journalFiles are what the names of the files of a database end with.
func journalFiles() []string {
	if !vfs.SupportsFileLocking {
		return []string{"", "-journal"}
	}
	return []string{"", "-wal", "-shm"}
}

// Where the head of a file says how it is to be read, and that it has a log. (The Database
// File Format of SQLite, 1.3.3)
const (
	headVersion = 19
	withLog     = 2
)

// readable is ErrLog for a database with a log where there can be none: SQLite would only say
// that it cannot be opened.
func (db *DB) readable() error {
	if vfs.SupportsFileLocking || db.path == inMemory || strings.HasPrefix(db.path, "file:") {
		return nil
	}
	return checkLog(db.path)
}

// checkLog is ErrLog if the head of a database says that it has a log, or there is one beside
// it: SQLite writes into that also what is of a database whose head says nothing of a log.
func checkLog(path string) error {
	if _, err := os.Stat(path + "-wal"); err == nil {
		return ErrLog
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var head [headVersion + 1]byte
	switch _, err := io.ReadFull(f, head[:]); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil // it is new; or it is damaged, as SQLite will say
	case err != nil:
		return err
	case head[headVersion] == withLog:
		return ErrLog
	}
	return nil
}

// Package prekeys keeps the stocks of prekeys that devices put at their homes, and
// gives each prekey for one wrap to one asker only, whatever crashes
// (spec/secure.md, SEC-8 and SEC-9). It does not look inside prekeys.
//
// Layout; all numbers are big endian:
//
//	XX/ACCOUNT/DEVICE    u8 version (1) | u8 n | u64 made, ms | n × mark | (1 + n) × prekey
//
// XX are the last two digits of ACCOUNT. A mark is `u8 given | 16 id | 8 asker |
// 8 server`, zeros while the prekey is nobody's; the first prekey, the one for a
// week, has none. A mark is on stable storage before the prekey is given out. None
// of this belongs into a backup: what is restored would be given a second time.
package prekeys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

const (
	version  = 1
	head     = 1 + 1 + 8
	markSize = 1 + 16 + 8 + 8

	// Rations of one stock; who has had his gets the prekey for a week.
	// (spec/secure.md, SEC-9)
	perAsker      = 4 // prekeys for one wrap to one account
	serversPart   = 4 // one in so many to the accounts of one other server
	putInterval   = 10 * time.Minute
	stockLifetime = 60 * 24 * time.Hour
)

// ErrFailed is wrapped by every error after the disk refused to make something
// stable: what it has then is not known until the store is opened again.
var ErrFailed = errors.New("store of prekeys failed")

// errOften says that a device puts stocks too often.
var errOften = omega.Errorf(omega.CodeRateLimited, "a stock of prekeys is replaced once in ten minutes at most")

// A Store is stocks on disk. Its methods may be called concurrently.
type Store struct {
	fs     vfs.FS
	dir    string
	seed   maphash.Seed
	locks  [64]sync.Mutex // by account: one touches its files at a time
	failed atomic.Bool
}

// Open opens the store in dir, or makes one. Only one process may have it open.
func Open(fs vfs.FS, dir string) (*Store, error) {
	s := &Store{fs: fs, dir: dir, seed: maphash.MakeSeed()}
	err := fs.MkdirAll(dir, 0o700)
	if err == nil {
		err = s.syncFolder(fs.PathDir(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("open store of prekeys %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) lock(account omega.Fingerprint) *sync.Mutex {
	return &s.locks[maphash.Comparable(s.seed, account)%uint64(len(s.locks))]
}

// folder is where the stocks of an account are.
func (s *Store) folder(account omega.Fingerprint) string {
	name := account.String()
	return s.fs.PathJoin(s.dir, name[len(name)-2:], name)
}

func (s *Store) path(account, device omega.Fingerprint) string {
	return s.fs.PathJoin(s.folder(account), device.String())
}

// A stock is a file without its prekeys.
type stock struct {
	made  time.Time
	marks []mark
}

type mark struct {
	given  bool
	id     wire.PrekeyID
	asker  [8]byte
	server [8]byte
}

func (k *mark) bytes() []byte {
	b := make([]byte, 1, markSize)
	if k.given {
		b[0] = 1
	}
	return append(append(append(b, k.id[:]...), k.asker[:]...), k.server[:]...)
}

func (t *stock) left() (n uint8) {
	for i := range t.marks {
		if !t.marks[i].given {
			n++
		}
	}
	return n
}

func (t *stock) count() wire.PrekeyCount { return wire.PrekeyCount{Made: t.made, Left: t.left()} }

// offset is where the i-th prekey is; 0 is the one for a week.
func (t *stock) offset(i int) int64 {
	return int64(head + len(t.marks)*markSize + i*wire.PrekeySize)
}

// none is what is left where there is no stock.
var none = wire.PrekeyCount{Made: time.UnixMilli(0).UTC()}

// read reads a stock; nil if there is none.
func (s *Store) read(path string) (*stock, error) {
	f, err := s.fs.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var h [head]byte
	if _, err := f.ReadAt(h[:], 0); err != nil {
		return nil, err
	}
	n := int(h[1])
	if h[0] != version || n > wire.MaxStock {
		return nil, fmt.Errorf("%s: version %d with %d prekeys", path, h[0], n)
	}
	t := &stock{made: time.UnixMilli(int64(binary.BigEndian.Uint64(h[2:]))).UTC()}
	b := make([]byte, n*markSize)
	if _, err := f.ReadAt(b, head); n > 0 && err != nil {
		return nil, err
	}
	for ; len(b) > 0; b = b[markSize:] {
		t.marks = append(t.marks, mark{b[0] != 0, wire.PrekeyID(b[1:]), [8]byte(b[17:]), [8]byte(b[25:])})
	}
	return t, nil
}

// Put keeps a stock, which its caller has verified, in place of an older one of the
// device. Of the one that is there already, and of older ones, it only says what is
// left. What it returned for is on stable storage.
func (s *Store) Put(w *wire.PrekeyStock) (wire.PrekeyCount, error) {
	mu := s.lock(w.User)
	mu.Lock()
	defer mu.Unlock()
	path := s.path(w.User, w.Device)
	old, err := s.usable(path)
	made := w.Made.UTC().Truncate(time.Millisecond)
	switch {
	case err != nil:
		return none, err
	case old != nil && !made.After(old.made):
		return old.count(), nil
	case old != nil && made.Sub(old.made) < putInterval:
		return none, errOften
	}
	if err := s.write(w, path); err != nil {
		return none, fmt.Errorf("keep prekeys of %s: %w", w.Device, err)
	}
	t := stock{made: made, marks: make([]mark, len(w.Once))}
	return t.count(), nil
}

// usable reads a stock unless the store has failed.
func (s *Store) usable(path string) (*stock, error) {
	if s.failed.Load() {
		return nil, ErrFailed
	}
	return s.read(path)
}

func (s *Store) write(w *wire.PrekeyStock, path string) error {
	folder := s.folder(w.User)
	if err := s.fs.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	b := make([]byte, 0, head+len(w.Once)*markSize+(1+len(w.Once))*wire.PrekeySize)
	b = binary.BigEndian.AppendUint64(append(b, version, byte(len(w.Once))), uint64(w.Made.UnixMilli()))
	b = append(b, make([]byte, len(w.Once)*markSize)...)
	b = append(b, w.Week...)
	b = append(b, bytes.Join(w.Once, nil)...)
	next := path + ".new"
	if err := s.create(next, b); err != nil {
		return errors.Join(err, s.fs.Remove(next))
	}
	if err := s.fs.Rename(next, path); err != nil {
		return err
	}
	return s.syncFolders(folder)
}

func (s *Store) create(path string, b []byte) error {
	f, err := s.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(s.stable(f), f.Close())
}

// syncFolders makes names in a folder stable, and that of the folder.
func (s *Store) syncFolders(folder string) error {
	for _, dir := range []string{folder, s.fs.PathDir(folder), s.dir} {
		if err := s.syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) syncFolder(dir string) error {
	d, err := s.fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(s.stable(d), d.Close())
}

// stable syncs f. After an error nobody knows what the disk has.
func (s *Store) stable(f vfs.File) error {
	if err := f.Sync(); err != nil {
		s.failed.Store(true)
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return nil
}

// Count says what is left of a device's stock.
func (s *Store) Count(account, device omega.Fingerprint) (wire.PrekeyCount, error) {
	mu := s.lock(account)
	mu.Lock()
	defer mu.Unlock()
	t, err := s.usable(s.path(account, device))
	if err != nil || t == nil {
		return none, err
	}
	return t.count(), nil
}

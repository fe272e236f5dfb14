// Package crashfs is a file system on which kill -9 is a power cut: what a
// program writes stays in its memory until it is synced, and only then reaches
// the directory beneath. So a process that is killed leaves on disk what a
// machine that lost power would have left there, and the next one that opens
// the directory finds exactly that, with this file system or without.
//
// File contents are durable after Sync or SyncData of the file. New names,
// renames and removals are durable after Sync of the directory, in the order in
// which they were made. As a machine may have written more than it was asked
// to, Config.Rand lets some blocks, and the first of the pending names, reach
// the disk by themselves; a block that reaches it before an earlier one leaves
// zeros between.
//
// Left out: directories are durable at once, there are no renames between
// directories, and files are kept in memory while they are open, so the stores
// of tests fit and those of real servers do not.
package crashfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Config says how the disk behaves. The zero value is one that writes nothing
// before it is asked to, and then at once.
type Config struct {
	// SyncTime is how long a sync takes: the longer, the more is on its way
	// when the power is cut.
	SyncTime time.Duration

	// Rand decides what reaches the disk without being synced. It belongs to the
	// FS from then on, for programs write beside each other. Nil: nothing.
	Rand *rand.Rand
}

// An FS is one boot of a machine. Its methods may be called concurrently.
type FS struct {
	cfg Config

	mu   sync.Mutex
	dirs map[string]*dir // by clean path; guarded by mu
	cut  bool            // guarded by mu
}

var _ vfs.FS = (*FS)(nil)

// New returns a file system over the machine's.
func New(cfg Config) *FS { return &FS{cfg: cfg, dirs: make(map[string]*dir)} }

// Cut cuts the power: from now on nothing reaches the disk. Programs that still
// run do not notice; a new FS over the same directory shows what is left.
func (y *FS) Cut() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.cut = true
}

// perhaps is true in one of n cases, and never without Config.Rand. y.mu is
// held.
func (y *FS) perhaps(n int) bool { return y.cfg.Rand != nil && !y.cut && y.cfg.Rand.IntN(n) == 0 }

// find returns the directory and the last element of name. y.mu is held.
func (y *FS) find(name string) (*dir, string, error) {
	d, err := y.dir(filepath.Dir(name))
	return d, filepath.Base(name), err
}

// open returns a handle of an existing file. y.mu is held.
func (y *FS) open(op, name string) (*file, error) {
	d, base, err := y.find(name)
	if err != nil {
		return nil, err
	}
	n := d.names[base]
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	if err := n.load(); err != nil {
		return nil, err
	}
	n.handles++
	return &file{fs: y, node: n, name: base}, nil
}

// Create implements vfs.FS.
func (y *FS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	d, base, err := y.find(name)
	if err != nil {
		return nil, err
	}
	n := &inode{loaded: true, handles: 1}
	d.names[base] = n
	return &file{fs: y, node: n, name: base}, y.note(d, change{create, base, "", n})
}

// Link implements vfs.FS.
func (y *FS) Link(oldname, newname string) error { return y.move(link, oldname, newname) }

// Rename implements vfs.FS.
func (y *FS) Rename(oldname, newname string) error { return y.move(rename, oldname, newname) }

// move gives a file a new name in the same directory.
func (y *FS) move(kind kind, oldname, newname string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	d, from, err := y.find(oldname)
	if err != nil {
		return err
	}
	if filepath.Dir(oldname) != filepath.Dir(newname) {
		return fmt.Errorf("crashfs: %s to another directory, %s: %w", oldname, newname, errors.ErrUnsupported)
	}
	to, n := filepath.Base(newname), d.names[from]
	switch {
	case n == nil:
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	case kind == link && d.names[to] != nil:
		return &fs.PathError{Op: "link", Path: newname, Err: fs.ErrExist}
	case kind == rename:
		delete(d.names, from)
	}
	d.names[to] = n
	return y.note(d, change{kind, from, to, n})
}

// Open implements vfs.FS. A directory can be opened to be synced.
func (y *FS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return y.OpenDir(name)
	}
	y.mu.Lock()
	f, err := y.open("open", name)
	y.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for _, o := range opts {
		o.Apply(f)
	}
	return f, nil
}

// OpenReadWrite implements vfs.FS.
func (y *FS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := y.Open(name, opts...)
	if errors.Is(err, fs.ErrNotExist) {
		return y.Create(name, category)
	}
	return f, err
}

// OpenDir implements vfs.FS.
func (y *FS) OpenDir(name string) (vfs.File, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	d, err := y.dir(name)
	if err != nil {
		return nil, err
	}
	return &dirFile{fs: y, dir: d}, nil
}

// Remove implements vfs.FS.
func (y *FS) Remove(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return os.Remove(name)
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	d, base, err := y.find(name)
	if err != nil {
		return err
	}
	if d.names[base] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	n := d.names[base]
	delete(d.names, base)
	return y.note(d, change{remove, base, "", n})
}

// RemoveAll implements vfs.FS. Of a directory it is durable at once.
func (y *FS) RemoveAll(name string) error {
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		if err := y.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	clean := filepath.Clean(name)
	for path := range y.dirs {
		if path == clean || strings.HasPrefix(path, clean+string(filepath.Separator)) {
			delete(y.dirs, path)
		}
	}
	if y.cut {
		return nil
	}
	return os.RemoveAll(name)
}

// ReuseForWrite implements vfs.FS.
func (y *FS) ReuseForWrite(oldname, newname string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if err := y.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return y.Open(newname)
}

// MkdirAll implements vfs.FS. It is durable at once.
func (y *FS) MkdirAll(dir string, perm os.FileMode) error { return os.MkdirAll(dir, perm) }

// Lock implements vfs.FS. The lock file is durable at once.
func (y *FS) Lock(name string) (io.Closer, error) { return vfs.Default.Lock(name) }

// List implements vfs.FS.
func (y *FS) List(name string) ([]string, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	d, err := y.dir(name)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	for base := range d.names {
		out = append(out, base)
	}
	return out, nil
}

// Stat implements vfs.FS.
func (y *FS) Stat(name string) (vfs.FileInfo, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fileInfo{info.Name(), 0, info.Mode()}, nil
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	f, err := y.open("stat", name)
	if err != nil {
		return nil, err
	}
	defer f.node.release()
	return f.info(), nil
}

// PathBase implements vfs.FS.
func (y *FS) PathBase(path string) string { return filepath.Base(path) }

// PathJoin implements vfs.FS.
func (y *FS) PathJoin(elem ...string) string { return filepath.Join(elem...) }

// PathDir implements vfs.FS.
func (y *FS) PathDir(path string) string { return filepath.Dir(path) }

// GetDiskUsage implements vfs.FS.
func (y *FS) GetDiskUsage(path string) (vfs.DiskUsage, error) { return vfs.Default.GetDiskUsage(path) }

// Unwrap implements vfs.FS.
func (y *FS) Unwrap() vfs.FS { return nil }

package crashfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A file is an open file. Its position belongs to its only user.
type file struct {
	fs   *FS
	node *inode
	name string
	pos  int
}

// wait is the time that the disk takes.
func (y *FS) wait() {
	if y.cfg.SyncTime > 0 {
		time.Sleep(y.cfg.SyncTime)
	}
}

func (f *file) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, int64(f.pos))
	f.pos += n
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if at < 0 || at > int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Write(b []byte) (int, error) {
	n, err := f.WriteAt(b, int64(f.pos))
	f.pos += n
	return n, err
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	y := f.fs
	y.mu.Lock()
	defer y.mu.Unlock()
	f.node.write(b, int(at))
	if y.perhaps(8) {
		if err := f.node.leak(func() bool { return y.perhaps(2) }); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.node == nil {
		return os.ErrClosed
	}
	f.node.release()
	f.node = nil
	return nil
}

func (f *file) Sync() error {
	f.fs.wait()
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.cut {
		return nil
	}
	return f.node.sync()
}

func (f *file) SyncData() error { return f.Sync() }

// SyncTo promises nothing, so it does nothing.
func (f *file) SyncTo(int64) (bool, error) { return false, nil }

func (f *file) Stat() (vfs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.info(), nil
}

// info is Stat with FS.mu held.
func (f *file) info() vfs.FileInfo { return fileInfo{f.name, int64(len(f.node.data)), 0o600} }

func (f *file) Preallocate(int64, int64) error { return nil }
func (f *file) Prefetch(int64, int64) error    { return nil }
func (f *file) Fd() uintptr                    { return vfs.InvalidFd }

// A dirFile is a directory that was opened to be synced.
type dirFile struct {
	fs  *FS
	dir *dir
}

var errIsDir = errors.New("crashfs: is a directory")

func (d *dirFile) Sync() error                        { return d.fs.syncDir(d.dir) }
func (d *dirFile) SyncData() error                    { return d.Sync() }
func (d *dirFile) SyncTo(int64) (bool, error)         { return false, nil }
func (d *dirFile) Close() error                       { return nil }
func (d *dirFile) Read([]byte) (int, error)           { return 0, errIsDir }
func (d *dirFile) ReadAt([]byte, int64) (int, error)  { return 0, errIsDir }
func (d *dirFile) Write([]byte) (int, error)          { return 0, errIsDir }
func (d *dirFile) WriteAt([]byte, int64) (int, error) { return 0, errIsDir }
func (d *dirFile) Preallocate(int64, int64) error     { return nil }
func (d *dirFile) Prefetch(int64, int64) error        { return nil }
func (d *dirFile) Fd() uintptr                        { return vfs.InvalidFd }
func (d *dirFile) Stat() (vfs.FileInfo, error) {
	return fileInfo{d.dir.path, 0, fs.ModeDir | 0o700}, nil
}

// fileInfo is what Stat says.
type fileInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i fileInfo) Name() string           { return i.name }
func (i fileInfo) Size() int64            { return i.size }
func (i fileInfo) Mode() fs.FileMode      { return i.mode }
func (i fileInfo) ModTime() time.Time     { return time.Time{} }
func (i fileInfo) IsDir() bool            { return i.mode.IsDir() }
func (i fileInfo) Sys() any               { return nil }
func (i fileInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

package pebble

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/mailbox"
)

// patientFS is a file system on which Pebble never sees a write fail. Its ways
// of failing cannot be survived: a log that cannot be made, for one, ends in
// the unlocking of an unlocked mutex, which no recover catches. So a write
// that finds no space waits and is tried again, and any other error makes the
// driver fail and the goroutine stop for good. Reads pass through.
type patientFS struct {
	vfs.FS
	fail    func(error)
	patient atomic.Bool  // wait for space; not while the store is opened or closed
	waiting atomic.Int32 // writes that wait
}

// retryEvery is how often a write that waits for space is tried again.
const retryEvery = 50 * time.Millisecond

// try calls f until it succeeds, or does not return.
func (p *patientFS) try(what string, f func() error) {
	err := f()
	if err == nil {
		return
	}
	if noSpace(err) {
		p.waiting.Add(1)
		defer p.waiting.Add(-1)
		t := time.NewTicker(retryEvery)
		defer t.Stop()
		for noSpace(err) && p.patient.Load() {
			<-t.C
			err = f()
		}
		if err == nil {
			return
		}
	}
	if noSpace(err) {
		err = fmt.Errorf("%w: %w", mailbox.ErrDiskFull, err)
	}
	p.fail(fmt.Errorf("%s: %w", what, err))
	select {}
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Create implements vfs.FS.
func (p *patientFS) Create(name string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	p.try("create "+name, func() error { f, err = p.FS.Create(name, c); return err })
	return p.file(f, name), nil
}

// OpenReadWrite implements vfs.FS.
func (p *patientFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (f vfs.File, err error) {
	p.try("open "+name, func() error { f, err = p.FS.OpenReadWrite(name, c, opts...); return err })
	return &patientFile{f, p, name}, nil
}

// ReuseForWrite implements vfs.FS.
func (p *patientFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	p.try("reuse "+from, func() error { f, err = p.FS.ReuseForWrite(from, to, c); return err })
	return p.file(f, to), nil
}

// file returns a file that is written from its start on.
func (p *patientFS) file(f vfs.File, name string) vfs.File {
	file := &patientFile{f, p, name}
	if isLog(name) {
		return openLog(file)
	}
	return file
}

// OpenDir implements vfs.FS.
func (p *patientFS) OpenDir(name string) (vfs.File, error) {
	f, err := p.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &patientFile{f, p, name}, nil
}

// Link implements vfs.FS.
func (p *patientFS) Link(from, to string) error {
	p.try("link "+to, func() error { return p.FS.Link(from, to) })
	return nil
}

// Rename implements vfs.FS.
func (p *patientFS) Rename(from, to string) error {
	p.try("rename "+from, func() error { return p.FS.Rename(from, to) })
	return nil
}

// Unwrap implements vfs.FS.
func (p *patientFS) Unwrap() vfs.FS { return p.FS }

// patientFile is a file or directory of a patientFS.
type patientFile struct {
	vfs.File
	fs   *patientFS
	name string
}

// Write implements vfs.File.
func (f *patientFile) Write(b []byte) (int, error) {
	rest := b
	f.fs.try("write "+f.name, func() error {
		n, err := f.File.Write(rest)
		rest = rest[n:]
		return err
	})
	return len(b), nil
}

// WriteAt implements vfs.File.
func (f *patientFile) WriteAt(b []byte, off int64) (int, error) {
	done := 0
	f.fs.try("write "+f.name, func() error {
		n, err := f.File.WriteAt(b[done:], off+int64(done))
		done += n
		return err
	})
	return len(b), nil
}

// Sync implements vfs.File. A failed sync is not tried again: after it nobody
// knows what is on disk, and a second one that succeeds proves nothing.
func (f *patientFile) Sync() error { return f.synced(f.File.Sync()) }

// SyncData implements vfs.File.
func (f *patientFile) SyncData() error { return f.synced(f.File.SyncData()) }

// SyncTo implements vfs.File.
func (f *patientFile) SyncTo(length int64) (fullSync bool, err error) {
	fullSync, err = f.File.SyncTo(length)
	return fullSync, f.synced(err)
}

func (f *patientFile) synced(err error) error {
	if err != nil {
		f.fs.fail(fmt.Errorf("sync %s: %w", f.name, err))
		select {}
	}
	return nil
}

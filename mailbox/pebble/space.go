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

// checkEvery is how often the free space is asked for: at the highest rate
// 10 MB are written in between.
const checkEvery = 100 * time.Millisecond

// space watches the free space of the disk.
type space struct {
	fs      vfs.FS
	dir     string
	reserve int64        // octets; 0 means the default, negative none
	checked atomic.Int64 // Unix nanoseconds of the last look
	low     atomic.Bool
}

// check returns ErrDiskFull while there is less than the reserve, and then
// until there is a quarter more.
func (s *space) check() error {
	if s.reserve < 0 {
		return nil
	}
	now := time.Now().UnixNano()
	last := s.checked.Load()
	if now-last > int64(checkEvery) && s.checked.CompareAndSwap(last, now) {
		s.look()
	}
	if s.low.Load() {
		return fmt.Errorf("%w: %s has less than its reserve free", mailbox.ErrDiskFull, s.dir)
	}
	return nil
}

func (s *space) look() {
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		s.low.Store(false) // file systems in memory cannot tell
		return
	}
	reserve := uint64(s.reserve)
	if reserve == 0 {
		reserve = min(512<<20, usage.TotalBytes/20)
	}
	if s.low.Load() {
		reserve += reserve / 4
	}
	s.low.Store(usage.AvailBytes < reserve)
}

// patientFS is a file system whose writes wait while there is no space left,
// since Pebble cannot go on after such an error. Reads pass through.
type patientFS struct {
	vfs.FS
	patient atomic.Bool   // wait; false until the store is open
	waiting atomic.Int32  // writes that wait
	gaveUp  atomic.Bool   // a write that waited was ended by stop
	stopped chan struct{} // closed by stop
	stops   atomic.Bool
}

// retryEvery is how often a write that waits for space is tried again.
const retryEvery = 50 * time.Millisecond

func newPatientFS(fs vfs.FS) *patientFS {
	return &patientFS{FS: fs, stopped: make(chan struct{})}
}

// stop ends all waiting.
func (p *patientFS) stop() {
	if p.stops.CompareAndSwap(false, true) {
		close(p.stopped)
	}
}

// try calls f until it returns anything but "no space left".
func (p *patientFS) try(f func() error) error {
	err := f()
	if err == nil || !noSpace(err) || !p.patient.Load() {
		return err
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	t := time.NewTicker(retryEvery)
	defer t.Stop()
	for noSpace(err) {
		select {
		case <-p.stopped:
			p.gaveUp.Store(true)
			return err
		case <-t.C:
			err = f()
		}
	}
	return err
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Create implements vfs.FS.
func (p *patientFS) Create(name string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = p.try(func() error { f, err = p.FS.Create(name, c); return err })
	return p.wrap(f), err
}

// OpenReadWrite implements vfs.FS.
func (p *patientFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (f vfs.File, err error) {
	err = p.try(func() error { f, err = p.FS.OpenReadWrite(name, c, opts...); return err })
	return p.wrap(f), err
}

// ReuseForWrite implements vfs.FS.
func (p *patientFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = p.try(func() error { f, err = p.FS.ReuseForWrite(from, to, c); return err })
	return p.wrap(f), err
}

// Link implements vfs.FS.
func (p *patientFS) Link(from, to string) error {
	return p.try(func() error { return p.FS.Link(from, to) })
}

// Rename implements vfs.FS.
func (p *patientFS) Rename(from, to string) error {
	return p.try(func() error { return p.FS.Rename(from, to) })
}

// Unwrap implements vfs.FS.
func (p *patientFS) Unwrap() vfs.FS { return p.FS }

func (p *patientFS) wrap(f vfs.File) vfs.File {
	if f == nil {
		return nil
	}
	return &patientFile{f, p}
}

// patientFile is a file whose writes wait for space. A failed Sync is passed
// on: after it nobody knows what is on disk, so trying again proves nothing.
type patientFile struct {
	vfs.File
	fs *patientFS
}

// Write implements vfs.File.
func (f *patientFile) Write(b []byte) (n int, err error) {
	err = f.fs.try(func() error {
		m, err := f.File.Write(b[n:])
		n += m
		return err
	})
	return n, err
}

// WriteAt implements vfs.File.
func (f *patientFile) WriteAt(b []byte, off int64) (n int, err error) {
	err = f.fs.try(func() error {
		m, err := f.File.WriteAt(b[n:], off+int64(n))
		n += m
		return err
	})
	return n, err
}

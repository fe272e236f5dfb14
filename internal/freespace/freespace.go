// Package freespace watches how much room a disk has left, for stores that take
// nothing more before there is none: databases do not survive a write that finds
// no space, and trims need some to free more.
package freespace

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkEvery is how often the free space is asked for: at the highest rate of mail
// 10 MB are written in between.
const checkEvery = 100 * time.Millisecond

// A Reserve is the free space in octets below which there is too little: Octets, but
// no more than one part in Share of the disk. Negative Octets are no reserve, a
// Share of 0 makes it Octets on any disk.
type Reserve struct {
	Octets int64
	Share  int64
}

// Or is the reserve that a configuration asks for, octets on any disk, or def if it
// asks for none in particular (0).
func Or(octets int64, def Reserve) Reserve {
	if octets == 0 {
		return def
	}
	return Reserve{Octets: octets}
}

// A Watch knows whether a disk is low on space. Its methods may be called
// concurrently.
type Watch struct {
	fs      vfs.FS
	dir     string
	reserve Reserve
	now     func() time.Time
	looked  atomic.Int64 // Unix nanoseconds of the last look
	low     atomic.Bool
}

// NewWatch watches the disk that dir is on. It looks at it when it is asked.
func NewWatch(fs vfs.FS, dir string, r Reserve) *Watch {
	return &Watch{fs: fs, dir: dir, reserve: r, now: time.Now}
}

// Low reports whether there is less than the reserve; and then until there is a
// quarter more, so that it does not change with every file.
func (w *Watch) Low() bool {
	if w.reserve.Octets < 0 {
		return false
	}
	now := w.now().UnixNano()
	last := w.looked.Load()
	if now-last > int64(checkEvery) && w.looked.CompareAndSwap(last, now) {
		w.look()
	}
	return w.low.Load()
}

func (w *Watch) look() {
	usage, err := w.fs.GetDiskUsage(w.dir)
	if err != nil {
		w.low.Store(false) // file systems in memory cannot tell
		return
	}
	reserve := uint64(w.reserve.Octets)
	if w.reserve.Share > 0 {
		reserve = min(reserve, usage.TotalBytes/uint64(w.reserve.Share))
	}
	if w.low.Load() {
		reserve += reserve / 4
	}
	w.low.Store(usage.AvailBytes < reserve)
}

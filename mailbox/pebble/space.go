package pebble

import (
	"fmt"
	"sync/atomic"
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

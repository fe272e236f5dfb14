package freespace

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// usageFS is a file system that tells how much is free.
type usageFS struct {
	vfs.FS
	free, total uint64
}

func (f *usageFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.free, TotalBytes: f.total}, nil
}

// What is low stays so until there is a quarter more than the reserve.
func TestLow(t *testing.T) {
	fs := &usageFS{FS: vfs.NewMem(), total: 100 << 30}
	now := time.Unix(1_800_000_000, 0)
	w := NewWatch(fs, "mail", Reserve{Octets: 1000})
	w.now = func() time.Time { return now }
	for _, step := range []struct {
		free uint64
		want bool
	}{{1000, false}, {999, true}, {1200, true}, {1250, false}, {1000, false}} {
		fs.free = step.free
		now = now.Add(checkEvery + 1)
		if got := w.Low(); got != step.want {
			t.Errorf("low with %d free = %v, want %v", step.free, got, step.want)
		}
	}
	fs.free = 0
	if w.Low() {
		t.Error("it looked again at once")
	}
}

// A reserve is no more than its share of a small disk; without one nothing is low,
// nor on a disk that cannot tell.
func TestReserve(t *testing.T) {
	def := Reserve{Octets: 1 << 30, Share: 20}
	for _, c := range []struct {
		name        string
		reserve     Reserve
		free, total uint64
		want        bool
	}{
		{"a large disk", def, 1<<30 - 1, 1 << 40, true},
		{"a small disk", def, 1 << 20, 19 << 20, false},
		{"a small disk that is full", def, 1 << 20, 21 << 20, true},
		{"configured", Or(100, def), 99, 1 << 40, true},
		{"configured, room", Or(100, def), 100, 1 << 40, false},
		{"none configured", Or(0, def), 1 << 29, 1 << 40, true},
		{"no reserve", Or(-1, def), 0, 1 << 40, false},
	} {
		w := NewWatch(&usageFS{FS: vfs.NewMem(), free: c.free, total: c.total}, "d", c.reserve)
		if got := w.Low(); got != c.want {
			t.Errorf("%s: low = %v, want %v", c.name, got, c.want)
		}
	}
	if NewWatch(vfs.NewMem(), "d", def).Low() {
		t.Error("a file system in memory is low")
	}
}

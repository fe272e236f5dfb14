package disk_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/media/disk"
	"github.com/omega-im/omega/media/mediatest"
)

// folder is a mediatest.Disk in a directory.
type folder struct {
	dir string
	fs  vfs.FS
}

func (f folder) Open(t testing.TB, o mediatest.Options) media.Store {
	t.Helper()
	s, err := disk.Open(disk.Config{Dir: f.dir, FS: f.fs, Quota: o.Quota, Room: o.Room, Now: o.Now, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	mediatest.Run(t, func(t testing.TB) mediatest.Disk { return folder{t.TempDir(), vfs.Default} })
}

func TestStoreInMemory(t *testing.T) {
	mediatest.Run(t, func(testing.TB) mediatest.Disk { return folder{"media", vfs.NewMem()} })
}

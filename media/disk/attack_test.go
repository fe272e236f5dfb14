package disk

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/media/mediatest"
)

// A badDisk is a file system whose uploads cannot be read while bad is true.
type badDisk struct {
	vfs.FS
	bad atomic.Bool
}

type badFile struct {
	vfs.File
	disk *badDisk
}

var errBad = errors.New("input/output error")

func (d *badDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, c, opts...)
	return badFile{f, d}, err
}

func (f badFile) ReadAt(b []byte, at int64) (int, error) {
	if f.disk.bad.Load() {
		return 0, errBad
	}
	return f.File.ReadAt(b, at)
}

func claimOf(o []byte, at time.Time) media.Claim {
	return media.Claim{Account: mediatest.Account(1), Name: mediatest.NameOf(o), Size: int64(len(o)), Issued: at, Until: at.Add(time.Hour)}
}

// An upload that cannot be read again counts as one open file less no more often than
// it counted as one more.
func TestOpenFilesAreCounted(t *testing.T) {
	d := &badDisk{FS: vfs.NewMem()}
	s, err := Open(Config{Dir: "media", FS: d})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := mediatest.Octets(1, 2*media.ChunkSize)
	c := claimOf(o, time.Now())
	if _, err := s.Claim(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), c.Account, c.Name, 0, o[:media.ChunkSize]); err != nil {
		t.Fatal(err)
	}
	u := s.find(uploadKey{c.Account, c.Name})
	u.mu.Lock()
	u.shut(s)
	u.mu.Unlock()
	d.bad.Store(true)
	for range 3 {
		if _, err := s.Append(t.Context(), c.Account, c.Name, media.ChunkSize, o[media.ChunkSize:]); !errors.Is(err, errBad) {
			t.Fatalf("append: %v", err)
		}
	}
	d.bad.Store(false)
	if s.files != 0 {
		t.Errorf("%d files are open, it says", s.files)
	}
	if st, err := s.Append(t.Context(), c.Account, c.Name, media.ChunkSize, o[media.ChunkSize:]); err != nil || !st.Stored {
		t.Errorf("afterwards: %+v, %v", st, err)
	}
}

// Taking a claim back that comes late, or again, does not end an upload that was
// claimed since.
func TestTakingBackComesLate(t *testing.T) {
	s, err := Open(Config{Dir: "media", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := mediatest.Octets(1, 1000)
	now := time.Now()
	back := claimOf(o, now)
	back.Until = back.Issued
	for _, c := range []media.Claim{claimOf(o, now.Add(-time.Second)), back, claimOf(o, now.Add(time.Second)), back} {
		if _, err := s.Claim(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := s.Append(t.Context(), back.Account, back.Name, 0, o); err != nil || !st.Stored {
		t.Errorf("the upload: %+v, %v", st, err)
	}
}

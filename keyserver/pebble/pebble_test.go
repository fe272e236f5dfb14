package pebble

import (
	"bytes"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/keyserver/keyservertest"
)

// crashDisk keeps files in memory and can forget what was not synced.
type crashDisk struct {
	fs *vfs.MemFS
}

func (d *crashDisk) Open(t *testing.T) keyserver.Store {
	t.Helper()
	s, err := Open(Config{Dir: "keys", FS: d.fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (d *crashDisk) Crash(*testing.T) bool {
	d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{})
	return true
}

func TestStore(t *testing.T) {
	keyservertest.Run(t, func(*testing.T) keyservertest.Disk { return &crashDisk{fs: vfs.NewCrashableMem()} })
}

func TestReopenOnDisk(t *testing.T) {
	dir := t.TempDir()
	fp, err := omega.FingerprintV4(bytes.Repeat([]byte{0xff}, 20))
	if err != nil {
		t.Fatal(err)
	}
	want := &keyserver.Item{Summary: keyserver.Summary{Fingerprint: fp, Sequence: 3}, Entry: []byte("e")}
	for round := range 2 {
		s, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			if err := s.Put(t.Context(), want); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Get(t.Context(), fp)
		if err != nil || got.Sequence != 3 || string(got.Entry) != "e" {
			t.Errorf("round %d: got %+v, %v", round, got, err)
		}
		n := 0
		if err := s.Range(t.Context(), 255, func(keyserver.Summary) error { n++; return nil }); err != nil || n != 1 {
			t.Errorf("round %d: last bucket has %d items, %v; want 1", round, n, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRefusesOtherFormat(t *testing.T) {
	fs := vfs.NewMem()
	s, err := Open(Config{Dir: "keys", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set(formatKey, []byte{9}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: "keys", FS: fs}); err == nil {
		t.Error("a store of another format opened")
	}
}

// brokenFS fails every write to the log once it is told to.
type brokenFS struct {
	vfs.FS
	broken atomic.Bool
}

type brokenFile struct {
	vfs.File
	fs *brokenFS
}

func (f *brokenFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return &brokenFile{file, f}, err
}

func (f *brokenFile) Write(b []byte) (int, error) {
	if f.fs.broken.Load() {
		return 0, syscall.EIO
	}
	return f.File.Write(b)
}

// TestBrokenDisk: a disk that fails makes an error and no crash, and what the
// store says afterwards is that it failed.
func TestBrokenDisk(t *testing.T) {
	fs := &brokenFS{FS: vfs.NewMem()}
	s, err := Open(Config{Dir: "keys", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	fp, err := omega.FingerprintV4(bytes.Repeat([]byte{1}, 20))
	if err != nil {
		t.Fatal(err)
	}
	item := &keyserver.Item{Summary: keyserver.Summary{Fingerprint: fp}, Entry: []byte("e")}
	if err := s.Put(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	fs.broken.Store(true)
	if err := s.Put(t.Context(), item); err == nil {
		t.Error("put on a broken disk")
	}
	<-s.Failed()
	fs.broken.Store(false)
	if err := s.Put(t.Context(), item); !errors.Is(err, errFailed) {
		t.Errorf("put after a failure: %v", err)
	}
	if _, err := s.Get(t.Context(), fp); !errors.Is(err, errFailed) {
		t.Errorf("get after a failure: %v", err)
	}
	if err := s.Close(); !errors.Is(err, errFailed) {
		t.Errorf("close after a failure: %v", err)
	}
}

// fullFS has no room.
type fullFS struct{ vfs.FS }

func (fullFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: 100, TotalBytes: 1 << 40}, nil
}

func TestFullDisk(t *testing.T) {
	s, err := Open(Config{Dir: "keys", FS: fullFS{vfs.NewMem()}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Put(t.Context(), &keyserver.Item{}); !errors.Is(err, keyserver.ErrDiskFull) {
		t.Errorf("put = %v, want ErrDiskFull", err)
	}
}

func FuzzDecodeItem(f *testing.F) {
	fp, err := omega.FingerprintV4(bytes.Repeat([]byte{1}, 20))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add(encodeItem(&keyserver.Item{Summary: keyserver.Summary{Fingerprint: fp}, Subkeys: []omega.Fingerprint{fp}, Entry: []byte("e"), Others: [][]byte{[]byte("x")}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		item, err := decodeItem(fp, b)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatalf("unexpected error %v", err)
			}
			return
		}
		if got := encodeItem(item); !bytes.Equal(got, b) {
			t.Fatalf("decoded and encoded %x, want %x", got, b)
		}
	})
}

package disk_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/omega-im/omega/internal/crashfs"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/media/disk"
	"github.com/omega-im/omega/media/mediatest"
)

// A power cut at any moment, with whatever part of the unsynced reaching the
// disk, loses nothing that was said to be stored, and every upload goes on and
// ends with the right octets.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(4) {
		powerCuts(t, seed)
	}
}

func powerCuts(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	now := time.UnixMilli(1795000000000)
	blobs := [][]byte{mediatest.Octets(seed, 2*media.ChunkSize+777), mediatest.Octets(seed+50, 90_000), mediatest.Octets(seed+90, media.ChunkSize)}
	stored := map[int]bool{}
	for boot := 0; len(stored) < len(blobs); boot++ {
		if boot > 40 {
			t.Fatalf("seed %d: not all stored after %d starts", seed, boot)
		}
		fs := crashfs.New(crashfs.Config{Rand: rand.New(rand.NewPCG(seed, uint64(boot)))})
		s, err := disk.Open(disk.Config{Dir: dir, FS: fs, Reserve: -1, SyncEvery: media.ChunkSize, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatalf("seed %d, start %d: %v", seed, boot, err)
		}
		for i := range stored {
			if got, err := readAll(t, s, mediatest.NameOf(blobs[i])); err != nil || !bytes.Equal(got, blobs[i]) {
				t.Fatalf("seed %d, start %d: a stored blob is lost: %v", seed, boot, err)
			}
		}
		left := 1 + rng.IntN(30) // appends until the power is cut
		for i, o := range blobs {
			c := media.Claim{Account: mediatest.Account(1), Name: mediatest.NameOf(o), Size: int64(len(o)), Issued: now, Until: now.Add(time.Hour)}
			st, err := s.Claim(t.Context(), c)
			for ; err == nil && !st.Stored && left > 0; left-- {
				n := min(media.MaxPart, len(o)-int(st.Offset))
				st, err = s.Append(t.Context(), c.Account, c.Name, st.Offset, o[st.Offset:int(st.Offset)+n])
			}
			if err != nil {
				t.Fatalf("seed %d, start %d: %v", seed, boot, err)
			}
			if st.Stored {
				stored[i] = true
			}
		}
		fs.Cut()
		s.Close()
	}
}

func readAll(t *testing.T, s media.Store, name media.Hash) (out []byte, err error) {
	buf := make([]byte, media.MaxPart)
	for {
		n, size, err := s.Read(t.Context(), name, int64(len(out)), buf)
		if err != nil {
			return out, err
		}
		if out = append(out, buf[:n]...); int64(len(out)) == size {
			return out, nil
		}
	}
}

// What is torn on the disk is brought again, from the chunk that it is in.
func TestTornUpload(t *testing.T) {
	fs := vfs.NewMem()
	d := folder{"media", fs}
	now := time.UnixMilli(1795000000000)
	open := func() media.Store { return d.Open(t, mediatest.Options{Now: func() time.Time { return now }}) }
	o := mediatest.Octets(1, 4*media.ChunkSize)
	c := media.Claim{Account: mediatest.Account(1), Name: mediatest.NameOf(o), Size: int64(len(o)), Issued: now, Until: now.Add(time.Hour)}
	s := open()
	for at := 0; at < 3*media.ChunkSize; at += media.MaxPart {
		if at == 0 {
			if _, err := s.Claim(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Append(t.Context(), c.Account, c.Name, int64(at), o[at:at+media.MaxPart]); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	name := c.Name.String()
	f, err := fs.OpenReadWrite(fs.PathJoin("media", "blobs", name[:2], name+"."+c.Account.String()), vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 10), media.ChunkSize+500); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s = open()
	defer s.Close()
	st, err := s.Claim(t.Context(), c)
	if err != nil || st.Offset != media.ChunkSize {
		t.Fatalf("it goes on at %d, want %d (%v)", st.Offset, media.ChunkSize, err)
	}
}

// A full disk is said, nothing is lost, and the upload goes on when there is room.
func TestDiskFull(t *testing.T) {
	var full atomic.Bool // pebble writes on goroutines of its own
	mem := vfs.NewMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpFileWriteAt {
			return syscall.ENOSPC
		}
		return nil
	}))
	now := time.UnixMilli(1795000000000)
	s := folder{"media", fs}.Open(t, mediatest.Options{Now: func() time.Time { return now }})
	defer s.Close()
	o := mediatest.Octets(1, 150_000)
	c := media.Claim{Account: mediatest.Account(1), Name: mediatest.NameOf(o), Size: int64(len(o)), Issued: now, Until: now.Add(time.Hour)}
	if _, err := s.Claim(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	if _, err := s.Append(t.Context(), c.Account, c.Name, 0, o[:1000]); !errors.Is(err, media.ErrDiskFull) {
		t.Fatalf("append to a full disk: %v", err)
	}
	full.Store(false)
	st, err := s.Claim(t.Context(), c)
	for err == nil && !st.Stored {
		n := min(media.MaxPart, len(o)-int(st.Offset))
		st, err = s.Append(t.Context(), c.Account, c.Name, st.Offset, o[st.Offset:int(st.Offset)+n])
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(t, s, c.Name); err != nil || !bytes.Equal(got, o) {
		t.Fatalf("other octets, or %v", err)
	}
}

// Below its reserve a store takes nothing and goes on serving.
func TestReserve(t *testing.T) {
	dir := t.TempDir()
	now := time.UnixMilli(1795000000000)
	s := folder{dir, vfs.Default}.Open(t, mediatest.Options{Now: func() time.Time { return now }})
	o := mediatest.Octets(1, 1000)
	c := media.Claim{Account: mediatest.Account(1), Name: mediatest.NameOf(o), Size: 1000, Issued: now, Until: now.Add(time.Hour)}
	if _, err := s.Claim(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), c.Account, c.Name, 0, o); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s, err := disk.Open(disk.Config{Dir: dir, Reserve: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := readAll(t, s, c.Name); err != nil {
		t.Errorf("it does not serve: %v", err)
	}
	p := mediatest.Octets(2, 1000)
	c.Name = mediatest.NameOf(p)
	if _, err := s.Claim(t.Context(), c); !errors.Is(err, media.ErrDiskFull) {
		t.Errorf("claim: %v, want %v", err, media.ErrDiskFull)
	}
}

package crashfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A boot is a program's session with the disk.
type boot struct {
	t   *testing.T
	fs  *FS
	dir string
}

func (b boot) path(name string) string { return filepath.Join(b.dir, name) }

func (b boot) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b boot) write(name, text string) vfs.File {
	b.t.Helper()
	f, err := b.fs.Create(b.path(name), "")
	b.must(err)
	_, err = f.Write([]byte(text))
	b.must(err)
	return f
}

// save is write with the file synced, but not the directory.
func (b boot) save(name, text string) {
	b.t.Helper()
	f := b.write(name, text)
	b.must(f.Sync())
	b.must(f.Close())
}

func (b boot) sync() {
	b.t.Helper()
	d, err := b.fs.OpenDir(b.dir)
	b.must(err)
	b.must(d.Sync())
	b.must(d.Close())
}

// contents are all files as a program sees them, "name=text" in order.
func (b boot) contents() string {
	b.t.Helper()
	names, err := b.fs.List(b.dir)
	b.must(err)
	slices.Sort(names)
	var out []string
	for _, name := range names {
		f, err := b.fs.Open(b.path(name))
		b.must(err)
		text, err := io.ReadAll(f)
		b.must(err)
		b.must(f.Close())
		out = append(out, name+"="+strings.ReplaceAll(string(text), "\x00", "0"))
	}
	return strings.Join(out, " ")
}

func TestWhatIsLeft(t *testing.T) {
	tests := []struct {
		name         string
		run          func(boot)
		before, left string // as the program sees it, and as the next one does
	}{
		{"not synced", func(b boot) { b.write("a", "text") }, "a=text", ""},
		{"file synced, name not", func(b boot) { b.save("a", "text") }, "a=text", ""},
		{"name synced, file not", func(b boot) { b.write("a", "text"); b.sync() }, "a=text", "a="},
		{"both synced", func(b boot) { b.save("a", "text"); b.sync() }, "a=text", "a=text"},
		{"name first, then file", func(b boot) {
			f := b.write("a", "text")
			b.sync()
			b.must(f.Sync())
		}, "a=text", "a=text"},
		{"more after the sync", func(b boot) {
			f := b.write("a", "text")
			b.must(f.Sync())
			b.sync()
			f.Write([]byte(" and more"))
		}, "a=text and more", "a=text"},
		{"rename", func(b boot) {
			b.save("a", "text")
			b.sync()
			b.must(b.fs.Rename(b.path("a"), b.path("b")))
		}, "b=text", "a=text"},
		{"rename over another, synced", func(b boot) {
			b.save("a", "text")
			b.save("b", "other")
			b.must(b.fs.Rename(b.path("a"), b.path("b")))
			b.sync()
		}, "b=text", "b=text"},
		{"write after a rename", func(b boot) {
			b.save("a", "text")
			b.sync()
			f, err := b.fs.ReuseForWrite(b.path("a"), b.path("b"), "")
			b.must(err)
			f.Write([]byte("TE"))
			b.must(f.Sync())
		}, "b=TExt", "a=TExt"},
		{"remove", func(b boot) {
			b.save("a", "text")
			b.sync()
			b.must(b.fs.Remove(b.path("a")))
		}, "", "a=text"},
		{"remove, synced", func(b boot) {
			b.save("a", "text")
			b.sync()
			b.must(b.fs.Remove(b.path("a")))
			b.sync()
		}, "", ""},
		{"created again", func(b boot) {
			b.save("a", "text")
			b.sync()
			b.save("a", "new")
		}, "a=new", "a=text"},
		{"link", func(b boot) {
			b.save("a", "text")
			b.must(b.fs.Link(b.path("a"), b.path("b")))
			b.sync()
		}, "a=text b=text", "a=text b=text"},
		{"nothing after the cut", func(b boot) {
			b.save("a", "text")
			b.sync()
			b.fs.Cut()
			b.save("b", "text")
			b.must(b.fs.Remove(b.path("a")))
			b.sync()
		}, "b=text", "a=text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := boot{t, New(Config{}), t.TempDir()}
			tt.run(b)
			if got := b.contents(); got != tt.before {
				t.Errorf("before the cut: %q, want %q", got, tt.before)
			}
			b.fs.Cut()
			after := boot{t, New(Config{}), b.dir}
			if got := after.contents(); got != tt.left {
				t.Errorf("after the cut: %q, want %q", got, tt.left)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	b := boot{t, New(Config{}), t.TempDir()}
	missing := b.path("missing")
	if _, err := b.fs.Open(missing); !os.IsNotExist(err) {
		t.Errorf("open = %v", err)
	}
	if err := b.fs.Remove(missing); !os.IsNotExist(err) {
		t.Errorf("remove = %v", err)
	}
	if err := b.fs.Rename(missing, b.path("b")); !os.IsNotExist(err) {
		t.Errorf("rename = %v", err)
	}
	if _, err := b.fs.Stat(missing); !os.IsNotExist(err) {
		t.Errorf("stat = %v", err)
	}
	if _, err := b.fs.List(missing); !os.IsNotExist(err) {
		t.Errorf("list = %v", err)
	}
	b.save("a", "text")
	if info, err := b.fs.Stat(b.path("a")); err != nil || info.Size() != 4 || info.IsDir() {
		t.Errorf("stat = %v, %v", info, err)
	}
	if info, err := b.fs.Stat(b.dir); err != nil || !info.IsDir() {
		t.Errorf("stat of a directory = %v, %v", info, err)
	}
}

// Blocks leak one by one: what is left is synced text, newer text, or zeros.
func TestLeaks(t *testing.T) {
	leaked, torn := 0, 0
	for seed := range uint64(60) {
		b := boot{t, New(Config{Rand: rand.New(rand.NewPCG(seed, 0))}), t.TempDir()}
		f := b.write("a", strings.Repeat("a", 3*blockSize))
		b.must(f.Sync())
		b.sync()
		f.Write([]byte(strings.Repeat("b", 4*blockSize)))
		b.fs.Cut()
		left, err := os.ReadFile(b.path("a"))
		b.must(err)
		if got, want := string(left[:3*blockSize]), strings.Repeat("a", 3*blockSize); got != want {
			t.Fatalf("seed %d: synced octets are gone", seed)
		}
		more := left[3*blockSize:]
		for i := 0; i < len(more); i += blockSize {
			if c := string(more[i : i+1]); c != "b" && c != "\x00" || strings.Trim(string(more[i:i+blockSize]), c) != "" {
				t.Fatalf("seed %d: block %d is neither written nor empty", seed, i/blockSize)
			}
		}
		if len(more) > 0 {
			leaked++
		}
		if strings.ContainsRune(string(more), 0) {
			torn++
		}
	}
	if leaked == 0 || torn == 0 {
		t.Errorf("of 60 files %d leaked and %d are torn, want some of each", leaked, torn)
	}
}

// A store that syncs what it promises keeps it through any number of cuts.
func TestPebble(t *testing.T) {
	dir := t.TempDir()
	promised := uint64(0)
	for round := range 12 {
		cfg := Config{}
		if round%2 == 1 {
			cfg.Rand = rand.New(rand.NewPCG(uint64(round), 0))
		}
		y := New(cfg)
		db, err := pebble.Open(dir, &pebble.Options{FS: noLock{y}, MemTableSize: 8 << 10, Logger: quiet{}})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for n := range promised {
			v, closer, err := db.Get(key(n))
			if err != nil || len(v) != 200 {
				t.Fatalf("round %d: key %d: %d octets, %v", round, n, len(v), err)
			}
			closer.Close()
		}
		promised = write(t, db, promised, 30+round*5)
		y.Cut()
		db.Close() // reaches nothing
	}
	t.Logf("%d keys through 12 cuts", promised)
}

// write sets count more keys and returns how many are promised. Keys that are
// not synced lie between.
func write(t *testing.T, db *pebble.DB, from uint64, count int) uint64 {
	t.Helper()
	for range count {
		if err := db.Set(key(from), make([]byte, 200), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		from++
		if err := db.Set(fmt.Appendf(nil, "other %d", from), make([]byte, 200), pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
	return from
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte("key "), n) }

// noLock lets one process open a store again and again.
type noLock struct{ *FS }

func (noLock) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

package pebble

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/internal/crashfs"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/mailboxtest"
)

// TestMain keeps the everyday run short; -rapid.checks=1000 says otherwise.
func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "25")
	flag.Parse()
	os.Exit(m.Run())
}

// machine is a computer with a disk in memory, a driver on it, and a plug.
type machine struct {
	mu     sync.Mutex
	disk   *vfs.MemFS
	fault  *faultFS
	rng    *rand.Rand
	config Config
}

func newMachine(cfg Config) *machine {
	return &machine{disk: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(3, 4)), config: cfg}
}

func (m *machine) Open() (mailbox.Driver, error) { return m.open() }

func (m *machine) open() (*Driver, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = &faultFS{FS: m.disk}
	cfg := m.config
	cfg.Dir, cfg.FS = "mail", m.fault
	return Open(cfg)
}

// Crash keeps what was synced and, block by block, some of what was not.
func (m *machine) Crash() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disk = m.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.rng.IntN(3) * 50, RNG: m.rng})
}

func (m *machine) SetFull(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault.full.Store(full)
}

// faultFS is a file system that can be full or broken.
type faultFS struct {
	vfs.FS
	full      atomic.Bool  // writes and new files find no space
	fullAfter atomic.Int64 // writes and new files until there is no space; 0 is never, 1 now
	badSync   atomic.Bool  // files cannot be synced
	badWrite  atomic.Bool  // files cannot be written
	badCreate atomic.Bool  // files cannot be made
}

func (f *faultFS) noSpace() error {
	if f.full.Load() {
		return syscall.ENOSPC
	}
	for n := f.fullAfter.Load(); n > 0; n = f.fullAfter.Load() {
		if n == 1 {
			return syscall.ENOSPC
		}
		if f.fullAfter.CompareAndSwap(n, n-1) {
			break
		}
	}
	return nil
}

func (f *faultFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.make(func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *faultFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.make(func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

func (f *faultFS) make(create func() (vfs.File, error)) (vfs.File, error) {
	if f.badCreate.Load() {
		return nil, syscall.EIO
	}
	if err := f.noSpace(); err != nil {
		return nil, err
	}
	file, err := create()
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f}, nil
}

type faultFile struct {
	vfs.File
	fs *faultFS
}

func (f *faultFile) Write(b []byte) (int, error) {
	if f.fs.badWrite.Load() {
		return 0, syscall.EIO
	}
	if err := f.fs.noSpace(); err != nil {
		n, _ := f.File.Write(b[:len(b)/2]) // as a disk does that has some room left
		return n, err
	}
	return f.File.Write(b)
}

func (f *faultFile) Sync() error {
	if f.fs.badSync.Load() {
		return syscall.EIO
	}
	return f.File.Sync()
}

func (f *faultFile) SyncData() error {
	if f.fs.badSync.Load() {
		return syscall.EIO
	}
	return f.File.SyncData()
}

func TestDriver(t *testing.T) {
	mailboxtest.Run(t, func(testing.TB) mailboxtest.Machine { return newMachine(Config{}) })
}

// cutMachine is a computer with a real disk.
type cutMachine struct {
	t     testing.TB
	dir   string
	disk  *crashfs.FS
	fault *faultFS
	rng   *rand.Rand
	cuts  int
}

func (m *cutMachine) Open() (mailbox.Driver, error) {
	m.disk = crashfs.New(crashfs.Config{Rand: m.rng})
	m.fault = &faultFS{FS: m.disk}
	return Open(Config{Dir: m.dir, FS: m.fault, MemTable: 256 << 10, Window: 5, Reserve: -1})
}

// Crash cuts the power. What is left goes on in another directory, for the
// driver of before may never let go of its own.
func (m *cutMachine) Crash() {
	m.disk.Cut()
	m.cuts++
	m.rng = rand.New(rand.NewPCG(7, uint64(m.cuts)))
	next := filepath.Join(m.t.TempDir(), "mail")
	if err := os.CopyFS(next, os.DirFS(m.dir)); err != nil {
		m.t.Fatal(err)
	}
	m.dir = next
}

func (m *cutMachine) SetFull(full bool) { m.fault.full.Store(full) }

func TestDriverPowerCut(t *testing.T) {
	mailboxtest.Run(t, func(t testing.TB) mailboxtest.Machine {
		return &cutMachine{t: t, dir: filepath.Join(t.TempDir(), "mail"), rng: rand.New(rand.NewPCG(7, 0))}
	})
}

// With a tiny memtable, flushes, compactions and new logs happen all the time,
// and with a tiny window mail is filed at once.
func TestDriverTiny(t *testing.T) {
	mailboxtest.Run(t, func(testing.TB) mailboxtest.Machine { return newMachine(Config{MemTable: 64 << 10, Window: 5}) })
}

package pebble

import (
	"flag"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

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

// faultFS is a file system that can be full, or fail to sync.
type faultFS struct {
	vfs.FS
	full    atomic.Bool // writes and new files find no space
	badSync atomic.Bool // files cannot be synced
}

func (f *faultFS) err() error {
	if f.full.Load() {
		return syscall.ENOSPC
	}
	return nil
}

func (f *faultFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, c)
	return f.wrap(file, err)
}

func (f *faultFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	file, err := f.FS.ReuseForWrite(from, to, c)
	return f.wrap(file, err)
}

func (f *faultFS) wrap(file vfs.File, err error) (vfs.File, error) {
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
	if err := f.fs.err(); err != nil {
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

// With a tiny memtable, flushes, compactions and new logs happen all the time,
// and with a tiny window mail is filed at once.
func TestDriverTiny(t *testing.T) {
	mailboxtest.Run(t, func(testing.TB) mailboxtest.Machine { return newMachine(Config{MemTable: 64 << 10, Window: 5}) })
}

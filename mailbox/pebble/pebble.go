// Package pebble is a mailbox driver on disk, in a Pebble store of its own.
//
// Disk layout, format 2. Numbers are big endian, account and device are
// fingerprints in wire form (spec/wire.md, WIRE-1), whose first octet tells
// their length, so that no mailbox is the prefix of another:
//
//	00                        u8 format | 8 incarnation
//	01                        u64 next sequence | u64 first unfiled | i64 mails | i64 octets | i64 tombstones
//	02 u64 seq                mail: 16 key | u64 received ms | u32 expires s | u16 n | n accounts | envelope
//	03 u64 seq                who still holds mail for several accounts: one bit for each in
//	                          their order, highest bit first; no record means all
//	04 account 00             devices of a mailbox: any number of { device | u64 acknowledged }
//	04 account 01 u64 seq     filed mail: 16 key | u32 octets of the envelope | u32 expires s | u8 shared
//	05 u16 day u32 segment u16 first
//	                          tombstones: any number of 16 key, the first of which is the first-th of
//	                          its segment
//
// Format 1 had no tombstones and no number of them; opening it makes it format
// 2, so that programs that do not know tombstones refuse it.
//
// Mail is written in the order of sequences and only filed under its mailbox
// when it has not been trimmed by the time Config.Window newer mails have come (see
// mailbox.State.Window). Writing in order costs a third of writing to 5,000
// mailboxes at random, and tables of different times overlap little, so
// compactions have little to merge. Mail that is trimmed before its memtable
// is flushed, as most is, never reaches a table: a mail key is set once and
// deleted once, by SingleDelete, which annihilate each other. Opening reads
// the unfiled mail only.
//
// A group of envelopes is one batch, so a crash leaves all of it or nothing.
//
// # When the disk is full or fails
//
// Pebble cannot go on after a failed write to its log or manifest: it calls
// Logger.Fatalf, panics, or does both with its locks held. Therefore it never
// sees a write fail (see patientFS): when there is no space left the write
// waits and is tried again, while Room reports the full disk, and when there is
// room again everything goes on where it stood. After any other error, a failed
// fsync above all, the driver has failed for good: what the kernel holds and
// what the disk holds may differ then, so only a new process may read it. The
// goroutines of Pebble that met the error stay behind, asleep. Nothing here
// ends the process.
package pebble

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	db "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/internal/failstop"
	"github.com/omega-im/omega/internal/freespace"
	"github.com/omega-im/omega/mailbox"
)

// Format is the disk layout that this code reads and writes.
const Format = 2

// Config says where and how mail is kept. Zero fields mean the defaults.
type Config struct {
	Dir string // made if it is missing; required

	// FS is the file system. Nil means the machine's; internal/crashfs is one
	// on which kill -9 is a power cut.
	FS vfs.FS

	// Reserve is the free space in octets below which Room reports a full disk.
	// It leaves room for trims, flushes and compactions, which free space, and
	// for the rest of the machine. Zero means 512 MiB: the logs, the memtables
	// and a compaction; on small disks a twentieth of the disk. Negative means none.
	Reserve int64

	// MemTable is the size of a memtable in octets. Zero means 32 MiB, more than
	// a second of mail at 40,000 a second, so that most mail dies in it. Up to
	// three exist at a time, and four logs of that size are kept on disk; both
	// stay small where there is little mail.
	MemTable int64

	// Window is mailbox.State.Window. Zero means 1<<16: 1.6 seconds at 40,000
	// mails a second, 0.1 s of reading when the store is opened, and 5 MB.
	Window int

	// Cache is the memory for blocks read from disk, in octets. Zero means
	// 8 MiB: mail is read once, in order.
	Cache int64

	Logger *slog.Logger // nil discards
}

// A Driver is a mailbox.Driver on disk.
type Driver struct {
	cfg    Config
	fs     *patientFS
	log    *slog.Logger
	state  mailbox.State // as of Open
	space  *freespace.Watch
	guard  *failstop.Guard
	worker *worker
	synced chan error // what became of the batches that are applied, in order

	mu     sync.RWMutex // held for reading by readers of db
	db     *db.DB
	closed bool // guarded by mu

	// Used by Apply only.
	next    uint64              // State.Next on disk
	holders map[uint64]*holders // shared envelopes touched lately
	touched []uint64            // by the batch being built
}

var _ mailbox.Driver = (*Driver)(nil)

// Open opens the mail in cfg.Dir, or makes an empty store. Only one process
// may have it open. The store above closes the driver.
func Open(cfg Config) (*Driver, error) {
	if cfg.Dir == "" {
		return nil, errors.New("mailbox/pebble: Config.Dir is required")
	}
	setDefaults(&cfg)
	d := &Driver{
		cfg: cfg, log: cfg.Logger, holders: make(map[uint64]*holders),
		worker: newWorker(), synced: make(chan error, 2),
	}
	d.state.Window = cfg.Window
	d.guard = failstop.New(d.log.With("dir", cfg.Dir), nil)
	d.fs = &patientFS{FS: cfg.FS, fail: d.guard.Fail}
	d.space = freespace.NewWatch(cfg.FS, cfg.Dir, freespace.Or(cfg.Reserve, freespace.Reserve{Octets: 512 << 20, Share: 20}))
	if err := d.do(d.open, nil); err != nil {
		if d.guard.Err() == nil {
			d.worker.stop()
		}
		return nil, fmt.Errorf("open mailboxes in %s: %w", cfg.Dir, err)
	}
	d.fs.patient.Store(true)
	return d, nil
}

func setDefaults(cfg *Config) {
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.MemTable == 0 {
		cfg.MemTable = 32 << 20
	}
	if cfg.Window == 0 {
		cfg.Window = 1 << 16
	}
	if cfg.Cache == 0 {
		cfg.Cache = 8 << 20
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
}

func (d *Driver) open() (err error) {
	if err := auditDir(d.cfg.FS, d.cfg.Dir); err != nil {
		return err
	}
	if d.db, err = db.Open(d.cfg.Dir, d.options()); err != nil {
		return err
	}
	if err = d.readState(); err != nil {
		return errors.Join(err, d.db.Close())
	}
	return nil
}

// options tunes Pebble for mail: short-lived, encrypted, written in groups.
func (d *Driver) options() *db.Options {
	opts := &db.Options{
		FS:                 d.fs,
		FormatMajorVersion: db.FormatValueSeparation,
		CacheSize:          d.cfg.Cache,
		MaxOpenFiles:       500,
		MemTableSize:       uint64(d.cfg.MemTable),
		// Flushing keeps up with writing since little is left to flush; a stall
		// is for disks that do not.
		MemTableStopWritesThreshold: 3,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       64,
		LBaseMaxBytes:               64 << 20,
		Logger:                      d.guard.Logger(),
	}
	// Envelopes are encrypted: compressing them costs time and saves nothing.
	opts.ApplyCompressionSettings(func() db.DBCompressionSettings { return db.DBCompressionNone })
	for i := range opts.TargetFileSizes {
		opts.TargetFileSizes[i] = 16 << 20
	}
	// Tables end where a key space ends. So those of mail, which is written in
	// the order of its keys, overlap little, and compactions move most of them
	// without reading.
	opts.Experimental.SpanPolicyFunc = func(start []byte) (p db.SpanPolicy, end []byte, err error) {
		return p, []byte{start[0] + 1}, nil
	}
	opts.EventListener = &db.EventListener{
		// Pebble would try the same flush or compaction again at once, for ever.
		BackgroundError: func(err error) {
			d.guard.Fail(fmt.Errorf("background: %w", err))
			select {}
		},
		// Whoever reads the file gets the error; without a listener Pebble ends
		// the process.
		DataCorruption: func(i db.DataCorruptionInfo) {
			d.log.Error("mailbox file is corrupt", "dir", d.cfg.Dir, "err", i.Details)
		},
	}
	return opts
}

// readState reads, or makes, the two records about the store as a whole.
func (d *Driver) readState() error {
	head, err := d.get(headKey)
	if errors.Is(err, db.ErrNotFound) {
		return d.create()
	}
	if err != nil {
		return err
	}
	if len(head) != 9 || head[0] == 0 || head[0] > Format {
		return fmt.Errorf("disk layout %x, this program knows %d", head, Format)
	}
	if head[0] < Format {
		if err := d.db.Set(headKey, append([]byte{Format}, head[1:]...), db.Sync); err != nil {
			return fmt.Errorf("upgrade from format %d: %w", head[0], err)
		}
	}
	d.state.Incarnation = mailbox.Incarnation(head[1:])
	v, err := d.get(sumsKey)
	if err != nil {
		return fmt.Errorf("read sums: %w", err)
	}
	sums, err := parseSums(v)
	if err != nil {
		return err
	}
	d.next = sums.next
	d.state.Next, d.state.Totals = sums.next, sums.totals
	d.state.Unfiled, err = d.unfiled(sums.first)
	return err
}

func (d *Driver) create() error {
	rand.Read(d.state.Incarnation[:])
	d.state.Next, d.next = 1, 1
	b := d.db.NewBatch()
	defer b.Close()
	if err := b.Set(headKey, append([]byte{Format}, d.state.Incarnation[:]...), nil); err != nil {
		return err
	}
	if err := b.Set(sumsKey, sums{next: 1, first: 1}.appendTo(nil), nil); err != nil {
		return err
	}
	return b.Commit(db.Sync)
}

// get returns a copy of the value of key.
func (d *Driver) get(key []byte) ([]byte, error) {
	v, closer, err := d.db.Get(key)
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), v...), closer.Close()
}

// State implements mailbox.Driver. The unfiled mail is returned once.
func (d *Driver) State() mailbox.State {
	state := d.state
	d.state.Unfiled = nil
	return state
}

// Room implements mailbox.Driver.
func (d *Driver) Room() error {
	if err := d.guard.Err(); err != nil {
		return err
	}
	if d.fs.waiting.Load() > 0 {
		return fmt.Errorf("%w: %s", mailbox.ErrDiskFull, d.cfg.Dir)
	}
	if d.space.Low() {
		return fmt.Errorf("%w: %s has less than its reserve free", mailbox.ErrDiskFull, d.cfg.Dir)
	}
	return nil
}

// DiskBytes returns how much the store takes on disk.
func (d *Driver) DiskBytes() int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed || d.guard.Err() != nil {
		return 0
	}
	return int64(d.db.Metrics().DiskSpaceUsage())
}

// Close implements mailbox.Driver. What waits for room is given up, which
// makes the driver fail with ErrDiskFull.
func (d *Driver) Close() error {
	d.fs.patient.Store(false)
	err := d.do(func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.closed = true
		return d.db.Close()
	}, nil)
	if failed := d.guard.Err(); failed != nil {
		return failed
	}
	d.worker.stop()
	return err
}

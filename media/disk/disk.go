// Package disk keeps blobs as files, and beside them an index in a Pebble store
// of its own: who claims what, and the leaves. What a method of Store returned
// for is on stable storage where its contract says so.
//
// Layout; all numbers are big endian, fingerprints are in wire form
// (spec/wire.md, WIRE-1):
//
//	blobs/XX/NAME               octets of a blob; XX are the first two digits of NAME
//	blobs/XX/NAME.ACCOUNT       octets of an upload, as far as they are there
//	index/                      Pebble:
//	01 name                     u64 size | 32 leaf*: a blob that is kept
//	02 name | fp                u64 until | u64 issued | u64 size: a claim of the account fp
//	03 fp | name                nothing: the same claim, by account
//	04 fp | name                u64 until | u64 issued | u64 size: an open upload
//	05 fp | name | u32 chunk    32 leaf: of a chunk of an open upload
//
// A file without its entry in the index is what a crash left, and goes at the
// next start. The chunks of an upload are checked against their leaves before it
// goes on, so it does not matter what of them reached the disk first.
package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	db "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/failstop"
	"github.com/omega-im/omega/internal/freespace"
	"github.com/omega-im/omega/media"
)

// Config says where blobs are kept, and how many.
type Config struct {
	Dir string // made if it is missing; required

	// Quota is how many octets one account may have claimed. Zero means 8 GiB.
	Quota int64

	// Room is how many octets all blobs may have. Zero means 64 GiB.
	Room int64

	// Reserve is the free space in octets below which no octets are taken. Zero
	// means 1 GiB, on small disks a tenth of the disk; negative means none. It is
	// more than mail leaves (mailbox/pebble): blobs must not stop messages.
	Reserve int64

	// SyncEvery is after how many octets an upload is brought to stable storage, to
	// go on from there after a power cut. Zero means 8 MiB: more in one sync would
	// hold up those of mail.
	SyncEvery int64

	Now    func() time.Time // nil means time.Now
	FS     vfs.FS           // nil means the machine's
	Logger *slog.Logger     // nil discards
}

// Bounds of uploads.
const (
	maxUploads     = 4                  // of one account, open
	maxOpenFiles   = 256                // of uploads; others are opened again when they go on
	uploadPatience = 3 * 24 * time.Hour // nobody went on with it
)

// A Store is a media.Store on disk.
type Store struct {
	cfg   Config
	fs    vfs.FS
	db    *db.DB
	log   *slog.Logger
	guard *failstop.Guard
	space *freespace.Watch

	mu      sync.Mutex
	closed  bool                        // guarded by mu
	used    map[omega.Fingerprint]int64 // octets claimed and being uploaded; guarded by mu
	uploads map[uploadKey]*upload       // guarded by mu
	files   int                         // uploads whose file is open; guarded by mu
	stats   media.Stats                 // all but the counters below; guarded by mu

	appended, read atomic.Int64
}

var _ media.Store = (*Store)(nil)

// Open opens the store in cfg.Dir, or makes one. Only one process may have it
// open. The caller closes it.
func Open(cfg Config) (*Store, error) {
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Quota = cmp.Or(cfg.Quota, 8<<30)
	cfg.Room = cmp.Or(cfg.Room, 64<<30)
	cfg.SyncEvery = cmp.Or(cfg.SyncEvery, 8<<20)
	s := &Store{
		cfg: cfg, fs: cfg.FS, log: cfg.Logger,
		guard: failstop.New(cfg.Logger.With("dir", cfg.Dir), media.ErrFailed),
		space: freespace.NewWatch(cfg.FS, cfg.Dir, freespace.Or(cfg.Reserve, freespace.Reserve{Octets: 1 << 30, Share: 10})),
		used:  map[omega.Fingerprint]int64{}, uploads: map[uploadKey]*upload{},
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open store of blobs %s: %w", cfg.Dir, err), s.Close())
	}
	return s, nil
}

func (s *Store) open() error {
	index := s.fs.PathJoin(s.cfg.Dir, "index")
	for _, dir := range []string{index, s.fs.PathJoin(s.cfg.Dir, "blobs")} {
		if err := s.fs.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	err := s.do(func() (err error) {
		s.db, err = db.Open(index, s.options())
		return err
	})
	if err != nil {
		return err
	}
	if err := s.load(); err != nil {
		return err
	}
	return s.sweep()
}

// options tunes Pebble for few and small entries.
func (s *Store) options() *db.Options {
	opts := &db.Options{
		FS: s.fs, CacheSize: 4 << 20, MemTableSize: 1 << 20, MaxOpenFiles: 64, FormatMajorVersion: db.FormatNewest,
		Logger: s.guard.Logger(),
		EventListener: &db.EventListener{
			DataCorruption: func(i db.DataCorruptionInfo) { s.guard.Fail(fmt.Errorf("corrupt file: %s", i)) },
		},
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}

// Close closes files and index. What is under way ends with errors.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	uploads := s.uploads
	s.uploads = nil
	s.mu.Unlock()
	if again || s.db == nil {
		return nil
	}
	for _, u := range uploads {
		u.mu.Lock()
		u.shut(s)
		u.over = true
		u.mu.Unlock()
	}
	if err := s.guard.Err(); err != nil {
		return nil // its goroutines stand still; only the end of the process helps
	}
	return s.do(s.db.Close)
}

// Stats implements media.Store.
func (s *Store) Stats() media.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Uploads, out.Appended, out.Read = int64(len(s.uploads)), s.appended.Load(), s.read.Load()
	return out
}

// Usage implements media.Store.
func (s *Store) Usage(_ context.Context, account omega.Fingerprint) (used, most int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := s.cfg.Room - s.stats.Bytes - s.stats.Reserved
	return s.used[account], max(min(s.cfg.Quota, room), s.used[account]), nil
}

// mayHave reports whether an account may claim size octets more; more of them are
// new on the disk. mu is held. (spec/media.md, MEDIA-5)
func (s *Store) mayHave(account omega.Fingerprint, size, more int64) error {
	own, all := s.used[account]+size, s.stats.Bytes+s.stats.Reserved+more
	if own > s.cfg.Quota || own > s.cfg.Room-all {
		s.stats.Refused++
		return fmt.Errorf("%w: %d octets", media.ErrFull, size)
	}
	return nil
}

// use counts octets of an account. mu is held.
func (s *Store) use(account omega.Fingerprint, n int64) {
	if s.used[account] += n; s.used[account] <= 0 {
		delete(s.used, account)
	}
}

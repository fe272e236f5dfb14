// Package pebble keeps a key server's items on disk, in a Pebble store of
// their own. What Put returned for is on stable storage.
//
// Disk layout, format 1; all numbers are big endian, fingerprints are in wire
// form (spec/wire.md, WIRE-1):
//
//	00 "format"          u8 format
//	01 fp                item of the primary key fp (see item.go)
//	02 fp                wire form of the primary key that was first to claim the subkey fp
//	03 u8 bucket | fp    u64 sequence | 32 hash: the item's summary, apart so that comparing
//	                     two servers does not read every certificate
//	04 u32 day | 4       nothing: the prefix of a fingerprint whose item changed on that day
//	05 fp | u32 day | u32 n   wire form of the primary key whose receipt took number n of the sponsor fp
//
// The keys of one item are written in one batch.
package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	db "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/failstop"
	"github.com/omega-im/omega/internal/freespace"
	"github.com/omega-im/omega/keyserver"
)

// Format is the disk layout that this code reads and writes.
const Format = 1

// Key spaces.
const (
	spaceMeta    = 0x00
	spaceItem    = 0x01
	spaceSubkey  = 0x02
	spaceSummary = 0x03
	spaceChange  = 0x04
	spaceSlot    = 0x05
)

// Config says where and how items are kept.
type Config struct {
	Dir string // made if it is missing; required

	// CacheSize bounds the memory for blocks read, in octets. Zero means 8 MiB:
	// parsed certificates have a cache above.
	CacheSize int64

	// Reserve is the free space in octets below which Put reports a full disk,
	// half of what package mailbox/pebble leaves: keys go on changing a little
	// longer than mail comes in. Zero means 256 MiB, on small disks a fortieth of
	// the disk; negative means none.
	Reserve int64

	FS     vfs.FS       // nil means the machine's
	Logger *slog.Logger // nil discards
}

// A Store is a keyserver.Store on disk.
type Store struct {
	db    *db.DB
	dir   string
	guard *failstop.Guard
	space *freespace.Watch
}

var _ keyserver.Store = (*Store)(nil)

// Open opens the store in cfg.Dir, or makes one. Only one process may have it
// open. The caller closes it.
func Open(cfg Config) (*Store, error) {
	if cfg.CacheSize == 0 {
		cfg.CacheSize = 8 << 20
	}
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		dir: cfg.Dir, guard: failstop.New(cfg.Logger.With("dir", cfg.Dir), errFailed),
		space: freespace.NewWatch(cfg.FS, cfg.Dir, freespace.Or(cfg.Reserve, freespace.Reserve{Octets: 256 << 20, Share: 40})),
	}
	err := s.do(func() (err error) {
		s.db, err = db.Open(cfg.Dir, s.options(&cfg))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open key store %s: %w", cfg.Dir, err)
	}
	if err := s.checkFormat(); err != nil {
		return nil, errors.Join(fmt.Errorf("open key store %s: %w", cfg.Dir, err), s.Close())
	}
	return s, nil
}

// options tunes Pebble for a few small entries that are read often.
func (s *Store) options(cfg *Config) *db.Options {
	opts := &db.Options{
		FS:                          cfg.FS,
		CacheSize:                   cfg.CacheSize,
		MemTableSize:                4 << 20,
		MemTableStopWritesThreshold: 4,
		MaxOpenFiles:                256,
		FormatMajorVersion:          db.FormatNewest,
		Logger:                      s.guard.Logger(),
		EventListener: &db.EventListener{
			DataCorruption: func(i db.DataCorruptionInfo) { s.guard.Fail(fmt.Errorf("corrupt file: %s", i)) },
		},
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}

var formatKey = append([]byte{spaceMeta}, "format"...)

func (s *Store) checkFormat() error {
	v, err := s.get(formatKey)
	if errors.Is(err, keyserver.ErrNotFound) {
		return s.db.Set(formatKey, []byte{Format}, db.Sync)
	}
	if err != nil {
		return err
	}
	if len(v) != 1 || v[0] != Format {
		return fmt.Errorf("disk layout %x, this program knows %d", v, Format)
	}
	return nil
}

// get returns a copy of the value of key.
func (s *Store) get(key []byte) ([]byte, error) {
	if err := s.guard.Err(); err != nil {
		return nil, err
	}
	v, closer, err := s.db.Get(key)
	if errors.Is(err, db.ErrNotFound) {
		return nil, keyserver.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	out := append([]byte(nil), v...)
	return out, closer.Close()
}

func key(space byte, fp omega.Fingerprint) []byte {
	return fp.AppendTo(append(make([]byte, 0, 1+omega.MaxFingerprintSize), space))
}

func summaryKey(fp omega.Fingerprint) []byte {
	return fp.AppendTo(append(make([]byte, 0, 2+omega.MaxFingerprintSize), spaceSummary, keyserver.Bucket(fp)))
}

// Get reads the item of a primary key.
func (s *Store) Get(_ context.Context, fp omega.Fingerprint) (*keyserver.Item, error) {
	if fp.IsZero() {
		return nil, keyserver.ErrNotFound
	}
	v, err := s.get(key(spaceItem, fp))
	if err != nil {
		return nil, err
	}
	item, err := decodeItem(fp, v)
	if err != nil {
		return nil, fmt.Errorf("read entry of %s: %w", fp, err)
	}
	return item, nil
}

// GetBySubkey reads the item that was first to claim a subkey.
func (s *Store) GetBySubkey(ctx context.Context, fp omega.Fingerprint) (*keyserver.Item, error) {
	if fp.IsZero() {
		return nil, keyserver.ErrNotFound
	}
	v, err := s.get(key(spaceSubkey, fp))
	if err != nil {
		return nil, err
	}
	primary, _, err := omega.DecodeFingerprint(v)
	if err != nil {
		return nil, fmt.Errorf("read owner of subkey %s: %w", fp, err)
	}
	return s.Get(ctx, primary)
}

// Put writes item and waits for stable storage. Puts that wait at the same
// time share one sync.
func (s *Store) Put(_ context.Context, item *keyserver.Item) error {
	err := s.room()
	if err == nil {
		err = s.do(func() error { return s.put(item) })
	}
	if err != nil {
		return fmt.Errorf("write entry of %s: %w", item.Fingerprint, err)
	}
	return nil
}

func (s *Store) put(item *keyserver.Item) error {
	b := s.db.NewBatch()
	defer b.Close()
	fp := item.Fingerprint
	if err := errors.Join(
		b.Set(key(spaceItem, fp), encodeItem(item), nil),
		b.Set(summaryKey(fp), encodeSummary(&item.Summary), nil),
		noteChange(b, item),
		takeSlot(b, item),
		s.claim(b, item),
	); err != nil {
		return err
	}
	return b.Commit(db.Sync)
}

// claim adds the subkeys that nobody has claimed.
func (s *Store) claim(b *db.Batch, item *keyserver.Item) error {
	owner := item.Fingerprint.Wire()
	for _, sub := range item.Subkeys {
		k := key(spaceSubkey, sub)
		switch _, err := s.get(k); {
		case err == nil:
		case errors.Is(err, keyserver.ErrNotFound):
			if err := b.Set(k, owner, nil); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return nil
}

// Range reads the summaries of one bucket.
func (s *Store) Range(ctx context.Context, bucket uint8, fn func(keyserver.Summary) error) (err error) {
	upper := []byte{spaceSummary, bucket + 1}
	if bucket == 255 {
		upper = []byte{spaceSummary + 1}
	}
	return s.summaries(ctx, []byte{spaceSummary, bucket}, upper, fn)
}

// RangeLeaf reads the summaries of one leaf, of either version of keys.
func (s *Store) RangeLeaf(ctx context.Context, l keyserver.Leaf, fn func(keyserver.Summary) error) error {
	bucket, low := byte(l>>8), byte(l)
	for _, version := range []byte{4, 6} {
		lower := []byte{spaceSummary, bucket, version, bucket, low}
		upper := append(append([]byte(nil), lower...), bytes.Repeat([]byte{0xff}, omega.MaxFingerprintSize)...)
		if err := s.summaries(ctx, lower, upper, fn); err != nil {
			return err
		}
	}
	return nil
}

// summaries reads those between two keys.
func (s *Store) summaries(ctx context.Context, lower, upper []byte, fn func(keyserver.Summary) error) (err error) {
	if err := s.guard.Err(); err != nil {
		return err
	}
	it, err := s.db.NewIterWithContext(ctx, &db.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("list summaries from %x: %w", lower, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		fp, n, err := omega.DecodeFingerprint(it.Key()[2:])
		sum, ok := decodeSummary(fp, it.Value())
		if err != nil || n != len(it.Key())-2 || !ok {
			return fmt.Errorf("list summaries: damaged summary %x", it.Key())
		}
		if err := fn(sum); err != nil {
			return err
		}
	}
	return nil
}

// Delete drops an item and its claims. What comes back with a crash is dropped
// again another day, so it does not wait for stable storage.
func (s *Store) Delete(ctx context.Context, fp omega.Fingerprint) error {
	item, err := s.Get(ctx, fp)
	if errors.Is(err, keyserver.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = s.do(func() error { return s.drop(item) })
	}
	if err != nil {
		return fmt.Errorf("drop entry of %s: %w", fp, err)
	}
	return nil
}

func (s *Store) drop(item *keyserver.Item) error {
	b := s.db.NewBatch()
	defer b.Close()
	owner := item.Fingerprint.Wire()
	errs := []error{b.Delete(key(spaceItem, item.Fingerprint), nil), b.Delete(summaryKey(item.Fingerprint), nil)}
	for _, sub := range item.Subkeys {
		if v, err := s.get(key(spaceSubkey, sub)); err == nil && bytes.Equal(v, owner) {
			errs = append(errs, b.Delete(key(spaceSubkey, sub), nil))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return b.Commit(db.NoSync)
}

// Close closes the files. It returns an error at once if the store has failed.
func (s *Store) Close() error { return s.do(s.db.Close) }

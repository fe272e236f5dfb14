package keyserver

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
)

// Errors of stores that callers decide on.
var (
	// ErrNotFound says that nothing is kept under a fingerprint.
	ErrNotFound = errors.New("no entry")

	// ErrDiskFull says that stable storage has no room; nothing was changed.
	ErrDiskFull = errors.New("stable storage is full")
)

// Limits of one item. Stores refuse to decode more.
const (
	// MaxOthers is how many records are kept beside the one that stands.
	MaxOthers = 8

	// MaxSubkeys is how many subkeys of one certificate are indexed: signing
	// and encryption of every device it may have, and as many retired ones.
	MaxSubkeys = 128
)

// A Summary tells two key servers whether they hold the same.
type Summary struct {
	Fingerprint omega.Fingerprint // of the primary key
	Sequence    uint64            // of the location record; 0 without one
	Hash        [32]byte          // Entry.Hash
}

// An Item is what a store keeps under one primary key.
type Item struct {
	Summary
	Subkeys []omega.Fingerprint // found by GetBySubkey; only ever grows
	Entry   []byte              // wire form (wire.Entry)

	// Others are records that hold and do not stand, in wire form, at most
	// MaxOthers: evidence, and what stands again when a device is revoked.
	Others [][]byte

	// Changed is when this was put; ChangedOn tells its day. Get leaves it zero.
	Changed time.Time
}

// A Store keeps items. Its methods may be called concurrently, but nobody
// calls Put twice at once for one fingerprint. keyservertest.Run states the
// rest of the contract as tests.
type Store interface {
	// Get returns the item of a primary key, or ErrNotFound. The caller owns it.
	Get(ctx context.Context, fp omega.Fingerprint) (*Item, error)

	// GetBySubkey returns the item whose Subkeys hold fp, or ErrNotFound. Where
	// several claim one subkey the first that was put is returned: an
	// encryption subkey proves nothing about who bound it.
	GetBySubkey(ctx context.Context, fp omega.Fingerprint) (*Item, error)

	// Put keeps item in place of what it has under that fingerprint and returns
	// when it is on stable storage. It keeps no reference to item.
	Put(ctx context.Context, item *Item) error

	// Range calls fn for every item whose Bucket is bucket, in the order of
	// fingerprints, until fn returns an error, which it passes on. It sees each
	// item as it was at one moment, but not all at the same moment.
	Range(ctx context.Context, bucket uint8, fn func(Summary) error) error

	// ChangedOn calls fn with the first four octets of the digests of those
	// fingerprints whose items were put on a day (UTC), each once and in order,
	// until fn returns an error, which it passes on.
	ChangedOn(ctx context.Context, day time.Time, fn func(prefix [4]byte) error) error

	// ForgetChanges forgets what ChangedOn tells of days before the one given.
	ForgetChanges(ctx context.Context, before time.Time) error

	// Close releases what the store holds. No other method runs or follows.
	Close() error
}

// Buckets is how many parts the key space has for comparing it.
const Buckets = 256

// Bucket is the part of the key space that fp falls into: the first octet of
// its digest. (spec/cloud.md)
func Bucket(fp omega.Fingerprint) uint8 {
	var buf [omega.MaxFingerprintSize]byte
	if fp.IsZero() {
		return 0
	}
	return fp.AppendTo(buf[:0])[1]
}

// Prefix is how ChangedOn names a fingerprint: by the first four octets of its
// digest, 8 hexadecimal digits.
func Prefix(fp omega.Fingerprint) [4]byte { return [4]byte(fp.Digest()[:4]) }

// Day is the number of a day (UTC) since 1970, under which stores note changes.
func Day(t time.Time) uint32 { return uint32(max(t.Unix(), 0) / (24 * 60 * 60)) }

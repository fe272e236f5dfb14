package keyserver

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
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
	Narrow      bool              // it is for owners and homes only (spec/keys.md, KEYS-10); each server's own judgement
}

// An Item is what a store keeps under one primary key.
type Item struct {
	Summary
	Subkeys []omega.Fingerprint // found by GetBySubkey; only ever grows
	Entry   []byte              // wire form (wire.Entry)

	// Others are records that hold and do not stand, in wire form, at most
	// MaxOthers: evidence, and what stands again when a device is revoked.
	Others [][]byte

	// Receipt is the sponsor's (wire.Sponsorship), nil if there is none. Put
	// keeps the number in it as taken for ever.
	Receipt []byte

	// Changed is when this was put; ChangedOn tells its day. Get leaves it zero.
	// A zero time is no change of the entry: it is not noted.
	Changed time.Time
}

// A Slot is one place in a sponsor's budget of a day.
type Slot struct {
	Sponsor omega.Fingerprint
	Day     uint32 // since 1970
	Number  uint32 // from 1
}

// slot is the one that a receipt takes.
func slotOf(r *wire.Sponsorship) Slot { return Slot{r.Sponsor, r.Day, r.Number} }

// Slot returns the place that the item's receipt takes, if it has one.
func (it *Item) Slot() (s Slot, ok bool) {
	r, err := wire.DecodeSponsorship(it.Receipt)
	if err != nil {
		return Slot{}, false
	}
	return slotOf(r), true
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

	// RangeLeaf is Range of one leaf.
	RangeLeaf(ctx context.Context, l Leaf, fn func(Summary) error) error

	// Delete forgets the item of a primary key and the subkeys that it claimed;
	// of one that is not there it does nothing. The slot of its receipt stays
	// taken. It may come back with a crash.
	Delete(ctx context.Context, fp omega.Fingerprint) error

	// Sponsored returns whose receipt was the last to take a slot, or
	// ErrNotFound.
	Sponsored(ctx context.Context, s Slot) (omega.Fingerprint, error)

	// LastSlot returns the highest number taken of a sponsor's day, 0 if none.
	LastSlot(ctx context.Context, sponsor omega.Fingerprint, day uint32) (number uint32, err error)

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

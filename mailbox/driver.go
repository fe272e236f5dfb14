package mailbox

import (
	"context"

	"github.com/omega-im/omega"
)

// A Driver keeps mail on stable storage for a Store, which is its only user:
// Apply and Sync are called by one goroutine each, the rest concurrently.
// mailboxtest.Run states the contract as tests.
type Driver interface {
	// State is what the storage held when it was opened.
	State() State

	// Apply makes b visible to Load, Read, Expired and Filed, whole or not at all, and
	// starts writing it. It keeps no reference into b. After ErrDiskFull nothing
	// of b was applied and the same call may be made again; after any other
	// error the driver has failed for good. At most one batch is applied while
	// an earlier one is not synced.
	Apply(b *Batch) error

	// Sync returns when b, which was applied, and everything applied before b
	// is on stable storage. Batches are synced in the order of Apply, each once.
	// After an error the driver has failed for good.
	Sync(b *Batch) error

	// Load returns what one mailbox holds, without the envelopes and without
	// what is not filed.
	Load(ctx context.Context, mailbox omega.Fingerprint) (Contents, error)

	// Read calls visit for the mail of one mailbox with the given sequences, in
	// their order, which is ascending, and skips what it does not have. The
	// record's envelope is only valid during the call.
	Read(ctx context.Context, mailbox omega.Fingerprint, seqs []uint64, visit func(Record)) error

	// Expired looks at up to limit stored envelopes from a position on and
	// returns the mail that expires at or before now (Unix seconds), and the
	// next position: nil at the end, as at the start.
	Expired(ctx context.Context, from []byte, now uint32, limit int) (found []Ref, next []byte, err error)

	// Filed calls visit for those of refs that are filed, with their places among
	// refs, ascending.
	Filed(ctx context.Context, refs []Ref, visit func(i int, e Entry)) error

	// Mailboxes returns up to limit mailboxes that hold filed mail, ascending,
	// that come after the one given; zero is before all. Fewer than limit means
	// that there are no more.
	Mailboxes(ctx context.Context, after omega.Fingerprint, limit int) ([]omega.Fingerprint, error)

	// Tombs calls visit for the runs of tombstones of the segments from one on
	// and before another, ascending, until it returns an error, which it
	// returns. The run's keys are only valid during the call.
	Tombs(ctx context.Context, from, before TombID, visit func(TombRun) error) error

	// Room is nil while there is room for more mail, else ErrDiskFull or an
	// error that wraps it. It is called for every append and must be cheap.
	Room() error

	// Close ends the driver. Everything applied is on stable storage when it
	// returns nil. Apply and Sync that wait for room then return ErrDiskFull.
	Close() error
}

// State is what a driver knows when it has been opened.
type State struct {
	Incarnation Incarnation
	Next        uint64 // sequences from here on were never reserved; at least 1
	Totals      Totals

	// Window is how many of the newest mails the driver wants to hold by
	// sequence alone. Most mail is trimmed within a second, so a driver saves
	// much by not filing it under its mailbox: the store remembers the newest
	// itself and has older ones filed by Batch.Files. Zero means that the driver
	// files all mail when it is put.
	Window int

	// Unfiled is the mail that earlier runs left unfiled, ascending.
	Unfiled []Unfiled
}

// Totals count what waits: an envelope in three mailboxes counts three times.
type Totals struct {
	Messages   int64
	Bytes      int64 // octets of envelopes
	Tombstones int64 // keys of mail that is gone
}

// A Batch is what one commit changes, in the order of its fields: mail may be
// put, filed and trimmed by one batch.
type Batch struct {
	Puts    []Put
	Files   []File
	Trims   []Trim
	Devices []DeviceState // device sets that replace earlier ones
	Tokens  []TokenState  // lists of tokens that replace earlier ones

	DropTombs TombID    // all tombstones of segments before it are gone; zero: none
	Tombs     []TombRun // new tombstones

	Reserve uint64 // when not 0, State.Next from now on
	First   uint64 // all mail below it is filed or trimmed after this batch
	Totals  Totals // after this batch

	// Driver is for the driver's use between Apply and Sync.
	Driver any
}

// reset empties b and keeps its memory.
func (b *Batch) reset() {
	clear(b.Puts)
	clear(b.Devices)
	clear(b.Tokens)
	clear(b.Tombs)
	*b = Batch{Puts: b.Puts[:0], Files: b.Files[:0], Trims: b.Trims[:0], Devices: b.Devices[:0], Tokens: b.Tokens[:0], Tombs: b.Tombs[:0]}
}

// Empty reports whether b changes nothing but sums.
func (b *Batch) Empty() bool {
	return len(b.Puts) == 0 && len(b.Files) == 0 && len(b.Trims) == 0 && len(b.Devices) == 0 &&
		len(b.Tokens) == 0 && len(b.Tombs) == 0 && b.DropTombs == TombID{} && b.Reserve == 0
}

// A Put is an envelope for one or more mailboxes. The driver stores it once
// and forgets it when the last of them trims it.
type Put struct {
	Seq      uint64
	To       []omega.Fingerprint // without repetition
	Key      Key
	Received int64  // Unix milliseconds
	Expires  uint32 // Unix seconds
	Request  Source // zero: it is none
	Envelope []byte
}

// A File says that mail has come to stay and that Load must return it.
type File struct {
	Mailbox omega.Fingerprint
	Entry   Entry
}

// A Trim removes mail from one mailbox.
type Trim struct {
	Mailbox omega.Fingerprint
	Seq     uint64
	Filed   bool // by this batch or an earlier one
	Shared  bool // Entry.Shared
}

// A TombID names a segment of tombstones. A segment's tombstones are of use
// until its day, counted from 1970, begins.
type TombID struct {
	Day     uint16
	Segment uint32
}

// A TombRun is a part of a segment of tombstones. A driver keeps it until a
// batch drops it.
type TombRun struct {
	TombID
	First uint16 // tombstones of the segment before it
	Keys  []Key  // at most 2,048
}

// Unfiled is mail that is not filed, for the mailboxes that still hold it.
type Unfiled struct {
	Entry Entry
	To    []omega.Fingerprint
}

// A Ref names mail in a mailbox.
type Ref struct {
	Mailbox omega.Fingerprint
	Seq     uint64
}

// A Record is stored mail with its envelope.
type Record struct {
	Seq      uint64
	Received int64 // Unix milliseconds
	Envelope []byte
}

// An Entry is stored mail without its envelope.
type Entry struct {
	Seq     uint64
	Key     Key
	Size    uint32 // octets of the envelope
	Expires uint32 // Unix seconds
	Shared  bool   // it was put for several mailboxes
	Request Source // zero: it is none
}

// Contents is one mailbox without the envelopes.
type Contents struct {
	Entries []Entry // ascending
	Devices []DeviceCursor
	Tokens  Tokens
}

// A DeviceCursor is how far one device has acknowledged.
type DeviceCursor struct {
	Device omega.Fingerprint
	Seq    uint64
}

// A DeviceState is the device set of one mailbox.
type DeviceState struct {
	Mailbox omega.Fingerprint
	Devices []DeviceCursor
}

// Tokens is the list of delivery tokens of one mailbox.
type Tokens struct {
	Made int64         // Unix milliseconds; 0: there never was a list, and nobody is a stranger
	List []omega.Token // ascending, each once
}

// A TokenState is the list of tokens of one mailbox.
type TokenState struct {
	Mailbox omega.Fingerprint
	Tokens
}

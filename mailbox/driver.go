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

	// Apply makes b visible to Load, Read, Expired and Unreferenced, whole or
	// not at all, and starts writing it when b.Durable. It keeps no reference
	// into b. After ErrDiskFull nothing of b was applied and the same call may
	// be made again; after any other error the driver has failed for good.
	Apply(b *Batch) error

	// Sync returns when b, which Apply took with Durable set, and everything
	// applied before b is on stable storage. Batches are synced in the order
	// of Apply, each once. After an error the driver has failed for good.
	Sync(b *Batch) error

	// Load returns what one mailbox holds, without the envelopes.
	Load(ctx context.Context, mailbox omega.Fingerprint) (Contents, error)

	// Read calls visit for the mail of one mailbox with first <= Seq <= last in
	// ascending order until visit returns false. The record's envelope is only
	// valid during the call.
	Read(ctx context.Context, mailbox omega.Fingerprint, first, last uint64, visit func(Record) bool) error

	// Expired looks at up to limit stored things from a position on and returns
	// those that expire at or before now (Unix seconds), and the next position:
	// nil at the end, as at the start.
	Expired(ctx context.Context, from []byte, now uint32, limit int) (found []Ref, next []byte, err error)

	// Unreferenced returns those of the given shared envelopes that no mailbox
	// holds any more.
	Unreferenced(ctx context.Context, seqs []uint64) ([]uint64, error)

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
}

// Totals count what waits: an envelope in three mailboxes counts three times.
type Totals struct {
	Messages int64
	Bytes    int64 // octets of envelopes
}

// A Batch is what one commit changes. Puts come before trims: mail may be
// stored and trimmed by the same batch.
type Batch struct {
	Puts    []Put
	Trims   []Ref
	Unlinks []uint64      // shared envelopes to forget
	Devices []DeviceState // device sets that replace earlier ones
	Reserve uint64        // when not 0, State.Next from now on
	Totals  Totals        // after this batch

	// Durable says that Sync will be called. Without it the batch may wait for
	// the next one that is durable.
	Durable bool

	// Driver is for the driver's use between Apply and Sync.
	Driver any
}

// reset empties b and keeps its memory.
func (b *Batch) reset() {
	clear(b.Puts)
	*b = Batch{Puts: b.Puts[:0], Trims: b.Trims[:0], Unlinks: b.Unlinks[:0], Devices: b.Devices[:0]}
}

// Empty reports whether b changes nothing but totals.
func (b *Batch) Empty() bool {
	return len(b.Puts) == 0 && len(b.Trims) == 0 && len(b.Unlinks) == 0 && len(b.Devices) == 0 && b.Reserve == 0
}

// A Put is an envelope for one or more mailboxes. For more than one it is
// shared: stored once, until Unlinks names its sequence.
type Put struct {
	Seq      uint64
	To       []omega.Fingerprint // without repetition
	Key      Key
	Received int64  // Unix milliseconds
	Expires  uint32 // Unix seconds
	Envelope []byte
}

// A Ref names one stored thing: mail in a mailbox, or, without a mailbox, a
// shared envelope.
type Ref struct {
	Mailbox omega.Fingerprint
	Seq     uint64
}

// A Record is stored mail with its envelope.
type Record struct {
	Seq      uint64
	Received int64  // Unix milliseconds
	Expires  uint32 // Unix seconds
	Envelope []byte
}

// An Entry is stored mail without its envelope.
type Entry struct {
	Seq     uint64
	Key     Key
	Size    uint32 // octets of the envelope
	Expires uint32 // Unix seconds
	Shared  bool   // the envelope is stored once for several mailboxes
}

// Contents is one mailbox without the envelopes.
type Contents struct {
	Entries []Entry // ascending
	Devices []DeviceCursor
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

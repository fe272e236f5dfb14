// Package mailbox keeps waiting mail: envelopes for accounts whose devices
// have not all acknowledged them yet.
//
// A Store is what the rest of a server talks to. It gives every envelope a
// sequence in memory at once, so that devices that are online get it without
// waiting for the disk; it gathers the envelopes of many callers into one
// durable commit; and it tells each caller when its envelope is on stable
// storage. Beneath it a Driver (packages mailbox/mem and mailbox/pebble)
// keeps the octets. Only the Store knows quotas, duplicates, devices and
// expiry, so a driver is small, and package mailboxtest says what it promises.
//
// # The promises
//
//   - An envelope whose Done said nil is not lost by a crash, a kill -9 or a
//     power cut. It is read, in order, until every device of the mailbox has
//     acknowledged it or its lifetime ends.
//   - Sequences grow over the whole store and are never given twice, not even
//     after a power cut that took unsynced mail away: mail is pushed before it
//     is synced, and a device must not meet a second mail under a sequence that
//     it has seen. The store reserves them durably in blocks.
//   - The same envelope again (the same Key in the same mailbox) changes
//     nothing while the first waits, and after every device has it until its
//     lifetime ends: a tombstone is stored with the trim. A crash that takes
//     away the one takes away the other.
//
// # The life of an envelope
//
//	Append   sequence and previous sequence are given, Staged may push  (append.go)
//	commit   the group is applied, then synced; Done says stored        (commit.go)
//	Ack      a device has it and everything before                      (device.go)
//	trim     the last device has it: removed with a later commit        (device.go)
//	bury     its key stays, in the same commit                          (tomb.go)
package mailbox

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/omega-im/omega"
)

// Errors that callers decide by.
var (
	// ErrFull is the result of one recipient whose mailbox is over its quota.
	ErrFull = errors.New("mailbox full")

	// ErrDiskFull says that stable storage has no room. The store works again
	// once there is room. An envelope whose Done got it is not acknowledged,
	// but may still be stored later; repeating it is harmless.
	ErrDiskFull = errors.New("no room on stable storage")

	// ErrFailed says that stable storage failed in a way after which nothing
	// it says can be trusted (a failed fsync, above all). The store refuses
	// everything until the process opens it again. It wraps the cause.
	ErrFailed = errors.New("mailbox store failed")

	// ErrClosed is returned after Close.
	ErrClosed = errors.New("mailbox store closed")

	// ErrTooLarge is returned for an envelope over MaxItem, for more
	// than omega.MaxRecipients recipients or omega.MaxDevices devices.
	ErrTooLarge = errors.New("over a protocol limit")

	// ErrMixed is returned for an item that is a request for some of its recipients
	// and none for others: whoever has it splits it (Strangers) and appends the parts.
	ErrMixed = errors.New("request for some recipients only")

	// ErrNoDevice is returned when a device is not in its mailbox's set.
	ErrNoDevice = errors.New("device does not belong to the mailbox")

	// ErrSequence is returned for the acknowledgement of a sequence that was
	// never given.
	ErrSequence = errors.New("sequence was never given")
)

// An Incarnation names one life of a store: random, made with the store, kept
// as long as it. A cursor is an incarnation and a sequence; a store restored
// from a backup gets a new one, and devices list again.
type Incarnation [8]byte

// MaxItem is how many octets the envelope of an item has at most: the largest
// envelope, and what somebody notes beside it.
const MaxItem = omega.MaxEnvelope + 1<<10

// KeySize is the length of a Key in octets. 128 bits of SHA-256 keep anyone
// from making an envelope that counts as somebody else's; a sender who spends
// 2^64 hashes can make two of his own count as one, which harms only him.
const KeySize = 16

// A Key says which envelopes are the same one.
type Key [KeySize]byte

// KeyOf returns the key of an envelope: the first 16 octets of SHA-256 over a
// label, its sender, its id and its payload. Ids may repeat by accident or
// malice, so the payload is part of it. (spec/wire.md, WIRE-2)
func KeyOf(sender omega.Fingerprint, id omega.ID, payload []byte) Key {
	h := sha256.New()
	var head [24 + omega.MaxFingerprintSize + omega.IDSize]byte
	b := append(head[:0], "omega-im/mailbox/key/v1\n"...)
	b = sender.AppendTo(b)
	b = append(b, id[:]...)
	h.Write(b)
	h.Write(payload)
	var sum [sha256.Size]byte
	return Key(h.Sum(sum[:0])[:KeySize])
}

// A Mail is an envelope waiting in a mailbox.
type Mail struct {
	Seq uint64 // its sequence in the store

	// Prev is the sequence of the mail before it: a device whose last sequence
	// is smaller than Prev lacks something and reads again after its own last
	// sequence. What Read returns is a chain that starts at its argument.
	Prev uint64

	Received time.Time // when the store got it, to the millisecond
	Expires  time.Time // when it is dropped, acknowledged or not; whole seconds
	Envelope []byte    // belongs to the caller
}

// An Item is one envelope on its way into the mailboxes of its recipients. The
// caller fills the exported fields above Results and hands it to Append. It
// may use the item and the envelope's octets again once Done was called with
// nil; after an error it leaves them to the garbage collector, since the store
// may still be trying.
type Item struct {
	Recipients []omega.Fingerprint // accounts, at most omega.MaxRecipients
	Envelope   []byte              // at most MaxItem octets; not to change
	Key        Key                 // see KeyOf

	// Tokens are the delivery tokens of the first recipients, in their order. Mail
	// without one that the mailbox has in force (SetTokens) is a request: it has the
	// little room that is for strangers, and as much of that as From leaves to
	// others. Whether it is one is judged in the step that stores it, and it is one
	// for all of its recipients or for none: otherwise Append returns ErrMixed.
	// (spec/delivery.md, DELIV-46)
	Tokens []omega.Token
	From   Source

	// Expires is when the mail is dropped though a device has not acknowledged
	// it. Zero and what is later mean omega.MaxLifetime from now.
	Expires time.Time

	// Staged, when not nil, is called once inside Append, after Results are
	// known: the place to push to devices that are online. Calls come in the
	// order of sequences over the whole store, so each mailbox's pushes are in
	// order. The store's lock is held: Staged must neither block nor call the
	// store. It is not called when no recipient got the envelope anew.
	Staged func(*Item)

	// Done, when not nil, is called exactly once if Append returned nil: with
	// nil when the envelope is on stable storage in every mailbox whose result
	// has no Err, or with ErrDiskFull or ErrFailed. It is called from one of the
	// store's goroutines and must not block; it may call Append only if that
	// cannot block (see Config.MaxQueued).
	Done func(*Item, error)

	// Results has one entry per recipient once Append returned nil.
	Results []Result

	// Received is the time that readers will see, set by Append.
	Received time.Time

	gone     []int               // recipients that have a tombstone of it
	boxes    []*box              // pinned, one per recipient; guarded by Store.mu
	one      [1]*box             // room for boxes of the usual item
	stored   []omega.Fingerprint // the recipients that got it anew
	seq      uint64              // 0 when nobody got it anew
	request  Source              // From, if it is a request; otherwise zero
	answered bool                // Done was called; guarded by Store.mu
}

// A Source is where a request comes from, by numbers that are not zero. That two
// have one number costs them no more than that they share their room.
type Source struct {
	Sender uint32 // account
	Server uint32 // that handed it over
}

// A SourceKey makes numbers of accounts and servers. It is a secret of one server: who
// makes keys cannot look for one whose number is somebody else's.
type SourceKey [32]byte

// SourceOf numbers an account and a server.
func (k *SourceKey) SourceOf(sender, server omega.Fingerprint) Source {
	return Source{k.number(sender), k.number(server)}
}

// number is what is left of a hash of key and fingerprint. Both have one length each, and
// most of the hash is left out, so nothing can be put behind them.
func (k *SourceKey) number(fp omega.Fingerprint) uint32 {
	var b [len(SourceKey{}) + omega.MaxFingerprintSize]byte
	sum := sha256.Sum256(fp.AppendTo(append(b[:0], k[:]...)))
	return max(binary.BigEndian.Uint32(sum[:]), 1)
}

// A Result says what became of an item for one recipient.
type Result struct {
	Seq       uint64 // the sequence; of a duplicate the existing one, or 0 when it has a tombstone
	Prev      uint64 // see Mail.Prev; 0 for a duplicate
	Duplicate bool   // the mailbox has, or had, this envelope already
	Err       error  // ErrFull, or nil
}

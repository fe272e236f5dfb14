// Package history is the client's database: contacts, chats, messages, the
// durable outbox, sending and receiving keys, how far each home was read, and
// what is parked. Everything that must stand or fall together goes through one
// Tx. One process has it open at a time (the holder of the client's home).
package history

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// This file is the contract that package client is written against. The
// bodies are to be filled in (and moved into files by subject).

// DB is the database of one account on one device. Its methods may be called
// concurrently; writes are one at a time.
type DB struct{}

// Open opens or makes the database at path (":memory:" for tests) and brings it
// to the current schema.
func Open(ctx context.Context, path string) (*DB, error) { panic("history: to be written") }

// Close closes it.
func (db *DB) Close() error { panic("history: to be written") }

// Update runs fn in one transaction that is on stable storage when Update
// returns nil; an error of fn rolls everything back and is returned as it is.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error { panic("history: to be written") }

// View runs fn in one read transaction.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error { panic("history: to be written") }

// Tx is one transaction. It implements chat.Store.
type Tx struct{}

var _ chat.Store = (*Tx)(nil)

// ErrNotFound is returned for a row that is not there.
var ErrNotFound = errors.New("not in the database")

// A Peer is an account whose certificate is known here.
type Peer struct {
	Fingerprint omega.Fingerprint
	Name        string    // profile name, from key records
	Certificate []byte    // canonical
	Record      []byte    // newest location record, may be empty
	Sequence    uint64    // of the record; never goes down
	Checked     time.Time // when the cloud was last asked
}

// Peer returns a peer or ErrNotFound; PutPeer adds or replaces one.
func (tx *Tx) Peer(fp omega.Fingerprint) (*Peer, error) { panic("history: to be written") }
func (tx *Tx) PutPeer(p *Peer) error                    { panic("history: to be written") }
func (tx *Tx) SetPeerName(fp omega.Fingerprint, name string) error {
	panic("history: to be written")
}

// A Row is a message as it is stored. Control kinds (chat.Kind.Control) are
// never shown: Page, Search, Chats, Unprinted and All leave them out.
type Row struct {
	chat.Message        // of every kind: own control messages are kept so that they can be sent again
	Own          bool   // sent by this account
	State        string // of own messages: queued, stored, delivered, read, failed; "" otherwise
	Why          string // code of the last failure (omega.Code name), "" if none
	Position     int64  // order in which this device learnt of it; rises
	Printed      bool   // Receive returned it and the caller confirmed
}

// PutMessage adds a message (its chat too) and returns its position. The same
// (chat, device, sequence, id) again changes nothing.
func (tx *Tx) PutMessage(r *Row) (int64, error)  { panic("history: to be written") }
func (tx *Tx) Message(id omega.ID) (*Row, error) { panic("history: to be written") }
func (tx *Tx) MessageBySequence(c omega.ChatID, device omega.Fingerprint, seq uint32) (*Row, error) {
	panic("history: to be written")
}

// SetState raises the state of an own message (queued < stored < delivered <
// read; failed from queued only; never lowers it). MarkUpTo does so for
// all messages of device in c up to and with seq, and for ids.
func (tx *Tx) SetState(id omega.ID, state, why string) error { panic("history: to be written") }
func (tx *Tx) MarkUpTo(c omega.ChatID, device omega.Fingerprint, upTo uint32, ids []omega.ID, state string) error {
	panic("history: to be written")
}

// Unprinted returns at most n messages of others that were not confirmed, oldest
// position first; SetPrinted confirms.
func (tx *Tx) Unprinted(n int) ([]Row, error)  { panic("history: to be written") }
func (tx *Tx) SetPrinted(ids []omega.ID) error { panic("history: to be written") }

// Page returns at most n messages of a chat before the message before (zero:
// the newest), oldest first. ErrNotFound if there is no such chat or message.
func (tx *Tx) Page(c omega.ChatID, before omega.ID, n int) ([]Row, error) {
	panic("history: to be written")
}

// Search finds messages whose text contains the words, newest first; c zero: everywhere.
func (tx *Tx) Search(text string, c omega.ChatID, n int) ([]Row, error) {
	panic("history: to be written")
}

// All calls fn for every message of a chat, oldest first.
func (tx *Tx) All(c omega.ChatID, fn func(*Row) error) error { panic("history: to be written") }

// A Chat in the list.
type Chat struct {
	ID     omega.ChatID
	Peer   omega.Fingerprint
	Name   string // of the peer
	Unread int    // messages of others that were not printed
	Last   *Row
}

// Chats returns all chats, newest message first; Chat one of them or ErrNotFound.
func (tx *Tx) Chats() ([]Chat, error)             { panic("history: to be written") }
func (tx *Tx) Chat(c omega.ChatID) (*Chat, error) { panic("history: to be written") }

// Sender state of this device per chat (zero value but for Chat before the first).
func (tx *Tx) Sender(c omega.ChatID) (chat.SenderState, error) { panic("history: to be written") }
func (tx *Tx) PutSender(s chat.SenderState) error              { panic("history: to be written") }

// An Outgoing is an envelope on its way out, in order of Position.
type Outgoing struct {
	Position int64
	Message  omega.ID // whose state it moves; zero: none (receipts, keys …)
	Envelope []byte
	Attempts int
	NextTry  time.Time
	Why      string
}

// Outbox: AddOutgoing appends, Outgoing returns at most n due at now in order
// of position after the given one, and the next time anything is due.
func (tx *Tx) AddOutgoing(o *Outgoing) error { panic("history: to be written") }
func (tx *Tx) Outgoing(now time.Time, after int64, n int) (due []Outgoing, next time.Time, err error) {
	panic("history: to be written")
}
func (tx *Tx) RetryOutgoing(position int64, next time.Time, why string) error {
	panic("history: to be written")
}
func (tx *Tx) RemoveOutgoing(position int64) error { panic("history: to be written") }
func (tx *Tx) CountOutgoing() (int, error)         { panic("history: to be written") }

// An Unsealed message waits until the peer's certificate can be fetched.
type Unsealed struct {
	Position int64
	ID       omega.ID
	To       omega.Fingerprint
	Text     string
	Time     time.Time
}

func (tx *Tx) AddUnsealed(u *Unsealed) error      { panic("history: to be written") }
func (tx *Tx) Unsealed(n int) ([]Unsealed, error) { panic("history: to be written") }
func (tx *Tx) RemoveUnsealed(id omega.ID) error   { panic("history: to be written") }

// A Cursor is how far a home was read on stable storage.
type Cursor struct {
	Home        omega.Fingerprint
	Incarnation [8]byte
	Seq         uint64
}

func (tx *Tx) Cursors() ([]Cursor, error) { panic("history: to be written") }
func (tx *Tx) PutCursor(c Cursor) error   { panic("history: to be written") }

// A Parked envelope waits for the key of its locator. At most 4096 are kept,
// and 16 MiB; Park drops the oldest beyond that.
type Parked struct {
	Position int64
	Locator  chat.Locator
	Sequence uint32
	Sender   omega.Fingerprint // as the server said
	ID       omega.ID
	Payload  []byte
	Received time.Time
}

func (tx *Tx) Park(p *Parked) error                           { panic("history: to be written") }
func (tx *Tx) Parked(l chat.Locator, n int) ([]Parked, error) { panic("history: to be written") } // zero locator: all
func (tx *Tx) Unpark(position int64) error                    { panic("history: to be written") }
func (tx *Tx) CountParked() (int, error)                      { panic("history: to be written") }

// Gaps returns the tracks that miss something.
func (tx *Tx) Gaps(n int) ([]chat.Track, error) { panic("history: to be written") }

// Settings by name; nil if unset.
func (tx *Tx) Setting(name string) ([]byte, error)        { panic("history: to be written") }
func (tx *Tx) SetSetting(name string, value []byte) error { panic("history: to be written") }

func (tx *Tx) Keys(ctx context.Context, l chat.Locator) ([]*chat.Key, error) {
	panic("history: to be written")
}
func (tx *Tx) PutKey(ctx context.Context, k *chat.Key) error { panic("history: to be written") }
func (tx *Tx) Track(ctx context.Context, c omega.ChatID, device omega.Fingerprint) (*chat.Track, error) {
	panic("history: to be written")
}
func (tx *Tx) PutTrack(ctx context.Context, t *chat.Track, s *chat.Sighting) error {
	panic("history: to be written")
}
func (tx *Tx) Seen(ctx context.Context, c omega.ChatID, device omega.Fingerprint, seq uint32) (*chat.Sighting, error) {
	panic("history: to be written")
}
func (tx *Tx) SignatureSeen(ctx context.Context, c omega.ChatID, device omega.Fingerprint, sig [16]byte) (bool, error) {
	panic("history: to be written")
}

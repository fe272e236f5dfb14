package history

import (
	"crypto/sha256"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
)

// How much may wait: anybody can send what belongs to nothing. (spec/secure.md, SEC-18)
const (
	maxSecureEach    = 512 // of one account
	maxSecureUnknown = 64  // of one that is no contact
	maxSecureAll     = 4096
)

// A SecureWaiting is a payload of a secure chat that cannot be opened yet.
type SecureWaiting struct {
	Position int64
	Kind     byte
	Locator  secure.Locator    // zero: of a message
	Account  omega.Fingerprint // as the server said
	ID       omega.ID
	Payload  []byte
	Received time.Time
	Lost     bool         // wraps of which none opens
	Room     omega.ChatID // of a group whose operations it waits for; zero: for none
}

// AwaitSecure keeps a payload; the same again changes nothing. Where there is too much
// the oldest of the account is forgotten, or of all, first of those who are no contacts.
func (tx *Tx) AwaitSecure(w *SecureWaiting) error {
	const what = "keep a payload that waits"
	each := maxSecureEach
	if r, err := tx.Relation(w.Account); err != nil {
		return err
	} else if r.Contact != chat.Contact {
		each = maxSecureUnknown
	}
	digest := sha256.Sum256(w.Payload)
	locator, room := []byte{}, []byte{}
	if w.Room != (omega.ChatID{}) {
		room = w.Room[:]
	}
	if w.Locator != (secure.Locator{}) {
		locator = w.Locator[:]
	}
	_, err := tx.exec(what, `INSERT INTO secure_waiting (kind, locator, account, id, digest, payload, received, lost, room) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id, digest) DO UPDATE SET room = excluded.room WHERE room <> excluded.room`, int64(w.Kind), locator, address(w.Account), w.ID[:], digest[:16], w.Payload, millis(w.Received), w.Lost, room)
	if err != nil {
		return err
	}
	if _, err = tx.exec(what, `DELETE FROM secure_waiting WHERE position IN (SELECT position FROM secure_waiting WHERE account = ?
		ORDER BY position DESC LIMIT -1 OFFSET ?)`, address(w.Account), each); err != nil {
		return err
	}
	_, err = tx.exec(what, `DELETE FROM secure_waiting WHERE position IN (SELECT position FROM secure_waiting ORDER BY
		account IN (SELECT subject FROM register WHERE name = 'contact' AND value = x'01') DESC, position DESC LIMIT -1 OFFSET ?)`, maxSecureAll)
	return err
}

const selectWaiting = `SELECT position, kind, locator, account, id, payload, received, lost FROM secure_waiting `

// WaitingEpoch returns at most n of the wraps, or records, that wait under a locator:
// first those of an account, then the oldest. Wraps of which none opens are none of them.
func (tx *Tx) WaitingEpoch(l secure.Locator, kind byte, account omega.Fingerprint, n int) ([]SecureWaiting, error) {
	return tx.waiting(selectWaiting+`WHERE locator = ? AND kind = ? AND locator <> x'' AND lost = 0 ORDER BY account = ? DESC, position LIMIT ?`, l[:], int64(kind), address(account), n)
}

// WaitingRoom returns at most n payloads of a kind that wait for the operations of the group
// with a chat: the oldest of each sender, then the next of each, and so on.
// (spec/secure.md, SEC-27)
func (tx *Tx) WaitingRoom(c omega.ChatID, kind byte, n int) ([]SecureWaiting, error) {
	return tx.waiting(`SELECT position, kind, locator, account, id, payload, received, lost FROM secure_waiting JOIN (SELECT position AS at,
		row_number() OVER (PARTITION BY account ORDER BY position) AS turn FROM secure_waiting WHERE room = ? AND kind = ? AND room <> x''
		ORDER BY turn, at LIMIT ?) ON position = at ORDER BY turn, at`, c[:], int64(kind), n)
}

// WaitingMessages returns the messages that wait and came from an account.
func (tx *Tx) WaitingMessages(account omega.Fingerprint) ([]SecureWaiting, error) {
	return tx.waiting(selectWaiting+`WHERE account = ? AND kind = ? ORDER BY position`, address(account), secure.PayloadMessage)
}

// AllWaiting returns everything that waits, without the payloads.
func (tx *Tx) AllWaiting() ([]SecureWaiting, error) {
	return tx.waiting(`SELECT position, kind, locator, account, id, x'', received, lost FROM secure_waiting ORDER BY position`)
}

func (tx *Tx) waiting(query string, args ...any) (out []SecureWaiting, err error) {
	err = tx.rows("read payloads that wait", query, args, func(scan func(...any) error) error {
		var w SecureWaiting
		var locator, account, id []byte
		var received int64
		if err := scan(&w.Position, &w.Kind, &locator, &account, &id, &w.Payload, &received, &w.Lost); err != nil {
			return err
		}
		w.Received = readTime(received)
		if len(locator) > 0 {
			if err := fill(w.Locator[:], locator); err != nil {
				return err
			}
		}
		if err := fill(w.ID[:], id); err != nil {
			return err
		}
		var err error
		w.Account, err = readAddress(account)
		out = append(out, w)
		return err
	})
	return out, err
}

// DropWaiting forgets one of them.
func (tx *Tx) DropWaiting(position int64) error {
	_, err := tx.exec("forget a payload that waits", `DELETE FROM secure_waiting WHERE position = ?`, position)
	return err
}

// DropEpochParts forgets wraps and records that wait under a locator.
func (tx *Tx) DropEpochParts(l secure.Locator) error {
	_, err := tx.exec("forget parts of an epoch", `DELETE FROM secure_waiting WHERE locator = ? AND locator <> x''`, l[:])
	return err
}

// DropMessage forgets a message that waits, by its envelope's id: it came another way.
func (tx *Tx) DropMessage(id omega.ID) error {
	_, err := tx.exec("forget a message that waits", `DELETE FROM secure_waiting WHERE id = ? AND kind = ?`, id[:], secure.PayloadMessage)
	return err
}

// DropOldWaiting forgets what came before a time, and was opened before it.
func (tx *Tx) DropOldWaiting(before time.Time) error {
	const what = "forget payloads that wait"
	if _, err := tx.exec(what, `DELETE FROM secure_seen WHERE received < ?`, millis(before)); err != nil {
		return err
	}
	_, err := tx.exec(what, `DELETE FROM secure_waiting WHERE received < ?`, millis(before))
	return err
}

// SawSecure notes that a message was opened.
func (tx *Tx) SawSecure(payload []byte, received time.Time) error {
	digest := sha256.Sum256(payload)
	_, err := tx.exec("note a message", `INSERT INTO secure_seen (digest, received) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING`, digest[:16], millis(received))
	return err
}

// SeenSecure reports whether a message was opened before.
func (tx *Tx) SeenSecure(payload []byte) (seen bool, err error) {
	digest := sha256.Sum256(payload)
	err = tx.row("look for a message", `SELECT count(*) > 0 FROM secure_seen WHERE digest = ?`, []any{digest[:16]}, &seen)
	return seen, err
}

// UnsealedIn returns the messages that wait to be sealed in a secure chat and are due,
// oldest first.
func (tx *Tx) UnsealedIn(c omega.ChatID, now time.Time) ([]Unsealed, error) {
	return tx.unsealed(selectUnsealed+`WHERE chat = ? AND due <= ? ORDER BY position`, c[:], millis(now))
}

// UnsealedSecure returns at most n messages that wait to be sealed in any secure chat
// and are due, oldest first.
func (tx *Tx) UnsealedSecure(now time.Time, n int) ([]Unsealed, error) {
	return tx.unsealed(selectUnsealed+`WHERE due <= ? AND chat IN (SELECT chat FROM secure_chat) ORDER BY position LIMIT ?`, millis(now), n)
}

// KeptInChat returns the messages of a chat with an id, those between clients too.
func (tx *Tx) KeptInChat(c omega.ChatID, id omega.ID) ([]Row, error) {
	return tx.list("read message "+id.String(), selectRow+`WHERE m.id = ? AND +m.chat = (SELECT number FROM chat WHERE id = ?)`, id[:], c[:])
}

// KeptWithSequence returns those of a device with a sequence; in secure chats there may
// be several.
func (tx *Tx) KeptWithSequence(c omega.ChatID, device omega.Fingerprint, sequence uint32) ([]Row, error) {
	return tx.list("read messages of device "+device.String(), selectRow+`WHERE m.chat = (SELECT number FROM chat WHERE id = ?)
		AND m.sequence = ? AND m.device = ?`, c[:], int64(sequence), address(device))
}

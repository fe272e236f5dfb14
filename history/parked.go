package history

import (
	"crypto/sha256"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// How much may be parked: anybody can send messages without a key.
const (
	maxParked      = 4096
	maxParkedBytes = 16 << 20
)

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

// Park keeps an envelope; the same again changes nothing.
func (tx *Tx) Park(p *Parked) error {
	what := "park envelope " + p.ID.String()
	digest := sha256.Sum256(p.Payload)
	_, err := tx.exec(what, `INSERT INTO parked (id, digest, locator, sequence, sender, payload, size, received)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, digest) DO NOTHING`,
		p.ID[:], digest[:16], p.Locator[:], int64(p.Sequence), address(p.Sender), blob(p.Payload), len(p.Payload), millis(p.Received))
	if err != nil {
		return err
	}
	return tx.trimParked(maxParked, maxParkedBytes)
}

// trimParked forgets the oldest beyond a number and a size.
func (tx *Tx) trimParked(most, mostBytes int64) error {
	const what = "forget parked envelopes"
	for {
		var n, size int64
		if err := tx.row(what, `SELECT count, size FROM parked_total`, nil, &n, &size); err != nil {
			return err
		}
		if n <= most && size <= mostBytes {
			return nil
		}
		if _, err := tx.exec(what, `DELETE FROM parked WHERE position = (SELECT min(position) FROM parked)`); err != nil {
			return err
		}
	}
}

// Parked returns at most n envelopes that wait for the key of this locator,
// oldest first.
func (tx *Tx) Parked(l chat.Locator, n int) (out []Parked, err error) {
	return tx.parked(`WHERE locator = ? AND grp = x'' ORDER BY position LIMIT ?`, l[:], n)
}

func (tx *Tx) parked(where string, args ...any) (out []Parked, err error) {
	err = tx.rows("read parked envelopes", `SELECT position, locator, sequence, sender, id, payload, received FROM parked `+where, args, func(scan func(...any) error) error {
		p := Parked{}
		var locator, sender, id []byte
		var seq, at int64
		if err := scan(&p.Position, &locator, &seq, &sender, &id, &p.Payload, &at); err != nil {
			return err
		}
		p.Sequence, p.Received = uint32(seq), readTime(at)
		if err := fill(p.Locator[:], locator); err != nil {
			return err
		}
		if err := fill(p.ID[:], id); err != nil {
			return err
		}
		if p.Sender, err = readAddress(sender); err != nil {
			return err
		}
		out = append(out, p)
		return nil
	})
	return out, err
}

// A WantedKey is one that envelopes are parked for.
type WantedKey struct {
	Sender    omega.Fingerprint
	Locator   chat.Locator
	Sequences []uint32 // of what is parked
}

// WantedKeys returns the keys of the n oldest parked envelopes.
func (tx *Tx) WantedKeys(n int) (out []WantedKey, err error) {
	type name struct {
		sender  omega.Fingerprint
		locator chat.Locator
	}
	at := map[name]int{}
	err = tx.rows("read wanted keys", `SELECT sender, locator, sequence FROM parked WHERE grp = x'' ORDER BY position LIMIT ?`, []any{n}, func(scan func(...any) error) error {
		var k name
		var sender, locator []byte
		var seq int64
		if err := scan(&sender, &locator, &seq); err != nil {
			return err
		}
		if err := fill(k.locator[:], locator); err != nil {
			return err
		}
		if k.sender, err = readAddress(sender); err != nil {
			return err
		}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, WantedKey{Sender: k.sender, Locator: k.locator})
		}
		out[i].Sequences = append(out[i].Sequences, uint32(seq))
		return nil
	})
	return out, err
}

// Unpark forgets a parked envelope.
func (tx *Tx) Unpark(position int64) error {
	_, err := tx.exec("unpark envelope", `DELETE FROM parked WHERE position = ?`, position)
	return err
}

// UnparkMessage forgets what is parked of a message that came another way. The
// sender counts: somebody else can use an id that they saw.
func (tx *Tx) UnparkMessage(id omega.ID, sender omega.Fingerprint) error {
	_, err := tx.exec("unpark message "+id.String(), `DELETE FROM parked WHERE id = ? AND sender = ?`, id[:], address(sender))
	return err
}

// DropParked forgets what the homes took before a time: nobody answers for it
// any more.
func (tx *Tx) DropParked(before time.Time) error {
	_, err := tx.exec("drop parked envelopes", `DELETE FROM parked WHERE received < ?`, millis(before))
	return err
}

// CountParkedSince returns how many envelopes are parked that came to the home at
// or after a time.
func (tx *Tx) CountParkedSince(at time.Time) (n int, err error) {
	err = tx.row("count parked envelopes", `SELECT count(*) FROM parked WHERE received >= ?`, []any{millis(at)}, &n)
	return n, err
}

// CountParked returns how many envelopes are parked.
func (tx *Tx) CountParked() (n int, err error) {
	err = tx.row("count parked envelopes", `SELECT count FROM parked_total`, nil, &n)
	return n, err
}

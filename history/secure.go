package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
)

// Kinds of secure chats: of two accounts, and of groups.
const (
	kindSecure      = 4
	kindSecureGroup = 5
)

// A SecureChat is what is known of a secure chat beside its epochs.
type SecureChat struct {
	Chat    omega.ChatID
	Peer    omega.Fingerprint // zero: of a group
	Group   chat.Hash         // zero: of two accounts
	Opened  time.Time         // when this device opened an epoch last
	Ahead   []secure.Told
	Classic bool      // the user agreed to classic wraps
	Asked   time.Time // when a device was found to have no key; zero: all had one
	Ended   time.Time // zero: it goes on
}

// PutSecureChat keeps it; its row among the chats is made if there is none.
func (tx *Tx) PutSecureChat(s *SecureChat) error {
	what, kind, group := "store secure chat "+s.Chat.String(), kindSecure, []byte{}
	if s.Group != (chat.Hash{}) {
		kind, group = kindSecureGroup, s.Group[:]
	}
	if _, err := tx.chatNumberOf(s.Chat, kind, s.Peer); err != nil {
		return err
	}
	if _, err := tx.exec(what, `UPDATE chat SET kind = ? WHERE id = ? AND kind <> ?1`, kind, s.Chat[:]); err != nil {
		return err
	}
	_, err := tx.exec(what, `INSERT INTO secure_chat (chat, peer, grp, opened, ahead, classic, asked, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (chat) DO UPDATE SET opened = excluded.opened, ahead = excluded.ahead, classic = excluded.classic, asked = excluded.asked,
		ended = excluded.ended`, s.Chat[:], address(s.Peer), group, millis(s.Opened), blob(secure.MarshalTold(s.Ahead)), s.Classic, millis(s.Asked), millis(s.Ended))
	return err
}

const selectSecure = `SELECT chat, peer, grp, opened, ahead, classic, asked, ended FROM secure_chat `

// SecureChats returns all secure chats.
func (tx *Tx) SecureChats() ([]SecureChat, error) {
	return tx.secureChats(selectSecure + `ORDER BY chat`)
}

// SecureChat returns one, or ErrNotFound.
func (tx *Tx) SecureChat(c omega.ChatID) (*SecureChat, error) {
	list, err := tx.secureChats(selectSecure+`WHERE chat = ?`, c[:])
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("read secure chat %s: %w", c, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

func (tx *Tx) secureChats(query string, args ...any) (out []SecureChat, err error) {
	err = tx.rows("read secure chats", query, args, func(scan func(...any) error) error {
		var s SecureChat
		var id, peer, group, ahead []byte
		var opened, asked, ended int64
		if err := scan(&id, &peer, &group, &opened, &ahead, &s.Classic, &asked, &ended); err != nil {
			return err
		}
		s.Opened, s.Asked, s.Ended = readTime(opened), readTime(asked), readTime(ended)
		if err := fill(s.Chat[:], id); err != nil {
			return err
		}
		if len(group) > 0 {
			if err := fill(s.Group[:], group); err != nil {
				return err
			}
		}
		var err error
		if s.Peer, err = readAddress(peer); err != nil {
			return err
		}
		if s.Ahead, err = secure.UnmarshalTold(ahead); err != nil {
			return fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		out = append(out, s)
		return nil
	})
	return out, err
}

// A SecureEpoch is an epoch as it is stored.
type SecureEpoch struct {
	Name    secure.Hash
	Chat    omega.ChatID
	Locator secure.Locator
	Expires time.Time
	Gone    bool   // State is that of its record
	Shut    bool   // this device does not send in it any more
	State   []byte // holds keys
}

// SecureEpochs returns the epochs of a chat, also the destroyed ones, the newest
// first.
func (tx *Tx) SecureEpochs(c omega.ChatID) (out []SecureEpoch, err error) {
	err = tx.rows("read epochs", `SELECT name, locator, expires, gone, shut, state FROM secure_epoch WHERE chat = ? ORDER BY number DESC`,
		[]any{c[:]}, func(scan func(...any) error) error {
			e := SecureEpoch{Chat: c}
			var name, locator []byte
			var expires int64
			if err := scan(&name, &locator, &expires, &e.Gone, &e.Shut, &e.State); err != nil {
				return err
			}
			e.Expires = readTime(expires)
			if err := fill(e.Name[:], name); err != nil {
				return err
			}
			err := fill(e.Locator[:], locator)
			out = append(out, e)
			return err
		})
	return out, err
}

// HasLocator reports whether an epoch with a locator is here or was.
func (tx *Tx) HasLocator(l secure.Locator) (n bool, err error) {
	err = tx.row("look for epoch "+l.String(), `SELECT count(*) > 0 FROM secure_epoch WHERE locator = ?`, []any{l[:]}, &n)
	return n, err
}

// PutSecureEpoch stores an epoch over what was stored of it. One that is Gone keeps
// nothing but its record.
func (tx *Tx) PutSecureEpoch(e *SecureEpoch) error {
	what := "store epoch " + e.Locator.String()
	_, err := tx.exec(what, `INSERT INTO secure_epoch (name, chat, locator, expires, gone, shut, state) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET gone = excluded.gone, shut = excluded.shut, state = excluded.state`,
		e.Name[:], e.Chat[:], e.Locator[:], millis(e.Expires), e.Gone, e.Shut, e.State)
	if err == nil && e.Gone {
		_, err = tx.exec(what, `UPDATE secure_epoch SET record = x'' WHERE name = ?`, e.Name[:])
	}
	if err == nil && e.Gone {
		_, err = tx.exec(what, `DELETE FROM secure_wrap WHERE epoch = ?`, e.Name[:])
	}
	return err
}

// ShutEpochs has this device send in none of the epochs that there are.
func (tx *Tx) ShutEpochs() error {
	_, err := tx.exec("leave all epochs", `UPDATE secure_epoch SET shut = 1 WHERE shut = 0`)
	return err
}

// DropRecords forgets destroyed epochs that ended before a time.
func (tx *Tx) DropRecords(before time.Time) error {
	_, err := tx.exec("forget epochs", `DELETE FROM secure_epoch WHERE gone = 1 AND expires < ?`, millis(before))
	return err
}

// EpochPayloads are what the opener of an epoch sent.
type EpochPayloads struct {
	Locator secure.Locator
	Record  []byte
	Wraps   map[omega.Fingerprint][]byte // by account; zero: this one
}

// PutEpochPayloads keeps what was sent of an epoch, in case it has to be sent again.
func (tx *Tx) PutEpochPayloads(name secure.Hash, p *EpochPayloads) error {
	what := "store payloads of epoch " + p.Locator.String()
	_, err := tx.exec(what, `UPDATE secure_epoch SET record = ? WHERE name = ?`, blob(p.Record), name[:])
	for account, payload := range p.Wraps {
		if err != nil {
			return err
		}
		_, err = tx.exec(what, `INSERT INTO secure_wrap (epoch, account, payload) VALUES (?, ?, ?)`, name[:], address(account), blob(payload))
	}
	return err
}

// EpochPayloads returns those of an epoch, with the wraps for one account, zero for this
// one; nil if this device did not open it, or not for that account.
func (tx *Tx) EpochPayloads(name secure.Hash, account omega.Fingerprint) (*EpochPayloads, error) {
	p := &EpochPayloads{}
	var locator, wraps []byte
	err := tx.row("read payloads of an epoch", `SELECT e.locator, e.record, w.payload FROM secure_epoch e JOIN secure_wrap w ON w.epoch = e.name
		WHERE e.name = ? AND e.record <> x'' AND w.account = ?`, []any{name[:], address(account)}, &locator, &p.Record, &wraps)
	switch {
	case notFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	p.Wraps = map[omega.Fingerprint][]byte{account: wraps}
	return p, fill(p.Locator[:], locator)
}

// TellPrekey keeps a prekey that a device told, if it is its newest in that chat.
func (tx *Tx) TellPrekey(c omega.ChatID, device omega.Fingerprint, p *secure.Prekey) error {
	_, err := tx.exec("store a prekey of "+device.String(), `INSERT INTO secure_told (chat, device, made, prekey) VALUES (?, ?, ?, ?)
		ON CONFLICT (chat, device) DO UPDATE SET made = excluded.made, prekey = excluded.prekey, used = 0 WHERE excluded.made > made`,
		c[:], address(device), millis(p.Made), p.Marshal())
	return err
}

// ToldPrekeys returns those of a chat that this device has not wrapped for.
func (tx *Tx) ToldPrekeys(c omega.ChatID) (map[omega.Fingerprint]*secure.Prekey, error) {
	out := map[omega.Fingerprint]*secure.Prekey{}
	err := tx.rows("read prekeys", `SELECT device, prekey FROM secure_told WHERE chat = ? AND used = 0`, []any{c[:]}, func(scan func(...any) error) error {
		var device, b []byte
		if err := scan(&device, &b); err != nil {
			return err
		}
		fp, err := readAddress(device)
		if err != nil {
			return err
		}
		out[fp], err = secure.ParsePrekey(b)
		return err
	})
	return out, err
}

// SpendPrekeys notes that this device wrapped for the prekeys that are told in a chat.
func (tx *Tx) SpendPrekeys(c omega.ChatID) error {
	_, err := tx.exec("note prekeys", `UPDATE secure_told SET used = 1 WHERE chat = ?`, c[:])
	return err
}

// ForgetSecure forgets what prekeys were told in a chat, by others and by this device.
func (tx *Tx) ForgetSecure(c omega.ChatID) error {
	if _, err := tx.exec("forget prekeys", `DELETE FROM secure_told WHERE chat = ?`, c[:]); err != nil {
		return err
	}
	_, err := tx.exec("destroy prekeys", `DELETE FROM prekey WHERE chat = ?`, c[:])
	return err
}

// Checkpoint writes what the log holds into the database and cuts the log off, so
// that nothing is left in it of what was overwritten. It reports false where somebody
// reads in it: then it is to be repeated, and is not waited for, since it is the writer
// that would wait.
func (db *DB) Checkpoint(ctx context.Context) (done bool, err error) {
	if db.readers == db.writer {
		return true, nil // there is no log
	}
	err = db.run(ctx, db.writer, func(s *session) (err error) {
		if err := s.patience(ctx, 0); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.patience(context.WithoutCancel(ctx), busyTimeout)) }()
		var busy, pages, moved int
		err = s.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
		if err != nil {
			return fmt.Errorf("cut off the log of %s: %w", db.path, wrap(err))
		}
		done = busy == 0
		return nil
	})
	return done, err
}

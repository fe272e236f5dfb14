package history

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/media"
)

// PutSetting keeps a setting of the account, if it wins, and lets it have its
// effect on messages that are here and on those that come. It reports whether
// anything changed.
func (tx *Tx) PutSetting(s *chat.Setting) (bool, error) {
	what := "store setting " + s.Name
	n, err := tx.exec(what, `INSERT INTO register (name, subject, value, version, time, device) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (name, subject) DO UPDATE SET value = excluded.value, version = excluded.version, time = excluded.time, device = excluded.device
		WHERE (excluded.version, excluded.time, excluded.device, excluded.value) > (version, time, device, value)`,
		s.Name, blob(s.Subject), blob(s.Value), int64(s.Stamp.Version), millis(s.Stamp.Time), address(s.Stamp.Device))
	if err != nil || n == 0 {
		return false, err
	}
	switch s.Name {
	case chat.SettingRead:
		err = tx.readUpTo(what, s)
	case chat.SettingHidden:
		err = tx.hide(s)
	case chat.SettingStickers:
		if len(s.Value) == 0 && len(s.Subject) == len(media.Hash{}) {
			err = tx.RemovePack(media.Hash(s.Subject))
		}
	}
	return true, err
}

// NextSetting returns the version of what is said next of a setting.
func (tx *Tx) NextSetting(name string, subject []byte) (uint32, error) {
	var version int64
	err := tx.row("read setting "+name, `SELECT min(coalesce(max(version), 0) + 1, 4294967295) FROM register WHERE name = ? AND subject = ?`,
		[]any{name, blob(subject)}, &version)
	return uint32(version), err
}

// ReadUpTo returns up to which sequence a device's messages in a chat were read
// on any device of this account.
func (tx *Tx) ReadUpTo(c omega.ChatID, device omega.Fingerprint) (uint32, error) {
	var version int64
	mark := chat.ReadMark(c, device, 0)
	err := tx.row("read setting read", `SELECT coalesce(max(version), 0) FROM register WHERE name = ? AND subject = ?`,
		[]any{mark.Name, mark.Subject}, &version)
	return uint32(version), err
}

// readUpTo counts messages as read, on whichever device that was.
func (tx *Tx) readUpTo(what string, s *chat.Setting) error {
	c, device, sequence, ok := s.ReadMarkOf()
	if !ok {
		return nil
	}
	n, err := tx.exec(what, `UPDATE message SET read = 1 WHERE chat = (SELECT number FROM chat WHERE id = ?) AND sequence BETWEEN 1 AND ?
		AND device = ? AND own = 0 AND read = 0 AND printed = 0 AND shown = 1 AND verified = 1`, c[:], int64(sequence), address(device))
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.exec(what, `UPDATE chat SET unread = max(0, unread - ?) WHERE id = ?`, n, c[:])
	return err
}

// wasRead reports whether a message that comes now was read before on another
// device of the account.
func (tx *Tx) wasRead(r *Row) (bool, error) {
	if r.Own || !r.Verified {
		return false, nil
	}
	upTo, err := tx.ReadUpTo(r.Chat, r.Device)
	return r.Sequence <= upTo, err
}

// Unread returns, by device, up to which sequence the messages of a chat go that
// were not read.
func (tx *Tx) Unread(c omega.ChatID) (map[omega.Fingerprint]uint32, error) {
	out := map[omega.Fingerprint]uint32{}
	err := tx.rows("read unread messages", `SELECT device, max(sequence) FROM message WHERE +chat = (SELECT number FROM chat WHERE id = ?)
		AND printed = 0 AND own = 0 AND shown > 0 AND read = 0 AND +shown = 1 AND verified = 1 GROUP BY device`, []any{c[:]}, func(scan func(...any) error) error {
		var device []byte
		var sequence int64
		if err := scan(&device, &sequence); err != nil {
			return err
		}
		fp, err := readAddress(device)
		out[fp] = uint32(sequence)
		return err
	})
	return out, err
}

// hide deletes a message for this account. In a chat that is not here it waits
// until that begins (hideIn).
func (tx *Tx) hide(s *chat.Setting) error {
	var c omega.ChatID
	var target chat.Link
	if len(s.Subject) != len(c)+len(target) || len(s.Value) == 0 {
		return nil
	}
	copy(c[:], s.Subject)
	copy(target[:], s.Subject[len(c):])
	mark := &chat.Mark{Chat: c, Target: target, Kind: chat.MarkHide, Account: omega.Fingerprint{}, Stamp: s.Stamp}
	err := tx.PutMark(mark, omega.Fingerprint{})
	if notFound(err) {
		return nil
	}
	return err
}

// hideIn lets settings about messages of a chat that is new here have their
// effect.
func (tx *Tx) hideIn(c omega.ChatID) error {
	list, err := tx.settings(`WHERE name = ? AND subject >= ? AND subject < ?`, chat.SettingHidden, c[:], next(c[:]))
	for i := range list {
		if err == nil {
			err = tx.hide(&list[i])
		}
	}
	return err
}

// next is the lowest value above all that begin with b.
func next(b []byte) []byte {
	out := append([]byte(nil), b...)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i]++; out[i] != 0 {
			return out[:i+1]
		}
	}
	return append(append([]byte(nil), b...), 0xff)
}

// SettingsAfter returns at most n settings in order of name and subject, behind
// the one that is given; nil: from the first on.
func (tx *Tx) SettingsAfter(after *chat.Setting, n int) ([]chat.Setting, error) {
	if after == nil {
		after = &chat.Setting{}
	}
	return tx.settings(`WHERE (name, subject) > (?, ?) ORDER BY name, subject LIMIT ?`, after.Name, blob(after.Subject), n)
}

// SettingsOf returns those with a name that are set.
func (tx *Tx) SettingsOf(name string) ([]chat.Setting, error) {
	return tx.settings(`WHERE name = ? AND value <> x''`, name)
}

func (tx *Tx) settings(where string, args ...any) (out []chat.Setting, err error) {
	err = tx.rows("read settings", `SELECT name, subject, value, version, time, device FROM register `+where, args, func(scan func(...any) error) error {
		var s chat.Setting
		var version, at int64
		var device []byte
		if err := scan(&s.Name, &s.Subject, &s.Value, &version, &at, &device); err != nil {
			return err
		}
		fp, err := readAddress(device)
		s.Stamp = chat.Stamp{Version: uint32(version), Time: readTime(at), Device: fp}
		out = append(out, s)
		return err
	})
	return out, err
}

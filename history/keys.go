package history

import (
	"context"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// A keyCache holds keys that were read in writing transactions, parsed: in a
// busy chat every message needs the same one. Only whoever may write uses it,
// and a transaction that fails clears it.
type keyCache map[chat.Locator][]*chat.Key

// maxCachedKeys bounds it; beyond that it starts anew.
const maxCachedKeys = 256

// Sender returns the state of this device in a chat; zero but for Chat before
// the first message.
func (tx *Tx) Sender(c omega.ChatID) (chat.SenderState, error) {
	what := "read sender of chat " + c.String()
	var b []byte
	err := tx.row(what, `SELECT state FROM sender WHERE chat = ?`, []any{c[:]}, &b)
	if notFound(err) {
		return chat.SenderState{Chat: c}, nil
	}
	if err != nil {
		return chat.SenderState{}, err
	}
	s, err := chat.UnmarshalSenderState(b)
	if err != nil {
		return s, fmt.Errorf("%s: %w (%w)", what, ErrDamaged, err)
	}
	return s, nil
}

// Senders returns the states of this device in all chats in which it has sent.
func (tx *Tx) Senders() (out []chat.SenderState, err error) {
	const what = "read senders"
	err = tx.rows(what, `SELECT state FROM sender ORDER BY chat`, nil, func(scan func(...any) error) error {
		var b []byte
		if err := scan(&b); err != nil {
			return err
		}
		s, err := chat.UnmarshalSenderState(b)
		if err != nil {
			return fmt.Errorf("%s: %w (%w)", what, ErrDamaged, err)
		}
		out = append(out, s)
		return nil
	})
	return out, err
}

// PutSender stores the state of this device in a chat: in the transaction that
// stores the message that moved it.
func (tx *Tx) PutSender(s chat.SenderState) error {
	_, err := tx.exec("store sender of chat "+s.Chat.String(), `INSERT INTO sender (chat, state) VALUES (?, ?)
		ON CONFLICT (chat) DO UPDATE SET state = excluded.state`, s.Chat[:], s.Marshal())
	return err
}

// Keys implements chat.Store.
func (tx *Tx) Keys(_ context.Context, l chat.Locator) (out []*chat.Key, err error) {
	if cached, ok := tx.keys[l]; ok {
		return slices.Clone(cached), nil
	}
	what := "read keys " + l.String()
	err = tx.rows(what, `SELECT state FROM sending_key WHERE locator = ? ORDER BY device, commitment`, []any{l[:]},
		func(scan func(...any) error) error {
			var b []byte
			if err := scan(&b); err != nil {
				return err
			}
			k, err := chat.UnmarshalKey(b)
			if err != nil {
				return fmt.Errorf("%w (%w)", ErrDamaged, err)
			}
			out = append(out, k)
			return nil
		})
	if err == nil && tx.keys != nil && len(out) > 0 {
		if len(tx.keys) >= maxCachedKeys {
			clear(tx.keys)
		}
		tx.keys[l] = slices.Clone(out)
	}
	return out, err
}

// PutKey implements chat.Store.
func (tx *Tx) PutKey(_ context.Context, k *chat.Key) error {
	delete(tx.keys, k.Locator)
	_, err := tx.exec("store key "+k.Locator.String(), `INSERT INTO sending_key (locator, device, commitment, chat, state) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (locator, device, commitment) DO UPDATE SET chat = excluded.chat, state = excluded.state`,
		k.Locator[:], address(k.Device), k.Commitment[:], k.Chat[:], k.Marshal())
	return err
}

// Track implements chat.Store.
func (tx *Tx) Track(_ context.Context, c omega.ChatID, device omega.Fingerprint) (*chat.Track, error) {
	what := "read track of device " + device.String()
	var b []byte
	err := tx.row(what, `SELECT track FROM lane WHERE chat = ? AND device = ?`, []any{c[:], address(device)}, &b)
	if notFound(err) {
		return &chat.Track{Chat: c, Device: device}, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := chat.UnmarshalTrack(c, device, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (%w)", what, ErrDamaged, err)
	}
	return t, nil
}

// PutTrack implements chat.Store.
func (tx *Tx) PutTrack(_ context.Context, t *chat.Track, s *chat.Sighting) error {
	what := "store track of device " + t.Device.String()
	if _, err := tx.exec(what, `INSERT INTO lane (chat, device, track, missing) VALUES (?, ?, ?, ?)
		ON CONFLICT (chat, device) DO UPDATE SET track = excluded.track, missing = excluded.missing`,
		t.Chat[:], address(t.Device), t.Marshal(), len(t.Wanted())); err != nil || s == nil {
		return err
	}
	_, err := tx.exec(what, `INSERT INTO seen (lane, sequence, link, previous, time, signature)
		SELECT number, ?, ?, ?, ?, ? FROM lane WHERE chat = ? AND device = ?`,
		int64(s.Sequence), s.Link[:], s.Previous[:], s.Time, s.Signature[:], t.Chat[:], address(t.Device))
	return err
}

// Seen implements chat.Store.
func (tx *Tx) Seen(_ context.Context, c omega.ChatID, device omega.Fingerprint, seq uint32) (*chat.Sighting, error) {
	what := fmt.Sprintf("look up message %d of device %s", seq, device)
	s := &chat.Sighting{Sequence: seq}
	var link, previous, signature []byte
	err := tx.row(what, `SELECT s.link, s.previous, s.time, s.signature FROM seen s JOIN lane l ON l.number = s.lane
		WHERE l.chat = ? AND l.device = ? AND s.sequence = ?`, []any{c[:], address(device), int64(seq)}, &link, &previous, &s.Time, &signature)
	if notFound(err) {
		return nil, nil
	}
	for _, f := range []struct{ dst, src []byte }{{s.Link[:], link}, {s.Previous[:], previous}, {s.Signature[:], signature}} {
		if err != nil {
			return nil, err
		}
		err = fill(f.dst, f.src)
	}
	return s, err
}

// SignatureSeen implements chat.Store. It reads all sightings of the device.
func (tx *Tx) SignatureSeen(_ context.Context, c omega.ChatID, device omega.Fingerprint, sig [16]byte) (seen bool, err error) {
	err = tx.row("look up signature", `SELECT EXISTS (SELECT 1 FROM seen s JOIN lane l ON l.number = s.lane
		WHERE l.chat = ? AND l.device = ? AND s.signature = ?)`, []any{c[:], address(device), sig[:]}, &seen)
	return seen, err
}

// Gaps returns at most n tracks that miss something.
func (tx *Tx) Gaps(n int) (out []chat.Track, err error) {
	err = tx.rows("read gaps", `SELECT chat, device, track FROM lane WHERE missing > 0 ORDER BY number LIMIT ?`, []any{n},
		func(scan func(...any) error) error {
			var c omega.ChatID
			var id, device, b []byte
			if err := scan(&id, &device, &b); err != nil {
				return err
			}
			if err := fill(c[:], id); err != nil {
				return err
			}
			d, err := readAddress(device)
			if err != nil {
				return err
			}
			t, err := chat.UnmarshalTrack(c, d, b)
			if err != nil {
				return fmt.Errorf("%w (%w)", ErrDamaged, err)
			}
			out = append(out, *t)
			return nil
		})
	return out, err
}

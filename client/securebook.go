package client

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/history"
)

// A secureBook is what this device has of a secure chat, for one transaction. Whoever
// changes it stores it in that.
type secureBook struct {
	*secure.Book
	room room
	me   omega.Fingerprint // this account
	chat history.SecureChat
	shut map[secure.Hash]bool // epochs that this device does not send in any more

	was    map[secure.Hash]history.SecureEpoch // as they are stored
	before history.SecureChat                  // the same
	stored bool                                // it is
}

// same reports whether nothing has to be stored of a chat.
func same(a, b *history.SecureChat) bool {
	return a.Opened.Equal(b.Opened) && a.Classic == b.Classic && a.Asked.Equal(b.Asked) && a.Ended.Equal(b.Ended) && slices.Equal(a.Ahead, b.Ahead)
}

// secureBookOf reads a secure chat, or begins one.
func (c *Client) secureBookOf(tx *history.Tx, r room) (*secureBook, error) {
	id := r.chat
	b := &secureBook{
		room: r, me: c.acc.Fingerprint,
		Book: &secure.Book{Chat: id, Device: c.acc.Device, Gone: map[secure.Hash]*secure.Record{}},
		chat: history.SecureChat{Chat: id, Peer: r.peer, Group: r.group}, shut: map[secure.Hash]bool{}, was: map[secure.Hash]history.SecureEpoch{},
	}
	stored, err := tx.SecureChat(id)
	switch {
	case errors.Is(err, history.ErrNotFound):
		return b, nil
	case err != nil:
		return nil, err
	}
	b.chat, b.before, b.stored, b.Opened, b.Ahead = *stored, *stored, true, stored.Opened, slices.Clone(stored.Ahead)
	epochs, err := tx.SecureEpochs(id)
	if err != nil {
		return nil, err
	}
	for _, e := range epochs {
		if err := b.read(&e, &c.records); err != nil {
			return nil, fmt.Errorf("%w (epoch %s: %w)", history.ErrDamaged, e.Locator, err)
		}
	}
	return b, nil
}

func (b *secureBook) read(e *history.SecureEpoch, known *recordCache) error {
	b.was[e.Name] = *e
	if e.Gone {
		r, err := secure.UnmarshalRecord(e.State, known.get(e.Name))
		b.Gone[e.Name] = r
		known.put(r, err)
		return err
	}
	if e.Shut {
		b.shut[e.Name] = true
	}
	epoch, err := secure.Unmarshal(e.State, known.get(e.Name))
	if err != nil {
		return err
	}
	b.Epochs = append(b.Epochs, epoch)
	known.put(epoch.Record, nil)
	return nil
}

// maxRecords bounds a recordCache: a record has up to 64 KiB.
const maxRecords = 256

// A recordCache has records of epochs that were read, which never change and hold no
// secret: every message of a chat needs those of all its epochs.
type recordCache struct {
	mu   sync.Mutex
	list map[secure.Hash]*secure.Record
}

// get returns the record of a name, or nil.
func (k *recordCache) get(name secure.Hash) *secure.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.list[name]
}

// put keeps a record that was read without an error. Where there are too many some
// other one goes.
func (k *recordCache) put(r *secure.Record, err error) {
	if err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.list == nil {
		k.list = map[secure.Hash]*secure.Record{}
	}
	if _, known := k.list[r.Hash()]; !known && len(k.list) >= maxRecords {
		for name := range k.list {
			delete(k.list, name)
			break
		}
	}
	k.list[r.Hash()] = r
}

// store keeps what changed, and destroys what is of no use any more. It reports
// whether a key was overwritten.
func (b *secureBook) store(tx *history.Tx, now time.Time) (spent bool, err error) {
	locators := map[secure.Hash]secure.Locator{}
	for _, e := range b.Epochs {
		locators[e.Record.Hash()] = e.Locator()
	}
	b.Sweep(now)
	if !b.chat.Ended.IsZero() {
		b.End(func(e *secure.Epoch) bool { return b.shut[e.Record.Hash()] && len(e.Gaps(b.Device)) == 0 })
	}
	b.chat.Opened, b.chat.Ahead = b.Opened, b.Ahead
	if !b.stored || !same(&b.chat, &b.before) {
		if err := tx.PutSecureChat(&b.chat); err != nil {
			return false, err
		}
	}
	for _, e := range b.Epochs {
		row := history.SecureEpoch{Chat: b.Chat, Locator: e.Locator(), State: e.Marshal()}
		changed, err := b.put(tx, e.Record, row)
		if err != nil {
			return false, err
		}
		spent = spent || changed
	}
	for name, r := range b.Gone {
		locator, fresh := locators[name]
		if old, stored := b.was[name]; stored {
			locator, fresh = old.Locator, !old.Gone
		}
		if fresh {
			if _, err := b.put(tx, r, history.SecureEpoch{Chat: b.Chat, Locator: locator, Gone: true, State: r.Marshal()}); err != nil {
				return false, err
			}
			spent = true
		}
	}
	return spent, nil
}

func (b *secureBook) put(tx *history.Tx, r *secure.Record, row history.SecureEpoch) (changed bool, err error) {
	row.Name, row.Expires, row.Shut = r.Hash(), r.Expires, b.shut[r.Hash()]
	old, stored := b.was[row.Name]
	if stored && old.Gone == row.Gone && old.Shut == row.Shut && bytes.Equal(old.State, row.State) {
		return false, nil
	}
	b.was[row.Name] = row
	return stored, tx.PutSecureEpoch(&row)
}

// noKeysFor is for how long a device that had no key is not asked for again.
const noKeysFor = secure.OpenPause

// sending is the epoch to send in; secure.ErrEnded says that one must be opened.
// (spec/secure.md, SEC-17)
func (b *secureBook) sending(a *audience, now time.Time) (*secure.Epoch, error) {
	e, err := b.Sending(b.view(a, a.devices), now)
	if err == nil || b.chat.Asked.IsZero() || !young(now, b.chat.Asked, noKeysFor) {
		return e, err
	}
	return b.least(a, now)
}

// least is an epoch to send in that lacks some of the devices, and lists no others.
func (b *secureBook) least(a *audience, now time.Time) (*secure.Epoch, error) {
	e, err := b.some(a, now)
	if err == nil && !slices.ContainsFunc(e.Record.Members, func(m secure.Member) bool { return b.others(m.Account) }) {
		return nil, secure.ErrEnded
	}
	return e, err
}

// some is least, also where nobody but this account is in the epoch.
func (b *secureBook) some(a *audience, now time.Time) (*secure.Epoch, error) {
	for _, leaf := range b.Epochs {
		in := slices.DeleteFunc(slices.Clone(a.devices), func(d secureDevice) bool { return leaf.Record.Index(d.fp()) < 0 })
		if len(in) == len(a.devices) || len(in) == 0 {
			continue
		}
		if e, err := b.Sending(b.view(a, in), now); err == nil {
			return e, nil
		}
	}
	return nil, secure.ErrEnded
}

// others reports whether a device of an account is somebody to write to.
func (b *secureBook) others(account omega.Fingerprint) bool {
	return account != b.me
}

func (b *secureBook) view(a *audience, devices []secureDevice) *secure.View {
	v := &secure.View{Devices: map[omega.Fingerprint]bool{}, Owners: a.owners, Avoid: b.shut}
	for _, d := range devices {
		v.Devices[d.fp()] = true
	}
	return v
}

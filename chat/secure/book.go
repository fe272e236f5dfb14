package secure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// OpenPause is how long a device waits before it opens another epoch, unless
// somebody left or was added, or there is none that it can send in any more. (spec/secure.md, SEC-6)
const OpenPause = 10 * time.Minute

// ErrKnown says that an epoch is here, or was and has been destroyed: what comes of
// it again is a replay.
var ErrKnown = errors.New("epoch is known already")

// A Book is what one device has of one chat: its epochs, and the records of those that
// it destroyed. It is used by one goroutine at a time; the caller stores each epoch
// and each record, and overwrites what is destroyed.
type Book struct {
	Chat   omega.ChatID
	Device omega.Fingerprint // whose book it is
	Epochs []*Epoch          // in any order
	Gone   map[Hash]*Record  // destroyed, while they could still be shown again
	Opened time.Time         // when Device opened an epoch last; zero: never
	Ahead  []Told            // of epochs that have not come; at most maxAhead, the oldest first
	Tries  int               // epochs that payloads were tried with
}

// A Told is a count that a device told.
type Told struct {
	Device omega.Fingerprint
	Count
}

// maxAhead bounds Book.Ahead. Where more would have to be kept, an epoch is destroyed by
// its age instead.
const maxAhead = 512

// known are the records of all epochs that are here or were.
func (b *Book) known() (out []*Record) {
	for _, e := range b.Epochs {
		out = append(out, e.Record)
	}
	for _, r := range b.Gone {
		out = append(out, r)
	}
	return out
}

// leaves are the epochs that are here and have no child.
func (b *Book) leaves() []*Record {
	parents := map[Hash]bool{}
	for _, r := range b.known() {
		for _, p := range r.Parents {
			parents[p] = true
		}
	}
	var out []*Record
	for _, e := range b.Epochs {
		if !parents[e.Record.hash] {
			out = append(out, e.Record)
		}
	}
	return out
}

// Epoch returns the one of a name; nil if it is not here.
func (b *Book) Epoch(name Hash) *Epoch {
	for _, e := range b.Epochs {
		if e.Record.hash == name {
			return e
		}
	}
	return nil
}

// Add takes in an epoch that was accepted and whose signature was verified, or that
// this device opened. It refuses what is not of this chat, what is known or was, what
// nothing can belong to any more, and a number that is not its parents' next. Whether
// the members are the chat's is for the caller to say.
func (b *Book) Add(e *Epoch, now time.Time) error {
	r := e.Record
	_, gone := b.Gone[r.hash]
	switch {
	case r.Chat != b.Chat:
		return malformed("epoch %s is of chat %x", r.hash, r.Chat[:])
	case gone || b.Epoch(r.hash) != nil:
		return fmt.Errorf("epoch %s: %w", r.hash, ErrKnown)
	case e.Dead(now):
		return fmt.Errorf("epoch %s: %w at %s", r.hash, ErrEnded, r.Expires.Format(time.RFC3339))
	case r.Time.Sub(now) > omega.ClockTolerance:
		return malformed("epoch %s of %s", r.hash, r.Time)
	}
	highest, known := uint32(0), 0
	for _, p := range b.known() {
		if slices.Contains(r.Parents, p.hash) {
			highest, known = max(highest, p.Epoch), known+1
		}
	}
	if known > 0 && (r.Epoch <= highest || known == len(r.Parents) && r.Epoch != highest+1) {
		return malformed("epoch %s has number %d after %d", r.hash, r.Epoch, highest)
	}
	b.Epochs = append(b.Epochs, e)
	b.Ahead = slices.DeleteFunc(b.Ahead, func(t Told) bool {
		if t.Epoch != r.hash {
			return false
		}
		e.stateCount(t.Device, t.Sent)
		return true
	})
	if r.Device == b.Device && r.Time.After(b.Opened) {
		b.Opened = r.Time
	}
	return nil
}

// Sending returns the epoch to send in now; ErrEnded says that one must be opened.
// (spec/secure.md, SEC-6)
func (b *Book) Sending(v *View, now time.Time) (*Epoch, error) {
	r := Choose(b.leaves(), v)
	if r == nil {
		return nil, fmt.Errorf("no epoch for all devices of the chat, and for no others: %w", ErrEnded)
	}
	e := b.Epoch(r.hash)
	return e, e.Open(b.Device, now)
}

// Next returns the number and the parents of the epoch that the device may open now,
// or until when it has to wait. v has only devices for which there is a key, or that
// had one.
func (b *Book) Next(v *View, now time.Time) (number uint32, parents []Hash, wait time.Time) {
	leaves := Leaves(b.leaves())
	free := len(leaves) == 0
	for _, r := range leaves {
		free = free || v.strangers(r) > 0 || len(r.Devices()) < len(v.Devices) || v.Avoid[r.hash] || b.Epoch(r.hash).Sent(b.Device) >= r.Limit
		parents = append(parents, r.hash)
		number = max(number, r.Epoch+1)
	}
	if until := b.Opened.Add(OpenPause); !b.Opened.IsZero() && !free && now.Before(until) && !now.Before(b.Opened) {
		return 0, nil, until
	}
	return number, parents, time.Time{}
}

// Read opens a payload with the epoch that it is of, which lists the account that sent it,
// as servers say; zero: one of any. ErrUnsealed says that none here
// has it: it may come.
func (b *Book) Read(sender omega.Fingerprint, payload []byte, id omega.ID, find FindKey) (*Message, *Epoch, error) {
	for _, e := range b.Epochs {
		if !sender.IsZero() && !e.Record.Has(sender) {
			continue
		}
		b.Tries++
		m, err := e.OpenMessage(payload, id, find)
		if errors.Is(err, ErrUnsealed) {
			continue
		}
		if err == nil {
			b.state(m)
		}
		return m, e, err
	}
	return nil, nil, fmt.Errorf("secure chat %x: %w", b.Chat[:], ErrUnsealed)
}

// state notes what a first message says of other epochs.
func (b *Book) state(m *Message) {
	defer func() { b.Ahead = slices.Delete(b.Ahead, 0, max(0, len(b.Ahead)-maxAhead)) }()
	for _, c := range m.Sent {
		if e := b.Epoch(c.Epoch); e != nil {
			e.stateCount(m.Device, c.Sent)
		} else if b.Gone[c.Epoch] == nil {
			b.Ahead = append(b.Ahead, Told{m.Device, c})
		}
	}
}

// Seal makes the payload of the device's next message in an epoch of the book, signed
// by s. The first in an epoch says what the device sent in those that it does not send
// in any more, where it has not said so yet. What changed, of those too, is stored
// before the payload is sent.
func (b *Book) Seal(ctx context.Context, s pgp.Signer, e *Epoch, m *Message) ([]byte, error) {
	m.Sent = nil
	if e.Sent(b.Device) == 0 {
		m.Sent = b.untold(e)
	}
	payload, err := e.SealMessage(ctx, s, m)
	if err == nil {
		b.stateOwn(m)
	}
	return payload, err
}

func (b *Book) stateOwn(m *Message) {
	m.Device = b.Device
	b.state(m)
}

// untold lists the counts that the device has not told: of the epochs with a child,
// those that end first.
func (b *Book) untold(but *Epoch) (out []Count) {
	old := slices.Clone(b.Epochs)
	slices.SortFunc(old, func(x, y *Epoch) int { return x.Record.Expires.Compare(y.Record.Expires) })
	leaves := b.leaves()
	for _, e := range old {
		i := e.Record.Index(b.Device)
		if i < 0 || e == but || e.chains[i].told || slices.Contains(leaves, e.Record) || len(out) == MaxCounts {
			continue
		}
		out = append(out, Count{e.Record.hash, e.chains[i].next})
	}
	slices.SortFunc(out, func(x, y Count) int { return compareHash(x.Epoch, y.Epoch) })
	return out
}

// Sweep destroys the epochs that are of no use any more and returns their names;
// what was stored of them is the caller's to overwrite. (spec/secure.md, SEC-7)
func (b *Book) Sweep(now time.Time) (destroyed []Hash) {
	destroyed = b.End(func(e *Epoch) bool { return e.Dead(now) || b.done(e) })
	for name, r := range b.Gone {
		if now.After(r.Expires.Add(Grave)) {
			delete(b.Gone, name) // Add refuses it for its age from now on
		}
	}
	return destroyed
}

// End destroys those of the epochs that which agrees to, and returns their names.
func (b *Book) End(which func(*Epoch) bool) (destroyed []Hash) {
	b.Epochs = slices.DeleteFunc(b.Epochs, func(e *Epoch) bool {
		if !which(e) {
			return false
		}
		if b.Gone == nil {
			b.Gone = map[Hash]*Record{}
		}
		b.Gone[e.Record.hash] = e.Record
		destroyed = append(destroyed, e.Record.hash)
		e.Destroy()
		return true
	})
	return destroyed
}

// done reports whether a child is here, every device of e that is in a child, this one
// too, has said what it sent, and all of that has been read.
func (b *Book) done(e *Epoch) bool {
	follows := map[omega.Fingerprint]bool{}
	child := false
	for _, r := range b.known() {
		if slices.Contains(r.Parents, e.Record.hash) {
			child = true
			for _, m := range r.Members {
				for _, d := range m.Devices {
					follows[d.Signing] = true
				}
			}
		}
	}
	if !child {
		return false
	}
	counts := map[omega.Fingerprint]uint32{}
	for i, d := range e.devices {
		if !follows[d.Signing] {
			continue
		}
		if !e.chains[i].told {
			return false
		}
		counts[d.Signing] = e.chains[i].sent
	}
	return e.Drained(counts)
}

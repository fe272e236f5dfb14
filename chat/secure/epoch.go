package secure

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// An Epoch is what a device has of an epoch: its record and the keys that are
// left. The secret itself is gone once the chains are made. It is used by one
// goroutine at a time; whoever changes it stores Marshal's octets before
// anything is sent or shown, and overwrites the older ones.
type Epoch struct {
	Record *Record

	keys    keys
	chains  []chain // by index of the device
	devices []Device
}

// A chain is what is left of the message keys of one device.
type chain struct {
	key     [32]byte // of the number next
	next    uint32
	skipped map[uint32][32]byte // message keys of numbers below next
	told    bool                // the device has said, in a child, how many messages it sent
	sent    uint32              // and that many
}

// A seat is the place of a message: index of the device and number.
type seat struct {
	index  int
	number uint32
}

func newEpoch(rec *Record, secret Secret) (*Epoch, error) {
	e := &Epoch{Record: rec, devices: rec.Devices()}
	var err error
	if e.keys, err = secret.keys(); err != nil {
		return nil, err
	}
	e.chains = make([]chain, len(e.devices))
	for i, d := range e.devices {
		if e.chains[i].key, err = secret.chain(d.Signing); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Locator names the epoch in clear parts.
func (e *Epoch) Locator() Locator { return e.keys.locator }

// Format names the epoch and keeps every verb away from the keys.
func (e *Epoch) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "Epoch("+e.keys.locator.String()+", hidden)")
}

// Open reports whether the device may still send at now: nil or ErrEnded.
func (e *Epoch) Open(device omega.Fingerprint, now time.Time) error {
	i := e.Record.Index(device)
	switch {
	case i < 0:
		return fmt.Errorf("device %s is not in epoch %s: %w", device, e.Record.hash, ErrEnded)
	case now.After(e.Record.Expires):
		return fmt.Errorf("epoch %s: %w at %s", e.Record.hash, ErrEnded, e.Record.Expires.Format(time.RFC3339))
	case e.chains[i].next >= e.Record.Limit:
		return fmt.Errorf("epoch %s: %w after %d messages", e.Record.hash, ErrEnded, e.Record.Limit)
	}
	return nil
}

// Sent is how many messages the device has sent, as far as is known here.
func (e *Epoch) Sent(device omega.Fingerprint) uint32 {
	if i := e.Record.Index(device); i >= 0 {
		return e.chains[i].next
	}
	return 0
}

// Drained reports whether everything that the devices in counts say that they
// sent has been opened. (spec/secure.md, SEC-7)
func (e *Epoch) Drained(counts map[omega.Fingerprint]uint32) bool {
	for device, count := range counts {
		i := e.Record.Index(device)
		if i < 0 {
			continue
		}
		c := &e.chains[i]
		if c.next < min(count, e.Record.Limit) {
			return false
		}
		for number := range c.skipped {
			if number < count {
				return false
			}
		}
	}
	return true
}

// A Gap is messages of one device that have not come.
type Gap struct {
	Device  omega.Fingerprint
	Numbers []uint32 // ascending
}

// Gaps lists what is missing before numbers that came, and before what devices say
// that they sent; not of the device but.
func (e *Epoch) Gaps(but omega.Fingerprint) (out []Gap) {
	for i, d := range e.devices {
		if d.Signing == but {
			continue
		}
		c := &e.chains[i]
		numbers := slices.Sorted(maps.Keys(c.skipped))
		for n := c.next; c.told && n < c.sent; n++ {
			numbers = append(numbers, n)
		}
		if len(numbers) > 0 {
			out = append(out, Gap{d.Signing, numbers})
		}
	}
	return out
}

// Forget destroys the key of a message that came another way. A number that it
// cannot have changes nothing.
func (e *Epoch) Forget(device omega.Fingerprint, number uint32) {
	i := e.Record.Index(device)
	if i < 0 || number >= e.Record.Limit {
		return
	}
	if key, err := e.chains[i].take(number, e.Record.Limit); err == nil {
		clear(key[:])
	}
}

// stateCount notes how many messages a device says that it sent; the highest count
// stands.
func (e *Epoch) stateCount(device omega.Fingerprint, n uint32) {
	if i := e.Record.Index(device); i >= 0 {
		c := &e.chains[i]
		c.told, c.sent = true, max(c.sent, min(n, e.Record.Limit))
	}
}

// Dead reports whether nothing that can still come belongs to the epoch.
func (e *Epoch) Dead(now time.Time) bool { return now.After(e.Record.Expires.Add(Grave)) }

// Destroy overwrites the keys in memory. What was stored is the caller's to
// overwrite.
func (e *Epoch) Destroy() {
	e.keys = keys{locator: e.keys.locator}
	for i := range e.chains {
		clear(e.chains[i].key[:])
		clear(e.chains[i].skipped)
	}
}

// take returns the message key of a number and destroys it: the key itself and
// every chain key that it could be made from again.
func (c *chain) take(number, limit uint32) ([32]byte, error) {
	if number >= limit {
		return [32]byte{}, malformed("message %d of an epoch for %d", number, limit)
	}
	if number < c.next {
		k, ok := c.skipped[number]
		if !ok {
			return k, ErrUsed
		}
		delete(c.skipped, number)
		return k, nil
	}
	for c.next < number {
		if c.skipped == nil {
			c.skipped = map[uint32][32]byte{}
		}
		at := c.next
		c.skipped[at] = c.step()
	}
	return c.step(), nil
}

// step returns the next message key and moves on.
func (c *chain) step() [32]byte {
	k := mac(c.key, []byte{1})
	c.key = mac(c.key, []byte{2})
	c.next++
	return k
}

// clone is the chain before anything was tried with it.
func (c *chain) clone() chain {
	out := chain{key: c.key, next: c.next, told: c.told, sent: c.sent}
	if len(c.skipped) > 0 {
		out.skipped = make(map[uint32][32]byte, len(c.skipped))
		for n, k := range c.skipped {
			out.skipped[n] = k
		}
	}
	return out
}

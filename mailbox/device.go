package mailbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// SetDevices says which devices of a mailbox must acknowledge mail before it
// is trimmed, at most omega.MaxDevices. Devices that stay keep what they have
// acknowledged, new ones have acknowledged nothing, and none means that mail
// stays until it expires. The set is remembered; it rides on a later commit.
func (s *Store) SetDevices(ctx context.Context, mailbox omega.Fingerprint, devices []omega.Fingerprint) error {
	if len(devices) > omega.MaxDevices {
		return fmt.Errorf("set %d devices: %w", len(devices), ErrTooLarge)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return err
	}
	defer func() { b.pins-- }()
	set := make([]DeviceCursor, 0, len(devices))
	for _, d := range devices {
		if !slices.ContainsFunc(set, func(c DeviceCursor) bool { return c.Device == d }) {
			set = append(set, DeviceCursor{d, b.cursor(d)})
		}
	}
	slices.SortFunc(set, func(x, y DeviceCursor) int { return x.Device.Compare(y.Device) })
	if slices.Equal(set, b.devices) {
		return nil
	}
	b.devices = set
	s.soil(b)
	s.trimAcked(b)
	return nil
}

// Ack notes that a device has all mail of its mailbox up to seq on its own
// stable storage. Acknowledgements only grow; an older one changes nothing.
// What every device has is gone from the mailbox when Ack returns; on stable
// storage that rides on a later commit, so after a crash it may be read again.
func (s *Store) Ack(ctx context.Context, mailbox, device omega.Fingerprint, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq >= s.next {
		return fmt.Errorf("acknowledge %d in mailbox %s: %w", seq, mailbox, ErrSequence)
	}
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return err
	}
	defer func() { b.pins-- }()
	i := slices.IndexFunc(b.devices, func(c DeviceCursor) bool { return c.Device == device })
	if i < 0 {
		return fmt.Errorf("acknowledge %d in mailbox %s: %w", seq, mailbox, ErrNoDevice)
	}
	s.counters.Acks++
	if seq <= b.devices[i].Seq {
		return nil
	}
	b.devices[i].Seq = seq
	s.soil(b)
	s.trimAcked(b)
	return nil
}

// Cursor returns how far a device has acknowledged: 0 when it has not, or is
// not in the mailbox's set.
func (s *Store) Cursor(ctx context.Context, mailbox, device omega.Fingerprint) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return 0, err
	}
	b.pins--
	return b.cursor(device), nil
}

func (b *box) cursor(device omega.Fingerprint) uint64 {
	for _, c := range b.devices {
		if c.Device == device {
			return c.Seq
		}
	}
	return 0
}

// soil has the device set of b written with a later commit. s.mu is held.
func (s *Store) soil(b *box) {
	if !b.dirty {
		b.dirty = true
		b.pins++
		s.dirty = append(s.dirty, b)
	}
}

// trimAcked removes what all devices have. s.mu is held.
func (s *Store) trimAcked(b *box) {
	if len(b.devices) == 0 {
		return
	}
	floor := b.devices[0].Seq
	for _, c := range b.devices[1:] {
		floor = min(floor, c.Seq)
	}
	for b.head < len(b.entries) && b.entries[b.head].Seq <= floor {
		e := b.entries[b.head]
		b.head++
		s.trimmed(b, e)
		s.bury(b, e, e.Expires)
		s.counters.Trimmed++
	}
	if len(s.trims) >= maxTrims {
		s.work.Signal()
	}
}

// trimmed has e, which is no longer among b's entries, removed from the driver
// with a later commit. s.mu is held.
func (s *Store) trimmed(b *box, e Entry) {
	b.removed(e)
	s.trim(b, e)
}

// trim is trimmed for a box that knows nothing of e.
func (s *Store) trim(b *box, e Entry) {
	b.pins++
	s.trimmedFrom = append(s.trimmedFrom, b)
	s.trims = append(s.trims, Trim{b.account, e.Seq, e.Seq < s.unfiled.first(s.next), e.Shared})
	s.totals.Messages--
	s.totals.Bytes -= int64(e.Size)
}

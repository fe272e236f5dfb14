package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
)

// slotKey is where a number of a sponsor's day is.
func slotKey(s keyserver.Slot) []byte {
	b := binary.BigEndian.AppendUint32(key(spaceSlot, s.Sponsor), s.Day)
	return binary.BigEndian.AppendUint32(b, s.Number)
}

// takeSlot notes whose receipt has its number.
func takeSlot(b *db.Batch, item *keyserver.Item) error {
	slot, ok := item.Slot()
	if !ok {
		return nil
	}
	return b.Set(slotKey(slot), item.Fingerprint.Wire(), nil)
}

// Sponsored reads whose receipt has a number.
func (s *Store) Sponsored(_ context.Context, slot keyserver.Slot) (omega.Fingerprint, error) {
	v, err := s.get(slotKey(slot))
	if err != nil {
		return omega.Fingerprint{}, err
	}
	fp, _, err := omega.DecodeFingerprint(v)
	if err != nil {
		return omega.Fingerprint{}, fmt.Errorf("read receipt %d of %s: %w", slot.Number, slot.Sponsor, err)
	}
	return fp, nil
}

// LastSlot finds the last number of a sponsor's day.
func (s *Store) LastSlot(ctx context.Context, sponsor omega.Fingerprint, day uint32) (number uint32, err error) {
	if err := s.guard.Err(); err != nil {
		return 0, err
	}
	it, err := s.db.NewIterWithContext(ctx, &db.IterOptions{
		LowerBound: slotKey(keyserver.Slot{Sponsor: sponsor, Day: day}),
		UpperBound: slotKey(keyserver.Slot{Sponsor: sponsor, Day: day + 1}),
	})
	if err != nil {
		return 0, fmt.Errorf("last receipt of %s: %w", sponsor, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		return 0, nil
	}
	k := it.Key()
	return binary.BigEndian.Uint32(k[len(k)-4:]), nil
}

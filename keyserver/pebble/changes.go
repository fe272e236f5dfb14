package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega/keyserver"
)

// dayKey is where a day's changes begin.
func dayKey(day uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{spaceChange}, day)
}

func changeKey(item *keyserver.Item) []byte {
	prefix := keyserver.Prefix(item.Fingerprint)
	return append(dayKey(keyserver.Day(item.Changed)), prefix[:]...)
}

// noteChange notes that an item changed on its day.
func noteChange(b *db.Batch, item *keyserver.Item) error {
	if item.Changed.IsZero() {
		return nil
	}
	return b.Set(changeKey(item), nil, nil)
}

// ChangedOn reads the prefixes of one day.
func (s *Store) ChangedOn(ctx context.Context, day time.Time, fn func([4]byte) error) (err error) {
	if err := s.guard.Err(); err != nil {
		return err
	}
	n := keyserver.Day(day)
	it, err := s.db.NewIterWithContext(ctx, &db.IterOptions{LowerBound: dayKey(n), UpperBound: dayKey(n + 1)})
	if err != nil {
		return fmt.Errorf("list changes of day %d: %w", n, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		k := it.Key()
		if len(k) != 9 {
			return fmt.Errorf("list changes of day %d: damaged key %x", n, k)
		}
		if err := fn([4]byte(k[5:])); err != nil {
			return err
		}
	}
	return nil
}

// ForgetChanges drops the days before the one given. It need not be on stable
// storage: what comes back is dropped another day.
func (s *Store) ForgetChanges(_ context.Context, before time.Time) error {
	return s.do(func() error {
		return s.db.DeleteRange([]byte{spaceChange}, dayKey(keyserver.Day(before)), db.NoSync)
	})
}

package history

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// TestGuests: the latest ones are kept, as many as there is room for, until a time, and
// stand as somebody whom this account knows. (spec/group.md, GROUP-41)
func TestGuests(t *testing.T) {
	db := openTest(t)
	start := time.UnixMilli(1_000_000)
	account := func(n int) omega.Fingerprint {
		f, err := omega.FingerprintV4(binary.BigEndian.AppendUint32(make([]byte, 16), uint32(n)))
		must(t, err)
		return f
	}
	db.update(t, func(tx *Tx) error {
		var first []omega.Fingerprint
		for n := range maxGuests {
			first = append(first, account(n))
		}
		must(t, tx.PutGuests(first, start))
		must(t, tx.PutGuests([]omega.Fingerprint{account(7), account(maxGuests)}, start.Add(time.Minute)))
		all, err := tx.Guests()
		must(t, err)
		if len(all) != maxGuests || all[0] != account(7) && all[1] != account(7) {
			t.Errorf("%d guests, first %v", len(all), all[:2])
		}
		for n, known := range map[int]bool{7: true, maxGuests: true, maxGuests + 1: false} {
			s, err := tx.Standing(account(n))
			a, err2 := tx.Admission(account(n))
			if err != nil || err2 != nil || s.Known != known || a.Knows != known {
				t.Errorf("%d: %+v, %+v, %v, %v", n, s, a, err, err2)
			}
		}
		must(t, tx.DropGuests(start))
		if all, err = tx.Guests(); err != nil || len(all) != 2 {
			t.Errorf("%d guests are left, %v", len(all), err)
		}
		return nil
	})
}

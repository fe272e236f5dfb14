package keyserver

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Reasons for refusing a location record.
var (
	ErrNotOwner = errors.New("is about another account")                  // user and certificate differ
	ErrDevice   = errors.New("was not signed by a device of the account") // unknown, revoked, or expired when it signed
	ErrFuture   = errors.New("was issued in the future; check the clocks")
	ErrHomes    = errors.New("names a home twice")
	ErrSequence = errors.New("has a sequence beyond its time") // over the milliseconds since 1970 when it was issued
	ErrBound    = errors.New("was made for another certificate")
)

// VerifyRecord checks a location record against the certificate of its
// account: user, signature by a device that was active when it was issued and
// was not revoked since, time and homes. It is pure; clients use it too.
//
// It does not compare sequences, nor the certificate's hash: certificates
// grow by merging, so the hash is that of a certificate of the same account,
// and only who publishes a record can be held to it (see Bound).
//
// A sequence is at most the time of issue in milliseconds since 1970: records
// are made one by one, so honest ones stay far below, and nobody can use up
// the numbers. (spec/delivery.md, DELIV-2)
func VerifyRecord(cert *pgp.Certificate, rec *wire.Record, now time.Time) error {
	dev, ok := cert.Device(rec.Device)
	return verifyRecord(cert, rec, now, dev, ok)
}

// verifyRecord is VerifyRecord by what is known of the device that signed; ok is false
// for none.
func verifyRecord(cert *pgp.Certificate, rec *wire.Record, now time.Time, dev pgp.Device, ok bool) error {
	if rec.User != cert.Fingerprint() {
		return fmt.Errorf("location record of %s %w: the certificate is of %s", rec.User, ErrNotOwner, cert.Fingerprint())
	}
	if err := cert.Check(now); errors.Is(err, pgp.ErrRevoked) {
		return fmt.Errorf("location record: %w", err)
	}
	latest := now.Add(omega.ClockTolerance)
	signed := time.Unix(rec.Sig.Time, 0)
	if rec.Issued.After(latest) || signed.After(latest) {
		return fmt.Errorf("location record of %s %w", rec.User, ErrFuture)
	}
	if rec.Sequence > uint64(max(rec.Issued.UnixMilli(), 0)) {
		return fmt.Errorf("location record of %s %w", rec.User, ErrSequence)
	}
	if err := checkHomes(rec); err != nil {
		return err
	}
	if !ok || !dev.Active(rec.Issued) || !dev.Active(signed) {
		return fmt.Errorf("location record of %s %w: %s", rec.User, ErrDevice, rec.Device)
	}
	if err := pgp.VerifyCompact(dev.Signing, rec.Signed(), signed, pgp.Compact(rec.Sig.Bytes)); err != nil {
		return fmt.Errorf("location record of %s: %w", rec.User, err)
	}
	return nil
}

func checkHomes(rec *wire.Record) error {
	if len(rec.Homes) == 0 || len(rec.Homes) > omega.MaxHomes {
		return fmt.Errorf("location record of %s: %d homes, want 1 to %d", rec.User, len(rec.Homes), omega.MaxHomes)
	}
	for i, h := range rec.Homes {
		for _, other := range rec.Homes[:i] {
			if h == other {
				return fmt.Errorf("location record of %s %w", rec.User, ErrHomes)
			}
		}
	}
	return nil
}

// Bound reports whether rec was made for exactly this certificate.
func Bound(cert *pgp.Certificate, rec *wire.Record) bool { return rec.Certificate == cert.Hash() }

// Merge returns what is to be held after both entries were seen: the union of
// the certificates, and of the records that hold under it the one that stands.
// It does not matter in which order entries are merged, nor when: a record
// that was taken once is not too early later.
func Merge(a, b *Entry) (*Entry, error) {
	merged, _, err := merge(a, b, nil)
	return merged, err
}

// merge is Merge with the records that were seen and do not stand, before and
// after.
func merge(a, b *Entry, others []*wire.Record) (*Entry, []*wire.Record, error) {
	cert, err := pgp.Merge(a.Certificate, b.Certificate, time.Time{})
	if err != nil {
		return nil, nil, err
	}
	var hold, rest []*wire.Record // best first, each once
	for _, r := range slices.Concat([]*wire.Record{a.Record, b.Record}, others) {
		if r == nil {
			continue
		}
		dev, ok := cert.Device(r.Device)
		removed := dev.Removed
		if removed {
			dev.Revoked = false // as if that were contested
		}
		switch {
		case verifyRecord(cert, r, later(r.Issued, time.Unix(r.Sig.Time, 0)), dev, ok) != nil:
		case removed:
			rest = add(rest, r)
		default:
			hold = add(hold, r)
		}
	}
	slices.SortFunc(hold, better)
	slices.SortFunc(rest, better)
	merged := &Entry{Certificate: cert}
	if len(hold) > 0 {
		merged.Record = hold[0]
	}
	return merged, remember(hold, rest), nil
}

// add appends r to list, once.
func add(list []*wire.Record, r *wire.Record) []*wire.Record {
	if slices.ContainsFunc(list, func(o *wire.Record) bool { return sameRecord(o, r) }) {
		return list
	}
	return append(list, r)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// better orders records: the higher sequence stands, and among those under one
// sequence the lower hash, so that servers that met them in another order
// agree.
func better(a, b *wire.Record) int {
	if c := cmp.Compare(b.Sequence, a.Sequence); c != 0 {
		return c
	}
	x, y := a.Hash(), b.Hash()
	return bytes.Compare(x[:], y[:])
}

// remember chooses which records to keep beside the first of hold, which
// stands: those that contradict another, as evidence, and the best of each
// device, which stands again when the devices above it are revoked. Of rest, which are by
// devices that other ones removed, the best of each is kept last: it may hold again.
func remember(hold, rest []*wire.Record) []*wire.Record {
	var kept []*wire.Record
	devices := make(map[omega.Fingerprint]bool)
	for i, r := range hold {
		if i > 0 && len(kept) < MaxOthers && (!devices[r.Device] || contradicted(r, hold)) {
			kept = append(kept, r)
		}
		devices[r.Device] = true
	}
	for _, r := range rest {
		if len(kept) < MaxOthers && !devices[r.Device] {
			kept = append(kept, r)
			devices[r.Device] = true
		}
	}
	return kept
}

// contradicted reports whether r and one of the others cannot both belong to
// one chain.
func contradicted(r *wire.Record, others []*wire.Record) bool {
	return slices.ContainsFunc(others, func(o *wire.Record) bool { return contradicts(r, o) })
}

// contradicts reports two different records under one sequence, or neighbours
// that do not link.
func contradicts(a, b *wire.Record) bool {
	switch {
	case a.Sequence == b.Sequence:
		return a.Hash() != b.Hash()
	case a.Sequence == b.Sequence+1:
		return a.Previous != b.Hash()
	case b.Sequence == a.Sequence+1:
		return b.Previous != a.Hash()
	}
	return false
}

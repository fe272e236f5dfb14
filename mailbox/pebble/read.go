package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// scan calls visit for the keys in [lower, upper) until it returns false.
func (d *Driver) scan(ctx context.Context, lower, upper []byte, visit func(key, value []byte) (bool, error)) (err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if err := d.usable(); err != nil {
		return err
	}
	it, err := d.db.NewIterWithContext(ctx, &db.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		more, err := visit(it.Key(), v)
		if err != nil || !more {
			return err
		}
	}
	return it.Error()
}

// Load implements mailbox.Driver.
func (d *Driver) Load(ctx context.Context, account omega.Fingerprint) (c mailbox.Contents, err error) {
	lower := appendBoxKey(nil, account, boxDevices)
	upper := appendBoxKey(nil, account, boxEnd)
	err = d.scan(ctx, lower, upper, func(k, v []byte) (bool, error) {
		ref, err := parseKey(k)
		if err != nil {
			return false, err
		}
		if len(k) == len(lower) {
			c.Devices, err = parseDevices(v)
			return true, err
		}
		e, _, err := parseMail(v)
		e.Seq = ref.Seq
		c.Entries = append(c.Entries, e)
		return true, err
	})
	return c, err
}

// Read implements mailbox.Driver.
func (d *Driver) Read(ctx context.Context, account omega.Fingerprint, first, last uint64, visit func(mailbox.Record) bool) error {
	lower := appendMailKey(nil, account, first)
	upper := append(appendMailKey(nil, account, last), 0)
	return d.scan(ctx, lower, upper, func(k, v []byte) (bool, error) {
		ref, err := parseKey(k)
		if err != nil {
			return false, err
		}
		e, r, err := parseMail(v)
		if err != nil {
			return false, err
		}
		r.Seq = ref.Seq
		if !e.Shared {
			return visit(r), nil
		}
		return d.visitShared(r, visit)
	})
}

// visitShared calls visit for mail whose envelope is stored elsewhere. The
// envelope may be gone when the last mailbox has just let go of it.
func (d *Driver) visitShared(r mailbox.Record, visit func(mailbox.Record) bool) (bool, error) {
	v, closer, err := d.db.Get(appendSharedKey(nil, r.Seq))
	if errors.Is(err, db.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read shared envelope %d: %w", r.Seq, err)
	}
	s, err := parseShared(v)
	if err != nil {
		return false, errors.Join(err, closer.Close())
	}
	r.Envelope = s.envelope
	more := visit(r)
	return more, closer.Close()
}

// Expired implements mailbox.Driver. A position is the last key looked at.
func (d *Driver) Expired(ctx context.Context, from []byte, now uint32, limit int) (found []mailbox.Ref, next []byte, err error) {
	lower := []byte{spaceShared}
	if from != nil {
		lower = append(bytes.Clone(from), 0)
	}
	seen := 0
	err = d.scan(ctx, lower, []byte{spaceEnd}, func(k, v []byte) (bool, error) {
		if seen == limit {
			return false, nil
		}
		seen++
		next = append(next[:0], k...)
		ref, expires, err := expiry(k, v)
		if err != nil {
			return false, err
		}
		if expires <= now {
			found = append(found, ref)
		}
		return true, nil
	})
	if seen < limit {
		next = nil
	}
	return found, next, err
}

// expiry says what a record is and when it expires; device sets do not.
func expiry(k, v []byte) (mailbox.Ref, uint32, error) {
	ref, err := parseKey(k)
	switch {
	case err != nil:
		return ref, 0, err
	case ref.Mailbox.IsZero():
		s, err := parseShared(v)
		return ref, s.expires, err
	case ref.Seq == 0:
		return ref, ^uint32(0), nil
	}
	e, _, err := parseMail(v)
	return ref, e.Expires, err
}

// Unreferenced implements mailbox.Driver.
func (d *Driver) Unreferenced(_ context.Context, seqs []uint64) ([]uint64, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if err := d.usable(); err != nil {
		return nil, err
	}
	var gone []uint64
	for _, seq := range seqs {
		v, err := d.get(appendSharedKey(nil, seq))
		if errors.Is(err, db.ErrNotFound) {
			continue
		}
		if err != nil {
			return gone, err
		}
		s, err := parseShared(v)
		if err != nil {
			return gone, err
		}
		held, err := d.held(seq, s)
		if err != nil {
			return gone, err
		}
		if !held {
			gone = append(gone, seq)
		}
	}
	return gone, nil
}

// held reports whether any mailbox points to the shared envelope s.
func (d *Driver) held(seq uint64, s sharedEnvelope) (bool, error) {
	for rest := s.to; len(rest) > 0; {
		account, n, err := omega.DecodeFingerprint(rest)
		if err != nil {
			return false, err
		}
		rest = rest[n:]
		_, closer, err := d.db.Get(appendMailKey(nil, account, seq))
		if err == nil {
			return true, closer.Close()
		}
		if !errors.Is(err, db.ErrNotFound) {
			return false, err
		}
	}
	return false, nil
}

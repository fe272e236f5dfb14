package pebble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// readers hold d.mu for reading, so that Close waits for them.
func (d *Driver) enter() (leave func(), err error) {
	d.mu.RLock()
	if err := d.usable(); err != nil {
		d.mu.RUnlock()
		return nil, err
	}
	return d.mu.RUnlock, nil
}

// scan calls visit for the keys in [lower, upper) until it returns false.
func (d *Driver) scan(ctx context.Context, lower, upper []byte, visit func(key, value []byte) (bool, error)) (err error) {
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
	leave, err := d.enter()
	if err != nil {
		return c, err
	}
	defer leave()
	lower := appendBoxKey(nil, account, boxDevices)
	upper := appendBoxKey(nil, account, boxEnd)
	err = d.scan(ctx, lower, upper, func(k, v []byte) (bool, error) {
		if len(k) == len(lower) && k[len(k)-1] == boxTokens {
			c.Tokens, err = parseTokens(v)
			return true, err
		}
		if len(k) == len(lower) {
			c.Devices, err = parseDevices(v)
			return true, err
		}
		e, err := parseIndex(k, v)
		c.Entries = append(c.Entries, e)
		return true, err
	})
	return c, err
}

// Read implements mailbox.Driver.
func (d *Driver) Read(ctx context.Context, _ omega.Fingerprint, seqs []uint64, visit func(mailbox.Record)) (err error) {
	leave, err := d.enter()
	if err != nil || len(seqs) == 0 {
		return err
	}
	defer leave()
	it, err := d.db.NewIterWithContext(ctx, &db.IterOptions{
		LowerBound: appendSeqKey(nil, spaceMail, seqs[0]),
		UpperBound: appendSeqKey(nil, spaceMail, seqs[len(seqs)-1]+1),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var key [9]byte
	for _, seq := range seqs {
		appendSeqKey(key[:0], spaceMail, seq)
		if !it.SeekGE(key[:]) {
			if err := it.Error(); err != nil { // the next seek would forget it
				return fmt.Errorf("mail %d: %w", seq, err)
			}
			break
		}
		if !bytes.Equal(it.Key(), key[:]) {
			continue
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		m, err := parseMail(v)
		if err != nil {
			return fmt.Errorf("mail %d: %w", seq, err)
		}
		visit(mailbox.Record{Seq: seq, Received: m.received, Envelope: m.envelope})
	}
	return nil
}

// Mailboxes implements mailbox.Driver: two seeks for each.
func (d *Driver) Mailboxes(ctx context.Context, after omega.Fingerprint, limit int) (out []omega.Fingerprint, err error) {
	leave, err := d.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	it, err := d.db.NewIterWithContext(ctx, &db.IterOptions{LowerBound: []byte{spaceBox}, UpperBound: []byte{spaceBox + 1}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	from := []byte{spaceBox}
	if !after.IsZero() {
		from = appendBoxKey(nil, after, boxEnd)
	}
	for len(out) < limit && it.SeekGE(from) {
		k := it.Key()
		account, n, err := omega.DecodeFingerprint(k[1:])
		if err != nil || len(k) < 2+n {
			return nil, fmt.Errorf("key %x: %w", k, errCorrupt)
		}
		if k[1+n] < boxIndex {
			from = appendBoxKey(from[:0], account, boxIndex)
			continue
		}
		if k[1+n] > boxIndex {
			from = appendBoxKey(from[:0], account, boxEnd)
			continue
		}
		out = append(out, account)
		from = appendBoxKey(from[:0], account, boxEnd)
	}
	return out, it.Error()
}

// scanMail calls visit for stored envelopes from a sequence on, with those who
// still hold them, until it returns false.
func (d *Driver) scanMail(ctx context.Context, from uint64, visit func(seq uint64, m *mail, holders []omega.Fingerprint) bool) error {
	lower := appendSeqKey(nil, spaceMail, from)
	return d.scan(ctx, lower, []byte{spaceMail + 1}, func(k, v []byte) (bool, error) {
		seq, err := parseSeq(k)
		if err != nil {
			return false, err
		}
		m, err := parseMail(v)
		if err != nil {
			return false, fmt.Errorf("mail %d: %w", seq, err)
		}
		accounts := m.accounts()
		if m.n > 1 {
			left, _, err := d.bitmapOf(seq, m.n)
			if err != nil {
				return false, err
			}
			held := accounts[:0]
			for i, a := range accounts {
				if left.has(i) {
					held = append(held, a)
				}
			}
			accounts = held
		}
		return visit(seq, &m, accounts), nil
	})
}

// Expired implements mailbox.Driver. A position is the next sequence to look
// at, as 8 octets.
func (d *Driver) Expired(ctx context.Context, from []byte, now uint32, limit int) (found []mailbox.Ref, next []byte, err error) {
	leave, err := d.enter()
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	first := uint64(0)
	if len(from) == 8 {
		first = binary.BigEndian.Uint64(from)
	}
	err = d.scanMail(ctx, first, func(seq uint64, m *mail, holders []omega.Fingerprint) bool {
		if limit--; limit < 0 {
			next = binary.BigEndian.AppendUint64(nil, seq)
			return false
		}
		if m.expires <= now {
			for _, a := range holders {
				found = append(found, mailbox.Ref{Mailbox: a, Seq: seq})
			}
		}
		return true
	})
	return found, next, err
}

// Filed implements mailbox.Driver: one look-up for each.
func (d *Driver) Filed(ctx context.Context, refs []mailbox.Ref, visit func(int, mailbox.Entry)) error {
	leave, err := d.enter()
	if err != nil {
		return err
	}
	defer leave()
	var room [64]byte
	for i, r := range refs {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := appendIndexKey(room[:0], r.Mailbox, r.Seq)
		v, closer, err := d.db.Get(k)
		if errors.Is(err, db.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		e, err := parseIndex(k, v)
		if err := errors.Join(err, closer.Close()); err != nil {
			return fmt.Errorf("mail %d: %w", r.Seq, err)
		}
		visit(i, e)
	}
	return nil
}

// unfiled returns the mail that earlier runs did not file.
func (d *Driver) unfiled(first uint64) (found []mailbox.Unfiled, err error) {
	err = d.scanMail(context.Background(), first, func(seq uint64, m *mail, holders []omega.Fingerprint) bool {
		found = append(found, mailbox.Unfiled{Entry: m.entry(seq), To: holders})
		return true
	})
	return found, err
}

// Tombs implements mailbox.Driver.
func (d *Driver) Tombs(ctx context.Context, from, before mailbox.TombID, visit func(mailbox.TombRun) error) error {
	leave, err := d.enter()
	if err != nil {
		return err
	}
	defer leave()
	var keys []mailbox.Key
	return d.scan(ctx, appendTombKey(nil, from, 0), appendTombKey(nil, before, 0), func(k, v []byte) (bool, error) {
		r, err := parseTombs(k, v, keys[:0])
		if err != nil {
			return false, err
		}
		keys = r.Keys
		return true, visit(r)
	})
}

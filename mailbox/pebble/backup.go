package pebble

import (
	"crypto/rand"
	"errors"
	"fmt"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega/mailbox"
)

// restoreGap is what Renew adds to the next sequence: more mail than a store
// takes in 300 days at 40,000 a second. Acknowledgements do not name the
// incarnation (spec/delivery.md, DELIV-9), so no sequence that was given after
// the backup may be given again: an old acknowledgement would trim new mail.
const restoreGap = 1 << 40

// Checkpoint writes a copy of the store as it is now to dir, which must not
// exist: everything that Sync returned for before the call is in it. Tables are
// hard links where the file system has them. Appends go on meanwhile.
func (d *Driver) Checkpoint(dir string) error {
	done := make(chan error, 1)
	go func() {
		done <- d.guard.Try(func() error {
			leave, err := d.enter()
			if err != nil {
				return err
			}
			defer leave()
			return d.db.Checkpoint(dir, db.WithFlushedWAL())
		})
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("copy mailboxes of %s: %w", d.cfg.Dir, err)
		}
		return nil
	case <-d.guard.Failed():
		return d.guard.Err()
	}
}

// Renew makes the store in cfg.Dir, which was restored from a backup and that
// nobody has open, another one with the same mail: devices list again, and
// sequences that were given after the backup are not given again.
// (spec/delivery.md, DELIV-4)
func Renew(cfg Config) (_ mailbox.Incarnation, err error) {
	d, err := Open(cfg)
	if err != nil {
		return mailbox.Incarnation{}, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	var fresh mailbox.Incarnation
	rand.Read(fresh[:])
	v, err := d.get(sumsKey)
	if err != nil {
		return fresh, err
	}
	s, err := parseSums(v)
	if err != nil {
		return fresh, err
	}
	s.next += restoreGap
	b := d.db.NewBatch()
	defer b.Close()
	if err := errors.Join(
		b.Set(headKey, append([]byte{Format}, fresh[:]...), nil),
		b.Set(sumsKey, s.appendTo(nil), nil),
	); err != nil {
		return fresh, err
	}
	return fresh, b.Commit(db.Sync)
}

package pebble

import (
	"fmt"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega/mailbox"
)

// Apply implements mailbox.Driver.
func (d *Driver) Apply(b *mailbox.Batch) error {
	if err := d.failed.get(); err != nil {
		return err
	}
	if b.Reserve != 0 {
		d.next = b.Reserve
	}
	batch := d.db.NewBatch()
	if err := d.fill(batch, b); err != nil {
		batch.Close()
		return fmt.Errorf("build a batch: %w", err)
	}
	if b.Durable {
		b.Driver = batch
		return d.do(func() error { return d.db.ApplyNoSyncWait(batch, db.Sync) })
	}
	return d.do(func() error {
		if err := d.db.Apply(batch, db.NoSync); err != nil {
			return err
		}
		return batch.Close()
	})
}

// Sync implements mailbox.Driver.
func (d *Driver) Sync(b *mailbox.Batch) error {
	batch := b.Driver.(*db.Batch)
	b.Driver = nil
	if err := batch.SyncWait(); err != nil {
		if d.fs.gaveUp.Load() {
			return fmt.Errorf("%w: %w", mailbox.ErrDiskFull, err)
		}
		d.fail(fmt.Errorf("sync the log: %w", err))
		return d.failed.get()
	}
	return batch.Close()
}

// fill writes b into batch.
func (d *Driver) fill(batch *db.Batch, b *mailbox.Batch) error {
	for i := range b.Puts {
		if err := put(batch, &b.Puts[i]); err != nil {
			return err
		}
	}
	for _, t := range b.Trims {
		op := batch.SingleDeleteDeferred(mailKeySize(t.Mailbox))
		appendMailKey(op.Key[:0], t.Mailbox, t.Seq)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	var key [64]byte
	for _, seq := range b.Unlinks {
		if err := batch.Delete(appendSharedKey(key[:0], seq), nil); err != nil {
			return err
		}
	}
	for _, s := range b.Devices {
		if err := batch.Set(appendBoxKey(key[:0], s.Mailbox, boxDevices), appendDevices(nil, s.Devices), nil); err != nil {
			return err
		}
	}
	var sums [24]byte
	return batch.Set(sumsKey, appendSums(sums[:0], d.next, b.Totals), nil)
}

func put(batch *db.Batch, p *mailbox.Put) error {
	if len(p.To) > 1 {
		op := batch.SetDeferred(9, sharedSize(p))
		appendSharedKey(op.Key[:0], p.Seq)
		appendShared(op.Value[:0], p)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	for _, a := range p.To {
		op := batch.SetDeferred(mailKeySize(a), mailSize(p))
		appendMailKey(op.Key[:0], a, p.Seq)
		putMail(op.Value, p)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	return nil
}

package pebble

import (
	"fmt"
	"slices"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega/mailbox"
)

// Apply implements mailbox.Driver.
func (d *Driver) Apply(b *mailbox.Batch) error {
	if err := d.guard.Err(); err != nil {
		return err
	}
	batch := d.db.NewBatch()
	if err := d.fill(batch, b); err != nil {
		batch.Close()
		return fmt.Errorf("build a batch: %w", err)
	}
	return d.do(func() error { return d.db.ApplyNoSyncWait(batch, db.Sync) }, func() error {
		if err := batch.SyncWait(); err != nil {
			return fmt.Errorf("sync the log: %w", err)
		}
		return batch.Close()
	})
}

// Sync implements mailbox.Driver. What Apply left the worker with answers
// once for each batch, in their order.
func (d *Driver) Sync(*mailbox.Batch) error {
	select {
	case err := <-d.synced:
		return err
	case <-d.guard.Failed():
		return d.guard.Err()
	}
}

// fill writes b into batch.
func (d *Driver) fill(batch *db.Batch, b *mailbox.Batch) error {
	for i := range b.Puts {
		if err := d.put(batch, &b.Puts[i]); err != nil {
			return err
		}
	}
	var room [64]byte
	for _, f := range b.Files {
		if err := batch.Set(appendIndexKey(room[:0], f.Mailbox, f.Entry.Seq), appendIndex(nil, f.Entry), nil); err != nil {
			return err
		}
	}
	for _, t := range b.Trims {
		if err := d.trim(batch, t); err != nil {
			return err
		}
	}
	if err := d.writeHolders(batch); err != nil {
		return err
	}
	for _, s := range b.Devices {
		if err := batch.Set(appendBoxKey(room[:0], s.Mailbox, boxDevices), appendDevices(nil, s.Devices), nil); err != nil {
			return err
		}
	}
	for _, s := range b.Tokens {
		k := appendBoxKey(room[:0], s.Mailbox, boxTokens)
		if s.Made == 0 {
			if err := batch.Delete(k, nil); err != nil {
				return err
			}
		} else if err := batch.Set(k, appendTokens(nil, s.Tokens), nil); err != nil {
			return err
		}
	}
	if err := writeTombs(batch, b); err != nil {
		return err
	}
	if b.Reserve != 0 {
		d.next = b.Reserve
	}
	sums := sums{next: d.next, first: b.First, totals: b.Totals}
	return batch.Set(sumsKey, sums.appendTo(room[:0]), nil)
}

// writeTombs drops tombstones and adds others.
func writeTombs(batch *db.Batch, b *mailbox.Batch) error {
	var first, end [tombKeySize]byte
	if b.DropTombs != (mailbox.TombID{}) {
		appendTombKey(first[:0], mailbox.TombID{}, 0)
		appendTombKey(end[:0], b.DropTombs, 0)
		if err := batch.DeleteRange(first[:], end[:], nil); err != nil {
			return err
		}
	}
	for _, r := range b.Tombs {
		op := batch.SetDeferred(tombKeySize, mailbox.KeySize*len(r.Keys))
		appendTombKey(op.Key[:0], r.TombID, r.First)
		v := op.Value[:0]
		for i := range r.Keys {
			v = append(v, r.Keys[i][:]...)
		}
		if err := op.Finish(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) put(batch *db.Batch, p *mailbox.Put) error {
	op := batch.SetDeferred(9, mailSize(p))
	appendSeqKey(op.Key[:0], spaceMail, p.Seq)
	appendMail(op.Value[:0], p)
	if len(p.To) > 1 {
		d.holders[p.Seq] = &holders{to: slices.Clone(p.To), left: fullBitmap(len(p.To))}
	}
	return op.Finish()
}

func (d *Driver) trim(batch *db.Batch, t mailbox.Trim) error {
	if t.Filed {
		op := batch.SingleDeleteDeferred(1 + t.Mailbox.Size() + 1 + 8)
		appendIndexKey(op.Key[:0], t.Mailbox, t.Seq)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	if t.Shared {
		return d.letGo(t.Seq, t.Mailbox)
	}
	return deleteMail(batch, t.Seq)
}

func deleteMail(batch *db.Batch, seq uint64) error {
	op := batch.SingleDeleteDeferred(9)
	appendSeqKey(op.Key[:0], spaceMail, seq)
	return op.Finish()
}

// Package mem is a mailbox driver that keeps mail in memory, for tests and for
// trying a server out. A Disk survives the driver that uses it, and can lose
// power: what was not synced is then gone.
package mem

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// New returns a driver on a disk of its own.
func New() *Driver { return NewDisk().Open() }

// A Disk is simulated stable storage. Its methods may be called concurrently.
type Disk struct {
	mu       sync.Mutex
	live     *state   // what drivers see
	stable   *state   // what a power cut leaves; nil unless crashable
	unsynced []change // applied to live, not to stable
	applied  int      // batches applied to a crashable disk
	opened   int      // drivers opened so far; only the last one works
	full     bool
}

// NewDisk returns an empty disk that does not lose power.
func NewDisk() *Disk {
	d := &Disk{live: newState()}
	rand.Read(d.live.incarnation[:])
	return d
}

// NewCrashableDisk returns an empty disk for Crash. It keeps everything twice.
func NewCrashableDisk() *Disk {
	d := NewDisk()
	d.stable = newState()
	d.stable.incarnation = d.live.incarnation
	return d
}

// Open returns a driver on d. The drivers opened before it stop working.
func (d *Disk) Open() *Driver {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	return &Driver{disk: d, number: d.opened}
}

// Crash cuts the power: the open driver stops working, and what it had not
// synced is lost.
func (d *Disk) Crash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	d.unsynced = nil
	d.live = d.stable.clone()
}

// SetFull says whether the disk has room for more.
func (d *Disk) SetFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

var errGone = errors.New("the disk belongs to another driver")

// A Driver is a mailbox.Driver on a Disk.
type Driver struct {
	disk   *Disk
	number int
}

var _ mailbox.Driver = (*Driver)(nil)

// enter locks the disk for a driver that still owns it.
func (d *Driver) enter() (*state, func(), error) {
	d.disk.mu.Lock()
	if d.disk.opened != d.number {
		d.disk.mu.Unlock()
		return nil, nil, errGone
	}
	return d.disk.live, d.disk.mu.Unlock, nil
}

// State implements mailbox.Driver.
func (d *Driver) State() mailbox.State {
	d.disk.mu.Lock()
	defer d.disk.mu.Unlock()
	l := d.disk.live
	return mailbox.State{Incarnation: l.incarnation, Next: l.next, Totals: l.totals}
}

// Apply implements mailbox.Driver.
func (d *Driver) Apply(b *mailbox.Batch) error {
	live, leave, err := d.enter()
	if err != nil {
		return err
	}
	defer leave()
	if d.disk.full {
		return mailbox.ErrDiskFull
	}
	c := copyBatch(b)
	live.apply(c)
	if d.disk.stable != nil {
		d.disk.unsynced = append(d.disk.unsynced, c)
		d.disk.applied++
		b.Driver = d.disk.applied
	}
	return nil
}

// Sync implements mailbox.Driver.
func (d *Driver) Sync(b *mailbox.Batch) error {
	_, leave, err := d.enter()
	if err != nil {
		return err
	}
	defer leave()
	if number, ok := b.Driver.(int); ok {
		d.disk.sync(number)
	}
	return nil
}

// sync makes the batches up to number stable. mu is held.
func (d *Disk) sync(number int) {
	n := len(d.unsynced) - (d.applied - number)
	for _, c := range d.unsynced[:max(n, 0)] {
		d.stable.apply(c)
	}
	d.unsynced = d.unsynced[max(n, 0):]
}

// Load implements mailbox.Driver.
func (d *Driver) Load(_ context.Context, mb omega.Fingerprint) (mailbox.Contents, error) {
	live, leave, err := d.enter()
	if err != nil {
		return mailbox.Contents{}, err
	}
	defer leave()
	c := mailbox.Contents{Devices: slices.Clone(live.devices[mb]), Tokens: live.tokens[mb]}
	for _, m := range live.mail[mb] {
		c.Entries = append(c.Entries, m.Entry)
	}
	return c, nil
}

// Read implements mailbox.Driver.
func (d *Driver) Read(_ context.Context, mb omega.Fingerprint, seqs []uint64, visit func(mailbox.Record)) error {
	live, leave, err := d.enter()
	if err != nil {
		return err
	}
	var found []mail
	for _, seq := range seqs {
		if i := live.find(mb, seq); i >= 0 {
			found = append(found, live.mail[mb][i])
		}
	}
	leave()
	for _, m := range found {
		visit(mailbox.Record{Seq: m.Seq, Received: m.received, Envelope: m.envelope})
	}
	return nil
}

// Expired implements mailbox.Driver.
func (d *Driver) Expired(_ context.Context, from []byte, now uint32, limit int) ([]mailbox.Ref, []byte, error) {
	live, leave, err := d.enter()
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	found, next := live.expired(from, now, limit)
	return found, next, nil
}

// Filed implements mailbox.Driver.
func (d *Driver) Filed(_ context.Context, refs []mailbox.Ref, visit func(int, mailbox.Entry)) error {
	live, leave, err := d.enter()
	if err != nil {
		return err
	}
	defer leave()
	for i, r := range refs {
		if at := live.find(r.Mailbox, r.Seq); at >= 0 {
			visit(i, live.mail[r.Mailbox][at].Entry)
		}
	}
	return nil
}

// Mailboxes implements mailbox.Driver.
func (d *Driver) Mailboxes(_ context.Context, after omega.Fingerprint, limit int) ([]omega.Fingerprint, error) {
	live, leave, err := d.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	var out []omega.Fingerprint
	for account := range live.mail {
		if account.Compare(after) > 0 {
			out = append(out, account)
		}
	}
	slices.SortFunc(out, omega.Fingerprint.Compare)
	return out[:min(limit, len(out))], nil
}

// Tombs implements mailbox.Driver.
func (d *Driver) Tombs(_ context.Context, from, before mailbox.TombID, visit func(mailbox.TombRun) error) error {
	live, leave, err := d.enter()
	if err != nil {
		return err
	}
	var found []mailbox.TombRun
	for _, r := range live.tombs {
		if r.Compare(from) >= 0 && r.Compare(before) < 0 {
			found = append(found, r)
		}
	}
	leave()
	slices.SortFunc(found, func(x, y mailbox.TombRun) int { return cmp.Or(x.Compare(y.TombID), cmp.Compare(x.First, y.First)) })
	for _, r := range found {
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// Room implements mailbox.Driver.
func (d *Driver) Room() error {
	d.disk.mu.Lock()
	defer d.disk.mu.Unlock()
	if d.disk.full {
		return mailbox.ErrDiskFull
	}
	return nil
}

// Close implements mailbox.Driver. The disk keeps everything.
func (d *Driver) Close() error {
	_, leave, err := d.enter()
	if err != nil {
		return err
	}
	defer leave()
	d.disk.sync(d.disk.applied)
	d.disk.opened++
	return nil
}

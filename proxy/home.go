package proxy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// home is the half of a Proxy that keeps mailboxes: who is attached to them.
// What is in them is in the mailbox.Store.
//
// Locks are taken in this order: mailbox store, shard, box, lease, connection.
// So nothing here calls the store while it holds a lock.
type home struct {
	p       *Proxy
	self    omega.Fingerprint
	boxes   shardMap[*box]                     // by account; those that have leases
	leases  shardMap[*lease]                   // by device
	install sync.Mutex                         // one lease comes or goes at a time
	byProxy map[omega.Fingerprint]*proxyLeases // guarded by install
	devices [keyserver.Buckets]sync.Mutex      // one device set is read from the key server and set at a time
	warned  warnings
	pumps   pumps
	spreads spreads
}

// A box is an account with attached devices.
type box struct {
	mu     sync.Mutex
	leases []*lease // guarded by mu
}

func (h *home) init(p *Proxy) {
	h.p = p
	h.self = p.self
	h.boxes.init()
	h.leases.init()
	h.byProxy = make(map[omega.Fingerprint]*proxyLeases)
	h.pumps.ready = make(chan struct{}, 1)
}

// attach takes a lease that came from the server from (this one for a session
// of its own) and answers it through reply, before the first mail.
// (spec/delivery.md, DELIV-7)
func (h *home) attach(ctx context.Context, from omega.Fingerprint, raw []byte, s *session, reply func(wire.Attached)) {
	l, code := h.judge(ctx, from, raw, s)
	a := wire.Attached{Home: h.self, Code: code, Incarnation: h.p.cfg.Mail.Incarnation()}
	if code != omega.CodeOK {
		h.p.stats.attachesBad.Add(1)
		reply(a)
		return
	}
	h.p.stats.attaches.Add(1)
	a.Cursor = l.start
	if key := l.key.Load(); key != nil && l.s == nil {
		a.MAC = key.AttachedMAC(&a, l.device)
	}
	l.tellWaiting()
	reply(a)
	l.begin()
}

// judge verifies a lease and puts it in force.
func (h *home) judge(ctx context.Context, from omega.Fingerprint, raw []byte, s *session) (*lease, omega.Code) {
	w, err := wire.DecodeLease(raw)
	if err != nil || w.Proxy != from {
		return nil, omega.CodeBadRequest
	}
	at := slices.IndexFunc(w.Homes, func(lh wire.LeaseHome) bool { return lh.Home == h.self })
	if at < 0 {
		return nil, omega.CodeBadRequest
	}
	hash := sha256.Sum256(raw)
	if l := h.leases.get(w.Device); l != nil && l.hash == hash && l.s == s {
		return l, omega.CodeOK // the same again: its answer was lost, or it is a heartbeat
	} else if l != nil && l.newer(w.Epoch, w.Proxy) {
		return nil, omega.CodeSuperseded // before its cursor acknowledges anything
	}
	e, err := h.p.cfg.Keys.Find(ctx, w.User)
	if err != nil {
		return nil, codeOf(err)
	}
	now := h.p.now()
	verify := keyserver.VerifyLease
	if s != nil {
		verify = keyserver.CheckLease // the device proved itself to this server when its session began
	}
	if _, err := verify(e.Certificate, w, now); err != nil {
		return nil, refusalOf(e.Certificate, w, err)
	}
	start, waits, err := h.cursor(ctx, w, w.Homes[at])
	if err != nil {
		return nil, h.p.internal(ctx, "attach device to mailbox", err)
	}
	l := newLease(h, w, hash, s, start, waits)
	if s == nil {
		// What goes through another server is proved to the device.
		if _, err := h.ackKey(ctx, l); err != nil {
			return nil, h.p.internal(ctx, "derive the key of a lease", err)
		}
	}
	if !h.put(l) {
		return nil, omega.CodeSuperseded
	}
	// Whoever revoked the device meanwhile found no lease to end.
	if e, err := h.p.cfg.Keys.Find(ctx, w.User); err == nil && !slices.Contains(activeDevices(e, h.p.now()), w.Device) {
		h.detach(w.Device, func(o *lease) bool { return o == l })
		return nil, omega.CodeRefused
	}
	return l, omega.CodeOK
}

// refusalOf is the code for a lease that does not hold. One that may hold later,
// when the news of a new device are here or the clocks agree again, is not
// refused for good: its proxy repeats it.
func refusalOf(cert *pgp.Certificate, w *wire.Lease, err error) omega.Code {
	if cert.Deleted() {
		return omega.CodeDeleted
	}
	_, known := cert.Device(w.Device)
	if !known && errors.Is(err, keyserver.ErrDevice) || errors.Is(err, keyserver.ErrFuture) {
		return omega.CodeUnavailable
	}
	return codeOf(err)
}

// cursor notes the account's devices in the mailbox and says after which
// sequence the device lacks mail: what it says itself, which acknowledges it
// (spec/delivery.md, DELIV-9), or has acknowledged, whichever is later. A proxy repeats a lease for hours, so its cursor is old.
// waits is the sequence of the last mail that it lacks, 0 if none. A deputy, or
// a former home, with nothing there writes nothing down.
func (h *home) cursor(ctx context.Context, w *wire.Lease, lh wire.LeaseHome) (start, waits uint64, err error) {
	mail := h.p.cfg.Mail
	if waits, err = mail.Last(ctx, w.User); err != nil {
		return 0, 0, err
	}
	if err := h.setDevices(ctx, w.User, waits > 0); err != nil {
		return 0, 0, err
	}
	if start, err = mail.Cursor(ctx, w.User, w.Device); err != nil {
		return 0, 0, err
	}
	if lh.Incarnation == mail.Incarnation() && lh.Cursor > start {
		// An acknowledgement that was lost on its way, or with the session before. Where
		// the mailbox knows of no such device or sequence there is nothing to acknowledge.
		err := mail.Ack(ctx, w.User, w.Device, lh.Cursor)
		if err != nil && !errors.Is(err, mailbox.ErrNoDevice) && !errors.Is(err, mailbox.ErrSequence) {
			return 0, 0, err
		}
		start = lh.Cursor
	}
	if waits <= start {
		waits = 0
	}
	return start, waits, nil
}

// setDevices notes the devices of an account in its mailbox, if this is a home of
// it or there is mail of it here all the same. The entry is read under the lock:
// whoever sets a device set last has read it last, so an older one never replaces
// a newer one.
func (h *home) setDevices(ctx context.Context, account omega.Fingerprint, here bool) error {
	lock := &h.devices[keyserver.Bucket(account)]
	lock.Lock()
	defer lock.Unlock()
	e, err := h.p.cfg.Keys.Find(ctx, account)
	if err != nil {
		return err
	}
	if !here && !slices.Contains(e.Homes(), h.self) {
		return nil
	}
	return h.p.cfg.Mail.SetDevices(ctx, account, h.p.waitingDevices(e, h.p.now()))
}

// waitingDevices are the devices for which mail and prekeys are kept: active ones, and
// those that another device removed as long as that may be contested, last.
// (spec/keys.md, KEYS-38)
func (p *Proxy) waitingDevices(e *keyserver.Entry, now time.Time) []omega.Fingerprint {
	devices := activeDevices(e, now)
	for _, d := range e.Certificate.Devices() {
		if fp := d.Signing.Fingerprint(); d.Removed && len(devices) < omega.MaxDevices && p.cfg.Keys.Contestable(e.Certificate, fp, now) {
			devices = append(devices, fp)
		}
	}
	return devices
}

func activeDevices(e *keyserver.Entry, now time.Time) []omega.Fingerprint {
	var devices []omega.Fingerprint
	for _, d := range e.Certificate.Active(now) {
		devices = append(devices, d.Signing.Fingerprint())
	}
	return devices[:min(len(devices), omega.MaxDevices)]
}

// put puts l in force in place of an older lease of its device. It reports
// false when a newer one is in force.
func (h *home) put(l *lease) bool {
	h.install.Lock()
	defer h.install.Unlock()
	old := h.leases.get(l.device)
	if old != nil {
		if old.newer(l.epoch, l.proxy) {
			return false
		}
		h.remove(old)
	}
	b := h.boxes.getOr(l.account, func() *box { return new(box) })
	b.mu.Lock()
	b.leases = append(b.leases, l)
	b.mu.Unlock()
	h.leases.swap(l.device, l)
	h.noteProxy(l, true)
	h.p.stats.leases.Add(1)
	switch {
	case old == nil:
	case old.s != nil && old.s != l.s:
		old.s.end(omega.CodeSuperseded, "this device attached elsewhere")
	case old.proxy != l.proxy:
		old.dismiss()
	}
	return true
}

// remove ends a lease. h.install is held.
func (h *home) remove(l *lease) {
	if !h.leases.removeIf(l.device, func(o *lease) bool { return o == l }) {
		return
	}
	l.close()
	h.noteProxy(l, false)
	h.p.stats.leases.Add(-1)
	h.boxes.removeIf(l.account, func(b *box) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.leases = slices.DeleteFunc(b.leases, func(o *lease) bool { return o == l })
		return len(b.leases) == 0
	})
}

// detach ends the lease of a device if it is the one that ok means.
func (h *home) detach(device omega.Fingerprint, ok func(*lease) bool) {
	h.install.Lock()
	defer h.install.Unlock()
	if l := h.leases.get(device); l != nil && ok(l) {
		h.remove(l)
	}
}

// push gives a new mail of one account to its attached devices. buf is
// scratch, and returned as it has grown. The store's lock is held.
func (h *home) push(account omega.Fingerprint, m *wire.Mail, buf []byte) []byte {
	b := h.boxes.get(account)
	if b == nil {
		return buf
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.leases {
		buf = l.push(m, buf)
	}
	return buf
}

// pushEphemeral gives an envelope that is not stored to the devices that can
// take it at once.
func (h *home) pushEphemeral(account omega.Fingerprint, m *wire.Mail, buf []byte) []byte {
	b := h.boxes.get(account)
	if b == nil {
		return buf
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.leases {
		buf = l.pushEphemeral(m, buf)
	}
	return buf
}

// acknowledge takes an acknowledgement, whoever brought it: its code is what
// counts. (spec/delivery.md, DELIV-9)
func (h *home) acknowledge(ctx context.Context, a *wire.Ack) {
	l := h.leases.get(a.Device)
	if l == nil || a.Home != h.self {
		return
	}
	key, err := h.ackKey(ctx, l)
	if err != nil {
		h.ackRefused(ctx, a, err)
		return
	}
	if !key.Check(a) {
		h.p.stats.acksForged.Add(1)
		return
	}
	if l.has(a.Seq) {
		return
	}
	if err := h.p.cfg.Mail.Ack(ctx, l.account, l.device, a.Seq); err != nil {
		h.ackRefused(ctx, a, err)
		return
	}
	h.p.stats.acks.Add(1)
	l.acknowledged(a.Seq)
}

// ackRefused says that an acknowledgement could not be taken, a few times a
// minute: a device may send as many as it likes.
func (h *home) ackRefused(ctx context.Context, a *wire.Ack, err error) {
	if h.warned.take(h.p.steady().UnixNano()) {
		h.p.log.WarnContext(ctx, "acknowledgement not taken", "seq", a.Seq, "err", err)
	}
}

// ackKey returns the key of a lease's mail and acknowledgements. For sessions
// of this server it is made when the first acknowledgement comes: most
// sessions of a day have none.
func (h *home) ackKey(ctx context.Context, l *lease) (*keyserver.AckKey, error) {
	if key := l.key.Load(); key != nil {
		return key, nil
	}
	e, err := h.p.cfg.Keys.Find(ctx, l.account)
	if err != nil {
		return nil, err
	}
	dev, ok := e.Certificate.Device(l.device)
	if !ok {
		return nil, fmt.Errorf("%w: %s", keyserver.ErrDevice, l.device)
	}
	err = onOwnStack(func() error {
		key, err := keyserver.NewAckKey(ctx, h.p.cfg.Identity.Decrypter, dev.Encryption, l.device, h.self)
		if err == nil {
			l.key.Store(&key)
		}
		return err
	})
	return l.key.Load(), err
}

// rewind sends again what a device lacks. It proves nothing and changes
// nothing but what is under way, so only the proxy of the lease may ask.
func (h *home) rewind(from omega.Fingerprint, a *wire.Ack) {
	if l := h.leases.get(a.Device); l != nil && a.Home == h.self && l.proxy == from {
		l.rewind(a.Seq)
	}
}

// tick looks after every lease once a second.
func (h *home) tick(now, steady time.Time) {
	ms := now.UnixMilli()
	h.leases.all(func(l *lease) {
		if ms >= l.notAfter {
			h.detach(l.device, func(o *lease) bool { return o == l })
			return
		}
		l.tick(steady.UnixMilli())
	})
}

// changed follows an account whose devices or homes have changed.
func (h *home) changed(ctx context.Context, e *keyserver.Entry) {
	now := h.p.now()
	active := activeDevices(e, now)
	b := h.boxes.get(e.Fingerprint())
	if err := h.setDevices(ctx, e.Fingerprint(), b != nil); err != nil {
		h.p.log.ErrorContext(ctx, "devices of a mailbox not set", "err", err)
	}
	if b == nil {
		return
	}
	b.mu.Lock()
	leases := slices.Clone(b.leases)
	b.mu.Unlock()
	for _, l := range leases {
		if !slices.Contains(active, l.device) {
			h.detach(l.device, func(o *lease) bool { return o == l })
			l.dismiss()
		}
	}
}

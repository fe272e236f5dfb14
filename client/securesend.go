package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// maxSecureContent leaves room for what a message that is sent again has beside.
const maxSecureContent = secure.MaxContent - 4096

// receiptReserve is how many numbers of an epoch are for texts only. (spec/secure.md,
// SEC-16)
const receiptReserve = 40

// A pauseError says until when no epoch may be opened.
type pauseError struct{ until time.Time }

func (e *pauseError) Error() string {
	return "no epoch may be opened before " + e.until.Format(time.RFC3339)
}

// queueSecure keeps a message for a secure chat and seals it, if that can be done now.
func (c *Client) queueSecure(ctx context.Context, peer omega.Fingerprint, l letter) error {
	doing := i18n.T("doing.send", l.to)
	switch raw, err := l.content.Raw(); {
	case err != nil:
		return err
	case len(raw) > maxSecureContent:
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.toolong", len(raw), maxSecureContent), i18n.T("next.shorten"), nil)
	case unfitForSecure(l.content):
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.notsecure"), i18n.T("next.normalchat"), nil)
	}
	// Nobody else tries it before its sender was told what is wrong with it.
	unlock, lockErr := c.lockSealer(ctx)
	if lockErr == nil {
		defer unlock()
	}
	if err := c.awaitSealing(context.WithoutCancel(ctx), peer, l); err != nil || lockErr != nil {
		return err
	}
	err := c.sealLocked(ctx, peer)
	c.noteTrouble(peer, err)
	if c.secureCode(err) == omega.CodeOK {
		return nil // it is sealed, or waits
	}
	// It waits for nothing that could come by itself.
	if err := c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error { return tx.RemoveUnsealed(l.id) }); err != nil {
		return err
	}
	return explainSealing(l.to, err)
}

// secureCode is the code of what cannot be sealed for good; CodeOK: it is tried again.
func (c *Client) secureCode(err error) omega.Code {
	switch {
	case unwritable(err), errors.Is(err, errNoSecureKey), errors.Is(err, chat.ErrTooLarge), errors.Is(err, pgp.ErrRevoked):
		return omega.CodeRefused
	case errors.Is(err, errPeerDeleted):
		return omega.CodeDeleted
	case isCode(err, omega.CodeNotFound):
		return omega.CodeNotFound
	}
	return omega.CodeOK
}

// awaitSealing keeps a message until it is sealed; the same id again changes nothing.
func (c *Client) awaitSealing(ctx context.Context, peer omega.Fingerprint, l letter) error {
	raw, err := l.content.Raw()
	if err != nil {
		return err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if _, err := tx.Message(l.id); err == nil || !errors.Is(err, history.ErrNotFound) {
			return err
		}
		if err := c.beginSecure(tx, peer); err != nil {
			return err
		}
		return tx.AddUnsealed(&history.Unsealed{ID: l.id, To: peer, Chat: c.secureChat(peer), Text: l.content.Text, Content: raw, Time: c.cfg.now()})
	})
	c.sealing.notify()
	return err
}

// beginSecure makes the row of a secure chat, if there is none.
func (c *Client) beginSecure(tx *history.Tx, peer omega.Fingerprint) error {
	id := c.secureChat(peer)
	if _, err := tx.SecureChat(id); !errors.Is(err, history.ErrNotFound) {
		return err
	}
	return tx.PutSecureChat(&history.SecureChat{Chat: id, Peer: peer})
}

// sealSecure seals what waits for the secure chat with an account, and opens epochs as
// it needs them. One goroutine does that at a time.
func (c *Client) sealSecure(ctx context.Context, peer omega.Fingerprint) error {
	unlock, err := c.lockSealer(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return c.sealLocked(ctx, peer)
}

// lockSealer makes this goroutine the one that opens epochs and seals in them.
func (c *Client) lockSealer(ctx context.Context) (unlock func(), err error) {
	select {
	case c.sealer <- struct{}{}:
		return func() { <-c.sealer }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Client) sealLocked(ctx context.Context, peer omega.Fingerprint) error {
	cert, err := c.secureCert(ctx, peer)
	if err != nil {
		return err
	}
	for {
		err := c.sealWaiting(ctx, cert)
		var need *needEpoch
		if !errors.As(err, &need) {
			return err
		}
		if err := c.openEpoch(ctx, cert, need); err != nil {
			return err
		}
	}
}

// secureCert is the certificate of the other account: what is stored will do if the
// cloud does not answer.
func (c *Client) secureCert(ctx context.Context, peer omega.Fingerprint) (*pgp.Certificate, error) {
	stored, err := c.storedPeer(ctx, peer)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		c.waitShortly(ctx)
	}
	cert, _, err := c.peer(ctx, peer, peerAge)
	if err != nil && stored != nil && !errors.Is(err, errPeerDeleted) && ctx.Err() == nil {
		return c.parsePeer(stored)
	}
	return cert, err
}

// waitShortly waits for a connection, if there is none.
func (c *Client) waitShortly(ctx context.Context) {
	wait, cancel := context.WithTimeout(ctx, unknownWait)
	defer cancel()
	c.waitOnline(wait) // who asks next is told whether there is one
}

// A needEpoch says that an epoch has to be opened before anything is sealed.
type needEpoch struct{ book *secureBook }

func (e *needEpoch) Error() string { return secure.ErrEnded.Error() }

// sealWaiting seals messages in order as long as there is an epoch to send in; without,
// the error is a needEpoch.
func (c *Client) sealWaiting(ctx context.Context, cert *pgp.Certificate) error {
	peer := cert.Fingerprint()
	var stop error
	spent := false
	err := c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error {
		waiting, err := tx.UnsealedIn(c.secureChat(peer), c.cfg.now())
		if err != nil || len(waiting) == 0 {
			return err
		}
		b, err := c.secureBookOf(tx, peer)
		if err != nil {
			return err
		}
		for i := range waiting {
			sealed, err := c.sealNext(ctx, tx, b, cert, &waiting[i])
			if stop = err; err != nil && !stays(err) {
				return err
			}
			if err != nil {
				break
			}
			spent = spent || sealed
		}
		_, err = b.store(tx, c.signingTime())
		return err
	})
	if spent {
		c.spent.notify()
		c.queued.notify()
		c.changed.notify()
	}
	if err != nil {
		return err
	}
	return stop
}

// stays reports whether an error is a reason to stop, and none to undo what was sealed.
func stays(err error) bool {
	var need *needEpoch
	return errors.As(err, &need) || errors.Is(err, errWithheld) || errors.Is(err, errPeerDeleted) || unwritable(err)
}

// sealNext seals one message that waits, unless it is a receipt for which there is no
// room.
func (c *Client) sealNext(ctx context.Context, tx *history.Tx, b *secureBook, cert *pgp.Certificate, u *history.Unsealed) (bool, error) {
	content, err := asideContent(u)
	if err != nil {
		return false, err
	}
	cert, known, err := c.newest(tx, cert, content)
	if err != nil {
		return false, err
	}
	if err := c.mayWrite(tx, b.chat.Peer, content.Kind); err != nil {
		return false, err
	}
	now := c.signingTime()
	e, err := b.sending(c.secureDevices(cert, now), now)
	if !b.chat.Ended.IsZero() && content.Kind.Control() {
		return false, tx.RemoveUnsealed(u.ID) // nothing begins again for it
	}
	if content.Receipt != nil && (err == nil && e.Sent(c.acc.Device)+receiptReserve >= e.Record.Limit || err != nil && b.mustPause(now)) {
		return false, nil // it goes with the next epoch
	}
	if err != nil {
		return false, &needEpoch{b}
	}
	if e.Sent(c.acc.Device) == 0 {
		content = c.introduced(content, known)
	}
	if err := c.sealIn(ctx, tx, b, e, u.ID, content, now); err != nil {
		return false, err
	}
	if err := c.befriend(ctx, tx, b.chat.Peer, content.Kind); err != nil {
		return false, err
	}
	return true, tx.RemoveUnsealed(u.ID)
}

// profileLine begins the line that says how a sender calls itself. (spec/secure.md,
// SEC-16)
const profileLine = "Profile-Name: "

// introduced is a content with what the first message in an epoch says beside.
func (c *Client) introduced(content *chat.Content, known *history.Peer) *chat.Content {
	var lines []string
	if name := chat.SanitizeName(c.acc.Name); name != "" {
		lines = append(lines, profileLine+name)
	}
	v := c.view(known)
	if v.IsZero() {
		return content.With(nil, lines...)
	}
	return content.With(&v, lines...)
}

// mustPause reports whether this device may open no epoch now, whoever left.
func (b *secureBook) mustPause(now time.Time) bool {
	return young(now, b.Opened, secure.OpenPause)
}

// sealIn seals the next message of this device in an epoch, keeps it, and puts it into
// the outbox. What changed of the book is stored by the caller, in this transaction.
func (c *Client) sealIn(ctx context.Context, tx *history.Tx, b *secureBook, e *secure.Epoch, id omega.ID, content *chat.Content, now time.Time) error {
	raw, err := content.Raw()
	if err != nil {
		return err
	}
	if now.Before(e.Record.Time) {
		now = e.Record.Time // a reader that took the epoch takes it; this clock is slow
	}
	m := &secure.Message{ID: id, Time: now, Content: raw}
	if e.Sent(c.acc.Device) == 0 {
		if m.Next, err = c.nextPrekey(ctx, tx, b.Chat, now); err != nil {
			return err
		}
	}
	payload, err := b.Seal(ctx, c.identity().Signer, e, m)
	if err != nil {
		return fmt.Errorf("seal a secure message: %w", err)
	}
	if err := tx.SawSecure(payload, c.cfg.now()); err != nil { // this account's homes send it back
		return err
	}
	row := b.secureKept(e, m, content)
	if _, err := tx.PutMessage(row); err != nil {
		return err
	}
	if err := tx.Apply(&row.Message); err != nil {
		return err
	}
	if err := c.post(tx, b.chat.Peer, c.bothAccounts(b.chat.Peer), id, id, payload); err != nil {
		return err
	}
	return c.befriend(ctx, tx, b.chat.Peer, content.Kind)
}

// bothAccounts are those to address in the chat with peer: this one only if it has
// another device.
func (c *Client) bothAccounts(peer omega.Fingerprint) []omega.Fingerprint {
	if len(c.others()) == 0 {
		return []omega.Fingerprint{peer}
	}
	return []omega.Fingerprint{peer, c.acc.Fingerprint}
}

// openEpoch opens the next epoch, with keys from wherever they are, and sends it. Where
// there is one for all devices but some that have no key still, it notes that.
func (c *Client) openEpoch(ctx context.Context, cert *pgp.Certificate, need *needEpoch) error {
	now, b := c.signingTime(), need.book
	devices := c.secureDevices(cert, now)
	c.waitShortly(ctx)
	keys := map[omega.Fingerprint]*secure.Prekey{}
	if e, err := b.least(devices, now); err == nil && !b.chat.Classic {
		without := slices.DeleteFunc(slices.Clone(devices), func(d secureDevice) bool { return e.Record.Index(d.fp()) >= 0 })
		if err := c.takePrekeys(ctx, without, keys, now); err != nil || !slices.ContainsFunc(without, func(d secureDevice) bool { return keys[d.fp()] != nil }) {
			return c.noteLacking(ctx, b, now)
		}
	}
	keyed := slices.DeleteFunc(slices.Clone(devices), func(d secureDevice) bool {
		return keys[d.fp()] == nil && !slices.ContainsFunc(b.Epochs, func(e *secure.Epoch) bool { return e.Record.Index(d.fp()) >= 0 })
	})
	if _, _, wait := b.Next(b.view(keyed), now); !wait.IsZero() {
		return &pauseError{wait}
	}
	err := c.db.View(ctx, func(tx *history.Tx) error {
		told, err := tx.ToldPrekeys(b.Chat)
		for device, p := range told {
			if now.Before(p.Expires) {
				keys[device] = p
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	readers, lacking, err := c.readersFor(ctx, b, keys, devices, now)
	if err != nil {
		return err
	}
	err = c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error {
		b, err := c.secureBookOf(tx, cert.Fingerprint())
		if err != nil {
			return err
		}
		if b.chat.Asked = (time.Time{}); lacking {
			b.chat.Asked = now
		}
		if _, err := b.sending(devices, now); err == nil { // it came meanwhile
			_, err = b.store(tx, c.signingTime())
			return err
		}
		return c.makeEpoch(ctx, tx, b, readers, now)
	})
	c.spent.notify()
	c.queued.notify()
	return err
}

// noteLacking notes that devices have no key still.
func (c *Client) noteLacking(ctx context.Context, b *secureBook, now time.Time) error {
	return c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error {
		s, err := tx.SecureChat(b.Chat)
		if err != nil {
			return err
		}
		s.Asked = now
		return tx.PutSecureChat(s)
	})
}

func (c *Client) makeEpoch(ctx context.Context, tx *history.Tx, b *secureBook, readers []secure.Reader, now time.Time) error {
	v := &secure.View{Devices: map[omega.Fingerprint]bool{}, Avoid: b.shut}
	for _, r := range readers {
		v.Devices[r.Signing] = true
	}
	number, parents, wait := b.Next(v, now)
	if !wait.IsZero() {
		return &pauseError{wait}
	}
	o, err := secure.Open(ctx, c.cfg.rand(), c.identity().Signer, &secure.Plan{
		Chat: b.Chat, Epoch: number, Parents: parents, Opener: c.acc.Fingerprint, Time: now, Readers: readers,
	})
	if err != nil {
		return err
	}
	if err := b.Add(o.Epoch, now); err != nil {
		return err
	}
	b.chat.Ended = time.Time{}
	if err := tx.SpendPrekeys(b.Chat); err != nil {
		return err
	}
	if _, err := b.store(tx, c.signingTime()); err != nil {
		return err
	}
	p := &history.EpochPayloads{Locator: o.Epoch.Locator(), Record: o.Record, Theirs: o.Wraps[b.chat.Peer], Ours: o.Wraps[c.acc.Fingerprint]}
	if err := tx.PutEpochPayloads(o.Epoch.Record.Hash(), p); err != nil {
		return err
	}
	c.cfg.log().Info("epoch of a secure chat opened", "epoch", p.Locator, "peer", b.chat.Peer, "devices", len(readers))
	return c.postEpoch(tx, b.chat.Peer, c.bothAccounts(b.chat.Peer), p)
}

// postEpoch sends the parts of an epoch to accounts of its chat.
func (c *Client) postEpoch(tx *history.Tx, peer omega.Fingerprint, to []omega.Fingerprint, p *history.EpochPayloads) error {
	for _, account := range to {
		wraps := p.Theirs
		if account == c.acc.Fingerprint {
			wraps = p.Ours
		}
		for _, payload := range [][]byte{wraps, p.Record} {
			id, err := c.newID()
			if err != nil {
				return err
			}
			if err := c.post(tx, peer, []omega.Fingerprint{account}, id, omega.ID{}, payload); err != nil {
				return err
			}
		}
	}
	return nil
}

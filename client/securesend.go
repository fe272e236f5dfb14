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
func (c *Client) queueSecure(ctx context.Context, r room, l letter) error {
	doing := i18n.T("doing.send", l.to)
	switch raw, err := l.content.Raw(); {
	case err != nil:
		return err
	case len(raw) > maxSecureContent:
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.toolong", len(raw), maxSecureContent), i18n.T("next.shorten"), nil)
	case unfitForSecure(r, l.content):
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.notsecure"), i18n.T("next.normalchat"), nil)
	}
	// Nobody else tries it before its sender was told what is wrong with it.
	unlock, lockErr := c.sealers.lock(ctx, r.chat)
	if lockErr == nil {
		defer unlock()
	}
	if err := c.awaitSealing(context.WithoutCancel(ctx), r, l); err != nil || lockErr != nil {
		return err
	}
	err := c.sealLocked(ctx, r)
	c.noteTrouble(r, err)
	if c.secureCode(r, err) == omega.CodeOK {
		return nil // it is sealed, or waits
	}
	// It waits for nothing that could come by itself.
	if err := c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error { return tx.RemoveUnsealed(l.id) }); err != nil {
		return err
	}
	return explainSealing(l.to, err)
}

// secureCode is the code of what cannot be sealed for good; CodeOK: it is tried again.
func (c *Client) secureCode(r room, err error) omega.Code {
	switch {
	case unwritable(err), errors.Is(err, errNoSecureKey) && !r.ofGroup(), errors.Is(err, chat.ErrTooLarge), errors.Is(err, pgp.ErrRevoked), errors.Is(err, errNotMember), errors.Is(err, errAudience):
		return omega.CodeRefused
	case errors.Is(err, errPeerDeleted):
		return omega.CodeDeleted
	case isCode(err, omega.CodeNotFound):
		return omega.CodeNotFound
	}
	return omega.CodeOK
}

// awaitSealing keeps a message until it is sealed; the same id again changes nothing.
func (c *Client) awaitSealing(ctx context.Context, r room, l letter) error {
	err := c.db.Update(ctx, func(tx *history.Tx) error { return c.awaitSealingIn(tx, r, l.id, l.content) })
	c.sealing.notify()
	return err
}

func (c *Client) awaitSealingIn(tx *history.Tx, r room, id omega.ID, content *chat.Content) error {
	raw, err := content.Raw()
	if err != nil {
		return err
	}
	if _, err := tx.Message(id); err == nil || !errors.Is(err, history.ErrNotFound) {
		return err
	}
	if err := c.beginSecure(tx, r); err != nil {
		return err
	}
	return tx.AddUnsealed(&history.Unsealed{ID: id, To: r.peer, Chat: r.chat, Text: content.Text, Content: raw, Time: c.cfg.now()})
}

// beginSecure makes the row of a secure chat, if there is none.
func (c *Client) beginSecure(tx *history.Tx, r room) error {
	if _, err := tx.SecureChat(r.chat); !errors.Is(err, history.ErrNotFound) {
		return err
	}
	return tx.PutSecureChat(&history.SecureChat{Chat: r.chat, Peer: r.peer, Group: r.group})
}

// sealSecure seals what waits for a secure chat, and opens epochs as it needs them. One
// goroutine does that at a time for a chat.
func (c *Client) sealSecure(ctx context.Context, r room) error {
	unlock, err := c.sealers.lock(ctx, r.chat)
	if err != nil {
		return err
	}
	defer unlock()
	return c.sealLocked(ctx, r)
}

func (c *Client) sealLocked(ctx context.Context, r room) error {
	if err := c.readyRoom(ctx, r); err != nil {
		return err
	}
	for {
		err := c.sealWaiting(ctx, r)
		var need *needEpoch
		if !errors.As(err, &need) {
			return err
		}
		if err := c.openEpoch(ctx, need); err != nil {
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
type needEpoch struct {
	book *secureBook
	who  *audience
}

func (e *needEpoch) Error() string { return secure.ErrEnded.Error() }

// sealWaiting seals messages in order as long as there is an epoch to send in; without,
// the error is a needEpoch.
func (c *Client) sealWaiting(ctx context.Context, r room) error {
	var stop error
	spent := false
	err := c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error {
		waiting, err := tx.UnsealedIn(r.chat, c.cfg.now())
		if err != nil || len(waiting) == 0 {
			return err
		}
		b, err := c.secureBookOf(tx, r)
		if err != nil {
			return err
		}
		for i := range waiting {
			sealed, err := c.sealNext(ctx, tx, b, &waiting[i])
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
	return errors.As(err, &need) || errors.Is(err, errWithheld) || errors.Is(err, errPeerDeleted) || errors.Is(err, errNotMember) || errors.Is(err, errAudience) || unwritable(err)
}

// sealNext seals one message that waits, unless it is a receipt for which there is no
// room.
func (c *Client) sealNext(ctx context.Context, tx *history.Tx, b *secureBook, u *history.Unsealed) (bool, error) {
	content, err := asideContent(u)
	if err != nil {
		return false, err
	}
	now := c.signingTime()
	if err := c.mergeIn(ctx, tx, b.room); err != nil {
		return false, err
	}
	a, err := c.audience(ctx, tx, b.room, content, now)
	if content.Kind.Control() && (errors.Is(err, errNotMember) || err == nil && !a.others(c.acc.Device)) {
		return false, tx.RemoveUnsealed(u.ID) // nobody wants to hear it
	}
	if err != nil {
		return false, err
	}
	e, err := b.sending(a, now)
	if !b.chat.Ended.IsZero() && content.Kind.Control() && !b.room.ofGroup() {
		return false, tx.RemoveUnsealed(u.ID) // nothing begins again for it
	}
	if content.Receipt != nil && (err == nil && e.Sent(c.acc.Device)+receiptReserve >= e.Record.Limit || err != nil && (b.room.ofGroup() || b.mustPause(now))) {
		return false, nil // it goes with the next epoch
	}
	if err != nil {
		e, err = b.forNews(a, content, now)
	}
	if err != nil {
		return false, &needEpoch{b, a}
	}
	if b.tellsTooMuch(e, content) {
		return false, tx.RemoveUnsealed(u.ID)
	}
	if content, err = c.introduced(tx, b.Chat, content, a.known, e.Sent(c.acc.Device) == 0); err != nil {
		return false, err
	}
	if content = withHeads(content, a.heads, e); content.Group != nil {
		if _, err := content.Raw(); err != nil {
			return false, err
		}
	}
	if err := c.sealIn(ctx, tx, b, e, u.ID, content, now); err != nil {
		return false, err
	}
	return true, tx.RemoveUnsealed(u.ID)
}

// withHeads has a message name what its author knows of the group, where that is not
// what the epoch's record says. (spec/secure.md, SEC-22)
func withHeads(content *chat.Content, heads []chat.Hash, e *secure.Epoch) *chat.Content {
	if slices.EqualFunc(heads, e.Record.Heads, func(a chat.Hash, b secure.Hash) bool { return a == chat.Hash(b) }) {
		return content
	}
	out, g := *content, chat.GroupNews{}
	if content.Group != nil {
		g = *content.Group
	}
	g.Heads = heads
	out.Group = &g
	return &out
}

// tellsTooMuch reports whether a message that is sent again would go to an account that
// was not given it when it was written. (spec/secure.md, SEC-24)
func (b *secureBook) tellsTooMuch(e *secure.Epoch, content *chat.Content) bool {
	if content.Resent == nil || !b.room.ofGroup() {
		return false
	}
	said, err := secure.ReadText(content.Resent.Transcript)
	if err != nil {
		return true
	}
	was := b.Gone[said.Epoch]
	if then := b.Epoch(said.Epoch); then != nil {
		was = then.Record
	}
	return was == nil || slices.ContainsFunc(e.Record.Members, func(m secure.Member) bool {
		return !slices.ContainsFunc(was.Members, func(o secure.Member) bool { return o.Account == m.Account })
	})
}

// profileLine begins the line that says how a sender calls itself. (spec/secure.md,
// SEC-16)
const profileLine = "Profile-Name: "

// settingNamed is where it is kept what was said in a secure chat of the own name last.
const settingNamed = "named-in-"

// introduced is a content with what the first message in an epoch says beside, and the
// first after the own name changed. (spec/secure.md, SEC-16)
func (c *Client) introduced(tx *history.Tx, id omega.ChatID, content *chat.Content, known *history.Peer, first bool) (*chat.Content, error) {
	name, err := c.ownName(tx)
	if err != nil {
		return nil, err
	}
	name = chat.SanitizeName(name)
	said, err := tx.Setting(settingNamed + id.String())
	if err != nil || !first && string(said) == name {
		return content, err
	}
	var lines []string
	if name != "" {
		lines = append(lines, profileLine+name)
	}
	if string(said) != name {
		if err := tx.SetSetting(settingNamed+id.String(), []byte(name)); err != nil {
			return nil, err
		}
	}
	v := c.view(known)
	if !first || v.IsZero() {
		return content.With(nil, lines...), nil
	}
	return content.With(&v, lines...), nil
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
	row.Heard = c.homeTime()
	if _, err := tx.PutMessage(row); err != nil {
		return err
	}
	if err := tx.Apply(&row.Message); err != nil {
		return err
	}
	to := c.accounts(e)
	if len(to) == 0 {
		return tx.SetState(id, clientrpc.StateStored, "") // there is nobody else
	}
	if err := c.postIn(tx, b.room, to, id, id, payload); err != nil || b.room.ofGroup() {
		return err
	}
	return c.befriend(ctx, tx, b.room.peer, content.Kind)
}

// openEpoch opens the next epoch, with keys from wherever they are, and sends it. Where
// there is one for all devices but some that have no key still, it notes that.
func (c *Client) openEpoch(ctx context.Context, need *needEpoch) error {
	now, b, devices := c.signingTime(), need.book, need.who.devices
	c.waitShortly(ctx)
	keys := map[omega.Fingerprint]*secure.Prekey{}
	if e, err := b.some(need.who, now); err == nil && !b.chat.Classic {
		without := slices.DeleteFunc(slices.Clone(devices), func(d secureDevice) bool { return e.Record.Index(d.fp()) >= 0 })
		if err := c.takePrekeys(ctx, b.room, without, keys, now); err != nil || !slices.ContainsFunc(without, func(d secureDevice) bool { return keys[d.fp()] != nil }) {
			if _, err := b.least(need.who, now); err != nil {
				return errNoSecureKey
			}
			return c.noteLacking(ctx, b, now)
		}
	}
	listed := map[omega.Fingerprint]bool{}
	for _, e := range b.Epochs {
		for _, d := range e.Record.Devices() {
			listed[d.Signing] = true
		}
	}
	keyed := slices.DeleteFunc(slices.Clone(devices), func(d secureDevice) bool { return keys[d.fp()] == nil && !listed[d.fp()] })
	if _, _, wait := b.Next(b.view(need.who, keyed), now); !wait.IsZero() {
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
		b, err := c.secureBookOf(tx, b.room)
		if err != nil {
			return err
		}
		if b.chat.Asked = (time.Time{}); lacking {
			b.chat.Asked = now
		}
		_, err = b.sending(need.who, now)
		same, changed := c.sameAudience(tx, b.room, need.who)
		if changed != nil {
			return changed
		}
		if err == nil || !same { // one came meanwhile, or somebody came or went
			_, err = b.store(tx, c.signingTime())
			return err
		}
		return c.makeEpoch(ctx, tx, b, need.who, readers, now)
	})
	c.spent.notify()
	c.queued.notify()
	return err
}

// sameAudience reports whether a group is as it was when its readers were found.
func (c *Client) sameAudience(tx *history.Tx, r room, who *audience) (bool, error) {
	if !r.ofGroup() {
		return true, nil
	}
	l, err := c.groupIn(tx, r.group)
	if err != nil {
		return false, err
	}
	return slices.Equal(l.heads(), who.heads), nil
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

func (c *Client) makeEpoch(ctx context.Context, tx *history.Tx, b *secureBook, who *audience, readers []secure.Reader, now time.Time) error {
	v := &secure.View{Devices: map[omega.Fingerprint]bool{}, Owners: who.owners, Avoid: b.shut}
	for _, r := range readers {
		v.Devices[r.Signing] = true
	}
	number, parents, wait := b.Next(v, now)
	if !wait.IsZero() {
		return &pauseError{wait}
	}
	plan := &secure.Plan{Chat: b.Chat, Epoch: number, Parents: parents, Opener: c.acc.Fingerprint, Time: now, Readers: readers}
	var err error
	if plan.Heads, err = c.recordHeads(tx, b, who); err != nil {
		return err
	}
	o, err := secure.Open(ctx, c.cfg.rand(), c.identity().Signer, plan)
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
	p := &history.EpochPayloads{Locator: o.Epoch.Locator(), Record: o.Record, Wraps: map[omega.Fingerprint][]byte{}}
	for account, wraps := range o.Wraps {
		p.Wraps[c.asStored(account)] = wraps
	}
	if err := tx.PutEpochPayloads(o.Epoch.Record.Hash(), p); err != nil {
		return err
	}
	c.cfg.log().Info("epoch of a secure chat opened", "epoch", p.Locator, "chat", b.Chat, "devices", len(readers))
	return c.postEpoch(tx, b.room, c.accounts(o.Epoch), p)
}

// asStored is how an account stands beside its wraps: this one as zero.
func (c *Client) asStored(account omega.Fingerprint) omega.Fingerprint {
	if account == c.acc.Fingerprint {
		return omega.Fingerprint{}
	}
	return account
}

// postEpoch sends the parts of an epoch to accounts of its chat: to each its wraps, and
// to all the record.
func (c *Client) postEpoch(tx *history.Tx, r room, to []omega.Fingerprint, p *history.EpochPayloads) error {
	send := func(to []omega.Fingerprint, payload []byte) error {
		id, err := c.newID()
		if err != nil {
			return err
		}
		return c.postIn(tx, r, to, id, omega.ID{}, payload)
	}
	for _, account := range to {
		if err := send([]omega.Fingerprint{account}, p.Wraps[c.asStored(account)]); err != nil {
			return err
		}
	}
	if len(to) == 0 {
		return nil
	}
	return send(to, p.Record)
}

package client

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
)

// handleSecure adds the methods about secure chats.
func handleSecure(m map[string]call) {
	handle(m, clientrpc.StartSecure, "doing.secure", (*Client).startSecure)
	handle(m, clientrpc.SecureChats, "doing.secure", (*Client).listSecure)
	handle(m, clientrpc.ShowSecure, "doing.secure", (*Client).showSecure)
	handle(m, clientrpc.EndSecure, "doing.secureend", (*Client).endSecure)
}

// explainSealing puts into words why nothing can be sealed.
func explainSealing(to string, err error) error {
	doing := i18n.T("doing.send", to)
	var pause *pauseError
	switch {
	case errors.Is(err, errNoSecureKey):
		return fail(clientrpc.CodeKey, doing, i18n.T("why.nosecurekey", to), i18n.T("next.nosecurekey"), nil)
	case errors.Is(err, errNoPrekeys), errors.Is(err, context.DeadlineExceeded):
		return fail(clientrpc.CodeOffline, doing, i18n.T("why.noprekeys"), i18n.T("next.queued"), err)
	case errors.As(err, &pause):
		return fail(clientrpc.CodeOffline, doing, i18n.T("why.epochpause", pause.until.Local().Format(time.TimeOnly)), i18n.T("next.queued"), nil)
	case errors.Is(err, errNotMember):
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.mayntwrite"), i18n.T("next.groupinfo"), nil)
	case errors.Is(err, errAudience):
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.securelarge", secure.MaxDevices), i18n.T("next.securelarge"), nil)
	case isCode(err, omega.CodeNotFound):
		return fail(clientrpc.CodeNotFound, doing, i18n.T("why.unknown", to), i18n.T("next.fingerprint"), nil)
	}
	return explain(doing, err)
}

// startSecure begins a secure chat, or changes what its user agreed to.
func (c *Client) startSecure(ctx context.Context, p clientrpc.StartSecureParams) (out clientrpc.SecureChat, err error) {
	r, err := c.secureRoom(ctx, p.Peer)
	if err == nil {
		err = c.notBlocked(ctx, i18n.T("doing.secure"), r.peer)
	}
	if err != nil {
		return out, err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if err := c.beginSecure(tx, r); err != nil || p.Classic == nil {
			return err
		}
		s, err := tx.SecureChat(r.chat)
		if err != nil {
			return err
		}
		s.Classic = *p.Classic
		return tx.PutSecureChat(s)
	})
	if err == nil {
		err = c.makeReady(ctx, r)
	}
	if err != nil {
		return out, explainSealing(p.Peer, err)
	}
	return c.describeSecure(ctx, r, true)
}

// makeReady opens an epoch for all devices of a secure chat, if there is none.
func (c *Client) makeReady(ctx context.Context, r room) error {
	unlock, err := c.sealers.lock(ctx, r.chat)
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.readyRoom(ctx, r); err != nil {
		return err
	}
	var need *needEpoch
	now := c.signingTime()
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		who, err := c.audience(ctx, tx, r, &chat.Content{Kind: chat.KindGroup}, now)
		if err != nil {
			return err
		}
		b, err := c.secureBookOf(tx, r)
		if err != nil {
			return err
		}
		b.chat.Asked = time.Time{} // who had no key may have one now
		if _, err := b.sending(who, now); err != nil {
			need = &needEpoch{b, who}
		}
		return nil
	})
	if err != nil || need == nil {
		return err
	}
	return c.openEpoch(ctx, need)
}

// listSecure lists the secure chats.
func (c *Client) listSecure(ctx context.Context, p clientrpc.Page) (out clientrpc.SecureChatsResult, err error) {
	out.Chats = []clientrpc.SecureChat{}
	var chats []history.SecureChat
	err = c.db.View(ctx, func(tx *history.Tx) (err error) {
		chats, err = tx.SecureChats()
		return err
	})
	for i := range chats {
		if err != nil {
			return out, err
		}
		var one clientrpc.SecureChat
		one, err = c.describeSecure(ctx, roomOf(&chats[i]), false)
		out.Chats = append(out.Chats, one)
	}
	if err != nil {
		return out, err
	}
	out.Chats, out.Rest, err = part(out.Chats, p, func(s *clientrpc.SecureChat) string { return s.Name + "\x00" + s.Chat.String() })
	return out, err
}

// showSecure says everything about one of them.
func (c *Client) showSecure(ctx context.Context, p clientrpc.SecureRef) (out clientrpc.SecureChat, err error) {
	r, err := c.secureRoom(ctx, p.Peer)
	if err != nil {
		return out, err
	}
	return c.describeSecure(ctx, r, true)
}

// describeSecure says what is known of a secure chat; of a whole one its devices too.
func (c *Client) describeSecure(ctx context.Context, r room, whole bool) (out clientrpc.SecureChat, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		s, err := tx.SecureChat(r.chat)
		if errors.Is(err, history.ErrNotFound) {
			return fail(clientrpc.CodeNotFound, i18n.T("doing.secure"), i18n.T("why.nosecure", r.peer), i18n.T("next.securestart"), nil)
		}
		if err != nil {
			return err
		}
		out = clientrpc.SecureChat{Chat: s.Chat, Peer: r.peer, Classic: s.Classic, Ended: s.Ended, Epochs: []clientrpc.SecureEpoch{}, Devices: []clientrpc.SecureDevice{}}
		who, err := c.nameRoom(tx, r, &out)
		if err != nil {
			return err
		}
		out.Why = c.secureWhy(letter{to: cmp.Or(out.Group, r.peer.String())}, s.Chat)
		unsent, err := tx.UnsealedIn(s.Chat, c.cfg.now())
		if out.Unsent = len(unsent); err != nil {
			return err
		}
		waiting, err := tx.AllWaiting()
		for _, w := range waiting {
			out.Waiting += first(!r.ofGroup() && w.Account == r.peer || r.ofGroup() && w.Room == r.chat)
		}
		if err != nil {
			return err
		}
		b, err := c.secureBookOf(tx, r)
		if err == nil {
			c.describeEpochs(&out, b, who, whole)
			err = c.nameSecureDevices(tx, out.Devices)
		}
		return err
	})
	return out, err
}

// nameRoom says whose a secure chat is, and finds who reads in it, as far as their
// certificates are here.
func (c *Client) nameRoom(tx *history.Tx, r room, out *clientrpc.SecureChat) (who *audience, err error) {
	now := c.signingTime()
	if !r.ofGroup() {
		who = &audience{}
		if cert := c.certIn(tx, r.peer); cert != nil {
			who.devices = append(active(c.certificate(), now), active(cert, now)...)
		}
		out.Name, err = c.nameOf(tx, r.peer)
		return who, err
	}
	state, err := c.groupState(tx, r.group)
	if err != nil {
		return nil, err
	}
	out.Group, out.Name = r.group.String(), names.Shown(state.Profile.Name)
	return c.readersIn(tx, state, now), nil
}

// describeEpochs adds the epochs of a book, and who can read in the current one.
func (c *Client) describeEpochs(out *clientrpc.SecureChat, b *secureBook, who *audience, whole bool) {
	now := c.signingTime()
	current, err := b.sending(who, now)
	if err != nil {
		current, err = b.least(who, now)
	}
	out.Open = err == nil
	for _, e := range b.Epochs {
		out.Epochs = append(out.Epochs, clientrpc.SecureEpoch{
			Epoch: e.Record.Epoch, Name: e.Record.Hash().String(), Opener: e.Record.Device, Time: e.Record.Time, Expires: e.Record.Expires,
			Sent: e.Sent(c.acc.Device), Limit: e.Record.Limit, Current: out.Open && e == current,
		})
	}
	if !whole {
		return
	}
	for _, d := range who.devices {
		one := clientrpc.SecureDevice{Account: d.account, Device: d.fp(), Name: names.Shown(d.Name)}
		if out.Open {
			if i := current.Record.Index(d.fp()); i >= 0 {
				one.Keys = current.Record.Devices()[i].Use.String()
			}
		}
		out.Devices = append(out.Devices, one)
	}
}

// nameSecureDevices gives devices of this account the names that its owner gave them.
func (c *Client) nameSecureDevices(tx *history.Tx, list []clientrpc.SecureDevice) error {
	called, err := deviceNames(tx)
	for i := range list {
		if d := &list[i]; d.Account == c.acc.Fingerprint {
			d.Name = cmp.Or(called[d.Device], d.Name)
		}
	}
	return err
}

// endSecure destroys the keys of a secure chat of two and tells the other side.
func (c *Client) endSecure(ctx context.Context, p clientrpc.SecureRef) (out clientrpc.SecureChat, err error) {
	r, err := c.secureRoom(ctx, p.Peer)
	if err != nil {
		return out, err
	}
	if r.ofGroup() {
		return out, fail(clientrpc.CodeRefused, i18n.T("doing.secureend"), i18n.T("why.endgroup"), i18n.T("next.endgroup"), nil)
	}
	id, err := c.newID()
	if err != nil {
		return out, err
	}
	unlock, err := c.sealers.lock(ctx, r.chat)
	if err != nil {
		return out, err
	}
	defer unlock()
	c.failSecure(ctx, r, whyEnded, time.UnixMilli(maxReceived)) // what waits for keys is not to begin it again
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if _, err := tx.SecureChat(r.chat); err != nil {
			return ignoreNotFound(err)
		}
		b, err := c.secureBookOf(tx, r)
		if err != nil {
			return err
		}
		if err := c.sealEnd(ctx, tx, b, id); err != nil {
			return err
		}
		b.End(func(*secure.Epoch) bool { return true })
		if b.chat.Ended.IsZero() {
			b.chat.Ended = c.cfg.now()
			line := history.SecureLine{Chat: r.chat, Peer: r.peer, Message: id, Account: c.acc.Fingerprint, Device: c.acc.Device, Time: b.chat.Ended, Noted: b.chat.Ended, Seen: true}
			if err := tx.PutSecureLine(&line); err != nil {
				return err
			}
		}
		if _, err := b.store(tx, c.signingTime()); err != nil {
			return err
		}
		return tx.ForgetSecure(b.Chat)
	})
	if err != nil {
		return out, err
	}
	c.queued.notify()
	c.spent.notify()
	c.changed.notify()
	if _, err := c.db.Checkpoint(ctx); err != nil { // where somebody reads now it is done later
		return out, err
	}
	return c.describeSecure(ctx, r, true)
}

// sealEnd says that the keys are destroyed, in an epoch that is there to say it in.
func (c *Client) sealEnd(ctx context.Context, tx *history.Tx, b *secureBook, id omega.ID) error {
	now, content := c.signingTime(), &chat.Content{Kind: chat.KindSecureEnd}
	who, err := c.nameRoom(tx, b.room, &clientrpc.SecureChat{})
	if err != nil {
		return err
	}
	e, err := b.sending(who, now)
	if err != nil {
		if e, err = b.least(who, now); err != nil {
			return nil
		}
	}
	return c.sealIn(ctx, tx, b, e, id, content, now)
}

// secureOutbox is how many messages wait to be sealed in secure chats.
func (c *Client) secureOutbox(tx *history.Tx) (int, error) {
	list, err := tx.UnsealedSecure(c.cfg.now(), 1000)
	return len(list), err
}

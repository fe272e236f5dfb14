package client

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// handleSecure adds the methods about secure chats.
func handleSecure(m map[string]call) {
	handle(m, clientrpc.StartSecure, "doing.secure", (*Client).startSecure)
	handle(m, clientrpc.SecureChats, "doing.secure", (*Client).listSecure)
	handle(m, clientrpc.ShowSecure, "doing.secure", (*Client).showSecure)
	handle(m, clientrpc.EndSecure, "doing.secureend", (*Client).endSecure)
}

// secureDest is the secure chat with the account that a dest means.
func (c *Client) secureDest(doing i18n.Text, d dest) (dest, error) {
	switch {
	case d.peer.IsZero():
		return d, fail(clientrpc.CodeRefused, doing, i18n.T("why.securegroup"), i18n.T("next.normalchat"), nil)
	case d.peer == c.acc.Fingerprint:
		return d, fail(clientrpc.CodeUsage, doing, i18n.T("why.secureself"), i18n.T("next.fingerprint"), nil)
	}
	d.secure = true
	return d, nil
}

// securePeer is the other account of a secure chat that somebody names.
func (c *Client) securePeer(ctx context.Context, text string) (omega.Fingerprint, error) {
	d, err := c.resolve(ctx, text)
	if err == nil {
		d, err = c.secureDest(i18n.T("doing.secure"), d)
	}
	return d.peer, err
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
	case isCode(err, omega.CodeNotFound):
		return fail(clientrpc.CodeNotFound, doing, i18n.T("why.unknown", to), i18n.T("next.fingerprint"), nil)
	}
	return explain(doing, err)
}

// startSecure begins a secure chat, or changes what its user agreed to.
func (c *Client) startSecure(ctx context.Context, p clientrpc.StartSecureParams) (out clientrpc.SecureChat, err error) {
	peer, err := c.securePeer(ctx, p.Peer)
	if err == nil {
		err = c.notBlocked(ctx, i18n.T("doing.secure"), peer)
	}
	if err != nil {
		return out, err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if err := c.beginSecure(tx, peer); err != nil || p.Classic == nil {
			return err
		}
		s, err := tx.SecureChat(c.secureChat(peer))
		if err != nil {
			return err
		}
		s.Classic = *p.Classic
		return tx.PutSecureChat(s)
	})
	if err == nil {
		err = c.readySecure(ctx, peer)
	}
	if err != nil {
		return out, explainSealing(p.Peer, err)
	}
	return c.describeSecure(ctx, peer, true)
}

// readySecure opens an epoch for all devices of the chat with peer, if there is none.
func (c *Client) readySecure(ctx context.Context, peer omega.Fingerprint) error {
	unlock, err := c.lockSealer(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	cert, err := c.secureCert(ctx, peer)
	if err != nil {
		return err
	}
	var b *secureBook
	err = c.db.View(ctx, func(tx *history.Tx) error {
		if cert, _, err = c.newest(tx, cert, &chat.Content{}); err == nil {
			b, err = c.secureBookOf(tx, peer)
		}
		return err
	})
	if err != nil {
		return err
	}
	now := c.signingTime()
	b.chat.Asked = time.Time{} // who had no key may have one now
	if _, err := b.sending(c.secureDevices(cert, now), now); err == nil {
		return nil
	}
	return c.openEpoch(ctx, cert, &needEpoch{b})
}

// listSecure lists the secure chats.
func (c *Client) listSecure(ctx context.Context, p clientrpc.Page) (out clientrpc.SecureChatsResult, err error) {
	out.Chats = []clientrpc.SecureChat{}
	var chats []history.SecureChat
	err = c.db.View(ctx, func(tx *history.Tx) (err error) {
		chats, err = tx.SecureChats()
		return err
	})
	for _, s := range chats {
		if err != nil {
			return out, err
		}
		var one clientrpc.SecureChat
		one, err = c.describeSecure(ctx, s.Peer, false)
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
	peer, err := c.securePeer(ctx, p.Peer)
	if err != nil {
		return out, err
	}
	return c.describeSecure(ctx, peer, true)
}

// describeSecure says what is known of a secure chat; of a whole one its devices too.
func (c *Client) describeSecure(ctx context.Context, peer omega.Fingerprint, whole bool) (out clientrpc.SecureChat, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		s, err := tx.SecureChat(c.secureChat(peer))
		if errors.Is(err, history.ErrNotFound) {
			return fail(clientrpc.CodeNotFound, i18n.T("doing.secure"), i18n.T("why.nosecure", peer), i18n.T("next.securestart"), nil)
		}
		if err != nil {
			return err
		}
		out = clientrpc.SecureChat{Chat: s.Chat, Peer: peer, Classic: s.Classic, Ended: s.Ended, Epochs: []clientrpc.SecureEpoch{}, Devices: []clientrpc.SecureDevice{}}
		if out.Name, err = c.nameOf(tx, peer); err != nil {
			return err
		}
		out.Why = c.secureWhy(letter{to: peer.String()}, s.Chat)
		unsent, err := tx.UnsealedIn(s.Chat, c.cfg.now())
		if out.Unsent = len(unsent); err != nil {
			return err
		}
		waiting, err := tx.AllWaiting()
		for _, w := range waiting {
			out.Waiting += first(w.Account == peer)
		}
		if err != nil {
			return err
		}
		b, err := c.secureBookOf(tx, peer)
		if err == nil {
			c.describeEpochs(&out, b, c.certIn(tx, peer), whole)
		}
		return err
	})
	return out, err
}

// describeEpochs adds the epochs of a book, and who can read in the current one.
func (c *Client) describeEpochs(out *clientrpc.SecureChat, b *secureBook, cert *pgp.Certificate, whole bool) {
	now := c.signingTime()
	var devices []secureDevice
	if cert != nil {
		devices = c.secureDevices(cert, now)
	}
	current, err := b.sending(devices, now)
	if err != nil {
		current, err = b.least(devices, now)
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
	for _, d := range devices {
		one := clientrpc.SecureDevice{Account: d.account, Device: d.fp(), Name: d.Name}
		if out.Open {
			if i := current.Record.Index(d.fp()); i >= 0 {
				one.Keys = current.Record.Devices()[i].Use.String()
			}
		}
		out.Devices = append(out.Devices, one)
	}
}

// endSecure destroys the keys of a secure chat and tells the other side.
func (c *Client) endSecure(ctx context.Context, p clientrpc.SecureRef) (out clientrpc.SecureChat, err error) {
	peer, err := c.securePeer(ctx, p.Peer)
	if err != nil {
		return out, err
	}
	id, err := c.newID()
	if err != nil {
		return out, err
	}
	unlock, err := c.lockSealer(ctx)
	if err != nil {
		return out, err
	}
	defer unlock()
	c.failSecure(ctx, peer, omega.CodeRefused, time.UnixMilli(maxReceived)) // what waits for keys is not to begin it again
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if _, err := tx.SecureChat(c.secureChat(peer)); err != nil {
			return ignoreNotFound(err)
		}
		b, err := c.secureBookOf(tx, peer)
		if err != nil {
			return err
		}
		if err := c.sealEnd(ctx, tx, b, id); err != nil {
			return err
		}
		b.End(func(*secure.Epoch) bool { return true })
		b.chat.Ended = c.cfg.now()
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
	if _, err := c.db.Checkpoint(ctx); err != nil { // where somebody reads now it is done later
		return out, err
	}
	return c.describeSecure(ctx, peer, true)
}

// sealEnd says that the keys are destroyed, in an epoch that is there to say it in.
func (c *Client) sealEnd(ctx context.Context, tx *history.Tx, b *secureBook, id omega.ID) error {
	cert := c.certIn(tx, b.chat.Peer)
	if cert == nil {
		return nil
	}
	now := c.signingTime()
	devices := c.secureDevices(cert, now)
	e, err := b.sending(devices, now)
	if err != nil {
		if e, err = b.least(devices, now); err != nil {
			return nil
		}
	}
	return c.sealIn(ctx, tx, b, e, id, &chat.Content{Kind: chat.KindSecureEnd}, now)
}

// secureOutbox is how many messages wait to be sealed in secure chats.
func (c *Client) secureOutbox(tx *history.Tx) (int, error) {
	list, err := tx.UnsealedSecure(c.cfg.now(), 1000)
	return len(list), err
}

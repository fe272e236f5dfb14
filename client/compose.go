package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A letter is one message on its way into the outbox.
type letter struct {
	id      omega.ID
	to      string // as the caller named the chat
	content *chat.Content
	wait    string // as in clientrpc.SendParams
	timeout time.Duration
}

// send puts a text into the outbox and waits as long as the caller wants.
func (c *Client) send(ctx context.Context, p clientrpc.SendParams) (*clientrpc.SendResult, error) {
	if err := checkSend(p); err != nil {
		return nil, err
	}
	d, err := c.resolve(ctx, p.To)
	if err == nil && p.Secure {
		d, err = c.secureDest(i18n.T("doing.send", p.To), d)
	}
	if err != nil {
		return nil, err
	}
	content, err := c.compose(ctx, d, p)
	if err != nil {
		return nil, err
	}
	if p.At.After(c.cfg.now()) {
		return c.schedule(ctx, d, p, content)
	}
	return c.submit(ctx, d, letter{p.ID, p.To, content, p.Wait, p.Timeout})
}

// submit queues a message and waits as long as the caller wants.
func (c *Client) submit(ctx context.Context, d dest, l letter) (*clientrpc.SendResult, error) {
	if !c.gone().IsZero() {
		return nil, explain(i18n.T("doing.send", l.to), errDeleted)
	}
	if c.isRevoked() {
		return nil, explain(i18n.T("doing.send", l.to), c.revoked(ctx))
	}
	if err := c.notBlocked(ctx, i18n.T("doing.send", l.to), d.peer); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, max(l.timeout, time.Millisecond))
	defer cancel()
	queue := func() error { return c.queue(ctx, d.peer, l) }
	switch {
	case d.secure:
		queue = func() error { return c.queueSecure(ctx, c.room(d), l) }
	case d.peer.IsZero():
		queue = func() error { return c.queueGroup(ctx, d.group, l) }
	}
	if err := queue(); err != nil {
		return nil, err
	}
	return c.await(ctx, l, c.chatAt(d))
}

// checkSend finds what cannot be sent before anything is made of it.
func checkSend(p clientrpc.SendParams) error {
	doing := i18n.T("doing.send", p.To)
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return err
	}
	return CheckText(doing, p.Text, int64(len(p.Text)))
}

func checkLetter(doing i18n.Text, id omega.ID, wait string) error {
	if id.IsZero() || wait != "" && wait != waitNone && order(wait) <= 0 {
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.params"), i18n.Text{}, fmt.Errorf("id %s, wait %q", id, wait))
	}
	return nil
}

// waitNone is the Wait of a send that only has to be durable here.
const waitNone = "none"

// CheckText refuses a text that cannot be sent. Faces call it before a text goes
// through JSON, which would change what is not UTF-8. size is that of the whole
// text in octets, of which text may be the beginning.
func CheckText(doing i18n.Text, text string, size int64) error {
	switch {
	case size > omega.MaxText:
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.toolong", size, omega.MaxText), i18n.T("next.shorten"), nil)
	case strings.TrimSpace(text) == "":
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.notext"), i18n.T("next.text"), nil)
	case !utf8.ValidString(text):
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.utf8"), i18n.T("next.text"), nil)
	}
	return nil
}

// unknownWait is how long a first message to somebody waits for a connection
// before it is put aside.
const unknownWait = 3 * time.Second

// queue seals the message and puts it into the outbox. Where nothing is known of
// the recipient and nobody can be asked, it is put aside until somebody can.
func (c *Client) queue(ctx context.Context, peer omega.Fingerprint, p letter) error {
	if peer == c.acc.Fingerprint {
		return c.queueOrPutAside(ctx, c.certificate(), p)
	}
	// The time is the caller's for waiting: a text is never refused for it.
	stored, err := c.storedPeer(context.WithoutCancel(ctx), peer)
	if err != nil {
		return err
	}
	if stored != nil && !stored.Deleted.IsZero() {
		return explain(i18n.T("doing.send", p.to), errPeerDeleted)
	}
	if stored == nil {
		wait, cancel := context.WithTimeout(ctx, unknownWait)
		c.waitOnline(wait) // the certificate is fetched below, or the text put aside
		cancel()
	}
	cert, _, err := c.peer(ctx, peer, peerAge)
	switch {
	case err == nil:
		return c.queueOrPutAside(ctx, cert, p)
	case errors.Is(err, errPeerDeleted):
		return explain(i18n.T("doing.send", p.to), err)
	case stored != nil: // the question failed, or was answered by who knows less
		if cert, err = c.parsePeer(stored); err != nil {
			return err
		}
		return c.queueOrPutAside(ctx, cert, p)
	case isCode(err, omega.CodeNotFound):
		return fail(clientrpc.CodeNotFound, i18n.T("doing.send", p.to), i18n.T("why.unknown", peer), i18n.T("next.fingerprint"), nil)
	case errors.Is(err, errOffline), errors.Is(err, errSessionEnded), ctx.Err() != nil, isRetry(err):
		return c.putAside(context.WithoutCancel(ctx), peer, p)
	}
	return err
}

// queueOrPutAside seals the text, unless that would be for devices that may be
// revoked: then it waits for the record that says so.
func (c *Client) queueOrPutAside(ctx context.Context, cert *pgp.Certificate, p letter) error {
	err := c.queueText(ctx, cert, p.id, p.content)
	switch {
	case errors.Is(err, errWithheld):
		return c.putAside(context.WithoutCancel(ctx), cert.Fingerprint(), p)
	case errors.Is(err, errPeerDeleted):
		return explain(i18n.T("doing.send", p.to), err)
	}
	return err
}

func isRetry(err error) bool {
	var e *omega.Error
	return errors.As(err, &e) && e.Code.Retry()
}

// putAside keeps a message until its recipient's certificate can be fetched.
func (c *Client) putAside(ctx context.Context, peer omega.Fingerprint, p letter) error {
	raw, err := p.content.Raw()
	if err != nil {
		return err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		return tx.AddUnsealed(&history.Unsealed{ID: p.id, To: peer, Text: p.content.Text, Content: raw, Time: c.cfg.now()})
	})
	c.queued.notify()
	return err
}

// queueText seals one message; the same id again changes nothing.
func (c *Client) queueText(ctx context.Context, peer *pgp.Certificate, id omega.ID, content *chat.Content) error {
	err := c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error {
		// What was put aside for the same peer was written before.
		aside, err := tx.UnsealedTo(peer.Fingerprint(), c.cfg.now())
		if err != nil {
			return err
		}
		for i := range aside {
			if err := c.sealUnsealed(ctx, tx, peer, &aside[i]); err != nil {
				return err
			}
		}
		return c.sealText(ctx, tx, peer, id, content)
	})
	if fp := peer.Fingerprint(); errors.Is(err, pgp.ErrRevoked) && fp != c.acc.Fingerprint && peer.Revoked() {
		return fail(clientrpc.CodeKey, i18n.T("doing.send", fp), i18n.T("why.peerrevoked", fp), i18n.T("next.peerkey"), nil)
	}
	if errors.Is(err, chat.ErrNoReaders) {
		fp := peer.Fingerprint()
		return fail(clientrpc.CodeKey, i18n.T("doing.send", fp), i18n.T("why.nodevices", fp), i18n.T("next.retry"), err)
	}
	if err != nil {
		return fmt.Errorf("seal a message to %s: %w", peer.Fingerprint(), err)
	}
	c.queued.notify()
	c.changed.notify()
	return nil
}

// sealText seals a message, unless it was before.
func (c *Client) sealText(ctx context.Context, tx *history.Tx, peer *pgp.Certificate, id omega.ID, content *chat.Content) error {
	if _, err := tx.Message(id); err == nil || !errors.Is(err, history.ErrNotFound) {
		return err
	}
	return c.seal(ctx, tx, peer, id, content)
}

// sealUnsealed seals a text that was put aside.
func (c *Client) sealUnsealed(ctx context.Context, tx *history.Tx, peer *pgp.Certificate, u *history.Unsealed) error {
	content, err := asideContent(u)
	if err != nil {
		return err
	}
	if err := c.sealText(ctx, tx, peer, u.ID, content); err != nil {
		return err
	}
	return tx.RemoveUnsealed(u.ID)
}

// asideContent is what was put aside.
func asideContent(u *history.Unsealed) (*chat.Content, error) {
	if len(u.Content) == 0 {
		return chat.NewText(u.Text), nil
	}
	return chat.DecodeContent(u.Content)
}

// sendControl seals a message that is not shown: a receipt, a request, an
// answer to one.
func (c *Client) sendControl(ctx context.Context, peer omega.Fingerprint, content *chat.Content) error {
	id, err := c.newID()
	if err != nil {
		return err
	}
	return c.sendControlAs(ctx, peer, id, content)
}

// sendControlAs is sendControl of a message with an id.
func (c *Client) sendControlAs(ctx context.Context, peer omega.Fingerprint, id omega.ID, content *chat.Content) error {
	if peer == c.acc.Fingerprint && len(c.others()) == 0 {
		return nil // nobody reads it
	}
	cert, err := c.knownPeer(ctx, peer)
	if err != nil {
		return err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error { return c.seal(ctx, tx, cert, id, content) })
	if errors.Is(err, errPeerDeleted) {
		return nil // nobody reads it
	}
	if err != nil {
		return err
	}
	c.queued.notify()
	return nil
}

// seal makes the next message to a peer, and its envelopes, in one
// transaction: what it signed is sent or was never made.
func (c *Client) seal(ctx context.Context, tx *history.Tx, peer *pgp.Certificate, id omega.ID, content *chat.Content) error {
	me, now := c.identity(), c.cfg.now()
	peer, known, err := c.newest(tx, peer, content)
	if err != nil {
		return err
	}
	if err := c.mayWrite(tx, peer.Fingerprint(), content.Kind); err != nil {
		return err
	}
	roster, err := chat.NewRoster(me.Certificate, me.Device(), peer, now)
	if err != nil {
		return err
	}
	if err := c.befriend(ctx, tx, peer.Fingerprint(), content.Kind); err != nil { // which lets it in with this message
		return err
	}
	state, err := c.sender(tx, roster.Chat)
	if err != nil {
		return err
	}
	name, err := c.ownName(tx)
	if err != nil {
		return err
	}
	sender, err := chat.NewSender(me, c.cfg.rand(), name, state)
	if err != nil {
		return err
	}
	sender.Tell(c.view(known))
	if fp := peer.Fingerprint(); fp != c.acc.Fingerprint {
		t, err := c.tokenOf(tx, fp)
		if err != nil {
			return err
		}
		sender.Admit(t)
	}
	to := c.recipients(roster)
	sealed, err := c.sealWith(ctx, tx, sender, roster, id, content, len(to) == 0)
	if err != nil || len(to) == 0 {
		return err
	}
	if t := sealed.Message.Content.Token; !t.IsZero() {
		if err := tx.PutToldToken(peer.Fingerprint(), t); err != nil {
			return err
		}
	}
	if sealed.KeyRecord != nil {
		if err := c.post(tx, peer.Fingerprint(), to, sealed.KeyID, omega.ID{}, sealed.KeyRecord); err != nil {
			return err
		}
	}
	return c.post(tx, peer.Fingerprint(), to, id, id, sealed.Payload)
}

// sealWith seals a message and keeps it, with the sender's state. alone: there is
// nobody else to send it to.
func (c *Client) sealWith(ctx context.Context, tx *history.Tx, sender *chat.Sender, roster *chat.Roster, id omega.ID, content *chat.Content, alone bool) (*chat.Sealed, error) {
	sealed, err := sender.SealAs(ctx, c.cfg.now(), roster, id, content)
	if err != nil {
		return nil, err
	}
	if err := sealed.Remember(ctx, tx); err != nil {
		return nil, err
	}
	if err := tx.PutSender(sender.State()); err != nil {
		return nil, err
	}
	row := &history.Row{Message: *sealed.Message, Own: true, State: clientrpc.StateQueued, Printed: true, Heard: c.homeTime()}
	if alone {
		row.State = clientrpc.StateStored // a note to oneself, and there is no other device
	}
	if _, err := tx.PutMessage(row); err != nil {
		return nil, err
	}
	return sealed, tx.Apply(sealed.Message)
}

// recipients lists the accounts to address: this account only if it has
// another device.
func (c *Client) recipients(r *chat.Roster) []omega.Fingerprint {
	var out []omega.Fingerprint
	for _, m := range r.Members() {
		if m.Account == c.acc.Fingerprint && !slices.ContainsFunc(m.Devices, func(d omega.Fingerprint) bool { return d != c.acc.Device }) {
			continue
		}
		out = append(out, m.Account)
	}
	return out
}

// post puts one envelope into the outbox, behind the others to peer. message is
// whose state it moves.
func (c *Client) post(tx *history.Tx, peer omega.Fingerprint, to []omega.Fingerprint, id, message omega.ID, payload []byte) error {
	tokens, err := c.tokensFor(tx, to)
	if err != nil {
		return err
	}
	env := wire.Envelope{
		Class: wire.ClassText, ID: id, Lifetime: omega.DefaultLifetime, Sender: c.acc.Fingerprint, Recipients: to, Tokens: tokens, Payload: payload,
	}
	b, err := env.AppendTo(nil)
	if err != nil {
		return err
	}
	return tx.AddOutgoing(&history.Outgoing{Peer: peer, Message: message, Envelope: b, NextTry: c.cfg.now()})
}

// order ranks the states of a message.
func order(state string) int {
	return slices.Index([]string{clientrpc.StateQueued, clientrpc.StateStored, clientrpc.StateDelivered, clientrpc.StateRead}, state)
}

// await waits until a message has the state that p wants, has failed, or the
// time is over.
func (c *Client) await(ctx context.Context, p letter, chatID omega.ChatID) (*clientrpc.SendResult, error) {
	want := order(p.wait) // -1 for "none"
	for {
		changed := c.changed.wait()
		result, err := c.sendState(context.WithoutCancel(ctx), p, chatID)
		if err != nil || order(result.State) >= want || result.State == clientrpc.StateFailed || c.isRevoked() {
			return result, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return nil, context.Cause(ctx) // handed over: the next holder waits on
			}
			return result, nil
		}
	}
}

func (c *Client) sendState(ctx context.Context, p letter, chatID omega.ChatID) (*clientrpc.SendResult, error) {
	out := &clientrpc.SendResult{ID: p.id, Chat: chatID, State: clientrpc.StateQueued}
	defer func() {
		if out.State == clientrpc.StateQueued && out.Why == nil {
			out.Why = c.impostor()
		}
	}()
	err := c.db.View(ctx, func(tx *history.Tx) error {
		row, err := tx.Message(p.id)
		if errors.Is(err, history.ErrNotFound) {
			if out.Why = c.secureWhy(p, chatID); out.Why != nil {
				return nil
			}
			return c.asideWhy(tx, p, out) // put aside
		}
		if err != nil {
			return err
		}
		out.State = row.State
		if row.Why != "" && order(row.State) <= 0 {
			out.Why = c.whyError(p.to, row.Why)
		} else if order(row.State) > 0 {
			out.Why = c.expiredWhy(tx, p.to, row.Peer)
		}
		return nil
	})
	return out, err
}

// expiredWhy says that the key of an account that was written to has expired: it reads
// what is sent, and cannot answer before it is renewed.
func (c *Client) expiredWhy(tx *history.Tx, to string, peer omega.Fingerprint) *clientrpc.Error {
	p, err := tx.Peer(peer)
	if err != nil {
		return nil // of a group, or oneself
	}
	var out *clientrpc.Error
	if cert, err := c.parsePeer(p); err == nil && errors.Is(cert.Check(c.cfg.now()), pgp.ErrExpired) {
		errors.As(fail(clientrpc.CodeKey, i18n.T("doing.send", to), i18n.T("why.peerexpired", peer), i18n.T("next.peerexpired"), nil), &out)
	}
	return out
}

// asideWhy says why a text that is put aside is not sealed, where that is more
// than being offline.
func (c *Client) asideWhy(tx *history.Tx, p letter, out *clientrpc.SendResult) error {
	if pending, err := tx.PendingMessage(p.id); err == nil && pending.Why != "" {
		out.Why = c.uploadWhy(p.to, pending.Why)
		return nil
	}
	fp, err := omega.ParseFingerprint(p.to)
	if err != nil {
		return nil // a chat id: its account is known, and what is wrong with it is a notice
	}
	peer, err := tx.Peer(fp)
	if err != nil {
		return ignoreNotFound(err)
	}
	if peer.Behind() {
		errors.As(explain(i18n.T("doing.send", p.to), errWithheld), &out.Why)
	}
	return nil
}

// impostor says that who answers at the server's address is somebody else: that
// does not pass by itself as other reasons for being offline do.
func (c *Client) impostor() *clientrpc.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.problemError(); e != nil && (e.Code == clientrpc.CodeVerify || errors.Is(c.problem, errRevoked)) {
		return e
	}
	return nil
}

// whyError puts the stored code of a failure into words.
func (c *Client) whyError(to, why string) *clientrpc.Error {
	var e *clientrpc.Error
	err := explain(i18n.T("doing.send", to), &omega.Error{Code: omega.ParseCode(why)})
	if why == whyEnded {
		err = fail(clientrpc.CodeRefused, i18n.T("doing.send", to), i18n.T("why.secureended"), i18n.T("next.secureended"), nil)
	}
	errors.As(err, &e)
	return e
}

// uploadWhy is whyError for files that a home did not take.
func (c *Client) uploadWhy(to, why string) *clientrpc.Error {
	e := c.whyError(to, why)
	if why == omega.CodeMailboxFull.String() {
		e.Why, e.Next = i18n.T("why.quota"), i18n.T("next.quota")
	}
	return e
}

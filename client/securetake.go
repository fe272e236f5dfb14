package client

import (
	"context"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// secureMessage takes a verified message of a secure chat: what it tells of keys, and
// what it says. (spec/secure.md, SEC-16)
func (t *taken) secureMessage(ctx context.Context, tx *history.Tx, b *secureBook, e *secure.Epoch, m *secure.Message, a *secureArrival) error {
	if m.Next != nil && m.Device != t.c.acc.Device {
		if err := tx.TellPrekey(b.Chat, m.Device, m.Next); err != nil {
			return err
		}
	}
	content, err := chat.DecodeContent(m.Content)
	if err != nil {
		t.c.cfg.log().Warn("secure message refused", "id", m.ID, "device", m.Device, "err", err)
		return nil
	}
	msg := &chat.Message{
		ID: m.ID, Chat: b.Chat, Peer: b.room.peer, From: m.From, Device: m.Device, Epoch: e.Record.Epoch,
		Sequence: secure.Sequence(e.Record.Epoch, m.Number), Time: m.Time, Received: a.Received, Content: content, Transcript: m.Text, Signature: m.Signature,
	}
	if wait, err := t.judgeMember(tx, b.room, e.Record, msg, a); wait || err != nil {
		return err
	}
	if err := t.introduced(tx, msg); err != nil {
		return err
	}
	switch {
	case content.Kind == chat.KindResent:
		return t.secureResent(ctx, tx, b, msg, a)
	case content.Kind == chat.KindSecureEnd && !b.room.ofGroup():
		t.c.cfg.log().Info("secure chat ended by the other side", "peer", b.chat.Peer)
		b.endKnown(m.Time)
		line := history.SecureLine{
			Chat: b.Chat, Peer: b.room.peer, Message: m.ID, Account: m.From, Device: m.Device, Time: m.Time, Noted: a.Received, Seen: m.From == t.c.acc.Fingerprint,
		}
		if err := tx.PutSecureLine(&line); err != nil {
			return err
		}
		return tx.ForgetSecure(b.Chat)
	}
	return t.secureContent(tx, b.room, msg, a)
}

// introduced takes how a sender calls itself.
func (t *taken) introduced(tx *history.Tx, m *chat.Message) error {
	for _, line := range m.Content.Lines {
		name, ok := strings.CutPrefix(line, profileLine)
		if ok && name == chat.SanitizeName(name) && m.Problem == chat.ProblemNone {
			return t.c.hearName(tx, m.From, name, m.Time)
		}
	}
	return nil
}

// endKnown has nothing sent in the epochs that there are; they are destroyed when all
// is here that was sent in them. (spec/secure.md, SEC-20)
func (b *secureBook) endKnown(at time.Time) {
	b.chat.Ended = at
	for _, e := range b.Epochs {
		b.shut[e.Record.Hash()] = true
	}
}

// unfitForSecure are the contents that are refused in secure chats.
func unfitForSecure(r room, c *chat.Content) bool {
	switch c.Kind {
	case chat.KindMedia:
		return !c.Sealed() || c.Group != nil && !r.ofGroup()
	case chat.KindResend, chat.KindState, chat.KindSecureResend, chat.KindCertification, chat.KindSuccession, chat.KindHistory, chat.KindGroupInvite, chat.KindGroupJoin, chat.KindGroupRefused:
		return true
	case chat.KindSecureEnd, chat.KindPin:
		return r.ofGroup()
	}
	return c.Group != nil && !r.ofGroup() || len(c.Media) > 0
}

// secureContent shows a message, or acts on it, and notes its receipt.
func (t *taken) secureContent(tx *history.Tx, r room, m *chat.Message, a *secureArrival) error {
	if unfitForSecure(r, m.Content) {
		t.c.cfg.log().Warn("secure message refused", "id", m.ID, "device", m.Device, "kind", m.Content.Kind)
		return nil
	}
	if m.Problem == chat.ProblemNone && m.Time.Sub(a.latest()) > omega.ClockTolerance {
		m.Problem = chat.ProblemClock
	}
	m.Verified = m.Problem == chat.ProblemNone
	if err := tx.DropMessage(m.ID); err != nil { // or it is asked for although it came another way
		return err
	}
	if err := t.keep(tx, &chat.Result{Verdict: chat.VerdictMessage, Message: m}, ofNow); err != nil {
		return err
	}
	if !m.Verified || m.From == t.c.acc.Fingerprint || m.Content.Kind.Control() {
		return nil
	}
	w, err := t.c.reception(tx, m)
	if err != nil || w.dropped || w.quiet {
		return err
	}
	if r.ofGroup() {
		if tell, err := t.c.tellsOf(tx, m.Chat, maxDelivered); err != nil || !tell {
			return err
		}
	}
	t.receipt(m, 0)
	return nil
}

// secureResent judges a message that was sent again by its own signature.
// (spec/secure.md, SEC-16)
func (t *taken) secureResent(ctx context.Context, tx *history.Tx, b *secureBook, outer *chat.Message, a *secureArrival) error {
	again := outer.Content.Resent
	said, err := secure.ReadText(again.Transcript)
	if err != nil || said.Chat != b.Chat || said.From != outer.From && said.From != t.c.acc.Fingerprint {
		t.c.cfg.log().Warn("message sent again refused", "id", outer.ID, "device", outer.Device, "err", err)
		return nil
	}
	key := t.key(ctx, a, said.From, said.Device)
	if a.need = (omega.Fingerprint{}); key == nil { // its epoch's devices are known, so it is none of them
		t.c.cfg.log().Warn("message sent again by a device that is not known", "id", said.ID, "device", said.Device)
		return nil
	}
	if err := said.Verify(key, again.Signature, again.Content); err != nil {
		t.c.cfg.log().Warn("message sent again refused", "id", said.ID, "device", said.Device, "err", err)
		return nil
	}
	number := uint32(0)
	if e := b.Epoch(said.Epoch); e != nil {
		e.Forget(said.Device, said.Number)
		number = e.Record.Epoch
	} else if r := b.Gone[said.Epoch]; r != nil {
		number = r.Epoch
	}
	if outer.Problem != chat.ProblemNone {
		return nil
	}
	content, err := chat.DecodeContent(again.Content)
	if err != nil || content.Kind == chat.KindResent || content.Kind == chat.KindSecureEnd || said.Device == t.c.acc.Device {
		return nil // it takes its place, and what it brought is asked for by its own
	}
	m := &chat.Message{
		ID: said.ID, Chat: b.Chat, Peer: b.room.peer, From: said.From, Device: said.Device, Epoch: number, Sequence: secure.Sequence(number, said.Number),
		Time: said.Time, Received: outer.Received, Content: content, Transcript: again.Transcript, Signature: again.Signature,
	}
	if b.room.ofGroup() {
		if err := t.judgeResent(tx, b.room, m, a); err != nil {
			return err
		}
	}
	return t.secureContent(tx, b.room, m, a)
}

// tellLane sends a receipt for a lane: in a secure chat sealed as everything there is.
func (c *Client) tellLane(ctx context.Context, l lane, content *chat.Content) error {
	var r room
	secret := false
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		r, secret, err = c.roomAt(tx, l.chat, l.peer)
		return err
	})
	if err != nil {
		return err
	}
	if !secret {
		return c.sendControl(ctx, l.peer, content)
	}
	id, err := c.newID()
	if err != nil {
		return err
	}
	return c.awaitSealing(ctx, r, letter{id: id, content: content})
}

func (c *Client) newID() (id omega.ID, err error) {
	_, err = c.cfg.rand().Read(id[:])
	return id, err
}

// secureKept is how a message of this device in a secure chat stands in the history.
func (b *secureBook) secureKept(e *secure.Epoch, m *secure.Message, content *chat.Content) *history.Row {
	return &history.Row{
		Message: chat.Message{
			ID: m.ID, Chat: b.Chat, Peer: b.room.peer, From: m.From, Device: m.Device, Epoch: e.Record.Epoch,
			Sequence: secure.Sequence(e.Record.Epoch, m.Number), Time: m.Time, Content: content, Verified: true, Transcript: m.Text, Signature: m.Signature,
		},
		Own: true, State: clientrpc.StateQueued, Printed: true,
	}
}

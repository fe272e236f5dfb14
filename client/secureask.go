package client

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/history"
)

// What is missing of secure chats, and how others' requests are answered:
// spec/secure.md, SEC-18.

// An askFor collects what is asked of one account.
type askFor struct {
	ask  chat.SecureAsk
	mark int64 // of what is missing: with more of it who was asked is asked anew
}

// wantsOfSecure lists requests for what is missing of secure chats.
func (c *Client) wantsOfSecure(tx *history.Tx) (out []want, err error) {
	waiting, err := tx.AllWaiting()
	if err != nil {
		return nil, err
	}
	chats, err := tx.SecureChats()
	if err != nil {
		return nil, err
	}
	asks := map[omega.Fingerprint]*askFor{}
	of := func(account omega.Fingerprint) *askFor {
		if asks[account] == nil {
			asks[account] = &askFor{}
			if account != c.acc.Fingerprint {
				asks[account].ask.Chat = c.secureChat(account)
			}
		}
		return asks[account]
	}
	for _, w := range waiting {
		a := of(w.Account)
		a.mark = max(a.mark, w.Position)
		switch {
		case w.Room != (omega.ChatID{}): // operations are asked for
		case w.Kind == secure.PayloadMessage && len(a.ask.IDs) < chat.MaxIDs:
			a.ask.IDs = append(a.ask.IDs, w.ID)
		case w.Lost && len(a.ask.Lost) < chat.MaxAskedEpochs:
			a.ask.Lost = append(a.ask.Lost, chat.Locator(w.Locator))
		}
	}
	var rooms []askedRoom
	for i := range chats {
		one, err := c.gapsOf(tx, roomOf(&chats[i]), of)
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, one)
	}
	for account, a := range asks {
		for _, r := range rooms {
			if !r.accounts[account] {
				continue
			}
			if a.ask.Have = append(a.ask.Have, r.have...); r.ofGroup {
				a.ask.Chat = omega.ChatID{} // of which chat it is nobody can tell
			}
		}
		a.ask.Have = a.ask.Have[:min(len(a.ask.Have), chat.MaxAskedEpochs)]
		out = append(out, want{
			key: fmt.Sprintf("secure:%s:%d:%d", account, a.mark, len(a.ask.Gaps)), peer: account,
			content: &chat.Content{Kind: chat.KindSecureResend, Ask: &a.ask},
		})
	}
	return slices.DeleteFunc(out, func(w want) bool {
		return len(w.content.Ask.IDs)+len(w.content.Ask.Lost)+len(w.content.Ask.Gaps) == 0 && w.content.Ask.Chat == (omega.ChatID{}) && w.peer != c.acc.Fingerprint
	}), nil
}

// An askedRoom is a secure chat as requests speak of it.
type askedRoom struct {
	ofGroup  bool
	have     []chat.Locator             // epochs that are, or were, here, the newest first
	accounts map[omega.Fingerprint]bool // that have to do with it, this one included
}

// gapsOf adds the numbers that are missing in a chat to what their authors are asked
// for.
func (c *Client) gapsOf(tx *history.Tx, r room, of func(omega.Fingerprint) *askFor) (out askedRoom, err error) {
	b, err := c.secureBookOf(tx, r)
	if err != nil {
		return out, err
	}
	rows, err := tx.SecureEpochs(r.chat)
	if err != nil {
		return out, err
	}
	out.ofGroup, out.accounts = r.ofGroup(), map[omega.Fingerprint]bool{c.acc.Fingerprint: true, r.peer: true}
	for _, row := range rows {
		out.have = append(out.have, chat.Locator(row.Locator))
	}
	for _, e := range b.Epochs {
		for _, m := range e.Record.Members {
			out.accounts[m.Account] = true
		}
		for _, g := range e.Gaps(c.acc.Device) {
			account, _ := e.Record.Account(g.Device)
			if a := of(account); len(a.ask.Gaps) < chat.MaxAskedEpochs {
				a.ask.Gaps = append(a.ask.Gaps, chat.SecureGap{Epoch: chat.Locator(e.Locator()), Device: g.Device, Numbers: g.Numbers})
			}
		}
	}
	return out, nil
}

// answerSecure answers a verified request about secure chats.
func (c *Client) answerSecure(ctx context.Context, m *chat.Message, given answers) error {
	ask := m.Content.Ask
	if !given.may(repetition{device: m.Device, chat: ask.Chat}, c.cfg.now()) {
		return nil
	}
	var rooms []room
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		rooms, err = c.roomsShared(tx, m)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range rooms {
		err := c.db.Update(ctx, func(tx *history.Tx) error {
			if n, err := tx.CountOutgoing(); err != nil || n > maxBacklog {
				return err
			}
			return c.answerIn(tx, m, r)
		})
		if err != nil {
			return err
		}
	}
	c.queued.notify()
	c.sealing.notify()
	return nil
}

// roomsShared are the secure chats that a request is about and its sender is in.
func (c *Client) roomsShared(tx *history.Tx, m *chat.Message) (out []room, err error) {
	chats, err := tx.SecureChats()
	for i := range chats {
		if err != nil {
			return nil, err
		}
		r, ask := roomOf(&chats[i]), m.Content.Ask.Chat
		shared := m.From == c.acc.Fingerprint || m.From == r.peer
		if !shared && r.ofGroup() {
			var state *group.State
			if state, err = c.groupState(tx, r.group); err == nil {
				shared = state.Role(m.From) > group.RoleNone
			}
			err = ignoreNotFound(err)
		}
		if shared && (ask == (omega.ChatID{}) || ask == r.chat) {
			out = append(out, r)
		}
	}
	return out, err
}

// answerIn answers what is asked of the chat with peer: first with epochs, and only
// where there is none to send with messages.
func (c *Client) answerIn(tx *history.Tx, m *chat.Message, r room) error {
	b, err := c.secureBookOf(tx, r)
	if err != nil || len(b.was) == 0 || !b.chat.Ended.IsZero() {
		return err
	}
	ask := m.Content.Ask
	has := func(list []chat.Locator, l secure.Locator) bool { return slices.Contains(list, chat.Locator(l)) }
	sent := false
	for _, e := range b.Epochs {
		if e.Record.Index(m.Device) < 0 || has(ask.Have, e.Locator()) || has(ask.Lost, e.Locator()) {
			continue
		}
		p, err := tx.EpochPayloads(e.Record.Hash(), c.asStored(m.From))
		if err != nil {
			return err
		}
		if p != nil {
			sent = true
			if err := c.postEpoch(tx, r, []omega.Fingerprint{m.From}, p); err != nil {
				return err
			}
		}
	}
	if sent {
		return nil
	}
	rows, err := c.askedRows(tx, b, ask)
	if err != nil || len(rows) == 0 && len(ask.Lost) == 0 {
		return err
	}
	now := c.signingTime()
	for _, e := range b.Epochs {
		switch {
		case has(ask.Have, e.Locator()):
		case e.Record.Index(m.Device) < 0:
			b.chat.Asked = time.Time{} // it has a key by now, who asks
		case !b.mustPause(now):
			b.shut[e.Record.Hash()] = true // the asking device has not got it
		}
	}
	if _, err := b.store(tx, now); err != nil {
		return err
	}
	return c.sendRowsAgain(tx, r, rows)
}

// askedRows are the messages of this device that are asked for.
func (c *Client) askedRows(tx *history.Tx, b *secureBook, ask *chat.SecureAsk) (out []history.Row, err error) {
	add := func(rows []history.Row, more func(*history.Row) bool) {
		for _, r := range rows {
			known := slices.ContainsFunc(out, func(o history.Row) bool { return o.Position == r.Position })
			if r.Own && r.Device == c.acc.Device && len(r.Transcript) > 0 && !known && more(&r) {
				out = append(out, r)
			}
		}
	}
	for _, id := range ask.IDs {
		rows, err := tx.KeptInChat(b.Chat, id)
		if err != nil {
			return nil, err
		}
		add(rows, func(*history.Row) bool { return true })
	}
	for _, g := range ask.Gaps {
		i := slices.IndexFunc(b.Epochs, func(e *secure.Epoch) bool { return chat.Locator(e.Locator()) == g.Epoch })
		if g.Device != c.acc.Device || i < 0 {
			continue
		}
		r := b.Epochs[i].Record
		line := []byte("\nEpoch: " + r.Hash().String() + "\n")
		for _, n := range g.Numbers {
			rows, err := tx.KeptWithSequence(b.Chat, c.acc.Device, secure.Sequence(r.Epoch, n))
			if err != nil {
				return nil, err
			}
			add(rows, func(r *history.Row) bool { return bytes.Contains(r.Transcript, line) })
		}
	}
	return out, nil
}

// sendRowsAgain has messages sealed once more, as they were signed.
func (c *Client) sendRowsAgain(tx *history.Tx, r room, rows []history.Row) error {
	for _, row := range rows {
		again := &chat.Resent{Transcript: row.Transcript, Signature: row.Signature}
		if row.Content.Kind != chat.KindResent {
			raw, err := row.Content.Raw()
			if err != nil {
				return err
			}
			again.Content = raw
		}
		id, err := c.newID()
		if err != nil {
			return err
		}
		if err := c.awaitSealingIn(tx, r, id, &chat.Content{Kind: chat.KindResent, Resent: again}); err != nil {
			return err
		}
	}
	return nil
}

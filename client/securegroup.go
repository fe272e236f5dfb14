package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// Secure chats of groups: spec/secure.md, SEC-21 and following. Invitations, accepts and
// requests for operations travel in direct chats, as those of every group do.

// takeRoomNews takes the operations that a message of a group brings, which prove
// themselves, before it is judged. It reports whether there were any.
func (t *taken) takeRoomNews(ctx context.Context, tx *history.Tx, r room, m *secure.Message, a *secureArrival) (bool, error) {
	content, err := chat.DecodeContent(m.Content)
	if err != nil || content.Group == nil || len(content.Group.Operations) == 0 {
		return false, nil
	}
	in := groupNews(&chat.Message{From: m.From, Time: m.Time, Received: a.Received, Content: content}, r.group)
	if in.group != r.group {
		return false, nil
	}
	return true, t.takeGroupOps(ctx, tx, in)
}

// judgeMember judges whether who sent a message of a group might. Where it rests on
// operations that are not here it waits for them, with its key.
func (t *taken) judgeMember(tx *history.Tx, r room, e *secure.Record, m *chat.Message, a *secureArrival) (wait bool, err error) {
	if !r.ofGroup() {
		return false, nil
	}
	heads := chatHeads(e)
	if g := m.Content.Group; g != nil && len(g.Heads) > 0 {
		heads = g.Heads
	}
	w := chat.Writing{Group: r.group, Heads: heads, Author: m.From, Kind: m.Content.Kind, Time: m.Time, Heard: a.heard()}
	standing, err := groupCourt{tx, t.c}.standing(w)
	switch {
	case err != nil:
		return false, err
	case standing == chat.StandingUnknown:
		a.room, t.missing = r.chat, true
		return true, tx.WantOperations(r.group, m.From, a.Now, heads)
	case standing == chat.StandingNone:
		m.Problem = chat.ProblemMember
	}
	return false, nil
}

// judgeResent judges the author of a message that was sent again.
func (t *taken) judgeResent(tx *history.Tx, r room, m *chat.Message, a *secureArrival) error {
	w := chat.Writing{Group: r.group, Author: m.From, Kind: m.Content.Kind, Time: m.Time, Heard: a.heard()}
	standing, err := groupCourt{tx, t.c}.standing(w)
	if err == nil && standing != chat.StandingGood {
		m.Problem = chat.ProblemMember
	}
	return err
}

// mergeIn makes operations until a group has as few heads as records and messages name,
// and has them told. (spec/group.md, GROUP-26)
func (c *Client) mergeIn(ctx context.Context, tx *history.Tx, r room) error {
	if !r.ofGroup() {
		return nil
	}
	l, err := c.groupIn(tx, r.group)
	if err != nil {
		return err
	}
	merged, err := c.mergeHeads(ctx, tx, l, secure.MaxHeads)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(merged, 4*maxMerges) {
		id, err := c.newID()
		if err != nil {
			return err
		}
		if err := c.awaitSealingIn(tx, r, id, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{Operations: part}}); err != nil {
			return err
		}
	}
	return nil
}

// welcomeSecretly opens an epoch for newcomers of a secure group, after everybody else was
// told of them.
func (c *Client) welcomeSecretly(ctx context.Context, id chat.Hash) error {
	r := groupRoom(id)
	if err := c.sealSecure(ctx, r); err != nil {
		return err
	}
	return c.makeReady(ctx, r)
}

// forNews is an epoch to tell operations of a group in, where none is for all that are in
// it now: the readers of one that is open need them to judge the next epoch's record. Who
// is in it and in the group no more must be who these operations end.
// (spec/secure.md, SEC-22)
func (b *secureBook) forNews(a *audience, content *chat.Content, now time.Time) (*secure.Epoch, error) {
	if !b.room.ofGroup() || content.Kind != chat.KindGroup || content.Group == nil {
		return nil, secure.ErrEnded
	}
	readers := map[omega.Fingerprint]bool{}
	for _, d := range a.devices {
		readers[d.fp()] = true
	}
	ended := map[omega.Fingerprint]bool{}
	for _, raw := range content.Group.Operations {
		o, err := group.Parse(raw)
		switch {
		case err != nil:
			return nil, secure.ErrEnded
		case o.Type == group.TypeRemove || o.Type == group.TypeBan:
			for _, fp := range o.Accounts {
				ended[fp] = true
			}
		}
	}
	for _, e := range b.Epochs {
		v := &secure.View{Devices: map[omega.Fingerprint]bool{}, Owners: a.owners, Avoid: b.shut}
		fit := len(content.Group.Operations) > 0
		for _, m := range e.Record.Members {
			for _, d := range m.Devices {
				v.Devices[d.Signing] = true
				fit = fit && (readers[d.Signing] || ended[m.Account])
			}
		}
		if chosen, err := b.Sending(v, now); fit && err == nil && chosen == e {
			return e, nil
		}
	}
	return nil, secure.ErrEnded
}

// recordHeads are the operations that a new epoch's record names: those of an epoch
// before it, which its readers know, where the members are the same; else those of now.
func (c *Client) recordHeads(tx *history.Tx, b *secureBook, who *audience) (out []secure.Hash, err error) {
	if !b.room.ofGroup() {
		return nil, nil
	}
	l, err := c.groupIn(tx, b.room.group)
	if err != nil {
		return nil, err
	}
	for _, e := range b.Epochs {
		if l.sameMembers(chatHeads(e.Record)) {
			return e.Record.Heads, nil
		}
	}
	for _, h := range who.heads {
		out = append(out, secure.Hash(h))
	}
	return out, nil
}

// chatHeads are the operations of a group that an epoch rests on.
func chatHeads(r *secure.Record) []chat.Hash {
	out := make([]chat.Hash, 0, len(r.Heads))
	for _, h := range r.Heads {
		out = append(out, chat.Hash(h))
	}
	return out
}

// sealSecretly has a message wait to be sealed in a group's secure chat; false: the group
// has a normal one.
func (c *Client) sealSecretly(ctx context.Context, tx *history.Tx, l *groupLog, message omega.ID, content *chat.Content) (bool, error) {
	state := l.State()
	if !state.Secure {
		return false, nil
	}
	if state.Dissolved || state.Role(c.acc.Fingerprint) < neededRole(content.Kind, state.Rules) {
		return true, errNotMember
	}
	c.sealing.notify()
	return true, c.awaitSealingIn(tx, groupRoom(chat.Hash(l.ID())), message, content)
}

// sealLast seals what this account says last in a group's secure chat, and after which it
// is nobody there any more: in an epoch that is here, else in the direct chats with those
// who run the group. (spec/secure.md, SEC-23)
func (c *Client) sealLast(ctx context.Context, tx *history.Tx, l *groupLog, message omega.ID, content *chat.Content) error {
	r := groupRoom(chat.Hash(l.ID()))
	b, err := c.secureBookOf(tx, r)
	if err != nil {
		return err
	}
	now := c.signingTime()
	a, err := c.audience(ctx, tx, r, content, now)
	if err != nil {
		return err
	}
	e, err := b.sending(a, now)
	if err != nil {
		e, err = b.least(a, now)
	}
	if err == nil {
		if err := c.sealIn(ctx, tx, b, e, message, withHeads(content, a.heads, e), now); err != nil {
			return err
		}
		_, err = b.store(tx, now)
		return err
	}
	members := slices.Clone(l.State().Members)
	slices.SortStableFunc(members, func(x, y group.Member) int { return int(y.Role) - int(x.Role) })
	members = slices.DeleteFunc(members, func(m group.Member) bool { return m.Account == c.acc.Fingerprint })
	news := *content
	news.Group = &chat.GroupNews{ID: r.group, Operations: content.Group.Operations}
	for _, m := range members[:min(len(members), maxHosts)] {
		cert := c.certIn(tx, m.Account)
		id, err := c.newID()
		if err != nil || cert == nil {
			continue
		}
		if err := c.seal(ctx, tx, cert, id, &news); err != nil && !errors.Is(err, errWithheld) {
			return err
		}
	}
	return nil
}

// settleRoom does what follows for a group's secure chat from operations: it stands among
// the chats, and when this account is nobody in the group any more, or the group is
// dissolved, its keys are destroyed once all is here that was sent. (spec/secure.md, SEC-23)
func (c *Client) settleRoom(tx *history.Tx, l *groupLog) error {
	state := l.State()
	if !state.Secure {
		return nil
	}
	r := groupRoom(chat.Hash(l.ID()))
	if err := c.beginSecure(tx, r); err != nil {
		return err
	}
	if !state.Dissolved && state.Role(c.acc.Fingerprint) > group.RoleNone {
		return nil
	}
	b, err := c.secureBookOf(tx, r)
	if err != nil || !b.chat.Ended.IsZero() {
		return err
	}
	now := c.signingTime()
	b.endKnown(now)
	if _, err := b.store(tx, now); err != nil {
		return err
	}
	c.spent.notify()
	return tx.ForgetSecure(r.chat)
}

// roomFor wants an epoch of a secure group to have room for the devices of its members and
// of these accounts, as far as certificates are here. Otherwise nobody could send in the
// group once they are in it. (spec/secure.md, SEC-21)
func (c *Client) roomFor(ctx context.Context, doing i18n.Text, id chat.Hash, accounts ...omega.Fingerprint) error {
	n := 0
	err := c.db.View(ctx, func(tx *history.Tx) error {
		state, err := c.groupState(tx, id)
		if err != nil || !state.Secure {
			return ignoreNotFound(err)
		}
		now := c.signingTime()
		n = len(c.readersIn(tx, state, now).devices)
		for _, fp := range accounts {
			if cert := c.certIn(tx, fp); cert != nil && state.Role(fp) == group.RoleNone {
				n += len(active(cert, now))
			}
		}
		return nil
	})
	if err == nil && n > secure.MaxDevices {
		err = fail(clientrpc.CodeRefused, doing, i18n.T("why.securelarge", secure.MaxDevices), i18n.T("next.securelarge"), nil)
	}
	return err
}

package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// Up to how many members receipts are sent. (spec/group.md, GROUP-18)
const (
	maxDelivered = 50
	maxRead      = 200

	maxSecureTold = 50 // in secure groups, where all members are sent them (spec/secure.md, SEC-24)
)

// tellsOf reports whether messages in a group's chat are answered by receipts.
func (c *Client) tellsOf(tx *history.Tx, at omega.ChatID, most int) (bool, error) {
	id, err := tx.Group(context.Background(), at)
	if err != nil || id == (chat.Hash{}) {
		return false, err
	}
	state, err := c.groupState(tx, id)
	if err == nil && state.Secure {
		most = min(most, maxSecureTold)
	}
	return err == nil && len(state.Members) <= most && state.Role(c.acc.Fingerprint) > group.RoleNone, err
}

// reach takes a receipt for messages in a group.
func (c *Client) reach(tx *history.Tx, m *chat.Message, state string) error {
	rc := m.Content.Receipt
	id, err := tx.Group(context.Background(), rc.Chat)
	if err != nil || id == (chat.Hash{}) || m.From == c.acc.Fingerprint {
		return err
	}
	now, err := c.groupState(tx, id)
	if err != nil || now.Role(m.From) == group.RoleNone || now.Secure && m.Chat != rc.Chat {
		return err
	}
	if _, own := c.certificate().Device(rc.Device); !own {
		return nil // it is about another member's messages
	}
	if err := tx.Reach(m.From, rc, state); err != nil {
		return err
	}
	return tx.MarkUpTo(rc.Chat, rc.Device, rc.UpTo, rc.IDs, state)
}

// takeGroupNews takes what a message says of a group, before it is judged.
func (t *taken) takeGroupNews(ctx context.Context, tx *history.Tx, r *chat.Result) error {
	m := r.Message
	keyGroup, err := tx.Group(ctx, m.Chat)
	if err != nil {
		return err
	}
	if r.Verdict == chat.VerdictNeedGroup {
		keyGroup = r.Group
	}
	in := groupNews(m, keyGroup)
	if in.group == (chat.Hash{}) || len(in.ops) == 0 && !m.Verified {
		return nil
	}
	return t.takeGroupOps(ctx, tx, in)
}

func (t *taken) takeGroupOps(ctx context.Context, tx *history.Tx, in *opsIn) error {
	placed, need, err := t.c.takeOps(tx, in)
	if err != nil {
		return err
	}
	if in.need = need; len(in.ops) > 0 && in.tries < maxTries {
		t.unproven = append(t.unproven, in)
	}
	if err := t.noteJoins(tx, in.group, placed); err != nil {
		return err
	}
	return t.groupChanged(ctx, tx, in, placed)
}

// tookGroupKey opens what waited for a group key.
func (t *taken) tookGroupKey(ctx context.Context, tx *history.Tx, r *chat.Result) error {
	t.c.letting.notify()
	g, err := tx.KnownGroup(r.GroupKey.Group)
	if err == nil && !g.Accepted.IsZero() {
		g.Accepted = time.Time{}
		err = tx.PutGroup(g)
	}
	if err != nil && !errors.Is(err, history.ErrNotFound) {
		return err
	}
	return t.openParked(ctx, tx, r.Locator)
}

// hosts reports whether it is for this device to give a newcomer the key: its own
// invitation is the ground, or it was asked in the place of one who does not.
func (c *Client) hosts(l *groupLog, who omega.Fingerprint) bool {
	for _, o := range slices.Backward(l.Ops()) {
		if (o.Type == group.TypeInvite || o.Type == group.TypeRole || o.Type == group.TypeGenesis) && slices.Contains(o.Accounts, who) {
			return o.Author.Device == c.acc.Device || o.Author.Account != c.acc.Fingerprint
		}
	}
	return false
}

// maxEarlier is how many earlier messages a newcomer is given at once.
const maxEarlier = 500

// earlier returns the messages that a newcomer is given, oldest first.
func (c *Client) earlier(tx *history.Tx, s *group.State, at omega.ChatID) (rows []history.Row, err error) {
	n := int(s.Rules.History)
	switch s.Rules.History {
	case group.HistoryNone:
	case group.HistoryPins:
		rows, err = tx.Pinned(at, 0, maxEarlier)
		slices.Reverse(rows)
	case group.HistoryAll:
		n = maxEarlier
		fallthrough
	default:
		end := time.UnixMilli(maxReceived)
		rows, _, err = tx.PageBack(&history.PageBack{Chat: at, Time: end, Until: end, Count: min(n, maxEarlier)})
		slices.Reverse(rows)
	}
	if errors.Is(err, history.ErrNotFound) {
		err = nil
	}
	if picture, _, failed := c.pictureRow(tx, s); failed != nil {
		return nil, failed
	} else if picture != nil && !slices.ContainsFunc(rows, func(r history.Row) bool { return r.Position == picture.Position }) {
		rows = append([]history.Row{*picture}, rows...) // whatever else newcomers are given
	}
	return slices.DeleteFunc(rows, func(r history.Row) bool { return !r.Verified || len(r.Transcript) == 0 || r.Import != 0 || r.Service }), err
}

// sealAgain sends a message of a group once more, to one account.
func (c *Client) sealAgain(ctx context.Context, tx *history.Tx, cert *pgp.Certificate, row *history.Row) error {
	return c.sealOnceMore(ctx, tx, cert, row, false)
}

// sealOfPage does so as one of a page that the account asked for. (spec/group.md, GROUP-48)
func (c *Client) sealOfPage(ctx context.Context, tx *history.Tx, cert *pgp.Certificate, row *history.Row) error {
	return c.sealOnceMore(ctx, tx, cert, row, true)
}

func (c *Client) sealOnceMore(ctx context.Context, tx *history.Tx, cert *pgp.Certificate, row *history.Row, earlier bool) error {
	content, err := row.Message.Again(omega.DirectChat(c.acc.Fingerprint, cert.Fingerprint()))
	if err != nil {
		return err
	}
	content.Resent.Earlier = earlier
	var id omega.ID
	if _, err := c.cfg.rand().Read(id[:]); err != nil {
		return err
	}
	if err := c.seal(ctx, tx, cert, id, content); !errors.Is(err, chat.ErrTooLarge) {
		return err
	}
	return nil
}

// answerGroup answers a verified message that asks for operations.
func (c *Client) answerGroup(ctx context.Context, m *chat.Message, given answers) error {
	g := m.Content.Group
	if m.Peer.IsZero() {
		return nil
	}
	if g.Earlier != nil && g.Earlier.Count > 0 {
		return c.givePage(ctx, m, given)
	}
	if len(g.WordsOf) > 0 {
		return c.giveWords(ctx, m, given)
	}
	if !g.Ask {
		return nil
	}
	turn := repetition{m.Device, omega.ChatID(g.ID[:16]), 0}
	var parts [][][]byte
	var heads []chat.Hash
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		l, err := c.groupIn(tx, g.ID)
		if err != nil {
			return ignoreNotFound(err)
		}
		if e, err := c.subscriber(tx, l.State(), m.From); err != nil || m.From != c.acc.Fingerprint && e == nil && !l.named(m.From) {
			return err
		}
		if n, err := tx.CountOutgoingTo(m.From); err != nil || n > maxOnTheirWay {
			return err // what it lacks is among that; or it asks again
		}
		lacks := l.Since(groupHeads(g.Heads))
		if !given.goesOn(turn, len(lacks), c.cfg.now()) {
			return nil
		}
		if parts, heads = groupParts(lacks), l.heads(); len(parts) == 0 {
			parts = [][][]byte{nil} // the heads say that there is no more
		}
		return nil
	})
	if err == nil {
		err = c.sendParts(ctx, m.From, g.ID, parts, heads)
	}
	if err != nil { // it may be tried again at once
		delete(given, turn)
	}
	return err
}

// maxOnTheirWay is how many envelopes may wait for somebody who is told operations.
const maxOnTheirWay = 4

// named reports whether an account has, or had, something to do with the group.
func (l *groupLog) named(account omega.Fingerprint) bool {
	return slices.ContainsFunc(l.Ops(), func(o *group.Op) bool {
		return o.Author.Account == account || slices.Contains(o.Accounts, account)
	})
}

// maxPart is how many octets of operations go into one message.
const maxPart = 60 << 10

// groupParts cuts operations into what messages hold.
func groupParts(ops []*group.Op) (out [][][]byte) {
	var part [][]byte
	size := 0
	for _, o := range ops {
		b := o.Marshal()
		if len(part) > 0 && (size+len(b) > maxPart || len(part) == chat.MaxOperations) {
			out, part, size = append(out, part), nil, 0
		}
		part, size = append(part, b), size+len(b)+8
	}
	if len(part) > 0 {
		out = append(out, part)
	}
	return out
}

// sendParts sends operations of a group to one account, in the direct chat.
func (c *Client) sendParts(ctx context.Context, to omega.Fingerprint, id chat.Hash, parts [][][]byte, heads []chat.Hash) error {
	for i, part := range parts {
		g := &chat.GroupNews{ID: id, Operations: part}
		if i == len(parts)-1 {
			g.Heads = heads
		}
		if err := c.sendControl(ctx, to, &chat.Content{Kind: chat.KindGroup, Group: g}); err != nil {
			return err
		}
	}
	return nil
}

// acceptContent tells somebody that this account accepts.
func (c *Client) acceptContent(id chat.Hash, accept *group.Op) *chat.Content {
	return &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: id, Operations: [][]byte{accept.Marshal()}}}
}

// invited takes an invitation: who asked for it by a link joins.
func (t *taken) invited(tx *history.Tx, m *chat.Message) error {
	if m.From == t.c.acc.Fingerprint || m.Peer.IsZero() {
		return nil
	}
	g, err := tx.KnownGroup(m.Content.Group.ID)
	if errors.Is(err, history.ErrNotFound) {
		g, err = &history.Group{ID: m.Content.Group.ID}, nil
	}
	if err != nil {
		return err
	}
	hosts, err := t.c.mayHost(tx, g, m.From)
	if err != nil {
		return err
	}
	if hosts {
		g.Inviter = m.From
		if err := tx.PutGroup(g); err != nil {
			return err
		}
	}
	t.joins = t.joins || g.Ticket != (chat.Ticket{})
	return nil
}

// mayHost reports whether who sent an invitation is the one to be asked for keys: once
// this account accepted, only who made an invitation of it that the group has.
func (c *Client) mayHost(tx *history.Tx, g *history.Group, who omega.Fingerprint) (bool, error) {
	if g.Accepted.IsZero() {
		return true, nil
	}
	l, err := c.groupIn(tx, g.ID)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	return slices.ContainsFunc(l.Ops(), func(o *group.Op) bool {
		return o.Type == group.TypeInvite && o.Author.Account == who && slices.Contains(o.Accounts, c.acc.Fingerprint)
	}), nil
}

// wantsOfGroups lists what is missing of groups: operations, and keys of those
// that this account accepted to be in.
func (c *Client) wantsOfGroups(tx *history.Tx) (out []want, err error) {
	list, err := tx.WantedOperations(maxWanted)
	if err != nil {
		return nil, err
	}
	for _, w := range list {
		g := &chat.GroupNews{ID: w.Group, Ask: true}
		known := 0
		if v, err := c.groupView(tx, w.Group); err == nil {
			g.Heads, known = v.heads, v.count
		}
		// With each operation that came it is another request, which is made soon.
		out = append(out, want{key: fmt.Sprintf("operations:%s%s:%d", w.Group, w.Account, known), peer: w.Account, content: &chat.Content{Kind: chat.KindGroup, Group: g}})
	}
	waiting, err := tx.GroupsWaiting()
	for i := range waiting {
		if err != nil {
			return out, err
		}
		var more []want
		more, err = c.wantKey(tx, &waiting[i])
		out = append(out, more...)
	}
	return out, err
}

// maxHosts is how many more are asked when who invited does not react.
const maxHosts = 3

// wantKey tells again that this account accepts: who invited it, and others after
// a minute. (spec/group.md, GROUP-17)
func (c *Client) wantKey(tx *history.Tx, g *history.Group) (out []want, err error) {
	state, err := c.groupState(tx, g.ID)
	if err != nil || state.Role(c.acc.Fingerprint) == group.RoleNone {
		return nil, ignoreNotFound(err)
	}
	accept, err := c.ownAccept(tx, g)
	if err != nil || accept == nil {
		return nil, err
	}
	to := []omega.Fingerprint{g.Inviter}
	if c.cfg.now().Sub(g.Accepted) >= time.Minute {
		members := slices.Clone(state.Members)
		slices.SortStableFunc(members, func(a, b group.Member) int { return int(b.Role) - int(a.Role) })
		for _, m := range members {
			if m.Account != g.Inviter && m.Account != c.acc.Fingerprint && len(to) <= maxHosts {
				to = append(to, m.Account)
			}
		}
	}
	for _, fp := range to {
		if !fp.IsZero() {
			out = append(out, want{key: "accept:" + g.ID.String() + fp.String(), peer: fp, patience: 1, content: c.acceptContent(g.ID, accept)})
		}
	}
	return out, nil
}

// ownAccept is the operation by which this account is in a group; nil if it is not here.
// It is read once: who waits looks at each thing that comes.
func (c *Client) ownAccept(tx *history.Tx, g *history.Group) (accept *group.Op, err error) {
	c.mu.Lock()
	v := c.groupViews[g.ID]
	c.mu.Unlock()
	if v.accept != nil && v.accepted.Equal(g.Accepted) {
		return v.accept, nil
	}
	ops, err := tx.Operations(g.ID)
	for i := range ops {
		o, err := group.Parse(ops[i].Data)
		if err != nil {
			return nil, fmt.Errorf("stored group operation: %w", err)
		}
		if o.Type == group.TypeAccept && o.Author.Account == c.acc.Fingerprint {
			accept = o
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.groupViews[g.ID]; ok {
		v.accept, v.accepted = accept, g.Accepted
		c.groupViews[g.ID] = v
	}
	return accept, err
}

// answerLocator answers a request for a key of a group: the record as it was, and
// the group key, wrapped for who asks.
func (c *Client) answerLocator(ctx context.Context, tx *history.Tx, m *chat.Message, given answers) error {
	want := m.Content.Resend.Locator
	payload, err := tx.GroupRecord(want)
	if err != nil {
		return err
	}
	groupKeys, err := tx.GroupKeys(ctx, want)
	if err != nil {
		return err
	}
	if payload != nil {
		p, err := chat.ParsePayload(payload)
		if err != nil {
			return err
		}
		if groupKeys, err = tx.GroupKeys(ctx, p.GroupKey); err != nil {
			return err
		}
	}
	for _, k := range groupKeys {
		state, err := c.groupState(tx, k.Group)
		if err != nil {
			return ignoreNotFound(err)
		}
		if e, err := c.subscriber(tx, state, m.From); err != nil || m.From != c.acc.Fingerprint && e == nil && state.Role(m.From) == group.RoleNone {
			return err
		}
		if !given.may(repetition{m.Device, k.Chat(), sequenceOf(want)}, c.cfg.now()) {
			return nil
		}
		reader, _ := c.groupReader(tx, m.From)
		if err := c.sendGroupKey(tx, k, []chat.GroupReader{reader}); err != nil {
			return err
		}
		if payload == nil {
			continue
		}
		var id omega.ID
		if _, err := c.cfg.rand().Read(id[:]); err != nil {
			return err
		}
		if err := c.post(tx, omega.Fingerprint{}, []omega.Fingerprint{m.From}, id, omega.ID{}, payload); err != nil {
			return err
		}
	}
	return nil
}

// sequenceOf tells repetitions of keys apart from each other.
func sequenceOf(l chat.Locator) uint32 {
	return uint32(l[0])<<24 | uint32(l[1])<<16 | uint32(l[2])<<8 | uint32(l[3]) | 1
}

// reached answers clientrpc.Reach: with whom a message of one's own has come how
// far.
func (c *Client) reached(ctx context.Context, p clientrpc.ReachParams) (out clientrpc.ReachResult, err error) {
	out.Accounts = []clientrpc.Reached{}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		row, err := c.find(tx, i18n.T("doing.reading"), p.Chat, p.Message)
		if err != nil {
			return err
		}
		list, err := tx.ReachOf(row)
		if err == nil {
			list, out.Rest, err = part(list, p.Page, func(r *history.Reached) string { return r.Account.String() })
		}
		for _, r := range list {
			if err != nil {
				return err
			}
			var n calling
			n, err = c.calling(tx, r.Account)
			out.Accounts = append(out.Accounts, clientrpc.Reached{Account: r.Account, Name: n.name, SelfNamed: n.self, State: r.State})
		}
		return err
	})
	return out, err
}

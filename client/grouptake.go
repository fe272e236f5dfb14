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
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// An opsIn is operations of a group that came with a message.
type opsIn struct {
	group   chat.Hash
	from    omega.Fingerprint // who sent them, and can be asked for more
	ops     [][]byte
	heads   []chat.Hash // that the sender knew
	heard   time.Time
	genesis bool // a group that is not known here may begin with them
	need    []omega.Fingerprint
	tried   map[omega.Fingerprint]bool
	tries   int       // since servers answered for some
	due     time.Time // when signers are looked up again; zero: now
}

// groupNews is what a message says of a group; nil if that is nothing. Where the
// message is judged or not does not matter: operations prove themselves.
func groupNews(m *chat.Message, keyGroup chat.Hash) *opsIn {
	g := m.Content.Group
	if g == nil {
		return nil
	}
	in := &opsIn{group: g.ID, from: m.From, ops: g.Operations, heads: g.Heads, heard: m.Received}
	if in.heard.IsZero() {
		in.heard = m.Time
	}
	if in.group == (chat.Hash{}) {
		in.group = keyGroup
	}
	if m.Content.Kind == chat.KindGroupJoin {
		in.heads = nil // those are for who may be believed: see placeErrand
	}
	in.genesis = m.Verified && !m.Peer.IsZero() // in a direct chat
	return in
}

// takeOps takes operations in. Those by people whose certificate is not at hand
// stay in, and need says who that is; so do those whose genesis is not here.
func (c *Client) takeOps(tx *history.Tx, in *opsIn) (placed []*group.Op, need []omega.Fingerprint, err error) {
	l, err := c.groupIn(tx, in.group)
	if err != nil && !errors.Is(err, history.ErrNotFound) {
		return nil, nil, err
	}
	var stay [][]byte
	for _, b := range in.ops {
		o, err := group.Parse(b)
		early := l == nil && o != nil && o.Type != group.TypeGenesis // its genesis is not here yet
		if err != nil || chat.Hash(o.ID()) != in.group || l != nil && l.Has(o.Hash()) || l == nil && !in.genesis {
			continue
		}
		switch unknown, err := c.proveOp(tx, o); {
		case !unknown.IsZero() && !in.tried[unknown]:
			need, stay = append(need, unknown), append(stay, b)
			continue
		case err != nil || !unknown.IsZero():
			c.cfg.log().Warn("group operation refused", "operation", o.Hash(), "author", o.Author.Account, "err", err)
			continue
		case early:
			stay = append(stay, b)
			continue
		}
		if l == nil {
			if l, err = c.newGroup(tx, o, in); err != nil {
				return placed, nil, err
			}
			placed = append(placed, o)
			continue
		}
		more, err := l.add(tx, o, in.heard)
		if placed = append(placed, more...); err != nil && !opRefused(err) {
			return placed, nil, err
		}
	}
	in.ops = stay
	if len(stay) > 0 { // whatever happens until these can be taken
		c.missing.notify()
		if err := tx.WantOperations(in.group, in.from, c.cfg.now(), nil); err != nil {
			return placed, need, err
		}
	}
	if l == nil {
		return placed, need, nil
	}
	return placed, need, c.settleGroup(tx, l, in)
}

// opRefused reports whether an error is about an operation alone.
func opRefused(err error) bool {
	return errors.Is(err, group.ErrStranger) || errors.Is(err, group.ErrForeign) || errors.Is(err, group.ErrFull) || errors.Is(err, group.ErrMalformed)
}

// settleGroup notes which operations are missing, and which are not any more.
func (c *Client) settleGroup(tx *history.Tx, l *groupLog, in *opsIn) error {
	id, has := chat.Hash(l.ID()), func(h chat.Hash) bool { return l.Has(group.Hash(h)) }
	lacks := slices.DeleteFunc(slices.Clone(in.heads), has)
	if len(lacks) > 0 && in.from != c.acc.Fingerprint && !l.named(in.from) {
		lacks = nil // anybody can make up heads
	}
	knows := in.from
	if len(in.heads) == 0 || len(lacks) > 0 {
		knows = omega.Fingerprint{}
	}
	if err := tx.HaveOperations(id, knows, has); err != nil {
		return err
	}
	for _, h := range l.Missing() {
		lacks = append(lacks, chat.Hash(h))
	}
	if len(lacks) == 0 || len(in.ops) > 0 {
		return nil
	}
	c.missing.notify()
	return tx.WantOperations(id, in.from, c.cfg.now(), lacks)
}

// newGroup begins a group with its genesis.
func (c *Client) newGroup(tx *history.Tx, genesis *group.Op, in *opsIn) (*groupLog, error) {
	log, err := group.NewLog(genesis)
	if err != nil {
		return nil, err
	}
	l, id := newGroupLog(log), chat.Hash(genesis.Hash())
	_, err = tx.KnownGroup(id)
	if errors.Is(err, history.ErrNotFound) { // and it is not known by a link
		err = tx.PutGroup(&history.Group{ID: id})
	}
	if err == nil {
		err = tx.AddOperation(id, &history.Operation{Hash: id, Data: genesis.Marshal(), Taken: in.heard})
	}
	if err == nil && in.from != c.acc.Fingerprint {
		err = c.offerGroup(tx, id, in.from)
	}
	if err != nil {
		return nil, err
	}
	l.taken[genesis.Hash()], l.last = in.heard, genesis.Hash()
	c.groupBook[id] = l
	return l, nil
}

// offerGroup notes who brought a group; too many are forgotten, also in memory.
func (c *Client) offerGroup(tx *history.Tx, id chat.Hash, bearer omega.Fingerprint) error {
	gone, err := tx.OfferGroup(id, bearer)
	for _, id := range gone {
		delete(c.groupBook, id)
		c.mu.Lock()
		delete(c.groupViews, id)
		delete(c.groupSeen, id)
		c.mu.Unlock()
	}
	return err
}

// proveOp verifies the signatures of an operation, and that its devices were their
// accounts' then, as far as a revocation says when (KEYS-24). unknown is an account whose certificate is not here, or does not
// show the device. (spec/group.md, GROUP-2)
func (c *Client) proveOp(tx *history.Tx, o *group.Op) (unknown omega.Fingerprint, err error) {
	err = o.Verify(func(p group.Party) (*pgp.PublicKey, error) {
		cert := c.certIn(tx, p.Account)
		if cert == nil {
			unknown = p.Account
			return nil, fmt.Errorf("certificate of %s is not at hand", p.Account)
		}
		d, ok := cert.Device(p.Device)
		if !ok {
			unknown = p.Account
			return nil, fmt.Errorf("%s is no device of %s", p.Device, p.Account)
		}
		if d.Revoked && !d.RevokedAt.IsZero() && !o.Time.Before(d.RevokedAt) || !d.Expires.IsZero() && o.Time.After(d.Expires) {
			return nil, fmt.Errorf("device %s was not active", p.Device)
		}
		return d.Signing, nil
	})
	return unknown, err
}

// groupChanged does what follows from operations, in the transaction that took
// them: the chat's title, pins, what was taken back, what waited.
func (t *taken) groupChanged(ctx context.Context, tx *history.Tx, in *opsIn, placed []*group.Op) error {
	if len(placed) == 0 {
		return nil
	}
	c, id := t.c, in.group
	l, err := c.groupIn(tx, id)
	if err != nil {
		return err
	}
	c.showGroup(l)
	if err := c.noteGroup(tx, l, placed); err != nil {
		return err
	}
	if err := c.hearNames(tx, placed); err != nil {
		return err
	}
	if err := requestsOver(tx, id, placed); err != nil {
		return err
	}
	return t.openGroup(ctx, tx, id)
}

// openGroup opens what waited for operations of a group.
func (t *taken) openGroup(ctx context.Context, tx *history.Tx, id chat.Hash) error {
	c := t.c
	parked, err := tx.ParkedForGroup(id, maxParked)
	if err != nil {
		return err
	}
	for _, p := range parked {
		a := &chat.Arrival{ID: p.ID, Payload: p.Payload, Now: c.cfg.now(), Received: p.Received, Fresh: true, Groups: groupCourt{tx, c}}
		r, err := t.judge(ctx, tx, a, p.Sender)
		if err == nil && r.Verdict != chat.VerdictNeedGroup && r.Verdict != chat.VerdictNeedKey {
			err = tx.Unpark(p.Position)
		}
		if err != nil {
			return err
		}
	}
	return t.openRoom(ctx, tx, omega.ChatID(id[:16]))
}

// noteGroup has the list of chats show a group that this account is in, or was,
// messages look as its operations say, and lines say what those that came last did.
func (c *Client) noteGroup(tx *history.Tx, l *groupLog, placed []*group.Op) error {
	if err := c.endReading(tx, l, placed); err != nil {
		return err
	}
	if l.joined(c.acc.Fingerprint).IsZero() {
		if reads, err := subscribes(tx, chat.Hash(l.ID())); err != nil || !reads {
			return err
		}
	}
	state := l.State()
	at := omega.ChatID(state.Group.Chat())
	if err := c.reopenBook(tx, l, placed); err != nil {
		return err
	}
	if err := c.settleRoom(tx, l); err != nil {
		return err
	}
	before, err := tx.Chat(at)
	if err != nil && !errors.Is(err, history.ErrNotFound) {
		return err
	}
	title := ""
	if err == nil {
		title = before.Name
	}
	if err := tx.PutGroupChat(at, state.Profile.Name); err != nil {
		return err
	}
	if err := c.noteLines(tx, l, title, placed); err != nil {
		return err
	}
	if err := c.syncPins(tx, at, state); err != nil {
		return err
	}
	for _, id := range state.Redacted {
		if err := c.redact(tx, at, id); err != nil {
			return err
		}
	}
	return nil
}

// redact erases messages that the group's operations take back.
func (c *Client) redact(tx *history.Tx, at omega.ChatID, id omega.ID) error {
	rows, err := tx.InChat(at, id)
	for i := range rows {
		r := &rows[i]
		if err != nil || r.Deleted || !r.Verified {
			continue
		}
		err = tx.PutMark(&chat.Mark{Chat: at, Target: r.Ref, Kind: chat.MarkDelete, Account: r.From, Stamp: chat.Stamp{Time: c.cfg.now(), Device: r.Device}}, r.From)
	}
	return err
}

// syncPins pins what the group's operations pin, and nothing else.
func (c *Client) syncPins(tx *history.Tx, at omega.ChatID, state *group.State) error {
	pinned, err := tx.Pinned(at, 0, 10000)
	if err != nil {
		return err
	}
	have := map[omega.ID]bool{}
	for i := range pinned {
		have[pinned[i].ID] = true
		if !slices.Contains(state.Pinned, pinned[i].ID) {
			if err := c.setPin(tx, &pinned[i], nil); err != nil {
				return err
			}
		}
	}
	for _, id := range state.Pinned {
		if have[id] {
			continue
		}
		rows, err := tx.InChat(at, id)
		if err != nil {
			return err
		}
		if len(rows) > 0 && rows[0].Verified {
			if err := c.setPin(tx, &rows[0], []byte{1}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Client) setPin(tx *history.Tx, r *history.Row, value []byte) error {
	m := &chat.Mark{Chat: r.Chat, Target: r.Ref, Kind: chat.MarkPin, Value: value, Stamp: chat.Stamp{Time: c.cfg.now(), Device: c.acc.Device}}
	var err error
	if m.Stamp.Version, err = tx.NextVersion(m); err != nil {
		return err
	}
	return tx.PutMark(m, c.acc.Fingerprint)
}

// groupRow lets a message that comes late look as the group's operations say.
func (c *Client) groupRow(tx *history.Tx, m *chat.Message) error {
	id, err := tx.Group(context.Background(), m.Chat)
	if err != nil || id == (chat.Hash{}) {
		return err
	}
	state, err := c.groupState(tx, id)
	if err != nil {
		return err
	}
	if slices.Contains(state.Redacted, m.ID) {
		return c.redact(tx, m.Chat, m.ID)
	}
	if slices.Contains(state.Pinned, m.ID) {
		return c.syncPins(tx, m.Chat, state)
	}
	return nil
}

package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// errNotMember says that this account may not do that in a group.
var errNotMember = errors.New("not a member of the group, or without the role for that")

// A groupLog is a group as it stands in the database. Those of groupBook belong
// to whoever has the database's writer; one that a reader made is its own.
type groupLog struct {
	*group.Log
	taken  map[group.Hash]time.Time  // when a home had an operation first
	states map[string]*group.State   // at heads that somebody named
	served map[chat.Locator]servedTo // verdicts on group keys
	alike  map[string]bool           // heads at which the members were those of now
	last   group.Hash                // operation that was stored last
}

// A servedTo is a verdict on a group key at a number of operations.
type servedTo struct {
	operations int
	good       bool
	at         time.Time
}

// A groupView is what readers of the database are shown of a group.
type groupView struct {
	state *group.State
	last  group.Hash // operation that was stored last
	count int        // of operations
	heads []chat.Hash

	ready   group.Hash // last operation when certificates of all members were looked for
	readied time.Time  // when that was

	accept   *group.Op // by which this account is in; nil: it was not looked for
	accepted time.Time // when it was made, as the group has it (history.Group)
}

// maxStates bounds the states at heads that are remembered for one group.
const maxStates = 64

// loadGroup reads a group from the database; ErrNotFound if there is none.
func loadGroup(tx *history.Tx, id chat.Hash) (*groupLog, error) {
	ops, err := tx.Operations(id)
	if err == nil && len(ops) == 0 {
		err = fmt.Errorf("read group: %w", history.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	var l *groupLog
	for i := range ops {
		o, err := group.Parse(ops[i].Data)
		if err != nil {
			return nil, fmt.Errorf("stored group operation: %w", err)
		}
		if l == nil {
			log, err := group.NewLog(o)
			if err != nil {
				return nil, err
			}
			l = newGroupLog(log)
		} else if _, err := l.Add(o); err != nil {
			return nil, fmt.Errorf("stored group operation: %w", err)
		}
		l.taken[o.Hash()], l.last = ops[i].Taken, o.Hash()
	}
	return l, nil
}

func newGroupLog(log *group.Log) *groupLog {
	return &groupLog{Log: log, taken: map[group.Hash]time.Time{}, states: map[string]*group.State{}, served: map[chat.Locator]servedTo{}, alike: map[string]bool{}}
}

// groupIn returns a group in a writing transaction. What is in memory is compared
// with the database, since a transaction may have been taken back.
func (c *Client) groupIn(tx *history.Tx, id chat.Hash) (*groupLog, error) {
	last, err := tx.LastOperation(id)
	if err != nil {
		return nil, err
	}
	if l := c.groupBook[id]; l != nil && l.last == group.Hash(last) {
		return l, nil
	}
	l, err := loadGroup(tx, id)
	if err != nil {
		delete(c.groupBook, id)
		return nil, err
	}
	c.groupBook[id] = l
	return l, nil
}

// groupState returns what a group is, in any transaction.
func (c *Client) groupState(tx *history.Tx, id chat.Hash) (*group.State, error) {
	v, err := c.groupView(tx, id)
	return v.state, err
}

func (c *Client) groupView(tx *history.Tx, id chat.Hash) (v groupView, err error) {
	last, err := tx.LastOperation(id)
	if err != nil {
		return v, err
	}
	v, writing := c.seeGroup(id, group.Hash(last), tx.Reads())
	if v.state != nil {
		return v, nil
	}
	l, err := loadGroup(tx, id)
	if err != nil {
		return groupView{}, err
	}
	v = groupView{state: l.State(), last: l.last, count: l.Len(), heads: l.heads()}
	if !writing {
		c.showGroup(l)
		return v, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.groupSeen[id] = v
	return v, nil
}

// seeGroup finds a group as it was when an operation was the last one: as it was shown last
// or, while somebody writes what was shown and is not committed, as it was seen before that.
// Else each look in that time reads the whole group. writing: it is shown in another way.
func (c *Client) seeGroup(id chat.Hash, last group.Hash, committed bool) (v groupView, writing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v = c.groupViews[id]
	if v.state == nil {
		return v, false
	}
	if v.last == last {
		if committed {
			c.groupSeen[id] = v
		}
		return v, false
	}
	if seen := c.groupSeen[id]; committed && seen.last == last {
		return seen, true
	}
	return groupView{}, committed
}

// showGroup has readers see a group as it is.
func (c *Client) showGroup(l *groupLog) {
	state, heads := l.State(), l.heads()
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.groupViews[chat.Hash(l.ID())]
	v.state, v.last, v.count, v.heads = state, l.last, l.Len(), heads
	c.groupViews[chat.Hash(l.ID())] = v
	c.letting.notify()
}

// add takes an operation, keeps what came to its place by it, and returns that.
func (l *groupLog) add(tx *history.Tx, o *group.Op, taken time.Time) ([]*group.Op, error) {
	placed, err := l.Add(o)
	for _, p := range placed {
		if err := tx.AddOperation(chat.Hash(l.ID()), &history.Operation{Hash: chat.Hash(p.Hash()), Data: p.Marshal(), Taken: taken}); err != nil {
			return nil, err
		}
		l.taken[p.Hash()], l.last = taken, p.Hash()
		clear(l.alike)
	}
	return placed, err
}

// heads are what messages name: at most as many as they may.
func (l *groupLog) heads() []chat.Hash {
	list := l.Heads()
	out := make([]chat.Hash, 0, len(list))
	for _, h := range list[:min(len(list), chat.MaxHeads)] {
		out = append(out, chat.Hash(h))
	}
	return out
}

func groupHeads(heads []chat.Hash) []group.Hash {
	out := make([]group.Hash, len(heads))
	for i, h := range heads {
		out[i] = group.Hash(h)
	}
	return out
}

// at is the group at heads; false if one of them is not here.
func (l *groupLog) at(heads []chat.Hash) (*group.State, bool) {
	if slices.Equal(groupHeads(heads), l.Heads()) {
		return l.State(), true
	}
	key := fmt.Sprintf("%x", heads)
	if s := l.states[key]; s != nil {
		return s, true
	}
	s, ok := l.StateAt(groupHeads(heads))
	if !ok {
		return nil, false
	}
	if len(l.states) >= maxStates {
		clear(l.states)
	}
	l.states[key] = s
	return s, true
}

// sameMembers reports whether the members at heads are those of now.
func (l *groupLog) sameMembers(heads []chat.Hash) bool {
	key := fmt.Sprintf("%x", heads)
	same, known := l.alike[key]
	if known {
		return same
	}
	s, ok := l.at(heads)
	same = ok && slices.EqualFunc(s.Members, l.State().Members, func(a, b group.Member) bool { return a.Account == b.Account })
	if len(l.alike) >= maxStates {
		clear(l.alike)
	}
	l.alike[key] = same
	return same
}

// ended returns the operations after heads that may have ended what an account
// was, at any heads.
func (l *groupLog) ended(heads []chat.Hash, account omega.Fingerprint) (out []*group.Op) {
	for _, o := range l.Since(groupHeads(heads)) {
		switch o.Type {
		case group.TypeRemove, group.TypeBan, group.TypeRole:
			if slices.Contains(o.Accounts, account) {
				out = append(out, o)
			}
		case group.TypeLeave:
			if o.Author.Account == account {
				out = append(out, o)
			}
		case group.TypePolicy, group.TypeDissolve, group.TypeRevert, group.TypeCheckpoint:
			out = append(out, o)
		}
	}
	return out
}

// isVoid reports whether an operation does not count.
func isVoid(s *group.State, o *group.Op) bool {
	_, void := slices.BinarySearchFunc(s.Void, o.Hash(), func(a, b group.Hash) int { return slices.Compare(a[:], b[:]) })
	return void
}

// joined is when an account accepted last, by its own clock; zero if it never did.
func (l *groupLog) joined(account omega.Fingerprint) (at time.Time) {
	for _, o := range l.Ops() {
		if o.Author.Account == account && (o.Type == group.TypeAccept || o.Type == group.TypeGenesis) {
			at = o.Time
		}
	}
	return at
}

// neededRole is what a message of a kind needs in a group. (spec/group.md, GROUP-20)
func neededRole(kind chat.Kind, rules group.Rules) group.Role {
	switch kind {
	case chat.KindGroup, chat.KindReaction, chat.KindVote, chat.KindEntry, chat.KindResent:
		return group.RoleMember
	}
	return rules.Write
}

// groupCourt answers a receiver in a transaction.
type groupCourt struct {
	*history.Tx
	c *Client
}

var _ chat.Groups = groupCourt{}

// underWay is how long what was under way when its author's standing ended still
// counts. (spec/group.md, GROUP-15)
const underWay = 2 * time.Minute

// Standing implements chat.Groups: nothing that is sealed as in a normal chat counts in a
// secure one.
func (g groupCourt) Standing(_ context.Context, w chat.Writing) (chat.Standing, error) {
	if secret, err := g.c.isSecureGroup(g.Tx, w.Group); err != nil || secret {
		return chat.StandingNone, err
	}
	return g.standing(w)
}

// ReadsSince implements chat.Groups. Who asked by a link may be a subscriber before it
// knows.
func (g groupCourt) ReadsSince(_ context.Context, id chat.Hash) (time.Time, error) {
	known, err := g.Tx.KnownGroup(id)
	if err != nil {
		return time.Time{}, ignoreNotFound(err)
	}
	if known.Subscribed.IsZero() && known.Ticket != (chat.Ticket{}) {
		return g.c.cfg.now(), nil
	}
	return known.Subscribed, nil
}

// standing says what w may in its group. (spec/group.md, GROUP-15)
func (g groupCourt) standing(w chat.Writing) (chat.Standing, error) {
	l, err := g.c.groupIn(g.Tx, w.Group)
	if errors.Is(err, history.ErrNotFound) {
		return chat.StandingUnknown, nil
	}
	if err != nil {
		return chat.StandingNone, err
	}
	if w.Kind == chat.KindResent {
		return standingIf(!l.joined(w.Author).IsZero()), nil
	}
	now := l.State()
	if len(w.Heads) == 0 { // it was sent again, and what its author knew is not told
		return standingIf(!l.joined(w.Author).IsZero() && l.stands(now, w, nil, func(o *group.Op) time.Time { return o.Time }, w.Time)), nil
	}
	then, ok := l.at(w.Heads)
	if !ok {
		return chat.StandingUnknown, nil
	}
	taken := func(o *group.Op) time.Time { return l.taken[o.Hash()] }
	me := w
	me.Author, me.Kind = g.c.acc.Fingerprint, chat.KindGroup
	good := then.Role(w.Author) >= neededRole(w.Kind, then.Rules) && l.stands(now, w, w.Heads, taken, w.Heard)
	if good && !l.stands(now, me, w.Heads, taken, w.Heard) { // or it is no member, and subscribes
		if good, err = subscribes(g.Tx, w.Group); err != nil {
			return chat.StandingNone, err
		}
		if !good && now.Rules.Channel() && l.joined(me.Author).IsZero() {
			return chat.StandingUnknown, nil // another of this account's devices may have subscribed
		}
	}
	return standingIf(good), nil
}

func standingIf(good bool) chat.Standing {
	if good {
		return chat.StandingGood
	}
	return chat.StandingNone
}

// stands reports whether the author of w may do that now, or might until shortly
// before a moment.
func (l *groupLog) stands(now *group.State, w chat.Writing, heads []chat.Hash, when func(*group.Op) time.Time, moment time.Time) bool {
	if now.May(w.Author, neededRole(w.Kind, now.Rules)) {
		return true
	}
	ended := l.ended(heads, w.Author)
	if own := slices.DeleteFunc(slices.Clone(ended), func(o *group.Op) bool { return o.Type == group.TypePolicy || o.Type == group.TypeCheckpoint }); len(own) > 0 {
		ended = own
	}
	if len(ended) == 0 {
		return false
	}
	last := slices.MaxFunc(ended, func(a, b *group.Op) int { return cmp.Compare(when(a).UnixMilli(), when(b).UnixMilli()) })
	return !moment.After(when(last).Add(underWay))
}

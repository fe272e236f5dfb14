package group

import (
	"crypto/sha256"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
)

// A State is what a group is at a set of operations (spec/group.md, GROUP-9).
// It is not changed after it was made; its slices belong to it.
type State struct {
	Group     Hash
	Secure    bool // its chat is a secure one; no part of Text, since Group says it
	Dissolved bool
	Profile   Profile
	Rules     Rules
	Members   []Member            // in order of their accounts
	Invited   []omega.Fingerprint // may accept; in order
	Banned    []omega.Fingerprint // in order
	Pinned    []omega.ID          // in order
	Redacted  []omega.ID          // in order
	Void      []Hash              // operations that do not count, in order; no part of Text
}

// A Member is an account of a group and what it may do there.
type Member struct {
	Account omega.Fingerprint
	Role    Role // RoleMember and up
}

// State is what the group is at all operations of the log. It costs what was
// added since it was asked for last, unless that alters what was said of others.
func (l *Log) State() *State {
	switch {
	case l.court == nil:
		var scope bits
		for i := range l.nodes {
			scope = scope.with(i)
		}
		l.court = l.judge(scope)
		l.state = l.court.state()
	case len(l.fresh) > 0:
		l.state = l.court.advance(l.state, l.fresh)
	}
	l.fresh = nil
	return l.state
}

// StateAt is what the group is at the operations named and their past: what
// somebody saw whose heads these were. It reports false if one is not here, or if
// there are none.
func (l *Log) StateAt(heads []Hash) (*State, bool) {
	if len(heads) == 0 {
		return nil, false
	}
	var scope bits
	for _, h := range heads {
		n := l.byHash[h]
		if n == nil {
			return nil, false
		}
		scope = scope.union(n.past).with(n.at)
	}
	return l.judge(scope).state(), true
}

// stateBefore is the hash of the state at a checkpoint's past, remembered
// since it cannot change any more.
func (l *Log) stateBefore(n *node) Hash {
	h, ok := l.states[n.op.hash]
	if !ok {
		h = l.judge(n.past).state().Hash()
		l.states[n.op.hash] = h
	}
	return h
}

func (c *court) state() *State {
	s := &State{Group: c.log.ID(), Secure: c.log.nodes[0].op.Secure, Profile: c.profile(), Rules: c.rules(c.scope), Dissolved: c.dissolved()}
	for f := range c.log.named {
		role, invited, banned := c.place(f)
		if role != RoleNone {
			s.Members = append(s.Members, Member{f, role})
		}
		if invited {
			s.Invited = append(s.Invited, f)
		}
		if banned {
			s.Banned = append(s.Banned, f)
		}
	}
	slices.SortFunc(s.Members, func(a, b Member) int { return a.Account.Compare(b.Account) })
	slices.SortFunc(s.Invited, omega.Fingerprint.Compare)
	slices.SortFunc(s.Banned, omega.Fingerprint.Compare)
	s.Pinned, s.Redacted = c.pinned(), c.redacted()
	for n := range c.all() {
		if !c.counts[n.at] {
			s.Void = append(s.Void, n.op.hash)
		}
	}
	slices.SortFunc(s.Void, compareHash)
	return s
}

// place says what an account is at all that is in scope.
func (c *court) place(f omega.Fingerprint) (role Role, invited, banned bool) {
	h := c.hear(f, c.scope, powerAdmin, isGround, never)
	if c.log.ranked[f] {
		role = c.role(f, c.scope)
	} else if slices.ContainsFunc(h.grounds, func(g *node) bool { return h.stands(g) && c.accepted(&h, f, c.scope, g) }) {
		role = RoleMember
	}
	return role, role == RoleNone && slices.ContainsFunc(h.grounds, h.stands), c.banned(f, c.scope)
}

// advance returns a state with some more operations, which alter nothing.
func (c *court) advance(before *State, fresh []*node) *State {
	s := *before
	s.Members, s.Invited, s.Banned = slices.Clone(s.Members), slices.Clone(s.Invited), slices.Clone(s.Banned)
	s.Void = slices.Clone(s.Void)
	var concerned []omega.Fingerprint
	for _, n := range fresh {
		c.extend(n)
		if !c.counts[n.at] {
			insert(&s.Void, n.op.hash, compareHash)
		}
		concerned = append(append(concerned, n.op.Accounts...), n.op.Author.Account)
		switch n.op.Type {
		case TypeProfile:
			s.Profile = c.profile()
		case TypePolicy:
			s.Rules = c.rules(c.scope)
		case TypePin, TypeUnpin:
			s.Pinned = c.pinned()
		case TypeRedact:
			s.Redacted = c.redacted()
		case TypeDissolve:
			s.Dissolved = c.dissolved()
		}
	}
	byAccount := func(a, b Member) int { return a.Account.Compare(b.Account) }
	for _, f := range concerned {
		role, invited, banned := c.place(f)
		set(&s.Members, Member{f, role}, byAccount, role != RoleNone)
		set(&s.Invited, f, omega.Fingerprint.Compare, invited)
		set(&s.Banned, f, omega.Fingerprint.Compare, banned)
	}
	return &s
}

// set has x in a list that is in order, or not in it.
func set[T any](list *[]T, x T, compare func(a, b T) int, in bool) {
	if in {
		insert(list, x, compare)
	} else if i, found := slices.BinarySearchFunc(*list, x, compare); found {
		*list = slices.Delete(*list, i, i+1)
	}
}

// insert has x in a list that is in order, in the place of what compares equal.
func insert[T any](list *[]T, x T, compare func(a, b T) int) {
	i, found := slices.BinarySearchFunc(*list, x, compare)
	if found {
		(*list)[i] = x
	} else {
		*list = slices.Insert(*list, i, x)
	}
}

// latest returns, of the operations of some types that count and are in a
// past, the one that is in no other's past; of several that with the most
// power, then with the lowest name.
func (c *court) latest(past bits, types ...Type) *Op {
	var all []*node
	for _, t := range types {
		for n := range c.within(c.log.byType[t], past) {
			if c.good(n) {
				all = append(all, n)
			}
		}
	}
	var best *node
	for _, n := range all {
		if slices.ContainsFunc(all, n.before) {
			continue
		}
		if best == nil || c.power[n.at] > c.power[best.at] ||
			c.power[n.at] == c.power[best.at] && compareHash(n.op.hash, best.op.hash) < 0 {
			best = n
		}
	}
	return best.op // the genesis counts
}

func (c *court) profile() Profile { return c.latest(c.scope, TypeGenesis, TypeProfile).Profile }

func (c *court) rules(past bits) Rules {
	if o := c.latest(past, TypeGenesis, TypePolicy); o.Rules != nil {
		return *o.Rules
	}
	return DefaultRules
}

func (c *court) dissolved() bool {
	for n := range c.within(c.log.byType[TypeDissolve], c.scope) {
		if c.counts[n.at] {
			return true
		}
	}
	return false
}

func (c *court) pinned() []omega.ID {
	var out []omega.ID
	for n := range c.within(c.log.byType[TypePin], c.scope) {
		for _, id := range n.op.Messages {
			if c.counts[n.at] && !c.unpinned(n, id) {
				out = append(out, id)
			}
		}
	}
	return unique(out)
}

func (c *court) unpinned(pin *node, id omega.ID) bool {
	for u := range c.within(c.log.byType[TypeUnpin], c.scope) {
		if c.counts[u.at] && pin.before(u) && slices.Contains(u.op.Messages, id) {
			return true
		}
	}
	return false
}

func (c *court) redacted() []omega.ID {
	var out []omega.ID
	for n := range c.within(c.log.byType[TypeRedact], c.scope) {
		if c.counts[n.at] {
			out = append(out, n.op.Messages...)
		}
	}
	return unique(out)
}

func unique(ids []omega.ID) []omega.ID {
	slices.SortFunc(ids, compareID)
	return slices.Compact(ids)
}

// Role is what an account is in the group.
func (s *State) Role(f omega.Fingerprint) Role {
	i, ok := slices.BinarySearchFunc(s.Members, f, func(m Member, f omega.Fingerprint) int { return m.Account.Compare(f) })
	if !ok {
		return RoleNone
	}
	return s.Members[i].Role
}

// Owners are the accounts that own the group.
func (s *State) Owners() []omega.Fingerprint {
	var out []omega.Fingerprint
	for _, m := range s.Members {
		if m.Role == RoleOwner {
			out = append(out, m.Account)
		}
	}
	return out
}

// May reports whether an account has at least the role that a rule names.
func (s *State) May(f omega.Fingerprint, rule Role) bool {
	return !s.Dissolved && s.Role(f) >= rule
}

// Text is the canonical text of the state.
func (s *State) Text() []byte {
	b := canon.AppendLine(nil, "Omega-Group-State", "1")
	b = canon.AppendHex(b, "Group", s.Group[:])
	if s.Dissolved {
		b = canon.AppendLine(b, "Dissolved", "yes")
	}
	b = s.Rules.append(s.Profile.append(b))
	for _, m := range s.Members {
		b = append(b, "Member: "...)
		b = canon.AppendFingerprint(b, m.Account)
		b = append(b, ' ')
		b = append(append(b, m.Role.String()...), '\n')
	}
	for _, f := range s.Invited {
		b = canon.AppendAddress(b, "Invited", f)
	}
	for _, f := range s.Banned {
		b = canon.AppendAddress(b, "Banned", f)
	}
	for _, id := range s.Pinned {
		b = canon.AppendHex(b, "Pinned", id[:])
	}
	for _, id := range s.Redacted {
		b = canon.AppendHex(b, "Redacted", id[:])
	}
	return b
}

// Hash names the state.
func (s *State) Hash() Hash { return sha256.Sum256(s.Text()) }

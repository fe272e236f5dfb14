package group

import (
	"slices"

	"github.com/omega-im/omega"
)

// This file says what accounts are at a past. (spec/group.md, GROUP-7)

// role is what an account is at a past.
func (c *court) role(f omega.Fingerprint, past bits) Role {
	switch {
	case !c.log.ranked[f]:
		if c.member(f, past) == nil {
			return RoleNone
		}
		return RoleMember
	case c.owner(f, past) != nil:
		return RoleOwner
	case c.admin(f, past) != nil:
		return RoleAdmin
	case c.member(f, past) != nil:
		return RoleMember
	}
	return RoleNone
}

// owner returns the ground on which an account is an owner, nil if it is not.
func (c *court) owner(f omega.Fingerprint, past bits) *node {
	if !c.log.ranked[f] {
		return nil
	}
	return c.standing(f, past, powerOwners, makesOwner, func(n *node) bool {
		return n.op.Type == TypeRole && n.op.Role < RoleOwner
	})
}

// admin returns the ground on which an account is at least an admin.
func (c *court) admin(f omega.Fingerprint, past bits) *node {
	return c.standing(f, past, powerOwner, func(n *node) bool {
		return n.op.Type == TypeRole && n.op.Role == RoleAdmin
	}, func(n *node) bool {
		return n.op.Type == TypeRole && n.op.Role != RoleAdmin
	})
}

// member returns the ground on which an account is at least a member.
func (c *court) member(f omega.Fingerprint, past bits) *node {
	return c.standing(f, past, powerAdmin, isGround, never)
}

func isGround(n *node) bool {
	switch n.op.Type {
	case TypeGenesis, TypeInvite, TypeRole:
		return true
	}
	return false
}

func isRemoval(n *node) bool { return n.op.Type == TypeRemove || n.op.Type == TypeBan }

// standing looks for a ground that gives f something at a past: an operation
// that counts, with an accept by f, newer than everything of at least power
// that takes it away, and than what f gave up itself.
func (c *court) standing(f omega.Fingerprint, past bits, power int, gives, takes func(*node) bool) *node {
	h := c.hear(f, past, power, gives, takes)
	i := slices.IndexFunc(h.grounds, func(g *node) bool { return h.stands(g) && c.accepted(&h, f, past, g) })
	if i < 0 {
		return nil
	}
	return h.grounds[i]
}

// A hearing is what there is to say about an account.
type hearing struct {
	grounds   []*node
	removals  []*node // end membership
	demotions []*node // end a role only
}

func (c *court) hear(f omega.Fingerprint, past bits, power int, gives, takes func(*node) bool) (h hearing) {
	for n := range c.within(c.log.named[f], past) {
		self := n.op.Author.Account == f && n.op.Self()
		switch {
		case self && c.late[n]:
		case self && n.op.Type == TypeLeave:
			h.removals = append(h.removals, n)
		case self && takes(n):
			h.demotions = append(h.demotions, n)
		case self || !c.good(n) || !names(n.op, f):
		case gives(n):
			h.grounds = append(h.grounds, n)
		case int(c.power[n.at]) < power:
		case isRemoval(n):
			h.removals = append(h.removals, n)
		case takes(n):
			h.demotions = append(h.demotions, n)
		}
	}
	return h
}

// stands reports whether a ground is newer than all that ended what it gives.
func (h *hearing) stands(g *node) bool {
	newer := func(e *node) bool { return !e.before(g) }
	return !slices.ContainsFunc(h.removals, newer) && !slices.ContainsFunc(h.demotions, newer)
}

// accepted reports whether f accepted a ground, after all that ended its
// membership. Who makes a group is in it.
func (c *court) accepted(h *hearing, f omega.Fingerprint, past bits, g *node) bool {
	if g.op.Type == TypeGenesis && g.op.Author.Account == f {
		return true
	}
	// The latest first: whoever accepts many times is mostly in by the last one.
	for _, a := range slices.Backward(c.log.accepts[f]) {
		if past.has(a.at) && c.scope.has(a.at) && !c.late[a] && (g.before(a) || g.op.Type == TypeRole) &&
			!slices.ContainsFunc(h.removals, func(e *node) bool { return !e.before(a) }) {
			return true
		}
	}
	return false
}

// names reports whether an operation names an account; its accounts are in order.
func names(o *Op, f omega.Fingerprint) bool {
	_, ok := slices.BinarySearchFunc(o.Accounts, f, omega.Fingerprint.Compare)
	return ok
}

// ground reports whether an accept has something to accept: an operation in
// its past that counts, names the account, and is newer than what ended its
// membership.
func (c *court) ground(f omega.Fingerprint, accept *node) bool {
	h := c.hear(f, accept.past, powerAdmin, isGround, never)
	return slices.ContainsFunc(h.grounds, h.stands)
}

func never(*node) bool { return false }

// banned reports whether an account is banned at a past.
func (c *court) banned(f omega.Fingerprint, past bits) bool {
	var bans, unbans []*node
	for n := range c.within(c.log.named[f], past) {
		switch {
		case !c.good(n):
		case n.op.Type == TypeBan:
			bans = append(bans, n)
		case n.op.Type == TypeUnban:
			unbans = append(unbans, n)
		}
	}
	return slices.ContainsFunc(bans, func(b *node) bool {
		return !slices.ContainsFunc(unbans, func(u *node) bool { return b.before(u) })
	})
}

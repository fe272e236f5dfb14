package group

import (
	"iter"
	"slices"

	"github.com/omega-im/omega"
)

// The powers an operation may have. (spec/group.md, GROUP-4)
const (
	powerMember = 1
	powerAdmin  = 2
	powerOwner  = 3
	powerOwners = 4 // more than half of them
)

// A court judges the operations of a log that are in scope. What it says
// depends on which operations these are, and not on the order they came in:
// nodes are walked in an order in which each comes after its past, and what is
// asked is only ever about a node's past or about higher powers.
type court struct {
	log   *Log
	scope bits
	late  map[*node]bool
	// The checkpoints that count, what is late left aside, each after its past.
	closing []*node

	// Verdicts, by index in log.
	power  []int8
	counts []bool

	level int // only what has this power counts; 0: all that was judged
}

// good reports whether an operation counts, as far as it is looked at.
func (c *court) good(n *node) bool { return c.counts[n.at] && int(c.power[n.at]) >= c.level }

// judge judges the operations in scope.
func (l *Log) judge(scope bits) *court {
	c := &court{log: l, scope: scope, late: map[*node]bool{}, power: make([]int8, len(l.nodes)), counts: make([]bool, len(l.nodes))}
	c.judgeOwners()
	c.close()
	if c.findLate(slices.Collect(c.all())...) {
		clear(c.counts)
		c.judgeOwners()
	}
	for power := powerOwner; power >= powerMember; power-- {
		for n := range c.all() {
			if c.power[n.at] == 0 && c.powerBelow(n) == power {
				c.power[n.at] = int8(power)
				c.counts[n.at] = c.lawful(n) && !c.attacked(n) && !c.reverted(n)
			}
		}
	}
	return c
}

// alters reports whether an operation that was placed last may change what is
// said of earlier ones: by strong removal, by taking them back, or by making them
// late. One that has all others in its past is concurrent to none; whether a
// checkpoint counts is asked twice (findLate), which extend does not.
func (l *Log) alters(n *node) bool {
	switch n.op.Type {
	case TypeRevert, TypeCheckpoint:
		return true
	case TypeRemove, TypeBan, TypeRole:
		return len(l.heads) > 1
	}
	return false
}

// extend judges one more operation, behind all others, that alters nothing.
func (c *court) extend(n *node) {
	c.scope, c.power, c.counts = c.scope.with(n.at), append(c.power, 0), append(c.counts, false)
	c.findLate(n)
	defer func() { c.level = 0 }()
	if c.level = powerOwners; c.majority(n) {
		c.power[n.at] = powerOwners
		c.counts[n.at] = c.lawful(n)
		return
	}
	for c.level = powerOwner; c.level >= powerMember; c.level-- {
		if c.powerBelow(n) == c.level {
			c.power[n.at] = int8(c.level)
			c.counts[n.at] = c.lawful(n) && !c.attacked(n)
			return
		}
	}
}

// all walks over the nodes in scope, each after its past.
func (c *court) all() iter.Seq[*node] { return c.within(c.log.nodes, c.scope) }

// within walks over those of nodes that are in scope and in a past.
func (c *court) within(nodes []*node, past bits) iter.Seq[*node] {
	return func(yield func(*node) bool) {
		for _, n := range nodes {
			if past.has(n.at) && c.scope.has(n.at) && !yield(n) {
				return
			}
		}
	}
}

// judgeOwners finds the operations of power 4.
func (c *court) judgeOwners() {
	for n := range c.all() {
		c.power[n.at] = 0
		if n.op.Type == TypeGenesis {
			c.power[n.at], c.counts[n.at] = powerOwners, true
			continue
		}
		if c.majority(n) {
			c.power[n.at] = powerOwners
			c.counts[n.at] = c.lawful(n)
		}
	}
}

// majority reports whether those who signed n are owners at its past, and more
// than half of them.
func (c *court) majority(n *node) bool {
	for _, p := range n.op.Signers() {
		if c.owner(p.Account, n.past) == nil {
			return false
		}
	}
	return 2*(1+len(n.op.Cosigners)) > c.owners(n.past)
}

// owners counts the owners at a past.
func (c *court) owners(past bits) int {
	seen := map[omega.Fingerprint]bool{}
	for _, t := range []Type{TypeGenesis, TypeRole} {
		for n := range c.within(c.log.byType[t], past) {
			if makesOwner(n) {
				for _, f := range n.op.Accounts {
					seen[f] = seen[f] || c.owner(f, past) != nil
				}
			}
		}
	}
	count := 0
	for _, owner := range seen {
		if owner {
			count++
		}
	}
	return count
}

func makesOwner(n *node) bool {
	return n.op.Type == TypeGenesis || n.op.Type == TypeRole && n.op.Role == RoleOwner
}

// powerBelow is the power of an operation that has not that of all owners.
func (c *court) powerBelow(n *node) int {
	if !c.log.ranked[n.op.Author.Account] {
		return powerMember
	}
	switch c.role(n.op.Author.Account, n.past) {
	case RoleOwner:
		return powerOwner
	case RoleAdmin:
		return powerAdmin
	}
	return powerMember
}

// findLate finds those of some operations that came too late (GROUP-8) and reports
// whether there are any.
func (c *court) findLate(list ...*node) bool {
	found := false
	for i, newer := range c.closing {
		var older bits // made for the first that is concurrent to newer
		for _, n := range list {
			if c.late[n] || !concurrent(n, newer) {
				continue
			}
			if older == nil {
				older = closedBy(newer, c.closing[:i])
			}
			if !older.within(n.past) { // what is in older is before newer, so it is not n
				c.late[n], found = true, true
			}
		}
	}
	return found
}

// closedBy are those of some checkpoints that are in the past of another one and by Grace
// older.
func closedBy(newer *node, list []*node) bits {
	older := bits{}
	for _, o := range list {
		if o.before(newer) && newer.op.Time.Sub(o.op.Time) >= Grace {
			older = older.with(o.at)
		}
	}
	return older
}

// close remembers the checkpoints that count before anything is late.
func (c *court) close() {
	for n := range c.within(c.log.byType[TypeCheckpoint], c.scope) {
		if c.counts[n.at] {
			c.closing = append(c.closing, n)
		}
	}
}

// lawful reports whether the author might do that at the operation's own past.
// (spec/group.md, GROUP-5)
func (c *court) lawful(n *node) bool {
	o, power := n.op, int(c.power[n.at])
	if c.late[n] {
		return false
	}
	if o.Self() {
		return o.Type != TypeAccept || c.ground(o.Author.Account, n)
	}
	if c.role(o.Author.Account, n.past) == RoleNone {
		return false
	}
	switch o.Type {
	case TypeDissolve:
		return power >= powerOwners
	case TypeCheckpoint:
		return power >= powerOwners && c.log.stateBefore(n) == o.State
	case TypePolicy, TypeRevert:
		return power >= powerOwner
	case TypeUnban, TypeRedact:
		return power >= powerAdmin
	case TypeRole:
		return power >= powerOwner && (power == powerOwners || o.Role != RoleOwner && c.allBelow(n, powerOwner))
	case TypeRemove, TypeBan:
		return power >= powerAdmin && (power == powerOwners || c.allBelow(n, power))
	case TypeInvite:
		return power >= int(c.rules(n.past).Invite) && !c.anyBanned(n)
	case TypePin, TypeUnpin:
		return power >= int(c.rules(n.past).Pin)
	case TypeProfile:
		return power >= int(c.rules(n.past).Profile)
	case TypeMerge:
		return true
	}
	return false
}

// allBelow reports whether all whom n names have less than power at its past.
func (c *court) allBelow(n *node, power int) bool {
	return !slices.ContainsFunc(n.op.Accounts, func(f omega.Fingerprint) bool { return int(c.role(f, n.past)) >= power })
}

func (c *court) anyBanned(n *node) bool {
	return slices.ContainsFunc(n.op.Accounts, func(f omega.Fingerprint) bool { return c.banned(f, n.past) })
}

// attacked reports whether n is void by strong removal. (spec/group.md, GROUP-6)
func (c *court) attacked(n *node) bool {
	if n.op.Self() {
		return false
	}
	author := n.op.Author.Account
	for r := range c.within(c.log.named[author], c.scope) {
		if c.counts[r.at] && c.power[r.at] > c.power[n.at] && concurrent(r, n) && c.weakens(r, author, n) {
			return true
		}
	}
	return false
}

// weakens reports whether r leaves its target less than n needs.
func (c *court) weakens(r *node, author omega.Fingerprint, n *node) bool {
	if !names(r.op, author) {
		return false
	}
	switch r.op.Type {
	case TypeRemove, TypeBan:
		return true
	case TypeRole:
		return int(r.op.Role) < int(c.power[n.at])
	}
	return false
}

// reverted reports whether an operation of more power takes n back.
func (c *court) reverted(n *node) bool {
	if n.op.Self() || n.op.Type == TypeGenesis {
		return false
	}
	for r := range c.within(c.log.byType[TypeRevert], c.scope) {
		if c.counts[r.at] && c.power[r.at] > c.power[n.at] && n.before(r) && slices.Contains(r.op.Operations, n.op.hash) {
			return true
		}
	}
	return false
}

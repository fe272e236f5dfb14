package group

import (
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// A Log is every operation of one group that is known here, and those that
// wait for others. It checks form and order; who signed is the caller's
// question, to be answered before Add. It is used by one goroutine at a time.
type Log struct {
	nodes   []*node // each after its past
	byHash  map[Hash]*node
	heads   map[Hash]*node
	waiting map[Hash]*Op                 // by name
	queues  map[omega.Fingerprint][]Hash // names of those that wait, by author, the oldest first
	wanted  map[Hash][]Hash              // missing operation: those that wait for it
	states  map[Hash]Hash                // checkpoint: hash of the state at its past
	byType  map[Type][]*node
	named   map[omega.Fingerprint][]*node // that name the account, or are its own leaves
	accepts map[omega.Fingerprint][]*node // its own
	ranked  map[omega.Fingerprint]bool    // named by a genesis or role: others are members at most

	court *court  // of all operations but the fresh ones; nil: to be judged anew
	state *State  // that it found
	fresh []*node // added since, and altering nothing
}

// A node is an operation in its place.
type node struct {
	op   *Op
	at   int  // index in nodes
	past bits // of nodes, itself not included
}

// before reports whether n is in the past of m.
func (n *node) before(m *node) bool { return m.past.has(n.at) }

func concurrent(n, m *node) bool { return n != m && !n.before(m) && !m.before(n) }

// NewLog starts the log of the group of a genesis.
func NewLog(genesis *Op) (*Log, error) {
	if genesis.Type != TypeGenesis {
		return nil, fmt.Errorf("new log: %w: starts with %s", ErrMalformed, genesis.Type)
	}
	l := &Log{
		byHash: map[Hash]*node{}, heads: map[Hash]*node{}, waiting: map[Hash]*Op{}, wanted: map[Hash][]Hash{},
		states: map[Hash]Hash{}, byType: map[Type][]*node{}, named: map[omega.Fingerprint][]*node{},
		queues: map[omega.Fingerprint][]Hash{}, accepts: map[omega.Fingerprint][]*node{}, ranked: map[omega.Fingerprint]bool{},
	}
	l.place(genesis)
	return l, nil
}

// ID is the group.
func (l *Log) ID() Hash { return l.nodes[0].op.hash }

// Len is how many operations are in their place.
func (l *Log) Len() int { return len(l.nodes) }

// Has reports whether an operation is in its place.
func (l *Log) Has(h Hash) bool { return l.byHash[h] != nil }

// Ops returns all operations in an order in which each comes after its past.
func (l *Log) Ops() []*Op {
	out := make([]*Op, len(l.nodes))
	for i, n := range l.nodes {
		out[i] = n.op
	}
	return out
}

// Heads names the operations that are in no other's past, in order: what the
// next operation has as parents, and what messages name.
func (l *Log) Heads() []Hash {
	out := make([]Hash, 0, len(l.heads))
	for h := range l.heads {
		out = append(out, h)
	}
	slices.SortFunc(out, compareHash)
	return out
}

// Missing names operations that others wait for and that are not here, in
// order.
func (l *Log) Missing() []Hash {
	var out []Hash
	for h := range l.wanted {
		if l.waiting[h] == nil {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, compareHash)
	return out
}

// Since returns the operations that are neither named nor in the past of those
// named, each after its past: what somebody lacks whose heads these are. Heads
// that are not known here count for nothing.
func (l *Log) Since(heads []Hash) []*Op {
	var known bits
	for _, h := range heads {
		if n := l.byHash[h]; n != nil {
			known = known.union(n.past).with(n.at)
		}
	}
	var out []*Op
	for _, n := range l.nodes {
		if !known.has(n.at) {
			out = append(out, n.op)
		}
	}
	return out
}

// Add takes an operation whose signatures were verified and returns those that
// came to their place by it, each after its past; none if it is here already or
// waits for parents (Missing). Of those that wait the oldest of the author are
// forgotten, or of the author who has most of them, when there are too many: they
// can be asked for again. Errors are ErrForeign, ErrStranger and ErrFull: the
// operation is not kept.
func (l *Log) Add(o *Op) ([]*Op, error) {
	if o.ID() != l.ID() {
		return nil, ErrForeign
	}
	if l.byHash[o.hash] != nil || l.waiting[o.hash] != nil {
		return nil, nil
	}
	if len(l.nodes) >= MaxOperations {
		return nil, ErrFull
	}
	if !l.ready(o) {
		l.wait(o)
		return nil, nil
	}
	if !l.knows(o) {
		return nil, fmt.Errorf("%s by %s: %w", o.Type, o.Author.Account, ErrStranger)
	}
	return l.settle(o), nil
}

func (l *Log) ready(o *Op) bool {
	return !slices.ContainsFunc(o.Parents, func(h Hash) bool { return l.byHash[h] == nil })
}

func (l *Log) wait(o *Op) {
	author := o.Author.Account
	switch {
	case len(l.queues[author]) >= MaxWaitingShare:
		l.forget(author)
	case len(l.waiting) >= MaxWaiting:
		l.forget(l.greediest())
	}
	l.waiting[o.hash] = o
	l.queues[author] = append(l.queues[author], o.hash)
	for _, h := range o.Parents {
		if l.byHash[h] == nil {
			l.wanted[h] = append(l.wanted[h], o.hash)
		}
	}
}

// greediest is the author of most of the operations that wait.
func (l *Log) greediest() (out omega.Fingerprint) {
	for f, q := range l.queues {
		if n := len(l.queues[out]); len(q) > n || len(q) == n && f.Compare(out) < 0 {
			out = f
		}
	}
	return out
}

// forget drops the oldest operation of an author that waits.
func (l *Log) forget(author omega.Fingerprint) {
	o := l.waiting[l.queues[author][0]]
	l.waitsNoMore(o)
	for _, h := range o.Parents {
		if left := remove(l.wanted[h], o.hash); len(left) > 0 {
			l.wanted[h] = left
		} else {
			delete(l.wanted, h)
		}
	}
}

func (l *Log) waitsNoMore(o *Op) {
	if l.waiting[o.hash] == nil {
		return
	}
	delete(l.waiting, o.hash)
	author := o.Author.Account
	if left := remove(l.queues[author], o.hash); len(left) > 0 {
		l.queues[author] = left
	} else {
		delete(l.queues, author)
	}
}

func remove(list []Hash, h Hash) []Hash {
	if i := slices.Index(list, h); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// settle places o and what waited for it.
func (l *Log) settle(o *Op) []*Op {
	var placed []*Op
	for queue := []*Op{o}; len(queue) > 0; {
		o, queue = queue[0], queue[1:]
		l.waitsNoMore(o)
		if len(l.nodes) < MaxOperations && l.knows(o) {
			l.place(o)
			placed = append(placed, o)
		}
		for _, h := range l.wanted[o.hash] {
			if w := l.waiting[h]; w != nil && l.ready(w) {
				queue = append(queue, w)
			}
		}
		delete(l.wanted, o.hash)
	}
	return placed
}

// knows reports whether something in the past of o concerns its author: the
// rest of the world cannot fill a group's log.
func (l *Log) knows(o *Op) bool {
	past := l.pastOf(o)
	in := func(n *node) bool { return past.has(n.at) }
	return slices.ContainsFunc(l.named[o.Author.Account], in) || slices.ContainsFunc(l.accepts[o.Author.Account], in)
}

func (l *Log) pastOf(o *Op) bits {
	var past bits
	for _, h := range o.Parents {
		p := l.byHash[h]
		past = past.union(p.past).with(p.at)
	}
	return past
}

func (l *Log) place(o *Op) {
	n := &node{op: o, at: len(l.nodes), past: l.pastOf(o)}
	l.nodes = append(l.nodes, n)
	l.byHash[o.hash] = n
	for _, h := range o.Parents {
		delete(l.heads, h)
	}
	l.heads[o.hash] = n
	for _, f := range o.Accounts {
		l.named[f] = append(l.named[f], n)
		if o.Type == TypeGenesis || o.Type == TypeRole {
			l.ranked[f] = true
		}
	}
	switch o.Type {
	case TypeAccept:
		l.accepts[o.Author.Account] = append(l.accepts[o.Author.Account], n)
	case TypeLeave:
		l.named[o.Author.Account] = append(l.named[o.Author.Account], n)
	}
	l.byType[o.Type] = append(l.byType[o.Type], n)
	if l.court != nil && l.alters(n) {
		l.court, l.state, l.fresh = nil, nil, nil
	} else if l.court != nil {
		l.fresh = append(l.fresh, n)
	}
}

// bits is a set of indices of nodes.
type bits []uint64

func (b bits) has(i int) bool { return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0 }

// with returns b with i, in place where there is room.
func (b bits) with(i int) bits {
	for i/64 >= len(b) {
		b = append(b, 0)
	}
	b[i/64] |= 1 << (i % 64)
	return b
}

// within reports whether c has all that b has.
func (b bits) within(c bits) bool {
	for i, w := range b {
		if i < len(c) {
			w &^= c[i]
		}
		if w != 0 {
			return false
		}
	}
	return true
}

// union returns the union of both in memory of its own.
func (b bits) union(c bits) bits {
	out := make(bits, max(len(b), len(c)))
	copy(out, b)
	for i, w := range c {
		out[i] |= w
	}
	return out
}

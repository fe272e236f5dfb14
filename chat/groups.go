package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// Groups is what a receiver asks about groups: their keys, and what their
// operations say of an account.
type Groups interface {
	// GroupKeys returns the group keys with this locator, nil if there are none.
	GroupKeys(ctx context.Context, locator Locator) ([]*GroupKey, error)

	// PutGroupKey adds a group key, or replaces the one that it is the Same as.
	PutGroupKey(ctx context.Context, k *GroupKey) error

	// Group returns the group whose chat this is; zero if it is no group's here.
	Group(ctx context.Context, c omega.ChatID) (Hash, error)

	// Standing says what w may. (spec/group.md, GROUP-15)
	Standing(ctx context.Context, w Writing) (Standing, error)

	// ReadsSince is when this account began to read a channel that it is no member of;
	// zero if it does not read it so. (spec/group.md, GROUP-44)
	ReadsSince(ctx context.Context, group Hash) (time.Time, error)
}

// A Writing is a message in a group that somebody wants to be judged.
type Writing struct {
	Group  Hash
	Heads  []Hash // that its author knew; none: that is not known
	Author omega.Fingerprint
	Kind   Kind
	Time   time.Time // by the author's clock
	Heard  time.Time // when a server that is not the author had it first
}

// A Standing is the answer to a Writing.
type Standing int

// The answers.
const (
	StandingNone    Standing = iota // it does not count
	StandingGood                    // it counts
	StandingUnknown                 // operations are missing
)

// maxGroupKeys is how many group keys may share a locator.
const maxGroupKeys = maxShadows

// openGroupKey takes a group key. (spec/group.md, GROUP-12)
func (r *Receiver) openGroupKey(ctx context.Context, a *Arrival, p Payload) (*Result, error) {
	record, err := pgp.OpenRecord(ctx, r.id.Decrypter, p.Body)
	if err != nil {
		return refused(err), ctx.Err()
	}
	k, err := readGroupKey(record, p.Locator)
	if err != nil {
		return refused(err), nil
	}
	old, err := a.Groups.GroupKeys(ctx, p.Locator)
	if err != nil {
		return nil, fmt.Errorf("look up group keys %s: %w", p.Locator, err)
	}
	others := 0
	for _, o := range old {
		if !o.Same(k) {
			others++
		} else if o.Problem == ProblemNone {
			return &Result{Verdict: VerdictGroupKey, GroupKey: o, Locator: p.Locator}, nil
		}
	}
	if others >= maxGroupKeys {
		return refused(malformed("locator %s is used by %d other group keys", p.Locator, others)), nil
	}
	s, err := r.signer(ctx, k.From, k.Device, a)
	if err != nil {
		return nil, err
	}
	if s.key == nil && !a.Fresh {
		return &Result{Verdict: VerdictNeedCert, Account: k.From}, nil
	}
	// A key is wrapped again as it is, long after it was made: its device may be
	// revoked meanwhile, which is a reason not to send under it (GROUP-14).
	switch {
	case s.key == nil:
		return refused(malformed("group key of an unknown device %s", k.Device)), nil
	case record.Verify(s.key) != nil:
		return refused(malformed("group key with a wrong signature")), nil
	}
	if err := a.Groups.PutGroupKey(ctx, k); err != nil {
		return nil, fmt.Errorf("store group key %s: %w", k.Locator, err)
	}
	return &Result{Verdict: VerdictGroupKey, GroupKey: k, Locator: k.Locator}, nil
}

// openGroupRecord takes a sending key of a group. (spec/group.md, GROUP-13)
func (r *Receiver) openGroupRecord(ctx context.Context, st Store, a *Arrival, p Payload) (*Result, error) {
	keys, err := a.Groups.GroupKeys(ctx, p.GroupKey)
	if err != nil {
		return nil, fmt.Errorf("look up group keys %s: %w", p.GroupKey, err)
	}
	for _, g := range keys {
		k, sig, err := openGroupRecord(g, p.Locator, p.Body)
		if err == nil {
			return r.takeGroupRecord(ctx, st, a, k, sig)
		}
	}
	return &Result{Verdict: VerdictNeedKey, Locator: p.GroupKey}, nil
}

func (r *Receiver) takeGroupRecord(ctx context.Context, st Store, a *Arrival, k *Key, sig pgp.Compact) (*Result, error) {
	old, err := st.Keys(ctx, k.Locator)
	if err != nil {
		return nil, fmt.Errorf("look up keys %s: %w", k.Locator, err)
	}
	shadows := 0
	for _, o := range old {
		if !o.Same(k) {
			shadows++
		} else if o.Problem == ProblemNone {
			return &Result{Verdict: VerdictKey, Key: o, Locator: k.Locator}, nil
		}
	}
	if shadows >= maxShadows {
		return refused(malformed("locator %s is used by %d other keys", k.Locator, shadows)), nil
	}
	s, err := r.signer(ctx, k.From, k.Device, a)
	if err != nil {
		return nil, err
	}
	if s.needCert && !a.Fresh {
		return &Result{Verdict: VerdictNeedCert, Account: k.From}, nil
	}
	switch {
	case s.key == nil, !s.active:
		k.Problem = ProblemDevice
	case pgp.VerifyCompact(s.key, k.Text(), k.Time.Truncate(time.Second), sig) != nil:
		k.Problem = ProblemSignature
	}
	since, err := a.Groups.ReadsSince(ctx, k.Group.Group)
	if err != nil {
		return nil, err
	}
	// Under a key from before it subscribed there are messages that it is never sent.
	all := since.IsZero() || k.Time.After(since.Add(omega.ClockTolerance))
	return r.takeKey(ctx, st, k, all)
}

// standing judges whether a message of a group counts. (spec/group.md, GROUP-15)
func (r *Receiver) standing(ctx context.Context, a *Arrival, c *claim) (Standing, error) {
	w := Writing{Group: c.group, Author: c.message.From, Kind: c.message.Content.Kind, Time: c.message.Time, Heard: a.heard(), Heads: c.heads()}
	return a.Groups.Standing(ctx, w)
}

// heads are the operations of the group that a message rests on.
func (c *claim) heads() []Hash {
	switch g := c.message.Content.Group; {
	case g != nil && len(g.Heads) > 0:
		return g.Heads
	case c.key != nil:
		return c.key.Group.Heads
	}
	return nil
}

// needGroup asks for operations that a message rests on.
func needGroup(c *claim) *Result {
	return &Result{Verdict: VerdictNeedGroup, Group: c.group, Account: c.message.From, Message: c.message, Locator: c.locator(), Heads: c.heads()}
}

func (c *claim) locator() (l Locator) {
	if c.key != nil {
		l = c.key.Locator
	}
	return l
}

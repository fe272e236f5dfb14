package keyserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A keeping is what this server has to keep, at one time. Immutable.
type keeping struct {
	scope     Scope
	placement *Placement // nil: not known yet, and everything is to be kept
	at        time.Time
}

// owns reports whether this server owns an entry.
func (k *keeping) owns(fp omega.Fingerprint) bool {
	return k.placement == nil || k.scope.Owned.has(LeafOf(fp))
}

// Place tells the server who shares the entries of the cloud now. It is called
// when members come and go, and every minute: leaves change their owners from
// time to time. It costs 0.1 s for a hundred servers and 1 s for a thousand of
// which one came or went, a thousandth of that when none did. It reports whether something is to be handed on. (spec/keys.md,
// KEYS-7)
func (s *Server) Place(servers []Candidate, now time.Time) (changed bool) {
	s.placing.Lock()
	defer s.placing.Unlock()
	old := s.keep.Load()
	next := &keeping{placement: NewPlacement(servers), at: now}
	same := old.placement != nil && old.placement.Equal(next.placement)
	owned := new(LeafSet)
	if same {
		next.placement = old.placement
		*owned = *old.scope.Owned
	}
	self := next.placement.index(s.cfg.Self)
	var keys []uint64
	for i, last := 0, uint64(0); i < Leaves && self >= 0; i++ {
		l := Leaf(i)
		epoch := EpochOf(l, now)
		if same && epoch == EpochOf(l, old.at) {
			continue
		}
		if keys == nil || epoch != last {
			keys, last = next.placement.epochKeys(epoch), epoch
		}
		owned[l/64] &^= 1 << (l % 64)
		if list, n := next.placement.owners(l, keys); slices.Contains(list[:n], self) {
			owned.add(l)
		}
	}
	next.scope = Scope{All: s.keepsAll(owned, old.scope.All), Owned: owned}
	if same && next.scope.All == old.scope.All && *owned == *old.scope.Owned {
		return false // what was begun under the old one may go on
	}
	s.keep.Store(next)
	s.budgets.retry()
	return true
}

// NextLeaf returns the first leaf from l on that has entries.
func (s *Server) NextLeaf(l Leaf) (Leaf, bool) {
	s.digest.mu.Lock()
	defer s.digest.mu.Unlock()
	for i := int(l); i < Leaves; i++ {
		if s.digest.count[i] > 0 {
			return Leaf(i), true
		}
	}
	return Leaves - 1, false
}

// keepsAll decides whether this server keeps everything, by the number of
// entries in the cloud as its own share of them tells. One that keeps its share
// goes back when there are a quarter fewer.
func (s *Server) keepsAll(owned *LeafSet, before bool) bool {
	entries, leaves := 0, 0
	s.digest.mu.Lock()
	for i, n := range s.digest.count {
		if owned.has(Leaf(i)) {
			entries += int(n)
			leaves++
		}
	}
	s.digest.mu.Unlock()
	total := int(s.count.Load())
	if leaves > 0 {
		total = int(int64(entries) * Leaves / int64(leaves))
	}
	if !before {
		return total < s.cfg.Everything/4*3
	}
	return total <= s.cfg.Everything
}

// Scope is what this server keeps. What it owns is told only where that makes a
// difference: when it keeps no more, or has entries that only owners keep, or
// the other one has and whole is true for that.
func (s *Server) Scope(whole bool) Scope {
	k := s.keep.Load()
	s.digest.mu.Lock()
	narrow := s.digest.narrow
	s.digest.mu.Unlock()
	if k.scope.All && narrow == 0 && !whole {
		return Scope{All: true}
	}
	return k.scope
}

// Owners returns who is asked about fp: its owners, present and past; nil when
// no placement is known.
func (s *Server) Owners(fp omega.Fingerprint) []omega.Fingerprint {
	if k := s.keep.Load(); k.placement != nil {
		return k.placement.Asked(fp, s.cfg.Now())
	}
	return nil
}

// Partners returns up to n other owners of what this server owns, found from
// leaf start on: whom to compare with beside neighbours.
func (s *Server) Partners(n int, start Leaf) (partners []omega.Fingerprint) {
	k, now := s.keep.Load(), s.cfg.Now()
	if k.placement == nil || s.Scope(false).Owned == nil {
		return nil
	}
	tried := 0
	for i := range Leaves {
		l := start + Leaf(i)
		if !k.scope.Owned.has(l) {
			continue
		}
		if tried++; len(partners) >= n || tried > 16*n {
			break
		}
		for _, o := range k.placement.Owners(l, EpochOf(l, now)) {
			if o != s.cfg.Self && !slices.Contains(partners, o) && len(partners) < n {
				partners = append(partners, o)
			}
		}
	}
	return partners
}

func (s *Server) isHome(e *Entry) bool { return slices.Contains(e.Homes(), s.cfg.Self) }

// compares reports whether an entry is one that comparison with other servers
// brings up to date here.
func (s *Server) compares(k *keeping, h *holding) bool {
	fp := h.Fingerprint()
	if k.owns(fp) || k.scope.All && !h.narrow || fp == s.cfg.Self {
		return true
	}
	if h.Record == nil && s.cfg.MemberSince != nil {
		_, member := s.cfg.MemberSince(fp) // devices look up the keys of servers, which come with their announcements
		return member
	}
	return false
}

// keeps reports whether an entry is for this server to keep, or wanted here.
func (s *Server) keeps(k *keeping, h *holding, now time.Time) bool {
	return s.compares(k, h) || s.isHome(h.Entry) || s.visits.recent(h.Fingerprint(), now) || s.cfg.InUse != nil && s.cfg.InUse(h.Entry)
}

// A Surplus is what a server has of one leaf and does not own: its owners are to
// have all of it, and it what they have. What this server has no use for it may
// forget then.
type Surplus struct {
	Entries []Summary
	Owners  []omega.Fingerprint // of all of them, without this server
	view    *keeping
	epoch   uint64 // of the leaf: with the next one others own it, whatever this server sees
}

// Review judges anew what the server has of a leaf, since time goes by and
// receipts take each other's numbers, and returns what others own.
func (s *Server) Review(ctx context.Context, l Leaf) (*Surplus, error) {
	now := s.cfg.Now()
	out := &Surplus{view: s.keep.Load(), epoch: EpochOf(l, now)}
	var list []Summary
	err := s.cfg.Store.RangeLeaf(ctx, l, func(sum Summary) error {
		list = append(list, sum)
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("review leaf %d: %w", l, err)
	}
	for _, sum := range list {
		own, err := s.review(ctx, out.view, &sum, now)
		if err != nil {
			return nil, fmt.Errorf("review leaf %d: %w", l, err)
		}
		if !own {
			out.Entries = append(out.Entries, sum)
		}
	}
	if len(out.Entries) > 0 {
		for _, o := range out.view.placement.Owners(l, out.epoch) {
			if o != s.cfg.Self {
				out.Owners = append(out.Owners, o)
			}
		}
	}
	return out, nil
}

// review judges one entry anew, makes sum what stands, and reports whether
// comparison keeps the entry up to date.
func (s *Server) review(ctx context.Context, k *keeping, sum *Summary, now time.Time) (own bool, err error) {
	lock := &s.locks[Bucket(sum.Fingerprint)]
	lock.Lock()
	defer lock.Unlock()
	have, err := s.load(ctx, sum.Fingerprint, now)
	if errors.Is(err, ErrNotFound) {
		return true, nil // it went meanwhile
	}
	if err != nil {
		return false, err
	}
	next := *have
	next.narrow = s.narrow(ctx, have, now)
	next.receipt = s.betterReceipt(ctx, have.receipt, nil, have.Entry, now)
	if next.narrow != have.narrow || !bytes.Equal(next.receipt, have.receipt) {
		if err := s.put(ctx, have, &next); err != nil {
			return false, err
		}
		have = &next
	}
	*sum = have.summary()
	return s.compares(k, have), nil
}

// Drop forgets an entry of the surplus that all its owners hold. It does
// nothing, and reports false, if the entry is wanted here, as at a home of the
// account, or what is to be kept, or who owns the leaf, has changed since the review, or
// the entry has.
func (s *Server) Drop(ctx context.Context, from *Surplus, sum Summary) (dropped bool, err error) {
	lock := &s.locks[Bucket(sum.Fingerprint)]
	lock.Lock()
	defer lock.Unlock()
	now := s.cfg.Now()
	have, err := s.load(ctx, sum.Fingerprint, now)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if s.keep.Load() != from.view || EpochOf(LeafOf(sum.Fingerprint), now) != from.epoch || !have.summary().same(sum) || s.keeps(from.view, have, now) {
		return false, nil
	}
	if err := s.cfg.Store.Delete(ctx, sum.Fingerprint); err != nil {
		return false, err
	}
	s.digest.drop(have.summary())
	s.count.Add(-1)
	s.cache.drop(sum.Fingerprint)
	s.plains.drop(sum.Fingerprint)
	s.routes.drop(sum.Fingerprint)
	s.stats.dropped.Add(1)
	return true, nil
}

// A Holding is what an owner says about an entry that another server would like
// to be rid of.
type Holding uint8

const (
	Holds   Holding = iota // it owns it and has just that, durably
	Lacks                  // it owns it and has nothing or another: send it
	NotMine                // it does not own it, as far as it knows
)

// AppendHold appends the body of wire.TypeHold.
func AppendHold(b []byte, list []Summary) []byte { return appendSummaries(b, list) }

// Holding answers the body of wire.TypeHold with the body of wire.TypeHeld: one
// octet for each entry, in their order.
func (s *Server) Holding(ctx context.Context, question []byte) ([]byte, error) {
	list, err := decodeSummaries(question)
	if err != nil {
		return nil, err
	}
	k := s.keep.Load()
	out := make([]byte, len(list))
	for i, sum := range list {
		if k.placement != nil && !k.owns(sum.Fingerprint) {
			out[i] = byte(NotMine)
			continue
		}
		item, err := s.cfg.Store.Get(ctx, sum.Fingerprint)
		switch {
		case errors.Is(err, ErrNotFound) || err == nil && !item.same(sum):
			out[i] = byte(Lacks)
		case err != nil:
			return nil, err
		}
	}
	return out, nil
}

// DecodeHeld reads the body of wire.TypeHeld about n entries.
func DecodeHeld(b []byte, n int) ([]Holding, error) {
	if len(b) != n {
		return nil, fmt.Errorf("%w answer about %d entries: %d octets", wire.ErrMalformed, n, len(b))
	}
	out := make([]Holding, n)
	for i, v := range b {
		if v > byte(NotMine) {
			return nil, fmt.Errorf("%w answer about entries: %d", wire.ErrMalformed, v)
		}
		out[i] = Holding(v)
	}
	return out, nil
}

// Take is Accept of what another server sends unasked: of accounts that are not
// known here, what is for this server to keep and within the budgets.
// CodeUnavailable says that it is for others to keep, CodeRateLimited that it
// is too much for today. (spec/keys.md, KEYS-12)
func (s *Server) Take(ctx context.Context, from omega.Fingerprint, p wire.Placed) (stands *Entry, changed bool, err error) {
	return s.accept(ctx, giver{source: FromServer, server: from, receipt: p.Receipt}, p.Entry)
}

// Owns reports whether this server is one of the owners of fp.
func (s *Server) Owns(fp omega.Fingerprint) bool { return s.keep.Load().owns(fp) }

// Fetched is Accept of what another server answered to a question: it is taken
// whatever is kept here.
func (s *Server) Fetched(ctx context.Context, p wire.Placed) (stands *Entry, changed bool, err error) {
	return s.accept(ctx, giver{source: FromServer, receipt: p.Receipt, asked: true}, p.Entry)
}

// How long, and how many, entries are kept that somebody looked up and that are
// for others to keep. Past the number they may go at once.
const (
	visitTime = time.Hour
	maxVisits = 1 << 16
)

// visits are entries that were looked up here lately.
type visits struct {
	mu    sync.Mutex
	until map[omega.Fingerprint]time.Time // guarded by mu
}

func (v *visits) init() { v.until = make(map[omega.Fingerprint]time.Time) }

func (v *visits) add(fp omega.Fingerprint, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.until) < maxVisits {
		v.until[fp] = now.Add(visitTime)
	}
}

// recent forgets a visit that is over.
func (v *visits) recent(fp omega.Fingerprint, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	until, ok := v.until[fp]
	if ok && now.After(until) {
		delete(v.until, fp)
		return false
	}
	return ok
}

package keyserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A Source is where an entry came from, which decides how strict Accept is.
type Source uint8

const (
	// FromSession is the account itself, through its session. Its record must
	// build on the one that stands, and be made for the certificate beside it.
	FromSession Source = iota

	// FromServer is another key server or the certificate of a server. What
	// holds is merged, so that servers agree whatever came first.
	FromServer
)

// Accept judges an entry, merges it with what stands and returns the result,
// which is on stable storage, and whether that changed anything. The error is
// an *omega.Error:
//
//	CodeBadRequest  it breaks the format or a rule
//	CodeRefused     the policy on certificates or on registration forbids it
//	CodeDeleted     (FromSession) the owner deleted the account: nothing else is published under that key
//	CodeConflict    (FromSession) another record stands; it comes as the entry beside the error
//	CodeUnavailable this server takes nobody until it is a member of its cloud
//	CodeDiskFull    stable storage or the number of accounts is at its limit
//	CodeInternal    the store failed
func (s *Server) Accept(ctx context.Context, src Source, in wire.Entry) (stands *Entry, changed bool, err error) {
	return s.accept(ctx, giver{source: src, trusted: true}, in)
}

// Register is Accept of what somebody showed in a handshake, with the invite that
// came with it.
func (s *Server) Register(ctx context.Context, in wire.Entry, invite *omega.Invite) (stands *Entry, changed bool, err error) {
	return s.accept(ctx, giver{source: FromSession, invite: invite}, in)
}

// Publish is Accept of what owner publishes through its session: an entry of
// another account is CodeRefused.
func (s *Server) Publish(ctx context.Context, owner omega.Fingerprint, in wire.Entry) (stands *Entry, changed bool, err error) {
	return s.accept(ctx, giver{source: FromSession, owner: owner}, in)
}

// A giver is who brings an entry.
type giver struct {
	source Source
	owner  omega.Fingerprint // the only account that it may be of; zero: any
	invite *omega.Invite     // of somebody new; nil for none

	// Of FromServer:
	server  omega.Fingerprint // that sent it unasked, and on whose account it is; zero: none
	receipt []byte            // of its sponsor, as it came
	asked   bool              // it answers a question of this server's
	trusted bool              // no budget counts: it is this server's own doing
	anybody bool              // somebody brought it who is no server
}

func (s *Server) accept(ctx context.Context, from giver, in wire.Entry) (stands *Entry, changed bool, err error) {
	now := s.cfg.Now()
	given, err := ParseEntry(in, now)
	if owner := from.owner; err == nil && !owner.IsZero() && given.Fingerprint() != owner {
		err = fmt.Errorf("entry of %s %w", given.Fingerprint(), ErrNotOwner)
	}
	if err != nil {
		s.stats.refused.Add(1)
		return nil, false, refusal(err)
	}
	if given.Record != nil {
		if err := s.checkGiven(from.source, given, now); err != nil {
			s.stats.refused.Add(1)
			return nil, false, refusal(err)
		}
	}
	lock := &s.locks[Bucket(given.Fingerprint())]
	lock.Lock()
	defer lock.Unlock()
	return s.tell(s.replace(ctx, from, given, now))
}

// tell lets the watchers know what replace has changed.
func (s *Server) tell(stands *Entry, changed bool, err error) (*Entry, bool, error) {
	if changed {
		for _, fn := range s.watchers {
			fn(stands)
		}
	}
	return stands, changed, err
}

// Update merges into the certificate of a known account what its owner signed
// and anybody brings: own is what pgp.Own returned. Nobody is registered by it:
// an unknown account is CodeNotFound. The other errors are those of Accept.
// (spec/keys.md, KEYS-3)
func (s *Server) Update(ctx context.Context, account omega.Fingerprint, own []byte) (stands *Entry, changed bool, err error) {
	lock := &s.locks[Bucket(account)]
	lock.Lock()
	defer lock.Unlock()
	now := s.cfg.Now()
	old, err := s.load(ctx, account, now)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, false, notFound(account)
	case err != nil:
		return nil, false, omega.Errorf(omega.CodeInternal, "%v", err)
	}
	cert, err := old.Certificate.Update(own, now)
	if err != nil {
		s.stats.refused.Add(1)
		return nil, false, refusal(err)
	}
	return s.tell(s.replace(ctx, giver{source: FromServer, trusted: true, anybody: true}, &Entry{Certificate: cert}, now))
}

// checkGiven judges a record by the certificate that it came with. A server
// may pass on a record whose signer was revoked since: the merge drops it.
func (s *Server) checkGiven(src Source, given *Entry, now time.Time) error {
	err := VerifyRecord(given.Certificate, given.Record, now)
	if src == FromServer {
		if errors.Is(err, ErrDevice) || errors.Is(err, pgp.ErrRevoked) {
			given.Record, err = nil, nil
		}
		return err
	}
	if err == nil && !Bound(given.Certificate, given.Record) {
		err = fmt.Errorf("location record of %s %w", given.Record.User, ErrBound)
	}
	return err
}

// replace merges given into what stands. The lock of its bucket is held.
func (s *Server) replace(ctx context.Context, from giver, given *Entry, now time.Time) (*Entry, bool, error) {
	have, err := s.load(ctx, given.Fingerprint(), now)
	if errors.Is(err, ErrNotFound) {
		return s.register(ctx, from, given, now)
	}
	if err != nil {
		return nil, false, omega.Errorf(omega.CodeInternal, "%v", err)
	}
	old, others := have.Entry, have.others
	merged, kept, err := merge(old, given, others)
	if err == nil && (from.source == FromSession || from.anybody) {
		err = s.checkWords(old.Certificate, merged.Certificate, now)
	}
	if err != nil {
		s.stats.refused.Add(1)
		return nil, false, refusal(err)
	}
	if from.source == FromSession && old.Certificate.Deleted() && !given.Certificate.Deleted() {
		s.stats.refused.Add(1)
		return nil, false, omega.Errorf(omega.CodeDeleted, "the account %s was deleted by its owner", old.Fingerprint())
	}
	var lost error
	if from.source == FromSession {
		if lost = compare(old, given, merged); lost != nil {
			s.stats.conflicts.Add(1)
			merged, kept = old, asEvidence(old, given, others)
		}
	}
	receipt := s.betterReceipt(ctx, have.receipt, from.receipt, merged, now)
	changed := merged.Hash() != old.Hash()
	widens := have.narrow && len(have.receipt) == 0 && s.widens(from, now)
	if !changed && slices.EqualFunc(kept, others, sameRecord) && bytes.Equal(receipt, have.receipt) && !widens {
		if lost == nil {
			s.stats.unchanged.Add(1)
		}
		return old, false, lost
	}
	next := holding{Entry: merged, others: kept, receipt: receipt, narrow: !widens && (have.narrow || len(receipt) < len(have.receipt))}
	next.narrow = s.narrow(ctx, &next, now)
	if err := s.put(ctx, have, &next); err != nil {
		return nil, false, err
	}
	s.sightings.note(old.Certificate, merged.Certificate, now)
	s.accuse(&next)
	return merged, changed, lost
}

// compare holds a session's entry to compare-and-swap: its record must come
// after the one that stands, link to it when it is the next, and be made for
// all that is known of the certificate.
func compare(old, given, merged *Entry) error {
	r := given.Record
	if r == nil {
		return nil
	}
	if stands := old.Record; stands != nil && r.Hash() != stands.Hash() {
		if r.Sequence <= stands.Sequence || contradicts(r, stands) {
			return omega.Errorf(omega.CodeConflict, "location record %d stands; build on it", stands.Sequence)
		}
	}
	if !Bound(merged.Certificate, r) {
		return omega.Errorf(omega.CodeConflict, "more is known of the certificate; build on it")
	}
	return nil
}

// asEvidence adds a record that lost to the others, if it is a contradiction
// and not merely late.
func asEvidence(old, given *Entry, others []*wire.Record) []*wire.Record {
	r := given.Record
	late := old.Record == nil || r.Sequence < old.Record.Sequence || !contradicts(r, old.Record)
	known := slices.ContainsFunc(others, func(o *wire.Record) bool { return sameRecord(o, r) })
	if late || known || len(others) >= MaxOthers {
		return others
	}
	return append(slices.Clone(others), r)
}

func sameRecord(a, b *wire.Record) bool { return a.Hash() == b.Hash() }

// register stores the first entry under a fingerprint.
func (s *Server) register(ctx context.Context, from giver, given *Entry, now time.Time) (*Entry, bool, error) {
	next := holding{Entry: given}
	err := s.mayRegister(from.source, given)
	giveBack := func() {}
	switch {
	case err != nil:
	case from.source == FromSession:
		if s.cfg.Registration == RegistrationInvite { // first: who has none takes no number of the day
			giveBack, err = s.cfg.Redeem(given.Fingerprint(), from.invite)
		}
		if err == nil {
			if next.receipt, err = s.sponsor(ctx, given.Fingerprint(), now); err != nil {
				giveBack()
			}
		}
	default:
		next.receipt, next.narrow, err = s.admit(ctx, from, given, now)
	}
	if err == errElsewhere || err == errOverBudget {
		s.budgets.leave(given, Day(now))
	}
	if err != nil {
		s.stats.refused.Add(1)
		return nil, false, err
	}
	next.narrow = s.narrow(ctx, &next, now)
	if err := s.put(ctx, nil, &next); err != nil {
		giveBack()
		return nil, false, err
	}
	return given, true, nil
}

// mayRegister judges the first entry under a fingerprint.
func (s *Server) mayRegister(src Source, given *Entry) error {
	if s.count.Load() >= int64(s.cfg.MaxAccounts) {
		return omega.Errorf(omega.CodeDiskFull, "this key server is full")
	}
	if src == FromServer {
		return nil
	}
	if s.cfg.Registration == RegistrationClosed {
		return omega.Errorf(omega.CodeRefused, "registration is closed here")
	}
	if s.cfg.Joining != nil && s.cfg.Joining() {
		return omega.Errorf(omega.CodeUnavailable, "no registration yet: this server is joining its cloud")
	}
	if given.Record == nil {
		return omega.Errorf(omega.CodeBadRequest, "registration needs a location record")
	}
	return nil
}

// put stores what is held now in place of old, nil for nothing, and makes
// memory agree.
func (s *Server) put(ctx context.Context, old, next *holding) error {
	item := next.item()
	if old == nil || next.Hash() != old.Hash() {
		item.Changed = s.cfg.Now()
		s.forget(ctx, item.Changed)
	}
	if err := s.cfg.Store.Put(ctx, item); err != nil {
		if errors.Is(err, ErrDiskFull) {
			return omega.Errorf(omega.CodeDiskFull, "%v", err)
		}
		return omega.Errorf(omega.CodeInternal, "%v", err)
	}
	if old != nil {
		s.digest.drop(old.summary())
	} else {
		s.count.Add(1)
	}
	s.digest.add(item.Summary)
	s.cache.put(next.Entry)
	s.plains.drop(next.Fingerprint())
	s.routes.put(next.Entry)
	s.stats.accepted.Add(1)
	return nil
}

// refusal chooses the code for an entry that breaks a rule.
func refusal(err error) error {
	if e := (*omega.Error)(nil); errors.As(err, &e) {
		return err
	}
	code := omega.CodeBadRequest
	if errors.Is(err, pgp.ErrPolicy) || errors.Is(err, pgp.ErrRevoked) || errors.Is(err, ErrNotOwner) {
		code = omega.CodeRefused
	}
	return omega.Errorf(code, "%v", err)
}

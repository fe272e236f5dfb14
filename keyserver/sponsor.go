package keyserver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Bounds of what sponsors bring. (spec/keys.md, KEYS-11 and KEYS-12)
const (
	overBudget = 2  // times the budget: what owners and homes take, and a sponsor gives receipts for
	lateBudget = 10 // times the budget: receipts of earlier days that come within one day
	lateDays   = 3  // after which a receipt is late
)

// When an account that nobody uses is for owners and homes only.
const (
	firstLogin = 30 * 24 * time.Hour  // after registration, without another location record
	lastLogin  = 400 * 24 * time.Hour // after the last one
	sameLogin  = 24 * time.Hour       // records so soon after registration are no later login
)

// VerifyReceipt checks a sponsor's receipt against the certificate of that
// server: signature and time. It is pure.
func VerifyReceipt(sponsor *pgp.Certificate, r *wire.Sponsorship, now time.Time) error {
	signed := time.Unix(r.Sig.Time, 0)
	if r.Sponsor != sponsor.Fingerprint() {
		return fmt.Errorf("receipt of %s %w", r.Sponsor, ErrNotOwner)
	}
	if signed.After(now.Add(omega.ClockTolerance)) {
		return fmt.Errorf("receipt of %s %w", r.Sponsor, ErrFuture)
	}
	var err error = ErrDevice
	for _, dev := range sponsor.Devices() { // a server has one
		if dev.Active(signed) {
			if err = pgp.VerifyCompact(dev.Signing, r.Signed(), signed, pgp.Compact(r.Sig.Bytes)); err == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("receipt of %s: %w", r.Sponsor, err)
}

// sponsor makes this server's receipt for an account that registers here: nil
// if it makes none.
func (s *Server) sponsor(ctx context.Context, account omega.Fingerprint, now time.Time) ([]byte, error) {
	if s.cfg.Identity == nil {
		return nil, nil
	}
	number, err := s.budgets.next(ctx, s, Day(now))
	if err != nil {
		return nil, omega.Errorf(omega.CodeInternal, "%v", err)
	}
	if number > uint32(overBudget*s.cfg.Budget) {
		return nil, omega.Errorf(omega.CodeRateLimited, "this server has taken all the accounts that it may today; take another one, or come back tomorrow")
	}
	r := &wire.Sponsorship{Day: Day(now), Number: number, Account: account, Sponsor: s.cfg.Self}
	sig, err := pgp.SignCompact(ctx, s.cfg.Identity.Signer, r.Signed(), now)
	if err != nil {
		return nil, omega.Errorf(omega.CodeInternal, "receipt for %s: %v", account, err)
	}
	r.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return r.Bytes(), nil
}

// Sponsor gives an account that is here a receipt of this server, if it has
// none that counts for everybody and there is room in today's budget. It is
// called when the account has been active.
func (s *Server) Sponsor(ctx context.Context, account omega.Fingerprint) error {
	lock := &s.locks[Bucket(account)]
	lock.Lock()
	defer lock.Unlock()
	now := s.cfg.Now()
	have, err := s.load(ctx, account, now)
	if err != nil || s.cfg.Identity == nil || have.Certificate.Deleted() || s.counts(ctx, have.receipt, account) {
		return err
	}
	if s.budgets.spent(Day(now), s.cfg.Budget) {
		return nil // a number above the budget counts for nobody
	}
	receipt, err := s.sponsor(ctx, account, now)
	if err != nil || !s.counts(ctx, receipt, account) {
		return err
	}
	next := *have
	next.receipt = receipt
	next.narrow = s.narrow(ctx, &next, now)
	return s.put(ctx, have, &next)
}

// receipt reads and verifies a receipt for an account: nil if it proves
// nothing here.
func (s *Server) receipt(ctx context.Context, b []byte, account omega.Fingerprint, now time.Time) *wire.Sponsorship {
	if len(b) == 0 {
		return nil
	}
	r, err := wire.DecodeSponsorship(b)
	if err != nil || r.Account != account || !s.wasMember(r) {
		return nil
	}
	sponsor, err := s.Find(ctx, r.Sponsor)
	if err == nil {
		err = VerifyReceipt(sponsor.Certificate, r, now)
	}
	if err != nil {
		s.cfg.Logger.DebugContext(ctx, "receipt of a sponsor not taken", "account", account, "err", err)
		return nil
	}
	return r
}

// wasMember reports whether the sponsor was a member when it gave the receipt,
// as far as this server can tell: days before it came have no budget.
func (s *Server) wasMember(r *wire.Sponsorship) bool {
	if s.cfg.MemberSince == nil || r.Sponsor == s.cfg.Self {
		return true
	}
	since, ok := s.cfg.MemberSince(r.Sponsor)
	if !ok {
		return false
	}
	here, _ := s.cfg.MemberSince(s.cfg.Self)
	const day = 24 * time.Hour
	return here.Add(day).After(since) || time.Unix(r.Sig.Time, 0).After(since.Add(-day))
}

// holds reports whether a receipt has its number for itself. Of two accounts
// with one number the lower fingerprint has it, so that servers agree.
func (s *Server) holds(ctx context.Context, r *wire.Sponsorship) bool {
	other, err := s.cfg.Store.Sponsored(ctx, slotOf(r))
	return errors.Is(err, ErrNotFound) || err == nil && other.Compare(r.Account) >= 0
}

// free reports whether nobody else has the number of a receipt.
func (s *Server) free(ctx context.Context, r *wire.Sponsorship) bool {
	other, err := s.cfg.Store.Sponsored(ctx, slotOf(r))
	return errors.Is(err, ErrNotFound) || err == nil && other == r.Account
}

// counts reports whether a receipt that was verified makes its account one for
// everybody.
func (s *Server) counts(ctx context.Context, b []byte, account omega.Fingerprint) bool {
	r, err := wire.DecodeSponsorship(b)
	return err == nil && r.Account == account && int64(r.Number) <= int64(s.cfg.Budget) && s.holds(ctx, r)
}

// admit decides whether an entry that another server brings is taken, though
// nothing is known of it here, and returns the receipt to keep with it. Without
// one that counts, what was asked for is narrow.
func (s *Server) admit(ctx context.Context, from giver, given *Entry, now time.Time) (receipt []byte, narrow bool, err error) {
	fp := given.Fingerprint()
	r := s.receipt(ctx, from.receipt, fp, now)
	if r != nil {
		receipt = from.receipt
	}
	if from.trusted {
		return receipt, false, nil
	}
	k := s.keep.Load()
	mine := k.owns(fp) || s.isHome(given)
	if r != nil && !s.holds(ctx, r) {
		receipt, narrow = nil, true
	}
	counts := s.counts(ctx, receipt, fp)
	switch {
	case from.asked:
		if !mine && (!counts || !k.scope.All) {
			s.visits.add(fp, now)
		}
		return receipt, !counts, nil
	case !mine && (!k.scope.All || r != nil && !counts):
		return nil, false, errElsewhere
	case receipt != nil && int64(r.Number) <= overBudget*int64(s.cfg.Budget) && s.free(ctx, r):
		if Day(now) > r.Day+lateDays && !s.budgets.take(r.Sponsor, true, Day(now), lateBudget*s.cfg.Budget) {
			return nil, false, errOverBudget
		}
		return receipt, false, nil
	}
	// Without a receipt that counts it is on the account of who brings it.
	if !s.budgets.take(from.server, false, Day(now), s.cfg.Budget) {
		return nil, false, errOverBudget
	}
	return receipt, narrow, nil
}

// widens reports whether an entry that was narrow for want of a receipt is one
// for everybody, on the account of the server that says so now.
func (s *Server) widens(from giver, now time.Time) bool {
	return from.trusted || len(from.receipt) == 0 && !from.asked && from.source == FromServer && s.budgets.take(from.server, false, Day(now), s.cfg.Budget)
}

var (
	errElsewhere  = omega.Errorf(omega.CodeUnavailable, "this entry is for others to keep")
	errOverBudget = omega.Errorf(omega.CodeRateLimited, "over the budget for new accounts; later")
)

// betterReceipt chooses between the receipt that stands and one that came: what
// counts stays, and what lost its number goes.
func (s *Server) betterReceipt(ctx context.Context, have, came []byte, e *Entry, now time.Time) []byte {
	fp := e.Fingerprint()
	if r, err := wire.DecodeSponsorship(have); err == nil && !s.holds(ctx, r) {
		have = nil // its number is another's
	}
	if len(came) == 0 || s.counts(ctx, have, fp) || s.receipt(ctx, came, fp, now) == nil || !s.counts(ctx, came, fp) {
		return have
	}
	return came
}

// narrow decides whether an entry is for owners and homes only: its receipt is
// over the budget, nobody uses it, or it is of a server that is no member. Of one
// without a receipt it remembers what was decided when it came.
// (spec/keys.md, KEYS-10)
func (s *Server) narrow(ctx context.Context, h *holding, now time.Time) bool {
	if h.Record == nil && !h.Certificate.Deleted() && s.cfg.MemberSince != nil {
		if _, member := s.cfg.MemberSince(h.Fingerprint()); !member && h.Fingerprint() != s.cfg.Self {
			return true
		}
	}
	r, err := wire.DecodeSponsorship(h.receipt)
	if err == nil && !s.counts(ctx, h.receipt, h.Fingerprint()) {
		return true
	}
	if h.Record != nil && now.Sub(h.Record.Issued) > lastLogin {
		return true
	}
	if err != nil {
		return h.narrow
	}
	came := time.Unix(r.Sig.Time, 0)
	return h.Record != nil && now.Sub(came) > firstLogin && h.Record.Issued.Before(came.Add(sameLogin))
}

// maxBudgets bounds how many servers are counted in a day: more than a cloud
// has.
const maxBudgets = 1 << 16

// maxLeft bounds how many entries are remembered that were not taken.
const maxLeft = 1 << 16

// budgets count what servers brought today. A restart begins the day anew, but
// for numbers given.
type budgets struct {
	mu    sync.Mutex
	day   uint32                         // guarded by mu
	taken map[budget]int                 // guarded by mu
	left  map[omega.Fingerprint][32]byte // hashes of entries that were not taken; guarded by mu

	given   uint32 // the last number of this server's own; guarded by mu
	givenOn uint32 // on that day; guarded by mu
}

type budget struct {
	server omega.Fingerprint
	late   bool
}

func (b *budgets) init() {
	b.taken = make(map[budget]int)
	b.left = make(map[omega.Fingerprint][32]byte)
}

// today begins another day. mu is held.
func (b *budgets) today(day uint32) {
	if b.day != day {
		b.day = day
		clear(b.taken)
		clear(b.left)
	}
}

// leave remembers that an entry was not taken.
func (b *budgets) leave(e *Entry, day uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today(day)
	if len(b.left) < maxLeft {
		b.left[e.Fingerprint()] = e.Hash()
	}
}

// wasLeft reports that there is no use in asking for an entry again today.
func (b *budgets) wasLeft(s Summary, day uint32) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today(day)
	hash, ok := b.left[s.Fingerprint]
	return ok && hash == s.Hash
}

// retry lets everything be asked for again.
func (b *budgets) retry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.left)
}

// take reports whether one more of a server is within most.
func (b *budgets) take(server omega.Fingerprint, late bool, day uint32, most int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today(day)
	key := budget{server, late}
	n := b.taken[key]
	if n >= most || n == 0 && len(b.taken) >= maxBudgets {
		return false
	}
	b.taken[key] = n + 1
	return true
}

// spent reports whether a day's budget is used up, as far as is known without
// asking the store.
func (b *budgets) spent(day uint32, budget int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.givenOn == day && b.given >= uint32(budget)
}

// next is the next number of this server's receipts of a day.
func (b *budgets) next(ctx context.Context, s *Server, day uint32) (uint32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.givenOn != day {
		last, err := s.cfg.Store.LastSlot(ctx, s.cfg.Self, day)
		if err != nil {
			return 0, err
		}
		b.given, b.givenOn = last, day
	}
	if b.given <= uint32(overBudget*s.cfg.Budget) {
		b.given++
	}
	return b.given, nil
}

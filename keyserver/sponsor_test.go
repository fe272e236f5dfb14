package keyserver_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

const testBudget = 4

// A cloudServer is a key server with an identity, a clock, and a store that
// outlives it.
type cloudServer struct {
	*keyserver.Server
	t     *testing.T
	who   *account
	id    *pgp.Identity
	store *keyserver.Mem
	now   time.Time
}

// newCloudServers are servers that know each other's certificates. Four or
// fewer own everything.
func newCloudServers(t *testing.T, n int, edit func(*keyserver.Config)) []*cloudServer {
	t.Helper()
	var all []*cloudServer
	for range n {
		who := newAccount(t, 1)
		id, err := pgp.NewIdentity(who.cert, who.devices[0])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &cloudServer{t: t, who: who, id: id, store: keyserver.NewMem(), now: now})
	}
	for _, s := range all {
		s.open(edit)
		for _, o := range all {
			mustAccept(t, s.Server, keyserver.FromServer, wire.Entry{Certificate: o.who.cert.Bytes()})
		}
	}
	return all
}

func (s *cloudServer) open(edit func(*keyserver.Config)) {
	cfg := keyserver.Config{Store: s.store, Self: s.who.fp(), Identity: s.id, Budget: testBudget, Now: func() time.Time { return s.now }}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	if s.Server, err = keyserver.New(cfg); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Load(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// fresh is an account with its first record.
func fresh(t *testing.T) (*account, wire.Entry) {
	t.Helper()
	a := newAccount(t, 1)
	return a, a.entry(a.record(a.devices[0], 1, nil, nil))
}

// register makes n accounts at s and returns them as they travel.
func (s *cloudServer) register(n int) (out []wire.Placed) {
	s.t.Helper()
	for range n {
		a, e := fresh(s.t)
		mustAccept(s.t, s.Server, keyserver.FromSession, e)
		out = append(out, s.placed(a.fp()))
	}
	return out
}

func (s *cloudServer) placed(fp omega.Fingerprint) wire.Placed {
	s.t.Helper()
	b, err := s.Placed(s.t.Context(), fp)
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := wire.DecodePlaced(b)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// take gives s what another server sends, and counts what it took.
func (s *cloudServer) take(from *cloudServer, list ...wire.Placed) (taken int) {
	s.t.Helper()
	for _, p := range list {
		_, changed, err := s.Take(s.t.Context(), from.who.fp(), p)
		if err == nil && changed {
			taken++
		}
		if code := codeOf(err); err != nil && code != omega.CodeRateLimited && code != omega.CodeUnavailable {
			s.t.Errorf("take: %v", err)
		}
	}
	return taken
}

// general lists whom s keeps for everybody, and all others.
func (s *cloudServer) general() (general, narrow []omega.Fingerprint) {
	s.t.Helper()
	for l, ok := s.NextLeaf(0); ok; l, ok = s.NextLeaf(l + 1) {
		if _, err := s.Review(s.t.Context(), l); err != nil {
			s.t.Fatal(err)
		}
		if err := s.store.RangeLeaf(s.t.Context(), l, func(sum keyserver.Summary) error {
			switch {
			case sum.Sequence == 0: // a server
			case sum.Narrow:
				narrow = append(narrow, sum.Fingerprint)
			default:
				general = append(general, sum.Fingerprint)
			}
			return nil
		}); err != nil {
			s.t.Fatal(err)
		}
		if l == keyserver.Leaves-1 {
			break
		}
	}
	return general, narrow
}

// forge makes a receipt of a sponsor that lies as it likes.
func (s *cloudServer) forge(account omega.Fingerprint, number uint32, at time.Time) []byte {
	s.t.Helper()
	r := &wire.Sponsorship{Day: keyserver.Day(at), Number: number, Account: account, Sponsor: s.who.fp()}
	sig, err := pgp.SignCompact(s.t.Context(), s.id.Signer, r.Signed(), at)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Sig = wire.Signature{Time: at.Unix(), Bytes: sig}
	return r.Bytes()
}

// A sponsor numbers its receipts; what is over the budget is for owners and
// homes, and at twice the budget it takes nobody more that day.
func TestSponsorBudget(t *testing.T) {
	all := newCloudServers(t, 2, nil)
	s, o := all[0], all[1]
	list := s.register(2 * testBudget)
	_, e := fresh(t)
	_, _, err := s.Accept(t.Context(), keyserver.FromSession, e)
	if code := codeOf(err); code != omega.CodeRateLimited {
		t.Fatalf("over twice the budget: %v, want rate limited", err)
	}
	if got := o.take(s, list...); got != len(list) {
		t.Errorf("another owner took %d of %d", got, len(list))
	}
	for name, x := range map[string]*cloudServer{"sponsor": s, "other": o} {
		if general, narrow := x.general(); len(general) != testBudget || len(narrow) != testBudget {
			t.Errorf("%s: %d for everybody and %d for owners, want %d each", name, len(general), len(narrow), testBudget)
		}
	}
	s.open(nil) // what was given today is not given again
	if _, _, err := s.Accept(t.Context(), keyserver.FromSession, e); codeOf(err) != omega.CodeRateLimited {
		t.Errorf("after a restart: %v, want rate limited", err)
	}
	s.now = s.now.Add(24 * time.Hour)
	mustAccept(t, s.Server, keyserver.FromSession, e)
	// Who was over the budget gets another receipt when he is active on another day.
	_, narrow := s.general()
	if err := s.Sponsor(t.Context(), narrow[0]); err != nil {
		t.Fatal(err)
	}
	o.now = s.now
	o.take(s, s.placed(narrow[0]))
	for name, x := range map[string]*cloudServer{"sponsor": s, "other": o} {
		if general, _ := x.general(); !slices.Contains(general, narrow[0]) {
			t.Errorf("%s: still for owners only", name)
		}
	}
}

// A server that lies brings no more junk accounts into another than the budget
// allows, whatever it tries, and nothing keeps out what honest servers bring.
func TestFloodOfAccounts(t *testing.T) {
	const junk = 5 * testBudget
	all := newCloudServers(t, 3, nil)
	victim, evil, honest := all[0], all[1], all[2]
	for _, tt := range []struct {
		name    string
		receipt func(n int, account omega.Fingerprint) []byte
		general int // at most
		narrow  int // at most
	}{
		{"without receipts", func(int, omega.Fingerprint) []byte { return nil }, testBudget, 0},
		{"true numbers", func(n int, a omega.Fingerprint) []byte { return evil.forge(a, uint32(n+1), now) }, testBudget, 2 * testBudget},
		{"one number for all", func(n int, a omega.Fingerprint) []byte { return evil.forge(a, 1, now) }, 1, 2 * testBudget},
		{"numbers of another day", func(n int, a omega.Fingerprint) []byte {
			return evil.forge(a, uint32(n%testBudget+1), now.Add(-time.Duration(n/testBudget)*24*time.Hour))
		}, 5 * testBudget, testBudget}, // as much as it had in all these days
		{"the name of another", func(n int, a omega.Fingerprint) []byte {
			b := evil.forge(a, uint32(n+1), now)
			r, err := wire.DecodeSponsorship(b)
			if err != nil {
				t.Fatal(err)
			}
			r.Sponsor = honest.who.fp()
			return r.Bytes()
		}, testBudget, 0},
		{"receipts of other accounts", func(n int, a omega.Fingerprint) []byte { return evil.forge(evil.who.fp(), uint32(n+1), now) }, testBudget, 0},
		{"rubbish", func(int, omega.Fingerprint) []byte { return []byte("rubbish") }, testBudget, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			victim.store = keyserver.NewMem()
			victim.open(nil)
			for _, o := range all {
				mustAccept(t, victim.Server, keyserver.FromServer, wire.Entry{Certificate: o.who.cert.Bytes()})
			}
			for n := range junk {
				a, e := fresh(t)
				victim.take(evil, wire.Placed{Receipt: tt.receipt(n, a.fp()), Entry: e})
			}
			general, narrow := victim.general()
			if len(general) > tt.general || len(narrow) > tt.narrow {
				t.Errorf("%d of %d for everybody, at most %d; %d for owners, at most %d", len(general), junk, tt.general, len(narrow), tt.narrow)
			}
			honest.now = honest.now.Add(24 * time.Hour) // numbers of its own
			victim.now = honest.now
			list := honest.register(testBudget)
			if got := victim.take(honest, list...); got != len(list) {
				t.Errorf("took %d of %d that an honest server brought", got, len(list))
			}
			victim.now = now
		})
	}
}

// What was over the budget today is taken tomorrow.
func TestOverBudgetWaits(t *testing.T) {
	all := newCloudServers(t, 2, nil)
	s, from := all[0], all[1]
	var list []wire.Placed
	for range testBudget + 2 {
		_, e := fresh(t)
		list = append(list, wire.Placed{Entry: e}) // of a server that knows no receipts
	}
	if got := s.take(from, list...); got != testBudget {
		t.Fatalf("took %d, want %d", got, testBudget)
	}
	if got := s.take(from, list...); got != 0 {
		t.Fatalf("took %d more on the same day", got)
	}
	s.now = s.now.Add(24 * time.Hour)
	if got := s.take(from, list...); got != 2 {
		t.Errorf("took %d on the next day, want the 2 that waited", got)
	}
}

// Honest servers agree whom an equivocating sponsor's numbers are for, in
// whatever order they hear.
func TestSameNumberTwice(t *testing.T) {
	all := newCloudServers(t, 3, nil)
	a, b, evil := all[0], all[1], all[2]
	var list []wire.Placed
	for range 3 * testBudget {
		acc, e := fresh(t)
		list = append(list, wire.Placed{Receipt: evil.forge(acc.fp(), uint32(len(list)%testBudget+1), now), Entry: e})
	}
	for range 4 { // comparison brings again what was over the budget of a day
		a.take(evil, list...)
		slices.Reverse(list)
		b.take(evil, list...)
		a.now, b.now = a.now.Add(24*time.Hour), b.now.Add(24*time.Hour)
	}
	ga, na := a.general()
	gb, nb := b.general()
	if len(ga)+len(na) != len(list) || len(gb)+len(nb) != len(list) {
		t.Errorf("%d and %d accounts are known, want all %d", len(ga)+len(na), len(gb)+len(nb), len(list))
	}
	slices.SortFunc(ga, omega.Fingerprint.Compare)
	slices.SortFunc(gb, omega.Fingerprint.Compare)
	common := 0
	for _, fp := range ga {
		if slices.Contains(gb, fp) {
			common++
		}
	}
	if len(ga) != testBudget || len(gb) != testBudget || common != testBudget {
		t.Errorf("%d and %d accounts for everybody, %d the same; want %d", len(ga), len(gb), common, testBudget)
	}
}

// An account that nobody uses is for owners and homes only, until somebody does.
func TestUnusedAccounts(t *testing.T) {
	const day = 24 * time.Hour
	s := newCloudServers(t, 1, nil)[0]
	a, e := fresh(t)
	mustAccept(t, s.Server, keyserver.FromSession, e)
	old := newAccount(t, 1) // from before there were receipts
	mustAccept(t, s.Server, keyserver.FromServer, old.entry(old.record(old.devices[0], 1, nil, nil)))
	deleted, deletedEntry := fresh(t)
	mustAccept(t, s.Server, keyserver.FromSession, deletedEntry)
	gone, err := pgp.Delete(t.Context(), deleted.primary, deleted.cert, now)
	if err != nil {
		t.Fatal(err)
	}
	mustAccept(t, s.Server, keyserver.FromServer, wire.Entry{Certificate: gone.Bytes()})
	for _, step := range []struct {
		name    string
		after   time.Duration
		login   bool
		general []omega.Fingerprint
	}{
		{"new", 0, false, []omega.Fingerprint{a.fp(), old.fp()}},
		{"29 days", 29 * day, false, []omega.Fingerprint{a.fp(), old.fp()}},
		{"31 days without another login", 31 * day, false, []omega.Fingerprint{old.fp()}},
		{"a login", 31 * day, true, []omega.Fingerprint{a.fp(), old.fp()}},
		{"401 days", 401 * day, false, []omega.Fingerprint{a.fp()}},
		{"401 days after the login", 432 * day, false, nil},
	} {
		s.now = now.Add(step.after)
		if step.login {
			e, err := s.Find(t.Context(), a.fp())
			if err != nil {
				t.Fatal(err)
			}
			mustAccept(t, s.Server, keyserver.FromSession, a.entry(a.record(a.devices[0], 2, e.Record, func(r *wire.Record) { r.Issued = s.now })))
		}
		general, _ := s.general()
		for _, fp := range step.general {
			if !slices.Contains(general, fp) {
				t.Errorf("%s: %v is not for everybody", step.name, fp)
			}
		}
		if len(general) != len(step.general) {
			t.Errorf("%s: %d accounts are for everybody, want %d", step.name, len(general), len(step.general))
		}
	}
	if e, err := s.Find(t.Context(), deleted.fp()); err != nil || !e.Certificate.Deleted() {
		t.Errorf("the tombstone: %v", err)
	}
}

func TestVerifyReceipt(t *testing.T) {
	s := newCloudServers(t, 2, nil)
	good := func() *wire.Sponsorship {
		r, err := wire.DecodeSponsorship(s[0].forge(fpOf(1), 7, now))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, tt := range []struct {
		name string
		edit func(*wire.Sponsorship)
		cert *pgp.Certificate
		at   time.Time
		want error
	}{
		{name: "good"},
		{name: "of another server", cert: s[1].who.cert, want: keyserver.ErrNotOwner},
		{name: "another number", edit: func(r *wire.Sponsorship) { r.Number++ }, want: pgp.ErrSignature},
		{name: "another account", edit: func(r *wire.Sponsorship) { r.Account = fpOf(2) }, want: pgp.ErrSignature},
		{name: "from the future", at: now.Add(-time.Hour), want: keyserver.ErrFuture},
		{name: "another time", edit: func(r *wire.Sponsorship) { r.Sig.Time-- }, want: pgp.ErrSignature},
	} {
		r, cert, at := good(), s[0].who.cert, now
		if tt.edit != nil {
			tt.edit(r)
		}
		if tt.cert != nil {
			cert = tt.cert
		}
		if !tt.at.IsZero() {
			at = tt.at
		}
		if err := keyserver.VerifyReceipt(cert, r, at); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// codeOf is the code of an *omega.Error.
func codeOf(err error) omega.Code {
	var e *omega.Error
	if !errors.As(err, &e) {
		return omega.CodeOK
	}
	return e.Code
}

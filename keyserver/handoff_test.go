package keyserver_test

import (
	"context"
	"errors"
	"flag"
	"slices"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

const (
	worldServers  = 8
	worldVersions = 5 // of each account
)

var numbers = []int{0, 1, 2, 3, 4, 5, 6, 7} // of servers

// A saga is an account with all the records that it ever publishes.
type saga struct {
	fp      omega.Fingerprint
	entries [worldVersions]wire.Entry
}

func newSaga(t *testing.T) saga {
	a := newAccount(t, 1)
	x := saga{fp: a.fp()}
	var last *wire.Record
	for i := range x.entries {
		last = a.record(a.devices[0], uint64(i+1), last, nil)
		x.entries[i] = a.entry(last)
	}
	return x
}

// A world is key servers that speak to each other by calls. Each has a view of its
// own of who shares the entries; anything may happen between a question and its
// answer.
type world struct {
	*rapid.T
	ctx     context.Context
	servers []*keyserver.Server
	fps     []omega.Fingerprint
	down    []bool
	sagas   []saga
	newest  []uint64 // of each saga
	copies  []int    // of each saga, when they were counted last
	now     time.Time
	views   [][]omega.Fingerprint        // of each server
	heard   []map[omega.Fingerprint]bool // by server: owners that said to hold what it hands on, since it changed its mind
	depth   int                          // of actions in actions
}

func newWorld(t *rapid.T, ctx context.Context, sagas, others []saga) *world {
	w := &world{T: t, ctx: ctx, sagas: sagas, down: make([]bool, worldServers), newest: make([]uint64, len(sagas)), copies: make([]int, len(sagas)), now: now}
	w.views, w.heard = make([][]omega.Fingerprint, worldServers), make([]map[omega.Fingerprint]bool, worldServers)
	if rapid.Bool().Draw(t, "owners change by themselves") { // in this story, of one account
		x := sagas[rapid.IntRange(0, len(sagas)-1).Draw(t, "whose")]
		before := time.Duration(rapid.IntRange(0, 72).Draw(t, "hours before")) * time.Hour
		if begin := epochEnd(keyserver.LeafOf(x.fp), now).Add(-before); begin.After(now) { // when the accounts were made
			w.now = begin
		}
	}
	for i := range worldServers {
		fp := fpOf(byte(100 + i))
		s, err := keyserver.New(keyserver.Config{
			Store: keyserver.NewMem(), Self: fp, Everything: 1, Now: func() time.Time { return w.now },
			MemberSince: func(omega.Fingerprint) (time.Time, bool) { return time.Time{}, true },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Load(ctx); err != nil {
			t.Fatal(err)
		}
		w.servers, w.fps = append(w.servers, s), append(w.fps, fp)
	}
	for _, s := range w.servers {
		for _, x := range others { // more than anybody keeps
			if _, _, err := s.Accept(ctx, keyserver.FromServer, x.entries[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range w.servers {
		w.see(i, w.fps)
	}
	return w
}

// epochEnd is when the owners of a leaf change by themselves.
func epochEnd(l keyserver.Leaf, after time.Time) time.Time {
	n := sort.Search(int(keyserver.EpochLength/time.Second)+1, func(n int) bool {
		return keyserver.EpochOf(l, after.Add(time.Duration(n)*time.Second)) > keyserver.EpochOf(l, after)
	})
	return after.Add(time.Duration(n) * time.Second)
}

// see has a server believe that these share the entries.
func (w *world) see(s int, servers []omega.Fingerprint) {
	w.views[s] = servers
	if w.servers[s].Place(candidates(servers), w.now) {
		clear(w.heard[s])
	}
}

// pass lets time pass. Servers look every minute whose leaves are whose.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	for s := range w.servers {
		w.see(s, w.views[s])
	}
}

func candidates(servers []omega.Fingerprint) (list []keyserver.Candidate) {
	for _, fp := range servers {
		list = append(list, keyserver.Candidate{Server: fp})
	}
	return list
}

// hand has a server hand an account on, and fails if it forgets it though not all that own
// it, as that server sees it, have said since it last changed its mind that they hold it.
func (w *world) hand(s, i int) int {
	outer := w.heard[s]
	w.heard[s] = map[omega.Fingerprint]bool{}
	defer func() { w.heard[s] = outer }()
	l := keyserver.LeafOf(w.sagas[i].fp)
	n, err := w.servers[s].HandOff(w.ctx, l, handing{w, s})
	if err != nil && !errors.Is(err, errDown) && !errors.Is(err, keyserver.ErrUnheld) {
		w.Fatalf("server %d hands account %d on: %v", s, i, err)
	}
	if n == 0 {
		return 0
	}
	for _, owner := range keyserver.NewPlacement(candidates(w.views[s])).Owners(l, keyserver.EpochOf(l, w.now)) {
		if owner != w.fps[s] && !w.heard[s][owner] {
			w.Fatalf("server %d forgets account %d, and owner %d has not said that it holds it", s, i, slices.Index(w.fps, owner))
		}
	}
	return n
}

// A handing is the world as one server that hands on speaks to it.
type handing struct {
	*world
	from int
}

// Hold implements keyserver.Owners.
func (h handing) Hold(ctx context.Context, owner omega.Fingerprint, list []keyserver.Summary) ([]keyserver.Holding, error) {
	heard := h.heard[h.from]
	said, err := h.world.Hold(ctx, owner, list)
	if err == nil && len(said) > 0 {
		heard[owner] = !slices.ContainsFunc(said, func(x keyserver.Holding) bool { return x != keyserver.Holds })
	}
	return said, err
}

// check fails if a version of an account was lost, or if there are fewer copies than
// there were and have to be.
func (w *world) check() {
	for i, x := range w.sagas {
		n, newest := 0, uint64(0)
		for _, s := range w.servers {
			if e, err := s.Find(w.ctx, x.fp); err == nil {
				n++
				newest = max(newest, e.Sequence())
			}
		}
		if newest != w.newest[i] {
			w.Fatalf("the newest of account %d is %d, and was %d", i, newest, w.newest[i])
		}
		if n < min(w.copies[i], keyserver.Copies) {
			w.Fatalf("account %d has %d copies, and had %d", i, n, w.copies[i])
		}
		w.copies[i] = n
	}
}

// act does anything.
func (w *world) act() {
	w.depth++
	defer func() { w.depth-- }()
	s, i := rapid.IntRange(0, worldServers-1).Draw(w.T, "server"), rapid.IntRange(0, len(w.sagas)-1).Draw(w.T, "account")
	switch rapid.SampledFrom([]string{"write", "view", "view", "down", "hand", "hand", "hand", "hand", "time"}).Draw(w.T, "what") {
	case "write":
		w.write(s, i)
	case "view": // of enough servers that not all own everything
		n := rapid.IntRange(keyserver.Copies+1, worldServers).Draw(w.T, "members")
		var view []omega.Fingerprint
		for _, i := range rapid.Permutation(numbers).Draw(w.T, "view")[:n] {
			view = append(view, w.fps[i])
		}
		w.see(s, view)
		if slices.Contains(w.holders(i), s) { // others see it otherwise yet
			w.hand(s, i)
		}
	case "down":
		w.down[s] = !w.down[s]
	case "hand":
		if holders := w.holders(i); len(holders) > 0 {
			w.hand(rapid.SampledFrom(holders).Draw(w.T, "holder"), i)
		}
	case "time":
		w.pass(time.Duration(rapid.IntRange(1, 180).Draw(w.T, "minutes")) * time.Minute)
	}
	w.check()
}

// holders are the servers that are up and have an account.
func (w *world) holders(i int) (list []int) {
	for s, server := range w.servers {
		if _, err := server.Find(w.ctx, w.sagas[i].fp); err == nil && !w.down[s] {
			list = append(list, s)
		}
	}
	return list
}

// write has an account publish at a server that has what stands, which tells the
// owners that it sees.
func (w *world) write(s, i int) {
	x, server := w.sagas[i], w.servers[s]
	if w.down[s] || w.newest[i] == worldVersions {
		return
	}
	if e, err := server.Find(w.ctx, x.fp); w.newest[i] > 0 && (err != nil || e.Sequence() != w.newest[i]) {
		return
	}
	if _, _, err := server.Accept(w.ctx, keyserver.FromServer, x.entries[w.newest[i]]); err != nil {
		w.Fatalf("account %d writes to server %d: %v", i, s, err)
	}
	w.newest[i]++
	w.check()
	placed, err := server.Placed(w.ctx, x.fp)
	if err != nil {
		w.Fatal(err)
	}
	for _, owner := range server.Owners(x.fp) {
		_ = w.Give(w.ctx, owner, placed) // or they compare later
	}
}

var errDown = errors.New("down")

// reach returns a server that is up, after whatever happens until then.
func (w *world) reach(fp omega.Fingerprint) (*keyserver.Server, error) {
	if w.depth == 1 && rapid.IntRange(0, 3).Draw(w.T, "meanwhile") == 0 {
		w.act()
	}
	i := slices.Index(w.fps, fp)
	if w.down[i] {
		return nil, errDown
	}
	return w.servers[i], nil
}

// Hold implements keyserver.Owners.
func (w *world) Hold(ctx context.Context, owner omega.Fingerprint, list []keyserver.Summary) ([]keyserver.Holding, error) {
	s, err := w.reach(owner)
	if err != nil {
		return nil, err
	}
	b, err := s.Holding(ctx, keyserver.AppendHold(nil, list))
	if err != nil {
		return nil, err
	}
	return keyserver.DecodeHeld(b, len(list))
}

// Give implements keyserver.Owners.
func (w *world) Give(ctx context.Context, owner omega.Fingerprint, b []byte) error {
	s, err := w.reach(owner)
	if err != nil {
		return err
	}
	placed, err := wire.DecodePlaced(b)
	if err == nil {
		_, _, _ = s.Take(ctx, fpOf(1), placed) // it may not be for it to keep
	}
	return err
}

// Fetch implements keyserver.Owners. Who fetched is told by nobody: whoever lacks it
// is asked by settle.
func (w *world) Fetch(context.Context, omega.Fingerprint, omega.Fingerprint) {}

// settle has all servers see the same, compare what they own, and hand on the rest,
// until nothing moves.
func (w *world) settle() {
	clear(w.down)
	w.depth = 2 // nothing else happens
	for s := range w.servers {
		w.see(s, w.fps)
	}
	for round, moved := 0, 1; moved > 0 || round < 3; round++ {
		if moved = 0; round == 20 {
			w.Fatal("entries move for ever")
		}
		w.pass(2 * time.Hour) // visits are over
		order := rapid.Permutation(numbers).Draw(w.T, "order")
		for i, x := range w.sagas {
			for _, from := range order {
				placed, err := w.servers[from].Placed(w.ctx, x.fp)
				if err != nil {
					continue
				}
				for _, owner := range w.fps {
					_ = w.Give(w.ctx, owner, placed)
				}
				moved += w.hand(from, i)
				w.check()
			}
		}
	}
}

// Whatever servers see, however late, whoever dies and comes back, and whatever
// happens between a question and its answer: no version is lost, and no move leaves
// fewer copies than there were or have to be. Once all see the same, the owners have
// the newest, and nobody else has anything. (spec/keys.md, KEYS-8, KEYS-22)
func TestHandOffLosesNothing(t *testing.T) {
	sagas := []saga{newSaga(t), newSaga(t), newSaga(t)}
	var others []saga
	for range 6 {
		others = append(others, newSaga(t))
	}
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue { // each costs 0.4 s
		_ = checks.Value.Set("8")
		defer func() { _ = checks.Value.Set(checks.DefValue) }()
	}
	ctx := t.Context()
	dropped := int64(0)
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, ctx, sagas, others)
		for i := range sagas {
			w.write(i, i)
		}
		for range rapid.IntRange(40, 80).Draw(t, "actions") {
			w.act()
		}
		w.settle()
		for i, x := range sagas {
			if w.newest[i] == 0 {
				continue
			}
			l := keyserver.LeafOf(x.fp)
			owners := keyserver.NewPlacement(candidates(w.fps)).Owners(l, keyserver.EpochOf(l, w.now))
			for j, s := range w.servers {
				e, err := s.Find(ctx, x.fp)
				switch owns := slices.Contains(owners, w.fps[j]); {
				case owns && (err != nil || e.Sequence() != w.newest[i]):
					t.Errorf("account %d: owner %d has %v, %v; want version %d", i, j, e, err, w.newest[i])
				case !owns && err == nil && !s.Scope(true).All:
					t.Errorf("account %d: server %d keeps it", i, j)
				}
			}
		}
		for _, s := range w.servers {
			dropped += s.Metrics().Dropped
		}
	})
	if dropped == 0 {
		t.Error("nothing was handed on")
	}
}

// A hand-off that goes on while the owners of its leaf change by themselves forgets
// nothing on the word of those before: this server, which drains, owns nothing before and
// nothing after, so nothing else tells it. (spec/keys.md, KEYS-8)
func TestHandOffAcrossEpochs(t *testing.T) {
	x := newSaga(t)
	l := keyserver.LeafOf(x.fp)
	var fps []omega.Fingerprint
	for i := range worldServers {
		fps = append(fps, fpOf(byte(100+i)))
	}
	end, at := epochEnd(l, now), now
	s, err := keyserver.New(keyserver.Config{
		Store: keyserver.NewMem(), Self: fpOf(99), Everything: 1, Now: func() time.Time { return at },
		MemberSince: func(omega.Fingerprint) (time.Time, bool) { return time.Time{}, true },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []wire.Entry{x.entries[0], newSaga(t).entries[0], newSaga(t).entries[0]} { // more than it keeps
		if _, _, err := s.Accept(t.Context(), keyserver.FromServer, e); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name string
		then time.Time // when the last owner answers
		want int
	}{{"the owners change meanwhile", end, 0}, {"they stay", end.Add(time.Hour), 1}} {
		s.Place(candidates(fps), at)
		dropped, err := s.HandOff(t.Context(), l, agreeing(func() { at = row.then }))
		if err != nil || dropped != row.want {
			t.Errorf("%s: %d forgotten, %v; want %d", row.name, dropped, err, row.want)
		}
	}
}

// An agreeing owner has everything; it is called before it says so.
type agreeing func()

func (f agreeing) Hold(_ context.Context, _ omega.Fingerprint, list []keyserver.Summary) ([]keyserver.Holding, error) {
	f()
	return make([]keyserver.Holding, len(list)), nil // keyserver.Holds
}

func (agreeing) Give(context.Context, omega.Fingerprint, []byte) error { return nil }

func (agreeing) Fetch(context.Context, omega.Fingerprint, omega.Fingerprint) {}

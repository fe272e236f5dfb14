package keyserver_test

import (
	"context"
	"errors"
	"flag"
	"slices"
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
	depth   int // of actions in actions
}

func newWorld(t *rapid.T, ctx context.Context, sagas, others []saga) *world {
	w := &world{T: t, ctx: ctx, sagas: sagas, down: make([]bool, worldServers), newest: make([]uint64, len(sagas)), copies: make([]int, len(sagas)), now: now}
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
		w.see(s, w.fps)
	}
	return w
}

// see has a server believe that these share the entries.
func (w *world) see(s *keyserver.Server, servers []omega.Fingerprint) {
	var list []keyserver.Candidate
	for _, fp := range servers {
		list = append(list, keyserver.Candidate{Server: fp})
	}
	s.Place(list, w.now)
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
		w.see(w.servers[s], view)
	case "down":
		w.down[s] = !w.down[s]
	case "hand":
		if holders := w.holders(i); len(holders) > 0 {
			s = rapid.SampledFrom(holders).Draw(w.T, "holder")
			_, err := w.servers[s].HandOff(w.ctx, keyserver.LeafOf(w.sagas[i].fp), w)
			if err != nil && !errors.Is(err, errDown) {
				w.Fatalf("server %d hands account %d on: %v", s, i, err)
			}
		}
	case "time":
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 180).Draw(w.T, "minutes")) * time.Minute)
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
	for _, s := range w.servers {
		w.see(s, w.fps)
	}
	for round, moved := 0, 1; moved > 0 || round < 3; round++ {
		if moved = 0; round == 20 {
			w.Fatal("entries move for ever")
		}
		w.now = w.now.Add(2 * time.Hour) // visits are over
		for _, x := range w.sagas {
			for _, from := range w.servers {
				placed, err := from.Placed(w.ctx, x.fp)
				if err != nil {
					continue
				}
				for _, owner := range w.fps {
					_ = w.Give(w.ctx, owner, placed)
				}
				n, err := from.HandOff(w.ctx, keyserver.LeafOf(x.fp), w)
				if err != nil {
					w.Fatal(err)
				}
				moved += n
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
			var list []keyserver.Candidate
			for _, fp := range w.fps {
				list = append(list, keyserver.Candidate{Server: fp})
			}
			owners := keyserver.NewPlacement(list).Owners(l, keyserver.EpochOf(l, w.now))
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

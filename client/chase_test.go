package client

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A hand is a clock that a test moves.
type hand struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (h *hand) time() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// newStillCore makes a core that does nothing by itself, and its clock.
func newStillCore(t *testing.T) (*Client, *hand) {
	t.Helper()
	clock := &hand{now: time.Now()}
	cfg := newFakeProxy(t).newHome(t)
	cfg.Clock = clock.time
	c, err := Open(t.Context(), cfg)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c, clock
}

// entryOf is what the cloud has of an account that lives at home.
func entryOf(t *testing.T, id *pgp.Identity, home omega.Fingerprint, sequence uint64) wire.Entry {
	t.Helper()
	rec := &wire.Record{Sequence: sequence, Homes: []omega.Fingerprint{home}}
	must(t, signRecord(t.Context(), id, rec, time.Now()))
	return wire.Entry{Certificate: id.Certificate.Bytes(), Record: rec.Bytes()}
}

// TestChase: requests for what is missing come at once-and-rarer times, not
// while nobody would hear them, and end when it is there.
func TestChase(t *testing.T) {
	c, clock := newStillCore(t)
	peer := newIdentity(t, "peer")
	row := &history.Parked{Locator: chat.Locator{1}, Sequence: 3, Sender: peer.Account(), ID: omega.ID{1}, Payload: []byte("x"), Received: clock.time()}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return tx.Park(row)
	}))
	asked := map[string]*pursuit{}
	round := func() (requests int, wait time.Duration) {
		t.Helper()
		before := c.count(t)
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { // nobody is to be looked up
			return tx.PutPeer(&history.Peer{Fingerprint: peer.Account(), Certificate: peer.Certificate.Bytes(), Checked: clock.time()})
		}))
		next, err := c.chaseOnce(t.Context(), asked)
		must(t, err)
		if !next.IsZero() {
			wait = next.Sub(clock.time())
		}
		return c.count(t) - before, wait
	}
	if n, wait := round(); n != 0 || wait != chaseAfter[0] {
		t.Errorf("at first: %d requests, next in %v", n, wait)
	}
	clock.move(time.Hour)
	if n, wait := round(); n != 0 || wait != 0 || asked[firstKey(asked)].times != 0 {
		t.Errorf("offline: %d requests, next in %v", n, wait)
	}
	c.session = &session{} // somebody hears
	for i, want := range []time.Duration{chaseAfter[1], chaseAfter[2], chaseAfter[3], chaseAfter[4], chaseAfter[5], chaseAfter[6], chaseAfter[6]} {
		n, wait := round()
		if n == 0 || wait != want {
			t.Errorf("round %d: %d envelopes, next in %v, want %v", i, n, wait, want)
		}
		clock.move(wait - time.Millisecond)
		if n, _ := round(); n != 0 {
			t.Errorf("round %d: %d envelopes too early", i, n)
		}
		clock.move(time.Millisecond)
	}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		parked, err := tx.Parked(row.Locator, 10)
		for _, p := range parked {
			err = tx.Unpark(p.Position)
		}
		return err
	}))
	if n, wait := round(); n != 0 || wait != 0 || len(asked) != 0 {
		t.Errorf("nothing is missing: %d requests, next in %v, %d remembered", n, wait, len(asked))
	}
}

// TestChaseFairly: a stranger who fills the table of what is wanted does not
// keep others from being asked.
func TestChaseFairly(t *testing.T) {
	c, clock := newStillCore(t)
	stranger, friend := newIdentity(t, "stranger"), newIdentity(t, "friend")
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		for i := range maxChased + 10 {
			who := stranger
			if i == maxChased+9 {
				who = friend
			}
			must(t, tx.PutPeer(&history.Peer{Fingerprint: who.Account(), Certificate: who.Certificate.Bytes(), Checked: clock.time()}))
			must(t, tx.Park(&history.Parked{
				Locator: chat.Locator{byte(i), byte(i >> 8), 1}, Sequence: 1, Sender: who.Account(), ID: omega.ID{byte(i), byte(i >> 8)},
				Payload: []byte("x"), Received: clock.time(),
			}))
		}
		return nil
	}))
	c.session = &session{} // somebody hears
	asked := map[string]*pursuit{}
	_, err := c.chaseOnce(t.Context(), asked)
	must(t, err)
	clock.move(chaseAfter[0])
	for range 2 {
		_, err = c.chaseOnce(t.Context(), asked)
		must(t, err)
	}
	var heard bool
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		due, _, err := tx.Outgoing(clock.time(), 0, 10*maxChased)
		for _, o := range due {
			heard = heard || o.Peer == friend.Account()
		}
		return err
	}))
	if !heard {
		t.Error("the friend is not asked")
	}
	if len(asked) != maxChased+10 {
		t.Errorf("%d remembered", len(asked))
	}
}

func firstKey(m map[string]*pursuit) string {
	for k := range m {
		return k
	}
	return ""
}

func (c *Client) count(t *testing.T) (n int) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) { n, err = tx.CountOutgoing(); return err }))
	return n
}

// TestRecordNeverGoesBack: a server that answers with an older location record,
// none, or another account's certificate changes nothing.
func TestRecordNeverGoesBack(t *testing.T) {
	p := newFakeProxy(t)
	clock := &hand{now: time.Now()}
	c := p.newCore(t, func(cfg *Config) { cfg.Clock = clock.time })
	peer := newIdentity(t, "peer")
	home, other := p.id.Account(), fp(7)
	look := func() (clientrpc.LookupResult, error) {
		clock.move(2 * time.Second) // what is younger is not asked for again
		return clientrpc.Lookup.Call(t.Context(), c, clientrpc.LookupParams{Fingerprint: peer.Account()})
	}
	for _, tt := range []struct {
		name  string
		entry wire.Entry
		fails bool
	}{
		{"newest", entryOf(t, peer, home, 7), false},
		{"older, elsewhere", entryOf(t, peer, other, 6), false},
		{"as new, elsewhere", entryOf(t, peer, other, 7), false},
		{"no record", wire.Entry{Certificate: peer.Certificate.Bytes()}, false},
		{"damaged record", wire.Entry{Certificate: peer.Certificate.Bytes(), Record: []byte("x")}, false},
		{"another account", wire.Entry{Certificate: p.id.Certificate.Bytes()}, true},
		{"no certificate", wire.Entry{Certificate: []byte("x")}, true},
	} {
		p.put(tt.entry, peer.Account())
		got, err := look()
		if tt.fails {
			if err == nil {
				t.Errorf("%s: taken", tt.name)
			}
			continue
		}
		if err != nil || got.Sequence != 7 || len(got.Homes) != 1 || got.Homes[0] != home {
			t.Errorf("%s: sequence %d at %v, %v", tt.name, got.Sequence, got.Homes, err)
		}
	}
	r, err := clientrpc.Notices.Call(t.Context(), c, clientrpc.NoticesParams{})
	if err != nil || len(r.Notices) != 1 || r.Notices[0].Kind != clientrpc.NoticeConflict || r.Notices[0].Sequence != 7 ||
		len(r.Notices[0].Served) == 0 || len(r.Notices[0].Other) == 0 {
		t.Errorf("notices of two records under one number: %+v, %v", r, err)
	}
	p.put(entryOf(t, peer, other, 8), peer.Account())
	if got, err := look(); err != nil || got.Sequence != 8 || got.Homes[0] != other {
		t.Errorf("newer: %+v, %v", got, err)
	}
	if r, err = clientrpc.Notices.Call(t.Context(), c, clientrpc.NoticesParams{Standing: true}); err != nil || len(r.Notices) != 1 || r.Notices[0].Kind != clientrpc.NoticeFork {
		t.Errorf("notices that stand: %+v, %v", r, err) // 8 names nothing before it
	}
	// The own record as well.
	s, err := c.online()
	must(t, err)
	own := c.ownEntry()
	c.mu.Lock()
	before := c.record.Sequence
	c.mu.Unlock()
	p.put(wire.Entry{Certificate: own.Certificate}, c.acc.Fingerprint)
	must(t, c.syncOwn(t.Context(), s))
	if again := c.ownEntry(); string(again.Record) != string(own.Record) || before != 1 {
		t.Error("the own record changed")
	}
}

// TestNonsenseAnswers: a proxy whose answers make no sense is asked again, not
// at once and not for ever at once.
func TestNonsenseAnswers(t *testing.T) {
	p := newFakeProxy(t)
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		if f.Type == wire.TypeSend && len(p.got[wire.TypeSend]) <= 2 {
			return wire.TypeSent, []byte("?")
		}
		return 0, nil
	}
	c := p.newCore(t)
	peer := newIdentity(t, "peer")
	p.put(entryOf(t, peer, p.id.Account(), 1), peer.Account())
	r, err := clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{
		ID: omega.ID{1}, To: peer.Account().String(), Text: "x", Wait: "stored", Timeout: time.Minute,
	})
	if err != nil || r.State != clientrpc.StateStored {
		t.Fatalf("%+v, %v", r, err)
	}
	if n := len(p.frames(wire.TypeSend)); n != 4 {
		t.Errorf("%d envelopes sent, want two twice", n)
	}
}

// TestMoreIsNotNew: what is missed is missed since it was missed first, however much of it
// came meanwhile; what is about something else is not. (spec/group.md, GROUP-43)
func TestMoreIsNotNew(t *testing.T) {
	begin := time.Now()
	since := func(keys ...string) (out []time.Duration) {
		asked := map[string]*pursuit{}
		for i, key := range keys {
			now := begin.Add(time.Duration(i) * 18 * time.Second)
			pursue(asked, []want{{key: key}}, now)
			out = append(out, now.Sub(asked[key].since))
		}
		return out
	}
	if got, want := since("operations:gp:4", "operations:gp:5", "operations:gp:6"), []time.Duration{0, 18 * time.Second, 36 * time.Second}; !slices.Equal(got, want) {
		t.Errorf("a group that grows is missed for %v, want %v", got, want)
	}
	for _, keys := range [][]string{{"operations:gp:4", "operations:gq:4"}, {"key:sender:1", "key:sender:2"}, {"acceptgp", "acceptgq"}} {
		if got := since(keys...); got[1] != 0 {
			t.Errorf("%v: missed for %v", keys, got[1])
		}
	}
}

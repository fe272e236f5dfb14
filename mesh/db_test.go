package mesh

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"pgregory.net/rapid"
)

func mustApply(t testing.TB, db *DB, now time.Time, b []byte) {
	t.Helper()
	if news, err := db.Apply(now, b); !news || err != nil {
		t.Fatalf("Apply = %v, %v, want news", news, err)
	}
}

func TestApplyRefuses(t *testing.T) {
	second := announce(t, "B", 2, t0, nil)
	rows := []struct {
		name string
		b    []byte
		want error
	}{
		{"an older one", announce(t, "B", 1, t0, nil), ErrStale},
		{"one from the future", announce(t, "B", 3, t0.Add(omega.ClockTolerance+time.Second), nil), ErrFuture},
		{"one that ran out", announce(t, "B", 3, t0.Add(-MaxAge), nil), ErrExpired},
		{"a forged one", func() []byte { b := announce(t, "B", 3, t0, nil); b[len(b)-1] ^= 1; return b }(), ErrSignature},
		{"a second of the same sequence", announce(t, "B", 2, t0, func(a *Announcement) { a.Load = 1 }), ErrEquivocation},
		{"octets", []byte("hello"), ErrMalformed},
		{"own", announce(t, "A", 3, t0, nil), ErrOwn},
	}
	for _, row := range rows {
		db := newTestDB("A")
		mustApply(t, db, t0, second)
		news, err := db.Apply(t0, row.b)
		if !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
		if news != (row.want == ErrEquivocation) {
			t.Errorf("%s: news = %v", row.name, news)
		}
	}
}

func TestKnownCostsNoVerification(t *testing.T) {
	calls := 0
	db := NewDB(Config{Self: fp("A"), Verify: func(s omega.Fingerprint, d []byte, at time.Time, sig Signature) error {
		calls++
		return fakeVerify(s, d, at, sig)
	}})
	b := announce(t, "B", 1, t0, nil)
	for range 5 {
		if _, err := db.Apply(t0, b); err != nil {
			t.Fatal(err)
		}
	}
	if calls != 1 {
		t.Errorf("%d verifications of one announcement, want 1", calls)
	}
}

func TestUnknownServerCanBeAppliedLater(t *testing.T) {
	known := false
	db := NewDB(Config{Self: fp("A"), Verify: func(omega.Fingerprint, []byte, time.Time, Signature) error {
		if known {
			return nil
		}
		return ErrUnknownServer
	}})
	b := announce(t, "B", 1, t0, nil)
	if _, err := db.Apply(t0, b); !errors.Is(err, ErrUnknownServer) || errors.Is(err, ErrSignature) {
		t.Fatalf("got %v, want %v", err, ErrUnknownServer)
	}
	known = true
	mustApply(t, db, t0, b)
}

func TestReplayAfterWithdrawal(t *testing.T) {
	db := newTestDB("A")
	long := announce(t, "B", 1, t0, nil)
	short := announce(t, "B", 2, t0, func(a *Announcement) { a.Expires = a.Issued.Add(time.Minute) })
	mustApply(t, db, t0, long)
	mustApply(t, db, t0, short)
	later := t0.Add(2 * time.Minute)
	if gone := db.Expire(later); !slices.Equal(gone, []omega.Fingerprint{fp("B")}) {
		t.Fatalf("gone = %v", gone)
	}
	if _, err := db.Apply(later, long); !errors.Is(err, ErrReplayed) {
		t.Errorf("got %v, want %v", err, ErrReplayed)
	}
	mustApply(t, db, later, announce(t, "B", 3, later, nil))
	if d := (Digest{}); db.Digest() == d {
		t.Error("the digest of a database with one record is zero")
	}
}

func TestRestartExceedsOwnPast(t *testing.T) {
	past := newTestDB("A")
	old, err := past.Originate(t0.Add(time.Hour), Announcement{}, signAs(fp("A"))) // its clock was fast
	if err != nil {
		t.Fatal(err)
	}
	db := newTestDB("A") // lost its disk
	first, err := db.Originate(t0, Announcement{}, signAs(fp("A")))
	if err != nil {
		t.Fatal(err)
	}
	if first.Sequence >= old.Sequence {
		t.Fatal("the test needs an older sequence above the clock")
	}
	if _, err := db.Apply(t0, old.Bytes); !errors.Is(err, ErrOwn) {
		t.Fatalf("own past: %v, want %v", err, ErrOwn)
	}
	next, err := db.Originate(t0, Announcement{}, signAs(fp("A")))
	if err != nil {
		t.Fatal(err)
	}
	if next.Sequence != old.Sequence+1 {
		t.Errorf("sequence %d, want %d", next.Sequence, old.Sequence+1)
	}
	if _, err := db.Apply(t0, first.Bytes); !errors.Is(err, ErrStale) {
		t.Errorf("own older one: %v, want %v", err, ErrStale)
	}
}

func TestRateLimitPerOrigin(t *testing.T) {
	db := newTestDB("A")
	seq := uint64(0)
	apply := func(now time.Time) error {
		seq++
		_, err := db.Apply(now, announce(t, "B", seq, t0, nil))
		return err
	}
	for range OriginBurst {
		if err := apply(t0); err != nil {
			t.Fatal(err)
		}
	}
	if err := apply(t0); !errors.Is(err, ErrRateLimited) {
		t.Errorf("after the burst: %v, want %v", err, ErrRateLimited)
	}
	mustApply(t, db, t0, announce(t, "C", 1, t0, nil)) // others have their own allowance
	if err := apply(t0.Add(OriginInterval)); err != nil {
		t.Errorf("an interval later: %v", err)
	}
	// A forged announcement uses up nothing.
	for range 2 * OriginBurst {
		b := announce(t, "D", 5, t0, nil)
		b[len(b)-1] ^= 1
		db.Apply(t0, b)
	}
	mustApply(t, db, t0, announce(t, "D", 5, t0, nil))
}

// All servers settle on the same of several announcements of one sequence,
// whatever order they come in, and keep a proof.
func TestEquivocationConverges(t *testing.T) {
	variants := [][]byte{
		announce(t, "B", 5, t0, func(a *Announcement) { a.Load = 1 }),
		announce(t, "B", 5, t0, func(a *Announcement) { a.Load = 2 }),
		announce(t, "B", 5, t0, func(a *Announcement) { a.Load = 3 }),
	}
	var digests []Digest
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		db := newTestDB("A")
		for range 2 {
			for _, i := range order {
				db.Apply(t0, variants[i])
			}
		}
		digests = append(digests, db.Digest())
		ev := db.Evidence()
		if len(ev) != 1 || bytes.Equal(ev[0].First, ev[0].Second) {
			t.Errorf("order %v: evidence %v", order, ev)
		}
	}
	for i, d := range digests {
		if d != digests[0] {
			t.Errorf("order %d settles on another announcement", i)
		}
	}
}

func TestFull(t *testing.T) {
	db := NewDB(Config{Self: fp("A"), Verify: fakeVerify, MaxServers: 1})
	mustApply(t, db, t0, announce(t, "B", 1, t0, nil))
	mustApply(t, db, t0, announce(t, "B", 2, t0, nil))
	if _, err := db.Apply(t0, announce(t, "C", 1, t0, nil)); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want %v", err, ErrFull)
	}
	if _, err := db.Originate(t0, Announcement{}, signAs(fp("A"))); err != nil {
		t.Errorf("own announcement: %v", err)
	}
}

func TestSnapshot(t *testing.T) {
	db := newTestDB("A")
	own, err := db.Originate(t0, Announcement{}, signAs(fp("A")))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"B", "C", "D"} {
		mustApply(t, db, t0, announce(t, name, 1, t0, nil))
	}
	mustApply(t, db, t0, announce(t, "E", 1, t0, func(a *Announcement) { a.Expires = a.Issued.Add(time.Minute) }))
	snap := db.Snapshot()

	again := newTestDB("A")
	skipped, err := again.Load(t0.Add(time.Hour), snap)
	if err != nil || skipped != 1 || again.Len() != 3 {
		t.Errorf("Load = %d skipped, %v, %d records; want 1, nil, 3", skipped, err, again.Len())
	}
	rec, err := again.Originate(t0.Add(-time.Hour), Announcement{}, signAs(fp("A"))) // its clock went back
	if err != nil {
		t.Fatal(err)
	}
	if rec.Sequence != own.Sequence+1 {
		t.Errorf("sequence %d after a restart, want %d", rec.Sequence, own.Sequence+1)
	}
	if _, err := newTestDB("A").Load(t0, snap[:len(snap)-1]); !errors.Is(err, ErrSnapshot) {
		t.Errorf("a damaged snapshot: %v, want %v", err, ErrSnapshot)
	}
}

// Two databases with random contents are equal after an exchange of digests
// and buckets, and the exchange carries nothing that both had.
func TestDigestExchange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := newTestDB("x"), newTestDB("y")
		both := 0
		for i := range rapid.IntRange(0, 30).Draw(t, "servers") {
			name := string(rune('A' + i))
			where := rapid.IntRange(1, 4).Draw(t, "where")
			one := announceRapid(t, name, 1)
			two := announceRapid(t, name, 2)
			switch where {
			case 1:
				a.Apply(t0, one)
			case 2:
				b.Apply(t0, one)
			case 3:
				a.Apply(t0, one)
				b.Apply(t0, one)
				both++
			case 4:
				a.Apply(t0, one)
				b.Apply(t0, two)
			}
		}
		da, db := a.Digest(), b.Digest()
		decoded, err := DecodeDigest(db.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		differ := da.Differ(decoded)
		fromA, fromB := a.InBuckets(differ), b.InBuckets(differ)
		for _, r := range fromA {
			b.Apply(t0, r.Bytes)
		}
		for _, r := range fromB {
			a.Apply(t0, r.Bytes)
		}
		if a.Digest() != b.Digest() || a.Len() != b.Len() {
			t.Fatalf("databases differ after the exchange: %d and %d records", a.Len(), b.Len())
		}
		if both > 0 && len(differ) == 0 && a.Len() != both {
			t.Fatalf("no bucket differs, but %d records and %d in both", a.Len(), both)
		}
	})
}

func announceRapid(t *rapid.T, name string, sequence uint64) []byte {
	a := &Announcement{Server: fp(name), Sequence: sequence, Issued: t0.Truncate(time.Millisecond), Expires: t0.Add(time.Hour).Truncate(time.Millisecond)}
	b, err := a.Sign(signAs(a.Server))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The digest is always that of the records, whatever happened before.
func TestDigestFollowsRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := newTestDB("A")
		now := t0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "minutes")) * time.Minute)
			name := rapid.SampledFrom([]string{"A", "B", "C", "D"}).Draw(t, "server")
			a := &Announcement{
				Server: fp(name), Sequence: uint64(rapid.IntRange(1, 6).Draw(t, "sequence")), Load: uint16(rapid.IntRange(0, 3).Draw(t, "load")),
				Issued: now.Truncate(time.Millisecond), Expires: now.Truncate(time.Millisecond).Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "life")) * time.Minute),
			}
			b, err := a.Sign(signAs(a.Server))
			if err != nil {
				t.Fatal(err)
			}
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				db.Expire(now)
			case 1:
				if _, err := db.Originate(now, Announcement{}, signAs(fp("A"))); err != nil {
					t.Fatal(err)
				}
			default:
				before, had := db.Get(a.Server)
				db.Apply(now, b)
				if after, ok := db.Get(a.Server); had && (!ok || after.Sequence < before.Sequence) {
					t.Fatalf("%s went back from %d", name, before.Sequence)
				}
			}
			var want Digest
			for _, r := range db.Records() {
				want.toggle(r)
			}
			if db.Digest() != want {
				t.Fatal("the digest is not that of the records")
			}
		}
	})
}

// TestServersThatComeAndGo: somebody who makes servers up, each for a moment,
// fills no memory with what is kept of those that went.
func TestServersThatComeAndGo(t *testing.T) {
	db := NewDB(Config{Self: fp("A"), Verify: fakeVerify, MaxServers: 10})
	now := t0
	moment := func(load uint16) func(*Announcement) {
		return func(a *Announcement) { a.Load, a.Expires = load, a.Issued.Add(time.Second) }
	}
	lost := 0
	for i := range maxEvidence + maxEvidence/8 {
		name := fmt.Sprintf("X%d", i)
		db.cfg.MaxServers = 10
		if i >= 100 {
			db.cfg.MaxServers = 3 * maxEvidence // room to remember those that went
		}
		if _, err := db.Apply(now, announce(t, name, 1, now, moment(1))); errors.Is(err, ErrFull) {
			lost++
		}
		if _, err := db.Apply(now, announce(t, name, 1, now, moment(2))); err != nil && !errors.Is(err, ErrEquivocation) && !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Second)
		if i < 100 || i%50 == 0 { // it looks at everybody who went
			db.Expire(now)
		}
		if i == 99 && (len(db.floors) > 20 || lost != 80) {
			t.Errorf("%d servers that went are remembered, %d were refused", len(db.floors), lost)
		}
	}
	if n := len(db.Evidence()); n > maxEvidence {
		t.Errorf("%d proofs are kept", n)
	}
	db.Expire(now.Add(2 * MaxAge))
	mustApply(t, db, now.Add(2*MaxAge), announce(t, "B", 1, now.Add(2*MaxAge), nil))
}

// TestEvidenceOfThoseWhoAreThere: a server that is there is proved to lie even
// when many lied before it and went, and what is not kept is no news twice.
func TestEvidenceOfThoseWhoAreThere(t *testing.T) {
	db := newTestDB("A")
	second := func(a *Announcement) { a.Load = 2 }
	for i := range maxEvidence + 1 {
		name := fmt.Sprintf("X%d", i)
		mustApply(t, db, t0, announce(t, name, 1, t0, nil))
		if _, err := db.Apply(t0, announce(t, name, 1, t0, second)); !errors.Is(err, ErrEquivocation) {
			t.Fatal(err)
		}
	}
	if n := len(db.Evidence()); n != maxEvidence {
		t.Errorf("%d proofs are kept, want %d", n, maxEvidence)
	}
	last := fmt.Sprintf("X%d", maxEvidence)
	for range 2 {
		for _, edit := range []func(*Announcement){nil, second} {
			_, _ = db.Apply(t0, announce(t, last, 1, t0, edit))
		}
	}
	for _, edit := range []func(*Announcement){nil, second} {
		if news, _ := db.Apply(t0, announce(t, last, 1, t0, edit)); news {
			t.Error("what was not kept is news again")
		}
	}
	later := t0.Add(MaxAge + time.Hour)
	db.Expire(later)
	mustApply(t, db, later, announce(t, "B", 1, later, nil))
	if _, err := db.Apply(later, announce(t, "B", 1, later, second)); !errors.Is(err, ErrEquivocation) {
		t.Fatal(err)
	}
	if ev := db.Evidence(); !slices.ContainsFunc(ev, func(e Evidence) bool { return e.Server == fp("B") }) {
		t.Error("who lied and went leaves no room for who lies now")
	}
}

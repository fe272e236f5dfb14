package mesh

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// twoFaces is evidence against a server, with links to B and C.
func twoFaces(t testing.TB, name string, sequence uint64, at time.Time) []byte {
	one := announce(t, name, sequence, at, func(a *Announcement) { a.Load = 1 })
	two := announce(t, name, sequence, at, func(a *Announcement) { a.Load = 2 })
	db := newTestDB("self")
	mustApply(t, db, at, one)
	if _, err := db.Apply(at, two); !errors.Is(err, ErrEquivocation) {
		t.Fatal(err)
	}
	return db.Evidence()[0].AppendTo(nil)
}

func TestEvidenceRefuses(t *testing.T) {
	good := twoFaces(t, "X", 5, t0)
	ev, err := DecodeEvidence(good)
	if err != nil {
		t.Fatal(err)
	}
	other := announce(t, "Y", 5, t0, nil)
	later := announce(t, "X", 6, t0, nil)
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	rows := []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, ErrEvidence},
		{"cut short", good[:len(good)-1], ErrEvidence},
		{"an octet more", append(bytes.Clone(good), 0), ErrEvidence},
		{"twice the same", (&Evidence{First: ev.First, Second: ev.First}).AppendTo(nil), ErrEvidence},
		{"out of order", (&Evidence{First: ev.Second, Second: ev.First}).AppendTo(nil), ErrEvidence},
		{"two servers", (&Evidence{First: ev.First, Second: other}).AppendTo(nil), ErrEvidence},
		{"two sequences", (&Evidence{First: ev.First, Second: later}).AppendTo(nil), ErrEvidence},
		{"a forged one", forged, ErrSignature},
	}
	for _, row := range rows {
		db := newTestDB("A")
		if news, err := db.ApplyEvidence(t0, row.b); news || !errors.Is(err, row.want) {
			t.Errorf("%s: %v, %v, want %v", row.name, news, err, row.want)
		}
		if len(db.Evidence()) != 0 {
			t.Errorf("%s: it was kept", row.name)
		}
	}
}

// The links of an equivocator do not count for a day, for everybody the same
// one; its own announcement and everybody else's links stay.
func TestEquivocatorIsShunned(t *testing.T) {
	db := newTestDB("A")
	link := func(to ...string) func(*Announcement) {
		return func(a *Announcement) {
			for _, name := range to {
				a.Links = append(a.Links, Link{fp(name), time.Millisecond})
			}
		}
	}
	if _, err := db.Originate(t0, Announcement{Links: []Link{{fp("B"), 1000}, {fp("X"), 1000}}}, signAs(fp("A"))); err != nil {
		t.Fatal(err)
	}
	mustApply(t, db, t0, announce(t, "B", 1, t0, link("A", "X")))
	mustApply(t, db, t0, announce(t, "X", 1, t0, link("A", "B")))
	if n := db.Graph().Len(); n != 3 || len(db.Graph().Edges()) != 3 {
		t.Fatalf("%d servers, %v", n, db.Graph().Edges())
	}
	made := t0.Add(time.Hour)
	proof := twoFaces(t, "X", 5, made)
	before := db.Version()
	if news, err := db.ApplyEvidence(made, proof); !news || err != nil {
		t.Fatalf("%v, %v", news, err)
	}
	if news, err := db.ApplyEvidence(made, proof); news || err != nil {
		t.Errorf("the second time: %v, %v", news, err)
	}
	if db.Version() == before || !db.Shunned(fp("X")) || len(db.Graph().Edges()) != 1 {
		t.Errorf("shunned %v, links %v", db.Shunned(fp("X")), db.Graph().Edges())
	}
	v := db.View(made.Add(ShunFor-time.Second), new(Standing))
	if v.State(fp("X")) != Unreachable || v.State(fp("B")) == Unreachable {
		t.Errorf("X is %v, B is %v", v.State(fp("X")), v.State(fp("B")))
	}
	if v = db.View(made.Add(ShunFor), new(Standing)); v.State(fp("X")) == Unreachable {
		t.Error("it is shunned for more than a day")
	}
	if len(db.Evidence()) != 1 {
		t.Error("the proof is not kept for people")
	}
	db.Expire(made.Add(KeepEvidence))
	if len(db.Evidence()) != 0 {
		t.Error("the proof is kept for ever")
	}
}

// An equivocator that makes proof after proof has few of them flooded.
func TestEvidenceIsBounded(t *testing.T) {
	db := newTestDB("A")
	news := 0
	for i := range 60 {
		at := t0.Add(time.Duration(i) * time.Minute)
		if n, err := db.ApplyEvidence(at, twoFaces(t, "X", uint64(i+1), at)); err != nil {
			t.Fatal(err)
		} else if n {
			news++
		}
	}
	if news != 1 || len(db.Evidence()) != 1 {
		t.Errorf("%d of 60 in an hour are news, want 1", news)
	}
	full := NewDB(Config{Self: fp("A"), Verify: fakeVerify, MaxServers: 2})
	for _, name := range []string{"X", "Y", "Z"} {
		if _, err := full.ApplyEvidence(t0, twoFaces(t, name, 1, t0)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(full.Evidence()); n != 2 {
		t.Errorf("%d proofs with room for 2", n)
	}
	if ok, err := full.ApplyEvidence(t0.Add(-time.Hour), twoFaces(t, "X", 9, t0)); ok || err != nil {
		t.Errorf("from the future: %v, %v", ok, err)
	}
}

func FuzzDecodeEvidence(f *testing.F) {
	f.Add(twoFaces(f, "X", 5, t0))
	f.Fuzz(func(t *testing.T, b []byte) {
		ev, err := DecodeEvidence(b)
		if err == nil && !bytes.Equal(ev.AppendTo(nil), b) {
			t.Errorf("%x reads as %x", b, ev.AppendTo(nil))
		}
	})
}

// What is kept of a proof says when it was made: all of them are asked when
// another one comes, and reading announcements that often would be work for nothing.
func TestKeptProofsAreNotReadAgain(t *testing.T) {
	db := newTestDB("A")
	for _, name := range []string{"X", "Y", "Z"} {
		if news, err := db.ApplyEvidence(t0, twoFaces(t, name, 5, t0)); !news || err != nil {
			t.Fatalf("%v, %v", news, err)
		}
	}
	if n := testing.AllocsPerRun(10, func() { db.shun(t0) }); n > 0 {
		t.Errorf("a look at three proofs makes %v allocations, want none", n)
	}
	for _, ev := range db.Evidence() {
		if !ev.Issued().Equal(t0) {
			t.Errorf("proof against %v is of %v, want %v", ev.Server, ev.Issued(), t0)
		}
	}
}

package client

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// holds has a core with work for groups miss something at a moment, while accounts are found
// or mail is taken in at others, and returns when it asks for it first.
func holds(t *testing.T, moves []time.Duration, settled time.Duration) time.Duration {
	t.Helper()
	begin := time.Unix(1_800_000_000, 0)
	c := &Client{}
	c.chores.add(&groupWork{unproven: []*opsIn{{group: chat.Hash{1}, need: []omega.Fingerprint{signer(t, 1)}}}})
	c.chores.take()
	c.chores.done(true) // its signer is looked up again
	p := &pursuit{since: begin}
	const step = 100 * time.Millisecond
	for at := time.Duration(0); at <= chaseLatest+time.Minute; at += step {
		for len(moves) > 0 && moves[0] <= at {
			c.nearer.note(begin.Add(moves[0]))
			moves = moves[1:]
		}
		if at >= settled {
			c.chores.done(false)
		}
		if !c.mayBeHere(p, begin.Add(at)) {
			return at
		}
	}
	t.Fatal("it never asks")
	return 0
}

// TestAsksWhenNothingMoves: what may be here is asked for when nothing moved for a while,
// not before, and at the latest after minutes; an operation whose signer nobody finds holds
// it up no longer than that while. (spec/group.md, GROUP-43)
func TestAsksWhenNothingMoves(t *testing.T) {
	never := 2 * chaseLatest
	if at := holds(t, nil, never); at != chaseStill {
		t.Errorf("a signer that nobody finds holds it up for %v, want %v", at, chaseStill)
	}
	if at := holds(t, []time.Duration{-time.Minute, -time.Second}, never); at != chaseStill {
		t.Errorf("what moved before counts: %v", at)
	}
	var always []time.Duration
	for at := time.Duration(0); at < never; at += time.Second {
		always = append(always, at)
	}
	if at := holds(t, always, never); at != chaseLatest {
		t.Errorf("while all moves it is held for %v, want %v", at, chaseLatest)
	}
	if at := holds(t, always, 30*time.Second); at != 30*time.Second {
		t.Errorf("it asks %v after it missed it, and was ready at 30s", at)
	}
	rnd := rand.New(rand.NewPCG(7, 11))
	for range 300 {
		var moves []time.Duration
		at, want := time.Duration(0), time.Duration(-1)
		for range rnd.IntN(60) {
			gap := time.Duration(rnd.Int64N(int64(chaseStill+time.Second)/1e8)) * 1e8
			if want < 0 && gap > chaseStill {
				want = at + chaseStill
			}
			at += gap
			moves = append(moves, at)
		}
		if want < 0 {
			want = at + chaseStill
		}
		settled := time.Duration(rnd.Int64N(int64(2*chaseLatest)/1e8)) * 1e8
		want = min(want, settled, chaseLatest)
		if got := holds(t, moves, settled); got != want {
			t.Fatalf("asks after %v, want %v: moves at %v, done at %v", got, want, moves, settled)
		}
	}
}

// TestMovesOfTheFuture: what moved in a time that has not come is no reason to wait.
func TestMovesOfTheFuture(t *testing.T) {
	var m moves
	now := time.Unix(1_800_000_000, 0)
	m.note(now.Add(time.Hour))
	if !m.still(now.Add(-time.Minute), now) || m.still(now, now.Add(chaseStill-time.Millisecond)) {
		t.Error("a clock that was set back holds up what is missing")
	}
}

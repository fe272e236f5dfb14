package group

import (
	"encoding/binary"
	"testing"

	"github.com/omega-im/omega"
)

// stray makes the nth operation of an account behind one that nobody has.
func stray(tb testing.TB, l *Log, author omega.Fingerprint, n int) *Op {
	o := &Op{Group: l.ID(), Author: Party{author, author}, Time: start, Type: TypeLeave, Parents: []Hash{{1, byte(n >> 8), byte(n)}}}
	must(tb, o.seal())
	return o
}

func account(tb testing.TB, n int) omega.Fingerprint {
	digest := make([]byte, 20)
	binary.BigEndian.PutUint32(digest, uint32(n+1))
	f, err := omega.FingerprintV4(digest)
	must(tb, err)
	return f
}

// TestWaitingShares: one account's operations that wait cannot keep out those of
// others, and there is an end to all of them.
func TestWaitingShares(t *testing.T) {
	l := crowd(t, 2)
	add := func(author, n int) *Op {
		o := stray(t, l, account(t, author), n)
		placed, err := l.Add(o)
		if err != nil || len(placed) > 0 {
			t.Fatalf("%v, %v", placed, err)
		}
		return o
	}
	first := add(0, 0)
	for n := 1; n < 3*MaxWaitingShare; n++ {
		add(0, n)
	}
	if len(l.waiting) != MaxWaitingShare || l.waiting[first.hash] != nil || len(l.Missing()) != MaxWaitingShare {
		t.Errorf("%d wait for %d, the first one still: %v", len(l.waiting), len(l.Missing()), l.waiting[first.hash] != nil)
	}
	quiet := add(1, 9000)
	for author := 2; len(l.waiting) < MaxWaiting; author++ {
		for n := range MaxWaitingShare - 1 {
			if add(author, 10000+author*MaxWaitingShare+n); len(l.waiting) == MaxWaiting {
				break
			}
		}
	}
	for n := range 2 * MaxWaitingShare {
		add(5000+n, 9001)
	}
	if len(l.waiting) != MaxWaiting || l.waiting[quiet.hash] == nil {
		t.Errorf("%d wait, the quiet one's still: %v", len(l.waiting), l.waiting[quiet.hash] != nil)
	}
	queued := 0
	for f, q := range l.queues {
		if queued += len(q); len(q) == 0 || len(q) > MaxWaitingShare {
			t.Errorf("%d of %s", len(q), f)
		}
	}
	if queued != MaxWaiting {
		t.Errorf("%d queued", queued)
	}
}

// BenchmarkAccepts is the state after one member accepted 5,000 times: each costs
// what the first one did.
func BenchmarkAccepts(b *testing.B) {
	l := crowd(b, 1)
	who := l.byType[TypeAccept][0].op.Author
	for range 5000 {
		o, err := l.Next(who, start, Op{Type: TypeAccept})
		must(b, err)
		_, err = l.Add(o)
		must(b, err)
	}
	for b.Loop() {
		l.state = nil
		if len(l.State().Members) != 2 {
			b.Fatal("members")
		}
	}
}

package chat

import (
	"bytes"
	"context"
	"flag"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
)

// testHistory is what a device sends to one chat: some messages under some keys.
func testHistory(tb testing.TB, w world, alice, bob *person) []*Arrival {
	s, roster := alice.sender(tb, bob), alice.roster(tb, bob)
	var out []*Arrival
	for i := range 8 {
		now := testTime.Add(time.Duration(i) * 13 * time.Hour) // a new key now and then
		out = append(out, s.at(tb, now, roster, NewText("x")).arrivals(testTime.Add(200*time.Hour))...)
	}
	return out
}

// deliver gives arrivals to a reader the way a client does: what has no key
// is parked until it comes.
func deliver(tb rapid.TB, d *device, arrivals []*Arrival) (taken map[uint32]int, parked []*Arrival) {
	taken = make(map[uint32]int)
	for len(arrivals) > 0 {
		a := arrivals[0]
		arrivals = arrivals[1:]
		r, err := d.recv.Open(context.Background(), d.store, a)
		if err != nil {
			tb.Fatal(err)
		}
		switch r.Verdict {
		case VerdictMessage:
			if !r.Message.Verified {
				tb.Fatalf("message %d: problem %s", r.Message.Sequence, r.Message.Problem)
			}
			taken[r.Message.Sequence]++
		case VerdictNeedKey:
			parked = append(parked, a)
		case VerdictKey:
			arrivals, parked = append(parked, arrivals...), nil
		case VerdictDuplicate:
		default:
			tb.Fatalf("verdict %v: %v", r.Verdict, r.Reason)
		}
	}
	return taken, parked
}

// TestAnyOrder loses, doubles and reorders: what is known afterwards depends
// only on what arrived, nothing is taken twice, and the gaps are the losses.
func TestAnyOrder(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	all := testHistory(t, w, alice, bob)
	chat, dev := omega.DirectChat(alice.fp(), bob.fp()), alice.devices[0].id.Device()
	if slow {
		checks := flag.Lookup("rapid.checks").Value.String()
		must(t, flag.Set("rapid.checks", "10"))
		t.Cleanup(func() { flag.Set("rapid.checks", checks) })
	}
	rapid.Check(t, func(rt *rapid.T) {
		kept := rapid.SliceOfN(rapid.SampledFrom(all), 0, 18).Draw(rt, "kept")
		shuffled := rapid.Permutation(kept).Draw(rt, "shuffled")
		a, b := w.device(t, bob, bob.devices[0].secrets), w.device(t, bob, bob.devices[0].secrets)
		tookA, parkedA := deliver(rt, a, kept)
		tookB, parkedB := deliver(rt, b, shuffled)
		if !reflect.DeepEqual(tookA, tookB) || len(parkedA) != len(parkedB) {
			rt.Fatalf("took %v, and in another order %v", tookA, tookB)
		}
		ta, _ := a.store.Track(t.Context(), chat, dev)
		tb, _ := b.store.Track(t.Context(), chat, dev)
		if !bytes.Equal(ta.Marshal(), tb.Marshal()) {
			rt.Fatalf("track %+v, and in another order %+v", ta, tb)
		}
		for seq, n := range tookA {
			if n != 1 {
				rt.Fatalf("took message %d %d times", seq, n)
			}
		}
		var want []uint32
		for seq := ta.Low; seq > 0 && seq <= ta.Highest; seq++ {
			if tookA[seq] == 0 {
				want = append(want, seq)
			}
		}
		got := ta.MissingSequences(math.MaxInt)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			rt.Fatalf("missing %v, want %v", got, want)
		}
		// Everything once more: nothing stays open.
		deliver(rt, a, all)
		if ta, _ = a.store.Track(t.Context(), chat, dev); ta.UpTo() != 8 || len(ta.Missing) != 0 || ta.Low != 1 {
			rt.Fatalf("after everything: %+v", ta)
		}
	})
}

// TestTrackIsASet compares a track with the set that it stands for.
func TestTrackIsASet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var track Track
		seen, low, high := map[uint32]bool{}, uint32(math.MaxUint32), uint32(0)
		for range rapid.IntRange(0, 60).Draw(rt, "steps") {
			n := rapid.Uint32Range(1, 40).Draw(rt, "n")
			low = min(low, n)
			if rapid.Bool().Draw(rt, "key") {
				track.start(n)
				high = max(high, n-1)
			} else if !seen[n] {
				seen[n], high = true, max(high, n)
				track.see(&Sighting{Sequence: n, Time: int64(n)})
			}
		}
		var want []uint32
		for n := low; n <= high; n++ {
			if !seen[n] {
				want = append(want, n)
			}
		}
		got := track.MissingSequences(math.MaxInt)
		slices.Sort(got)
		if !slices.Equal(got, want) || track.Highest != high {
			rt.Fatalf("missing %v up to %d, want %v up to %d", got, track.Highest, want, high)
		}
		for i, r := range track.Missing {
			if r.From > r.To || i > 0 && track.Missing[i-1].To+1 >= r.From {
				rt.Fatalf("runs %v", track.Missing)
			}
		}
		if n := rapid.Uint32Range(0, 41).Draw(rt, "give up"); true {
			track.GiveUp(n)
			want = slices.DeleteFunc(want, func(m uint32) bool { return m <= n })
			if got := track.MissingSequences(math.MaxInt); len(got) != len(want) {
				rt.Fatalf("missing %v after giving up to %d, want %v", got, n, want)
			}
		}
	})
}

func TestTrackBounds(t *testing.T) {
	var track Track
	track.start(1)
	for n := uint32(2); n < 4*MaxMissing; n += 2 {
		track.see(&Sighting{Sequence: n})
	}
	track.see(&Sighting{Sequence: math.MaxUint32})
	if len(track.Missing) != MaxMissing || len(track.Marshal()) > 16<<10 {
		t.Errorf("%d runs", len(track.Missing))
	}
	if got := track.MissingSequences(3); len(got) != 3 || track.UpTo() == 0 {
		t.Errorf("missing %v, up to %d", got, track.UpTo())
	}
	// A key record of somebody who used the last sequence there is.
	before := slices.Clone(track.Missing)
	for _, first := range []uint32{5, 9, math.MaxUint32} {
		track.start(first)
	}
	if !slices.Equal(track.Missing, before) || track.Highest != math.MaxUint32 || track.UpTo() == math.MaxUint32 {
		t.Errorf("up to %d of %d, missing %v", track.UpTo(), track.Highest, track.MissingSequences(3))
	}
}

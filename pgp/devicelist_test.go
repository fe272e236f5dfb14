package pgp

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const hour = 60 * 60

// drawWords draws what devices of an account of n say, at any time and about anybody.
func drawWords(t *rapid.T, n int, by *rapid.Generator[int], label string) []claimOf {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) claimOf {
		w := claimOf{by: by.Draw(t, "by"), about: rapid.IntRange(0, n-1).Draw(t, "about"), contest: rapid.Bool().Draw(t, "contest")}
		w.at = rapid.Int64Range(0, 200).Draw(t, "hour") * hour
		if w.contest {
			w.since = max(0, w.at-rapid.Int64Range(0, 100).Draw(t, "back")*hour)
		}
		return w
	}), 0, 12).Draw(t, label)
}

func drawDevices(t *rapid.T) int { return rapid.IntRange(2, 6).Draw(t, "devices") }

// Whatever order words come in, the list of devices is the same one.
func TestSettleOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawDevices(t)
		words := drawWords(t, n, rapid.IntRange(0, n-1), "words")
		want := settle(n, words)
		order := rapid.Permutation(indices(len(words))).Draw(t, "order")
		other := make([]claimOf, len(words))
		for i, j := range order {
			other[i] = words[j]
		}
		got := settle(n, other)
		for i, j := range order {
			if got[i] != want[j] {
				t.Fatalf("word %d is %v, in another order %v", j, want[j], got[i])
			}
		}
	})
}

func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// A thief of a device, whatever it says, whenever it says that it said it, and however
// many devices that were linked later join in, takes out no device that was linked
// before it and removes it, and none for which such a device contests it in time.
func TestSettleThief(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawDevices(t)
		thief := rapid.IntRange(1, n-1).Draw(t, "thief")
		owner := rapid.IntRange(0, thief-1).Draw(t, "owner")
		words := drawWords(t, n, rapid.IntRange(thief, n-1), "words of thieves")
		now := rapid.Int64Range(0, 200).Draw(t, "now") * hour
		contest := claimOf{by: owner, about: thief, contest: true, since: max(0, now-72*hour), at: now}
		said := append(slices.Clone(words), contest, claimOf{by: owner, about: thief, at: now})
		states := settle(n, said)
		if i := len(said) - 2; states[i] != WordStands || states[i+1] != WordStands {
			t.Fatalf("of the owner's words the contest is %v, the removal %v", states[i], states[i+1])
		}
		for i, w := range words {
			if states[i] != WordStands || w.contest || w.by != thief {
				continue
			}
			if w.about == owner {
				t.Fatalf("the thief removes the owner's device at hour %d", w.at/hour)
			}
			if w.at >= contest.since {
				t.Fatalf("the thief's removal of device %d at hour %d stands; it is contested since %d", w.about, w.at/hour, contest.since/hour)
			}
		}
	})
}

// Nothing that later devices say changes what words of earlier ones come to.
func TestSettleLaterHasNoSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawDevices(t)
		k := rapid.IntRange(1, n-1).Draw(t, "k")
		words := drawWords(t, n, rapid.IntRange(0, k-1), "words of earlier devices")
		more := drawWords(t, n, rapid.IntRange(k, n-1), "words of later ones")
		without, with := settle(n, words), settle(n, slices.Concat(words, more))
		if !slices.Equal(without, with[:len(words)]) {
			t.Fatalf("words of earlier devices come to %v, with those of later ones to %v", without, with[:len(words)])
		}
	})
}

func TestSettle(t *testing.T) {
	const a, b, c, d = 0, 1, 2, 3
	remove := func(by, about int, at int64) claimOf { return claimOf{by: by, about: about, at: at * hour} }
	contest := func(by, about int, at int64) claimOf {
		return claimOf{by: by, about: about, contest: true, since: max(0, at-72) * hour, at: at * hour}
	}
	for _, row := range []struct {
		name   string
		words  []claimOf
		states []WordState
	}{
		{"nobody objects", []claimOf{remove(c, a, 10)}, []WordState{WordStands}},
		{"contested by the one removed", []claimOf{remove(c, a, 100), contest(a, c, 110)}, []WordState{WordContested, WordStands}},
		{"contested by another one", []claimOf{remove(c, b, 100), contest(a, c, 110)}, []WordState{WordContested, WordStands}},
		{"contested for a later one", []claimOf{remove(c, d, 100), contest(b, c, 110)}, []WordState{WordContested, WordStands}},
		{"of a time that the contest leaves out", []claimOf{remove(c, a, 100), contest(a, c, 173)}, []WordState{WordStands, WordStands}},
		{"contested by a later one", []claimOf{remove(b, d, 100), contest(c, b, 110)}, []WordState{WordStands, WordVoid}},
		{"each other, the later one first", []claimOf{remove(c, a, 100), remove(a, c, 110)}, []WordState{WordContested, WordStands}},
		{"each other, the earlier one first", []claimOf{remove(a, c, 100), remove(c, a, 110)}, []WordState{WordStands, WordVoid}},
		{"removed, and speaks on", []claimOf{remove(a, c, 100), remove(c, d, 101)}, []WordState{WordStands, WordVoid}},
		{"removed by a later one, and speaks on", []claimOf{remove(c, a, 100), remove(a, d, 101)}, []WordState{WordStands, WordStands}},
		{"the contest of one that is out", []claimOf{remove(a, b, 100), remove(c, d, 105), contest(b, c, 110)}, []WordState{WordStands, WordStands, WordVoid}},
		{"the removal of the contester contested", []claimOf{remove(b, c, 100), contest(a, b, 104), contest(c, d, 103), remove(d, c, 102)}, []WordState{WordContested, WordStands, WordStands, WordContested}},
		{"itself", []claimOf{remove(b, b, 100)}, []WordState{WordVoid}},
	} {
		if got := settle(4, row.words); !slices.Equal(got, row.states) {
			t.Errorf("%s: %v, want %v", row.name, got, row.states)
		}
	}
}

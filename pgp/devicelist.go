package pgp

import "math"

// The rules by which the words of devices about each other are judged, on numbers
// alone: no keys, no clock. (spec/keys.md, KEYS-36, KEYS-37)

// A WordState is what became of a word.
type WordState uint8

const (
	WordStands    WordState = iota // it counts
	WordContested                  // a removal that a device which was linked earlier contests
	WordVoid                       // its signer was out by then, or may not say it
)

// String returns the state as programs show it.
func (s WordState) String() string {
	switch s {
	case WordStands:
		return "stands"
	case WordContested:
		return "contested"
	}
	return "void"
}

// A claimOf is one word as numbers: times in seconds, devices by their place in the order
// in which they were linked.
type claimOf struct {
	by, about int
	contest   bool
	since, at int64 // a contest is of removals made from since to at
}

// settle judges all words of one account, and returns the state of each. It depends on
// nothing else, so whoever knows the same words comes to the same list of devices. Words
// of earlier places are judged first and never depend on those of later ones: so no two
// can make each other void, and none that was linked later has a say about earlier ones
// that hold together.
func settle(places int, words []claimOf) []WordState {
	states := make([]WordState, len(words))
	of := make([][]int, places) // the words by each place
	for i := range words {
		states[i] = WordVoid
		if w := &words[i]; w.by != w.about {
			of[w.by] = append(of[w.by], i)
		}
	}
	for k := range places {
		until := ends(words, states, k)
		for _, i := range of[k] {
			if words[i].at < until {
				states[i] = judgeWord(words, states, of, i)
			}
		}
	}
	return states
}

// ends is from when on what place k says does not count; math.MaxInt64: all counts.
func ends(words []claimOf, states []WordState, k int) int64 {
	until := int64(math.MaxInt64)
	for i := range words {
		if w := &words[i]; !w.contest && w.about == k && w.by < k && states[i] == WordStands {
			until = min(until, w.at)
		}
	}
	return until
}

// judgeWord judges a word whose signer was in the list when it was made.
func judgeWord(words []claimOf, states []WordState, of [][]int, i int) WordState {
	w := &words[i]
	if w.contest {
		if w.about < w.by {
			return WordVoid
		}
		return WordStands
	}
	for d := range w.by { // devices that were linked before its signer
		for _, j := range of[d] {
			o := &words[j]
			if o.about != w.by || states[j] != WordStands {
				continue
			}
			// Who removes the signer contests what it said of the remover itself.
			if o.contest && o.since <= w.at && w.at <= o.at || !o.contest && d == w.about {
				return WordContested
			}
		}
	}
	return WordStands
}

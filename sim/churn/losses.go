package churn

import (
	"github.com/omega-im/omega"
)

func (w *world) fingerprints(servers []int32) []omega.Fingerprint {
	out := make([]omega.Fingerprint, len(servers))
	for k, i := range servers {
		out[k] = w.pop.all[i].fp
	}
	return out
}

// groups are the servers that are alive by what of gives for them.
func (w *world) groups(of func(*facts) int) map[int][]int32 {
	m := map[int][]int32{}
	for i := range w.servers {
		if w.servers[i].alive {
			k := of(&w.pop.all[i])
			m[k] = append(m[k], int32(i))
		}
	}
	return m
}

// largestGroup returns the most numerous group, the lowest of equal ones.
func largestGroup(m map[int][]int32) (servers []int32) {
	best := -1
	for k, g := range m {
		if best < 0 || len(g) > len(m[best]) || len(g) == len(m[best]) && k < best {
			best = k
		}
	}
	return m[best]
}

// losses takes each group away by itself. A group of one server is left out: it
// is what cut vertices and least degree tell.
func (w *world) losses(of func(*facts) int) (l Losses) {
	m := w.groups(of)
	l.WorstShare = 1
	g := w.truth(nil, w.member)
	var gone []int32 // numbers
	for _, servers := range m {
		l.Groups++
		l.Largest = max(l.Largest, len(servers))
		if len(servers) < 2 {
			continue
		}
		gone = gone[:0]
		for _, i := range servers {
			if g.place[i] >= 0 {
				gone = append(gone, g.place[i])
			}
		}
		l.note(g.cuts(gone...), len(g.nodes)-len(gone))
	}
	l.WorstShare = round(l.WorstShare, 5)
	return l
}

// note adds one case. All it keeps are counts and extremes, so the order of
// the cases does not show.
func (l *Losses) note(c cuts, left int) {
	if len(c.bridges) > 0 {
		l.WithBridges++
	}
	if len(c.vertices) > 0 {
		l.WithVertices++
	}
	if c.parts > 1 {
		l.WithSplit++
	}
	l.WorstBridges = max(l.WorstBridges, len(c.bridges))
	l.WorstCuts = max(l.WorstCuts, len(c.vertices))
	l.WorstParts = max(l.WorstParts, c.parts)
	if left > 0 {
		l.WorstShare = min(l.WorstShare, float64(c.largest)/float64(left))
	}
}

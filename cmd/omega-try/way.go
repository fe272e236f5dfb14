package main

import (
	"math"
	"slices"

	"github.com/omega-im/omega"
)

// way is how data goes from one server to another, the first left out, and
// its round trip in ms: over their own link if they have one, else the
// quickest way (spec/cloud.md, CLOUD-8).
func (t *topology) way(from, to omega.Fingerprint) ([]omega.Fingerprint, float64) {
	for _, l := range t.Links {
		if l.A == from && l.B == to || l.A == to && l.B == from {
			return []omega.Fingerprint{to}, l.RTT
		}
	}
	cost := map[omega.Fingerprint]float64{from: 0}
	before := map[omega.Fingerprint]omega.Fingerprint{}
	for done := map[omega.Fingerprint]bool{}; !done[to]; {
		here, best := omega.Fingerprint{}, math.Inf(1)
		for fp, c := range cost {
			if !done[fp] && c < best {
				here, best = fp, c
			}
		}
		if here.IsZero() {
			return nil, 0
		}
		done[here] = true
		for _, l := range t.Links {
			there := l.B
			if there == here {
				there = l.A
			} else if l.A != here {
				continue
			}
			if c, ok := cost[there]; !ok || best+l.RTT < c {
				cost[there], before[there] = best+l.RTT, here
			}
		}
	}
	var out []omega.Fingerprint
	for fp := to; fp != from; fp = before[fp] {
		out = append(out, fp)
	}
	slices.Reverse(out)
	return out, cost[to]
}

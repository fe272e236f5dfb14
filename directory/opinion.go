package directory

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// reportHours is for how many hours after its own a report counts.
const reportHours = 2

// An opinion is what the probers say about one server. (spec/directory.md, DIR-5)
type opinion struct {
	seen, of int           // probers that could use it, of those that tried
	rtt      time.Duration // median of those that could; 0 without any
}

// up reports whether most could use it; known is false when nobody tried.
func (o opinion) up() (up, known bool) { return 2*o.seen > o.of, o.of > 0 }

// subjects are the servers of a topology that can be probed, by the key that
// reports name them with. A key that two share names nobody.
func subjects(t *mesh.Topology) map[subjectKey]omega.Fingerprint {
	out := make(map[subjectKey]omega.Fingerprint, len(t.Servers))
	for _, r := range t.Servers {
		if r.Client == "" {
			continue
		}
		k := keyOf(r.Server)
		if _, twice := out[k]; twice {
			out[k] = omega.Fingerprint{}
			continue
		}
		out[k] = r.Server
	}
	return out
}

// opinions puts the reports of all probers together. own is what self saw, and
// stands for the report that it announced.
func opinions(t *mesh.Topology, self omega.Fingerprint, own report, now time.Time) map[omega.Fingerprint]opinion {
	names := subjects(t)
	rtts := make(map[omega.Fingerprint][]time.Duration, len(names))
	out := make(map[omega.Fingerprint]opinion, len(names))
	hear := func(prober omega.Fingerprint, r report) {
		for _, w := range r.rows {
			fp := names[w.subject]
			if fp.IsZero() || fp == prober || !drawn(r.hour, prober, fp, len(names), proberSlack) {
				continue
			}
			o := out[fp]
			o.of++
			if w.sees() {
				o.seen++
				rtts[fp] = append(rtts[fp], w.rtt)
			}
			out[fp] = o
		}
	}
	hour := hourOf(now)
	for _, rec := range t.Servers {
		if rec.Server == self || !listed(t.States[rec.Server]) {
			continue
		}
		if r, ok := decodeReport(rec.Extension); ok && r.hour <= hour && hour-r.hour <= reportHours {
			hear(rec.Server, r)
		}
	}
	hear(self, own)
	for fp, list := range rtts {
		o := out[fp]
		o.rtt = median(list)
		out[fp] = o
	}
	return out
}

// median returns the middle of list, which it sorts; the lower of two.
func median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[(len(list)-1)/2]
}

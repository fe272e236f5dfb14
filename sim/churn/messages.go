package churn

import (
	"math/rand/v2"
	"slices"
	"time"
)

// A Transit is what became of messages that a failure was in the way of.
type Transit struct {
	Failure    string  `json:"failure"` // "server crash", "server silent", …
	Failures   int     `json:"failures"`
	Messages   int     `json:"messages"`
	Delivered  float64 `json:"delivered"` // share of messages
	Duplicates int     `json:"duplicates"`
	ExtraP50   float64 `json:"extra_p50_ms"`
	ExtraP99   float64 `json:"extra_p99_ms"`
	ExtraMax   float64 `json:"extra_max_ms"`
	MaxHops    int     `json:"max_hops"`
	Revisits   float64 `json:"revisits"` // share of messages that met a server twice
	Hedged     float64 `json:"hedged"`   // share of messages sent around at least once
	Repeated   float64 `json:"repeated"` // share of messages that the origin sent again
}

// How many failures and messages are simulated of each kind.
const (
	transitFailures = 8  // 2 in clouds of fewer than 1,000 servers: those are for tests
	transitMessages = 60 // per failure
	transitSources  = 60
)

// transit lets failures of one kind meet messages.
func (w *world) transits(kind string, servers int, silent bool) Transit {
	var all []*message
	rng := rand.New(rand.NewPCG(w.cfg.Seed, uint64(servers)<<8|uint64(len(kind))))
	failures := transitFailures
	if len(w.servers) < 1000 {
		failures = 2
	}
	for f := range failures {
		c := w.clone(uint64(f)<<16 | uint64(servers)<<8 | uint64(len(kind)))
		all = append(all, c.oneFailure(rng, servers, silent)...)
	}
	return judge(kind, failures, all)
}

// oneFailure lets messages meet the end of some servers, or of a link if it is
// none. It returns the messages.
func (w *world) oneFailure(rng *rand.Rand, servers int, silent bool) []*message {
	o := newPost(w)
	w.post = o
	w.now += time.Hour // links were made long ago
	trips := o.trips(rng)
	failing, trips := choose(rng, trips, servers)
	begin := w.now + time.Second
	var all []*message
	for k, t := range trips {
		if k >= transitMessages {
			break
		}
		m := &message{to: t[len(t)-1], ideal: w.delayAlong(t), arrived: -1}
		m.sent = begin - 200*time.Millisecond + time.Duration(rng.Int64N(int64(2200*time.Millisecond)))
		all = append(all, m)
		for _, after := range repeats {
			w.queue.put(m.sent+after, func() { o.send(t[0], m) })
		}
	}
	w.queue.put(begin, func() {
		if servers == 0 {
			w.breakLink(trips[0], failing[0], silent)
			return
		}
		for _, v := range failing {
			w.end(v, silent)
		}
	})
	w.runUntil(begin + 2*giveUpAfter)
	return all
}

// trips are paths of three links and more.
func (o *post) trips(rng *rand.Rand) (out [][]int32) {
	w := o.w
	d := w.streams[0].library().at(0, w)
	r := o.routesOf(d)
	for range transitSources {
		from := int32(rng.IntN(len(w.servers)))
		for range 250 {
			to := int32(rng.IntN(len(w.servers)))
			if path := r.path(w, d, from, to); len(path) > 3 {
				out = append(out, path)
			}
		}
	}
	return out
}

// choose draws servers on some of the paths, or a link that ends at one if none
// are wanted, and returns the paths that they are inside of.
func choose(rng *rand.Rand, trips [][]int32, servers int) (failing []int32, through [][]int32) {
	var link *[2]int32
	for range max(servers, 1) {
		t := trips[rng.IntN(len(trips))]
		k := 1 + rng.IntN(len(t)-2)
		failing = append(failing, t[k])
		if servers == 0 {
			link = &[2]int32{t[k-1], t[k]}
		}
	}
	for _, t := range trips {
		if link != nil && !slices.ContainsFunc(pairsOf(t), func(p [2]int32) bool { return p == *link }) {
			continue
		}
		inside := t[1 : len(t)-1]
		ends := slices.Contains(failing, t[0]) || slices.Contains(failing, t[len(t)-1])
		if !ends && slices.ContainsFunc(failing, func(f int32) bool { return slices.Contains(inside, f) }) {
			through = append(through, t)
		}
	}
	rng.Shuffle(len(through), func(a, b int) { through[a], through[b] = through[b], through[a] })
	return failing, through
}

// pairsOf are the links of a path.
func pairsOf(path []int32) (out [][2]int32) {
	for k := 1; k < len(path); k++ {
		out = append(out, [2]int32{path[k-1], path[k]})
	}
	return out
}

func (w *world) delayAlong(path []int32) (d time.Duration) {
	for k := 1; k < len(path); k++ {
		d += time.Duration(w.servers[path[k-1]].linkTo(path[k]).delay) * tick
	}
	return d
}

// breakLink ends the link of a path before a server on it. Both ends live.
func (w *world) breakLink(path []int32, at int32, silent bool) {
	k := slices.Index(path, at)
	a, b := path[k-1], at
	for _, end := range [][2]int32{{a, b}, {b, a}} {
		l := w.servers[end[0]].linkTo(end[1])
		delay := time.Duration(l.delay) * tick
		if silent {
			delay = silentAfter + time.Duration(w.rng.Int64N(int64(silentSlack)))
		}
		l.life-- // nothing gets through
		w.notice(end[0], end[1], l.id, delay)
	}
}

func judge(kind string, failures int, all []*message) Transit {
	t := Transit{Failure: kind, Failures: failures, Messages: len(all)}
	var extra series
	delivered, twice, hedged, repeated := 0, 0, 0, 0
	for _, m := range all {
		t.MaxHops = max(t.MaxHops, m.hops)
		if m.twice {
			twice++
		}
		if m.hedged {
			hedged++
		}
		if m.repeated {
			repeated++
		}
		if m.arrived >= 0 {
			delivered++
			t.Duplicates += m.copies - 1
			extra.add(max(m.arrived-m.sent-m.ideal, 0))
		}
	}
	n := float64(max(len(all), 1))
	t.Delivered, t.Revisits, t.Hedged = round(float64(delivered)/n, 5), round(float64(twice)/n, 4), round(float64(hedged)/n, 4)
	t.Repeated = round(float64(repeated)/n, 4)
	q := extra.quantiles()
	t.ExtraP50, t.ExtraP99, t.ExtraMax = q.P50, q.P99, q.Max
	return t
}

package churn

import (
	"time"
)

// splitFor is how long the halves of a split cloud are apart.
const splitFor = time.Minute

// A Split is what became of a cloud whose halves could not reach each other
// for a minute: the Americas, and the rest of the world.
type Split struct {
	Sides        [2]int  `json:"servers"`
	LinksLost    int     `json:"links_lost"`
	EachWholeS   float64 `json:"each_side_whole_after_s"` // -1: not while they were apart
	TogetherS    float64 `json:"connected_again_after_s"` // after they could reach each other
	BridgelessS  float64 `json:"bridgeless_after_s"`
	WholeS       float64 `json:"whole_after_s"`
	AgreeS       float64 `json:"databases_equal_after_s"`
	LinksAcross  int     `json:"links_across"`
	FailedDials  int     `json:"dials_that_timed_out"`
	LinksPerSide float64 `json:"new_links_per_server"`
}

// split cuts the cloud in two, heals it and watches.
func (w *world) split() Split {
	began := w.now
	w.tally = newTally()
	w.watch = newWatch(w.now)
	members := w.sampleMembers()
	var s Split
	w.divide(&s)
	w.mendSoon()
	end := began + splitFor + massLimit
	w.reunions(end)
	s.EachWholeS = w.apart(members, began+splitFor)
	s.FailedDials = w.tally.timeouts
	w.side = nil
	w.together(&s, members, end)
	s.LinksAcross = w.linksAcross()
	s.LinksPerSide = round(float64(w.tally.made)/float64(len(w.servers)), 4)
	return s
}

// west reports whether a server stands in the Americas.
func (w *world) west(i int32) bool { return sites[w.pop.all[i].site].lon < -30 }

// divide lets nothing through between the sides. Each has a stream from now.
func (w *world) divide(s *Split) {
	st := w.streams[0]
	other := newStream(1)
	other.base = st.newest(len(st.log), len(w.servers))
	w.streams = append(w.streams, other)
	w.side = make([]bool, len(w.servers))
	for i := range w.servers {
		if w.west(int32(i)) {
			w.side[i], w.servers[i].stream = true, 1
			s.Sides[1]++
		} else {
			s.Sides[0]++
		}
	}
	for i := range w.servers {
		for _, l := range w.servers[i].links {
			if w.cut(int32(i), l.peer) {
				s.LinksLost++
				w.notice(int32(i), l.peer, l.id, silentAfter+time.Duration(w.rng.Int64N(int64(silentSlack))))
			}
		}
	}
	s.LinksLost /= 2
}

// apart watches both sides until the time, and returns when each was whole.
func (w *world) apart(members func(int32) bool, until time.Duration) float64 {
	began, whole := w.now, time.Duration(-1)
	var g *graph
	for at := w.now; at < until; at += 250 * time.Millisecond {
		w.runUntil(at)
		both := true
		for _, side := range []bool{false, true} {
			g = w.truth(g, func(i int32) bool { return members(i) && w.side[i] == side })
			c := g.cuts()
			both = both && c.parts <= 1 && len(c.bridges) == 0 && len(c.vertices) == 0 && g.below(3) == 0
		}
		since(&whole, both, at-began)
	}
	return seconds(whole)
}

// together watches how the sides find each other.
func (w *world) together(s *Split, members func(int32) bool, end time.Duration) {
	began := w.now
	connected, bridgeless, whole, agree := time.Duration(-1), time.Duration(-1), time.Duration(-1), time.Duration(-1)
	var g *graph
	for at := began; at < end; at += 250 * time.Millisecond {
		w.runUntil(at)
		g = w.truth(g, members)
		c := g.cuts()
		m := Moment{Parts: c.parts, Bridges: len(c.bridges), Vertices: len(c.vertices), Below: g.below(3)}
		since(&connected, m.Parts == 1, at-began)
		since(&bridgeless, m.bridgeless(), at-began)
		since(&whole, m.whole(), at-began)
		since(&agree, len(w.streams) == 1, at-began)
		if whole >= 0 && agree >= 0 && at-began > max(whole, agree)+10*time.Second {
			break
		}
	}
	s.TogetherS, s.BridgelessS, s.WholeS, s.AgreeS = seconds(connected), seconds(bridgeless), seconds(whole), seconds(agree)
}

func (w *world) linksAcross() (n int) {
	for i := range w.servers {
		for _, l := range w.servers[i].links {
			if w.west(int32(i)) && !w.west(l.peer) {
				n++
			}
		}
	}
	return n
}

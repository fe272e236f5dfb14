package churn

import (
	"math"
	"time"

	"github.com/omega-im/omega/mesh"
)

// Comparing databases over a new link. (spec/cloud.md, CLOUD-3)
const (
	bucketsPerRequest = 16                     // package cloud asks for so many at a time,
	requestsUnderWay  = 2                      // and again before the answer is there
	bandwidth         = 2.5e6                  // octets per second that a newcomer takes in: 20 Mbit/s
	recordOctets      = 847                    // an announcement and a certificate as they travel (CLOUD-51); TestRecordOctets makes real ones
	verifyTime        = 250 * time.Microsecond // its signature and those of the certificate
)

// compare brings two servers with a new link to the same knowledge: it gives a
// server that was cut off its stream back, and lets two parts of a cloud that
// was split tell each other what they missed.
func (w *world) compare(a, b int32) {
	x, y := &w.servers[a], &w.servers[b]
	if x.stream != y.stream {
		w.merge(a, b)
	}
	w.catchUp(a, b)
	w.catchUp(b, a)
}

// catchUp is the comparison as one side lives it. What it lacks is there after
// some round trips and the time to take it in.
func (w *world) catchUp(i, from int32) {
	s := &w.servers[i]
	if s.stuck < 0 {
		return
	}
	st := w.streams[s.stream]
	missed := len(st.log) - s.stuck
	wait := w.exchangeTime(missed, w.pop.roundTrip(i, from))
	life := s.life
	w.after(wait, func() {
		if s := &w.servers[i]; s.alive && s.life == life && s.stuck >= 0 && len(s.links) > 0 {
			s.stuck, s.since, s.ready = -1, w.now, w.now
			if from := &w.servers[from]; from.stuck >= 0 {
				s.stuck = from.stuck // it knows no more itself
			}
			w.announceSoon(i)
			w.planSoon(i)
		}
	})
}

// exchangeTime is how long it takes to get records that were missed. They fall
// into buckets, and whole buckets are sent, 16 per round trip.
func (w *world) exchangeTime(missed int, rtt time.Duration) time.Duration {
	differ := mesh.Buckets * (1 - math.Exp(-float64(missed)/mesh.Buckets))
	rounds := math.Ceil(differ / bucketsPerRequest)
	sent := differ / mesh.Buckets * float64(len(w.servers)) * recordOctets
	w.tally.compared += sent
	transfer := time.Duration(sent / bandwidth * float64(time.Second))
	asking := time.Duration(rounds / requestsUnderWay * float64(rtt))
	return 2*rtt + max(asking, transfer, time.Duration(missed)*verifyTime)
}

// merge floods in each of two streams what only the other knows, from the ends
// of the link that joins them. Once everybody has it the two are one.
func (w *world) merge(a, b int32) {
	x, y := w.streams[w.servers[a].stream], w.streams[w.servers[b].stream]
	over := max(w.tell(x, b, a), w.tell(y, a, b))
	w.queue.put(over, func() { w.unify(x) })
}

// unify leaves one stream, if that has not happened.
func (w *world) unify(x *stream) {
	if len(w.streams) == 1 {
		return
	}
	w.streams[0], w.streams = x, w.streams[:1]
	x.id = 0
	for i := range w.servers {
		w.servers[i].stream = 0
	}
}

// tell adds to a stream what the server from knows and it lacks. It returns
// when everybody has it.
func (w *world) tell(st *stream, from, to int32) (over time.Duration) {
	other := w.streams[w.servers[from].stream]
	mine := st.newest(len(st.log), len(w.servers))
	theirs := other.newest(len(other.log), len(w.servers))
	var news []*record
	for i, r := range theirs {
		if r != nil && (mine[i] == nil || mine[i].issued < r.issued) {
			news = append(news, r)
		}
	}
	if len(news) == 0 {
		return w.now
	}
	sp := w.flood.spread(w, to, true)
	wait := w.exchangeTime(len(news), w.pop.roundTrip(from, to))
	st.log = append(st.log, &entry{records: news, issued: w.now + wait, arrive: sp.arrive, last: sp.last})
	return w.now + wait + time.Duration(sp.last)*tick
}

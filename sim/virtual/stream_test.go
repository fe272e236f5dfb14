package virtual

import (
	"fmt"
	"slices"
	"time"
)

// A stream is what one person sends another, at an even pace.
type stream struct {
	from, to *person
	sent     []*message
}

// run has all streams send for a while, each message every pace after the one
// before, and waits until everything has come, at most for patience.
func (w *world) run(streams []*stream, pace, during, patience time.Duration) {
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(pace) {
		for _, s := range streams {
			s.sent = append(s.sent, s.from.send(s.to))
		}
	}
	for end := time.Now().Add(patience); time.Now().Before(end) && missing(streams) > 0; {
		time.Sleep(20 * time.Millisecond)
	}
}

func missing(streams []*stream) (n int) {
	expectMu.Lock()
	defer expectMu.Unlock()
	for _, s := range streams {
		for _, m := range s.sent {
			if m.came.IsZero() {
				n++
			}
		}
	}
	return n
}

// A delay is what messages took, more than before: sorted.
type delay []time.Duration

func (d delay) at(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return d[min(int(q*float64(len(d))), len(d)-1)]
}

func (d delay) sort() { slices.Sort(d) }

func (d delay) String() string {
	return fmt.Sprintf("%d messages: p50 %v, p99 %v, max %v", len(d), ms(d.at(.5)), ms(d.at(.99)), ms(d.at(1)))
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// extra is by how much longer the messages of one stream that were sent from
// begin to end took than in the median of those before begin; and how many
// never came. How long the sender waited for "stored" is beside it.
func (s *stream) extra(begin, end time.Time) (extra, tick delay, lost int) {
	expectMu.Lock()
	defer expectMu.Unlock()
	var came, stored delay
	for _, m := range s.sent {
		if m.sent.Before(begin) && !m.came.IsZero() && !m.stored.IsZero() {
			came, stored = append(came, m.came.Sub(m.sent)), append(stored, m.stored.Sub(m.sent))
		}
	}
	came.sort()
	stored.sort()
	for _, m := range s.sent {
		switch {
		case m.sent.Before(begin) || !m.sent.Before(end):
		case m.came.IsZero():
			lost++
		default:
			extra = append(extra, m.came.Sub(m.sent)-came.at(.5))
			if !m.stored.IsZero() {
				tick = append(tick, m.stored.Sub(m.sent)-stored.at(.5))
			}
		}
	}
	return extra, tick, lost
}

// sum joins what streams say.
func sum(streams []*stream, begin, end time.Time) (extra, tick delay, lost int) {
	for _, s := range streams {
		e, t, l := s.extra(begin, end)
		extra, tick, lost = append(extra, e...), append(tick, t...), lost+l
	}
	extra.sort()
	tick.sort()
	return extra, tick, lost
}

// took is how long the messages of streams took, and how many never came.
func (w *world) took(streams []*stream) (took delay, lost int) {
	expectMu.Lock()
	defer expectMu.Unlock()
	for _, s := range streams {
		for _, m := range s.sent {
			if m.came.IsZero() {
				lost++
			} else {
				took = append(took, m.came.Sub(m.sent))
			}
		}
	}
	took.sort()
	return took, lost
}

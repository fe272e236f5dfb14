package directory

import (
	"time"

	"github.com/omega-im/omega"
)

// What is remembered of each server. (spec/directory.md, DIR-6)
const (
	keptHours = 25 // the one under way and 24 before it
	keptDays  = 90
	forgotten = keptDays * 24 * time.Hour
)

// A cell counts the samples of one hour or day.
type cell struct{ up, total uint16 }

func (c *cell) add(up bool) {
	if c.total == 1<<16-1 {
		return
	}
	c.total++
	if up {
		c.up++
	}
}

// Presences of a server in the eyes of this one.
type presence uint8

const (
	unheard presence = iota // never seen
	present
	down // out of reach
	gone // left the database
)

// A past is what this server remembers of another one.
type past struct {
	name     string // for the list of changes when it is gone
	presence presence
	since    time.Time       // first seen
	seen     time.Time       // last in the database
	newest   time.Time       // of the samples: the slots before it are valid
	hours    [keptHours]cell // by hour since 1970, modulo
	days     [keptDays]cell  // by day since 1970, modulo
}

// sample counts one verdict.
func (p *past) sample(now time.Time, up bool) {
	p.advance(now)
	p.hours[hourNumber(now)%keptHours].add(up)
	p.days[dayNumber(now)%keptDays].add(up)
}

func hourNumber(t time.Time) int64 { return t.Unix() / 3600 }
func dayNumber(t time.Time) int64  { return t.Unix() / 86400 }

// advance clears the slots of hours and days that began since newest. When the
// clock was set back, it clears those that are of the future now: they hold what
// was counted under a wrong date, in the place of hours and days that nobody
// watched. What was lost with a clock that was wrong is unknown, never invented.
func (p *past) advance(now time.Time) {
	if p.since.After(now) {
		p.since = now
	}
	if p.newest.IsZero() {
		p.newest = now
		return
	}
	from, to := hourNumber(p.newest), hourNumber(now)
	for h := max(min(from, to)+1, max(from, to)-keptHours+1); h <= max(from, to); h++ {
		p.hours[h%keptHours] = cell{}
	}
	from, to = dayNumber(p.newest), dayNumber(now)
	for d := max(min(from, to)+1, max(from, to)-keptDays+1); d <= max(from, to); d++ {
		p.days[d%keptDays] = cell{}
	}
	p.newest = now
}

// A span is a part of the past: one cell per hour or day, oldest first, and
// all together.
type span struct {
	cells []cell
	sum   struct{ up, total int }
}

// share is how much of the samples found the server up, 0 to 1; ok is false
// without any.
func (s span) share() (v float64, ok bool) {
	if s.sum.total == 0 {
		return 0, false
	}
	return float64(s.sum.up) / float64(s.sum.total), true
}

func (s *span) take(c cell) {
	s.cells = append(s.cells, c)
	s.sum.up += int(c.up)
	s.sum.total += int(c.total)
}

// lastHours and lastDays return the newest n cells as of now. Longer spans are
// empty until the server has been watched for longer than the next shorter one.
func (p *past) lastHours(now time.Time, n int64) (s span) {
	q := *p
	q.advance(now)
	for h := hourNumber(now) - n + 1; h <= hourNumber(now); h++ {
		s.take(q.hours[h%keptHours])
	}
	return s
}

func (p *past) lastDays(now time.Time, n int64) (s span) {
	q := *p
	q.advance(now)
	for d := dayNumber(now) - n + 1; d <= dayNumber(now); d++ {
		s.take(q.days[d%keptDays])
	}
	return s
}

// An uptime is the three spans that people are shown.
type uptime struct{ day, month, quarter span }

// uptime returns them. A span counts as unknown while the server has not been
// watched for longer than the shorter one before it, or an hour: "90 days: 100 %"
// of a server that is two days old would mislead. That it is known for so long is
// not enough: a clock that was set forward has watched nothing meanwhile.
func (p *past) uptime(now time.Time) (u uptime) {
	u.day, u.month, u.quarter = p.lastHours(now, 24), p.lastDays(now, 30), p.lastDays(now, 90)
	if known := now.Sub(p.since); known < time.Hour || u.day.watched() < 2 {
		u.day.sum.total = 0
	}
	if known := now.Sub(p.since); known < 24*time.Hour || u.month.watched() < 2 {
		u.month.sum.total = 0
	}
	if known := now.Sub(p.since); known < 30*24*time.Hour || u.quarter.watched() < 30 {
		u.quarter.sum.total = 0
	}
	return u
}

// watched counts the hours or days with samples.
func (s span) watched() (n int) {
	for _, c := range s.cells {
		if c.total > 0 {
			n++
		}
	}
	return n
}

// A book is the past of every server. Not for concurrent use.
type book map[omega.Fingerprint]*past

// of returns the past of a server, begun at now where there is none.
func (b book) of(fp omega.Fingerprint, now time.Time) *past {
	p := b[fp]
	if p == nil {
		p = &past{since: now}
		b[fp] = p
	}
	return p
}

// forget drops servers that left long ago, and the longest gone when there are
// more than limit.
func (b book) forget(now time.Time, limit int) {
	for fp, p := range b {
		if now.Sub(p.seen) > forgotten {
			delete(b, fp)
		}
	}
	for len(b) > limit {
		var oldest omega.Fingerprint
		for fp, p := range b {
			if oldest.IsZero() || p.seen.Before(b[oldest].seen) {
				oldest = fp
			}
		}
		delete(b, oldest)
	}
}

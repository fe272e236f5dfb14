// Package patience tells a peer that is slow from one that is not there: how
// long its answers take, its own work included, and how much may be done twice
// because an answer did not come. Both are small enough to stand in whatever
// they are about, and neither is safe for concurrent use.
package patience

import "time"

// An Estimate is how long answers take. Its zero value knows nothing.
type Estimate struct {
	mean, spread time.Duration // SRTT and RTTVAR of RFC 6298, section 2
}

// Observe takes in how long one answer took. What was asked twice says nothing
// (Karn's algorithm): nobody knows which one was answered.
func (e *Estimate) Observe(took time.Duration) {
	took = max(took, 1)
	if e.mean == 0 {
		e.mean, e.spread = took, took/2
		return
	}
	e.spread += ((e.mean - took).Abs() - e.spread) / 4
	e.mean += (took - e.mean) / 8
}

// Timeout is how long an answer may take before it is likely that none comes: 0
// when nothing was observed.
func (e *Estimate) Timeout() time.Duration { return e.mean + 4*e.spread }

// Share is how many answers pay for one piece of work that is done twice: a
// tenth of the work comes on top, at most.
const Share = 10

// A Budget is what may be done twice. Its zero value is full.
type Budget struct {
	owed int // in answers
}

// Earn pays for answers.
func (b *Budget) Earn(answers int) { b.owed = max(0, b.owed-answers) }

// Spend takes one from a budget of at most depth, and reports whether there was
// one.
func (b *Budget) Spend(depth int) bool {
	if b.owed+Share > depth*Share {
		return false
	}
	b.owed += Share
	return true
}

// Full reports whether nothing is to be paid: the budget is as its zero value.
func (b *Budget) Full() bool { return b.owed == 0 }

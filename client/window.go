package client

import (
	"time"
)

// Bounds of a transfer's window, in parts of media.MaxPart. Two uploads go at
// once, and a session may have 32 parts under way. (spec/media.md, MEDIA-7)
const (
	maxWindow   = 14
	delayTarget = 150 * time.Millisecond // how much longer answers may take than the quickest one
)

// A pacer decides how many parts of one transfer are under way: more while
// answers come about as quickly as the quickest, fewer when they wait behind each
// other, because then texts wait as well. At first it grows by one with each answer;
// once it was too large by one with each window of them, since the answer to a part
// tells of the window of a round trip ago, and all that it grew meanwhile waits as well.
type pacer struct {
	window int
	base   time.Duration // the quickest answer; 0: there was none
	rest   int           // answers until the window may shrink again
	found  bool          // it was too large once
	grow   int           // answers until the window may grow again, once it was found
}

func newPacer() *pacer { return &pacer{window: 2} }

// answered takes in how long an answer took.
func (p *pacer) answered(took time.Duration) {
	if p.base == 0 || took < p.base {
		p.base = took
	}
	if p.rest > 0 {
		p.rest--
	}
	switch {
	case took-p.base <= delayTarget:
		if p.grow--; !p.found || p.grow <= 0 {
			p.window = min(p.window+1, maxWindow)
			p.grow = p.window
		}
	case p.rest > 0:
	case p.window == 1: // nothing of this transfer waits: the way is longer than it was
		p.base += (took - p.base) / 8
	default:
		p.window /= 2
		p.found, p.grow = true, p.window
		p.rest = p.window // those under way were sent before
	}
}

// refused has it begin anew: the server has too much to do.
func (p *pacer) refused() { p.window = 1 }

package client

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPacer: on a link that carries so much, the parts under way do not keep
// others waiting for much longer than the target, and the link does not run dry.
func TestPacer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := time.Duration(rapid.IntRange(1, 40).Draw(t, "ms for a part")) * time.Millisecond
		way := time.Duration(rapid.IntRange(1, 300).Draw(t, "ms to the server and back")) * time.Millisecond
		slower := time.Duration(rapid.IntRange(1, 8).Draw(t, "times slower in the end"))
		p := newPacer()
		var free time.Duration           // when the link is through with what it has
		var flying, sent []time.Duration // when answers come, and when their parts were sent
		now, dry := time.Duration(0), time.Duration(0)
		for n := range 3000 {
			if n == 1500 {
				if full := time.Duration(maxWindow) * part; full > way && dry > now/2 {
					t.Fatalf("the link idles for %v of %v", dry, now)
				}
				part *= slower
			}
			for len(flying) < p.window {
				if n > 500 && n < 1500 && free < now {
					dry += now - free
				}
				free = max(free, now) + part
				flying = append(flying, free+way)
				sent = append(sent, now)
			}
			now, flying = flying[0], flying[1:]
			p.answered(now - sent[0])
			sent = sent[1:]
			if p.window < 1 || p.window > maxWindow {
				t.Fatalf("%d parts under way", p.window)
			}
			if waits := free - now; (n > 500 && n < 1500 || n > 2000) && waits > 3*delayTarget+part {
				t.Fatalf("a text waits %v behind parts of %v", waits, part)
			}
		}
	})
}

// A way that becomes longer for good is no queue: the transfer goes on as before.
func TestPacerOnALongerWay(t *testing.T) {
	p := newPacer()
	for range 50 {
		p.answered(20 * time.Millisecond)
	}
	for range 200 {
		p.answered(500 * time.Millisecond)
	}
	if p.window != maxWindow {
		t.Errorf("%d parts under way, want %d", p.window, maxWindow)
	}
	for range 50 {
		p.answered(20 * time.Millisecond)
	}
	if p.base != 20*time.Millisecond {
		t.Errorf("back on the short way the quickest answer is %v", p.base)
	}
}

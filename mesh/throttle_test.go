package mesh

import (
	"testing"
	"time"
)

// The first change after some quiet waits for nothing; while changes go on,
// looking at them takes a hundredth of the time.
func TestThrottle(t *testing.T) {
	const cost = 5 * time.Millisecond
	var th Throttle
	now := t0
	run := func(d time.Duration) (times int) {
		for end := now.Add(d); now.Before(end); now = now.Add(time.Millisecond) {
			if !now.Before(th.Next()) {
				th.Done(now, cost)
				times++
			}
		}
		return times
	}
	if th.Next().After(now) {
		t.Errorf("the first waits until %v", th.Next())
	}
	run(3 * time.Second)
	if got := run(time.Minute); got > 120 || got < 100 {
		t.Errorf("%d times in a minute, want 120 at most", got)
	}
	now = now.Add(2 * time.Second)
	if th.Next().After(now) {
		t.Errorf("after some quiet it waits until %v", th.Next().Sub(now))
	}
	th.Done(now, cost)
	if wait := th.Next().Sub(now); wait != 20*cost {
		t.Errorf("the second waits %v", wait)
	}
}

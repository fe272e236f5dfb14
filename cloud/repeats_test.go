package cloud

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// A destination that is silent has its own budget for repetitions used up and
// nobody else's; time gives it back, and then nothing of it is remembered.
// (spec/cloud.md, CLOUD-47)
func TestRepeatsAreOfOneDestination(t *testing.T) {
	var s letters
	s.init()
	silent, err1 := omega.FingerprintV4(make([]byte, 20))
	other, err2 := omega.FingerprintV4(append(make([]byte, 19), 1))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	now := int64(time.Hour)
	spent := func(to omega.Fingerprint, most int) (n int) {
		l := &letter{at: 1, attempts: 1}
		for n < most && s.mayRepeat(l, to, now) {
			n++
		}
		return n
	}
	if n := spent(silent, 1<<16); n != repeatDepth {
		t.Errorf("%d repetitions at once, want %d", n, repeatDepth)
	}
	if n := spent(other, 10); n != 10 {
		t.Errorf("%d repetitions to another destination, want 10", n)
	}
	now += int64(time.Second)
	if n, want := spent(silent, 1<<16), int(time.Second/repeatPace); n != want {
		t.Errorf("%d repetitions after a second, want %d", n, want)
	}
	for range 30 {
		s.came(&letter{at: now}, silent, now)
	}
	if n := spent(silent, 1<<16); n != 3 {
		t.Errorf("%d repetitions for 30 receipts, want 3", n)
	}
	now += int64(repeatDepth * repeatPace)
	s.overdue(now)
	if n := len(s.repeats.m); n != 0 {
		t.Errorf("%d budgets are remembered that are full", n)
	}
}

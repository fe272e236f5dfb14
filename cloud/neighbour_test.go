package cloud

import (
	"testing"
	"time"
)

// A link that was lost once is announced as soon as a new one: its server was
// started again. One that comes and goes is held longer each time.
func TestHoldGrowsWithLosses(t *testing.T) {
	o := &owner{Cloud: &Cloud{cfg: Config{LinkHold: DefaultLinkHold}}}
	for losses, want := range []time.Duration{DefaultLinkHold, DefaultLinkHold, 4 * DefaultLinkHold, 16 * DefaultLinkHold} {
		if got := o.hold(&neighbour{losses: losses}); got != want {
			t.Errorf("after %d losses %v, want %v", losses, got, want)
		}
	}
	if got := o.hold(&neighbour{losses: 99}); got != maxLinkHold {
		t.Errorf("after very many %v, want %v", got, maxLinkHold)
	}
}

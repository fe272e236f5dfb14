package mesh

import "time"

// A Throttle spaces recomputations of the view (the idea of RFC 8405): after
// some quiet the first comes at once, then each waits longer, until they take
// no more than a hundredth of the time. The zero value is ready.
type Throttle struct {
	last time.Time
	gap  time.Duration
}

const (
	throttleFirst = 20                    // times the cost is the wait after the first
	throttleShare = 100                   // times the cost is the longest wait
	throttleLeast = 10 * time.Millisecond // between two in any case
	throttleMost  = 2 * time.Second       // however much it costs
)

// Next is when the next recomputation may begin.
func (t *Throttle) Next() time.Time { return t.last.Add(t.gap) }

// Done notes a recomputation that began at now and takes cost of processor time.
func (t *Throttle) Done(now time.Time, cost time.Duration) {
	longest := min(max(throttleShare*cost, throttleLeast), throttleMost)
	if now.Sub(t.last) > 2*longest {
		t.gap = max(throttleFirst*cost, throttleLeast)
	} else {
		t.gap *= 2
	}
	t.last, t.gap = now, min(t.gap, longest)
}

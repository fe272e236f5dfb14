package patience

import (
	"testing"
	"time"
)

// What takes evenly long is waited for little longer; what is uneven, longer
// than it ever took; and a peer that is quick again is so after some answers.
func TestEstimate(t *testing.T) {
	var e Estimate
	if e.Timeout() != 0 {
		t.Errorf("nothing observed: %v", e.Timeout())
	}
	for range 100 {
		e.Observe(20 * time.Millisecond)
	}
	if got := e.Timeout(); got < 20*time.Millisecond || got > 22*time.Millisecond {
		t.Errorf("even answers: %v", got)
	}
	for i := range 100 {
		e.Observe(300*time.Millisecond + time.Duration(i%6)*100*time.Millisecond)
	}
	if got := e.Timeout(); got < 800*time.Millisecond || got > 2*time.Second {
		t.Errorf("answers after 300 to 800 ms: %v", got)
	}
	for range 50 {
		e.Observe(20 * time.Millisecond)
	}
	if got := e.Timeout(); got > 150*time.Millisecond {
		t.Errorf("quick again for 50 answers: %v", got)
	}
}

// A budget is what was there at first and a tenth of what was answered, however
// much is asked for; and no more than its depth is saved.
func TestBudget(t *testing.T) {
	var b Budget
	spent := 0
	for range 1000 {
		b.Earn(1)
		if b.Spend(16) {
			spent++
		}
		if b.Spend(16) {
			spent++
		}
	}
	if spent < 114 || spent > 116 {
		t.Errorf("spent %d of 1,000 answers and a depth of 16", spent)
	}
	b.Earn(100_000)
	for spent = 0; b.Spend(16); spent++ {
	}
	if spent != 16 {
		t.Errorf("%d were saved, want 16", spent)
	}
}

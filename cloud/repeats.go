package cloud

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/patience"
)

// What may be sent to one destination again because no receipt came: repeatDepth
// at once, one more for each ten receipts of it, and one in repeatPace besides. So a
// destination that is silent uses up nothing of what others need. (spec/cloud.md,
// CLOUD-47)
const (
	repeatDepth = 256
	repeatPace  = 100 * time.Millisecond
	repeatSweep = time.Second // between two looks for what is paid
)

// repeats are the budgets of destinations that have something to pay: no more
// than there are packets without a receipt, or were in the last half minute.
type repeats struct {
	m     map[omega.Fingerprint]*repeatBudget
	swept int64
}

type repeatBudget struct {
	patience.Budget
	paid int64 // up to when time has paid
}

// pay has time pay.
func (b *repeatBudget) pay(now int64) {
	const share = int64(repeatPace) / patience.Share
	n := (now - b.paid) / share
	b.Earn(int(n))
	b.paid += n * share
}

// earn pays for a receipt.
func (r *repeats) earn(to omega.Fingerprint) {
	if b := r.m[to]; b != nil {
		b.Earn(1)
	}
}

// spend reports whether one more packet may go to a destination again.
func (r *repeats) spend(to omega.Fingerprint, now int64) bool {
	b := r.m[to]
	if b == nil {
		b = &repeatBudget{paid: now}
		r.m[to] = b
	}
	b.pay(now)
	return b.Spend(repeatDepth)
}

// sweep forgets, now and then, budgets that are full.
func (r *repeats) sweep(now int64) {
	if now-r.swept < int64(repeatSweep) {
		return
	}
	r.swept = now
	for to, b := range r.m {
		if b.pay(now); b.Full() {
			delete(r.m, to)
		}
	}
}

package churn

import (
	"testing"
	"time"
)

func TestDisaster(t *testing.T) {
	w := grown(t, testN(), 1)
	for _, share := range []float64{0.3, 0.5} {
		begin := time.Now()
		c := w.clone(uint64(100 * share))
		d := c.disaster("random", c.randomVictims(share))
		course := d.Course
		d.Course = nil
		t.Logf("%v %+v", time.Since(begin), d)
		for _, m := range course {
			if m.AtS == float64(int(m.AtS)) {
				t.Logf("%+v", m)
			}
		}
		ty := &c.tally
		t.Logf("views %d graphs %d plans %d builds %d refused %d reasons %v refusals %d", ty.views, ty.graphs, ty.plans, ty.builds, ty.refused, ty.reasons, ty.refusals)
	}
}

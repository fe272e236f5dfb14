package churn

import (
	"testing"
	"time"
)

func TestChurn(t *testing.T) {
	n := testN()
	w := grown(t, n, 1)
	w.watch = newWatch(w.now)
	begin := time.Now()
	w.churn(time.Hour)
	t.Logf("%v: %+v", time.Since(begin).Round(time.Millisecond), w.watch.result)
	ty := &w.tally
	t.Logf("floods %d msgs %d ends %d made %d dials %d dead %d timeouts %d refusals %d reunions %d", ty.floods, ty.messages, ty.ends, ty.made, ty.dials, ty.deadDials, ty.timeouts, ty.refusals, ty.reunions)
	t.Logf("views %d graphs %d spfs %d plans %d builds %d refused %d reasons %v", ty.views, ty.graphs, ty.spfs, ty.plans, ty.builds, ty.refused, ty.reasons)
	t.Log("detect", ty.detection.quantiles(), "flood", ty.reach.quantiles(), ty.floodTimes.quantiles(), "conv reset", ty.convergence(false).quantiles(), "silent", ty.convergence(true).quantiles(), "joins", ty.joins.quantiles())
	g := w.truth(nil, w.member)
	least, mean, most := g.degrees()
	c := g.cuts()
	t.Log(len(g.nodes), least, mean, most, c.parts, len(c.bridges), len(c.vertices))
}

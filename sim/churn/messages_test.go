package churn

import (
	"testing"
	"time"
)

func TestMessages(t *testing.T) {
	w := grown(t, testN(), 1)
	begin := time.Now()
	t.Logf("%+v", w.transits("link silent", 0, true))
	t.Logf("%+v", w.transits("server crash", 1, false))
	t.Logf("%+v", w.transits("server silent", 1, true))
	t.Logf("%+v", w.transits("two servers silent", 2, true))
	t.Log(time.Since(begin))
	begin = time.Now()
	t.Logf("%+v", w.shape())
	t.Log(time.Since(begin))
}

func TestSplitAndMail(t *testing.T) {
	w := grown(t, testN(), 1)
	begin := time.Now()
	c := w.clone(5)
	t.Logf("%+v", c.split())
	ty := &c.tally
	t.Logf("views %d graphs %d plans %d builds %d refused %d reasons %v refusals %d", ty.views, ty.graphs, ty.plans, ty.builds, ty.refused, ty.reasons, ty.refusals)
	t.Log(time.Since(begin))
	begin = time.Now()
	t.Logf("%+v", w.mailboxes())
	t.Log(time.Since(begin))
}

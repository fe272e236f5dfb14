package churn

import "testing"

func TestMessagesGetPastFailures(t *testing.T) {
	w := grown(t, 240, 1)
	for _, f := range []struct {
		name    string
		servers int
		silent  bool
		p99     float64 // extra, at most
	}{
		{"link, silent", 0, true, 1000},
		{"server, crash", 1, false, 500},
		{"two servers, silent", 2, true, 1500},
	} {
		r := w.transits(f.name, f.servers, f.silent)
		if r.Messages < 50 || r.Delivered < 1 || r.ExtraP99 > f.p99 || r.MaxHops > hopLimit {
			t.Errorf("%+v", r)
		}
	}
}

package directory

import (
	"testing"
	"time"
)

// Under a green bar stands no "no data yet": there are samples, too few for a share.
func TestStripOfFewSamples(t *testing.T) {
	now := time.Date(2026, 11, 28, 22, 10, 0, 0, time.UTC)
	p := &past{since: now}
	for _, tt := range []struct {
		samples   int
		some      bool
		wantClass string
	}{{0, false, "none"}, {3, true, "up"}} {
		for range tt.samples {
			p.sample(now, true)
		}
		for _, s := range strips(p.uptime(now)) {
			last := s.Runs[len(s.Runs)-1]
			if s.Share != "" || s.Some != tt.some || last.Class != tt.wantClass {
				t.Errorf("%s after %d samples: %+v", s.Label, tt.samples, s)
			}
		}
	}
}

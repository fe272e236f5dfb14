package chat

import (
	"testing"
	"time"
)

// reportProcessor says how much processor time an operation takes, since a moment,
// beside what the clock says, which others have a share in; and how much of it is
// floor, which is done as often for that.
func reportProcessor(b *testing.B, since time.Duration, what string, floor func() error) {
	b.StopTimer()
	b.ReportMetric(float64(processorTime(b)-since)/float64(b.N), "cpu-ns/op")
	since = processorTime(b)
	for range b.N {
		must(b, floor())
	}
	b.ReportMetric(float64(processorTime(b)-since)/float64(b.N), what+"-ns/op")
}

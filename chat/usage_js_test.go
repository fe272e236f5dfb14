package chat

import (
	"testing"
	"time"
)

// processorTime is what the clock says: no other time is told where Go is WebAssembly, and
// the one thread that there is waits for nothing in these benchmarks.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	return time.Duration(time.Now().UnixNano())
}

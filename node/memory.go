package node

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// After a storm of logins half of the heap is garbage, and the runtime keeps
// what it got from the system. Where nothing else is done it is given back.
const (
	tidyInterval = time.Second
	tidyQuiet    = 1 << 20  // octets allocated within tidyInterval: more is work
	tidyWorth    = 16 << 20 // octets allocated since the last time, at least; and half of what lives
)

// tidy gives memory back to the system in quiet times.
func (n *Node) tidy(ctx context.Context) error {
	tick := time.NewTicker(tidyInterval)
	defer tick.Stop()
	var before, tidied uint64 // octets allocated: a second ago, and when memory was given back
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		allocated, live := heap()
		quiet := allocated-before < tidyQuiet
		before = allocated
		if quiet && allocated-tidied > max(tidyWorth, live/2) {
			n.proxy.Rest()
			debug.FreeOSMemory()
			tidied = allocated
		}
	}
}

// heap returns how many octets were allocated since the start, and how many
// the last collection found in use.
func heap() (allocated, live uint64) {
	s := []runtimemetrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(s)
	return s[0].Value.Uint64(), s[1].Value.Uint64()
}

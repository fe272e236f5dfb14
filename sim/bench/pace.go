package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// overrun is how many times its duration an open loop may take before it
// gives up: the server cannot hold the rate.
const overrun = 3

// pace calls send for messages first to end-1 at their moments, message i being
// due at begin + i/rate, and returns how many it sent. A late call comes at once
// and keeps its due time. It has an operating system thread to itself, because
// the runtime rounds short sleeps up to a millisecond.
func pace(clock func() time.Duration, begin time.Duration, rate, first, end int, send func(i int, due time.Duration) bool) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// 1 ns of timer slack instead of 50 µs; failing that, latencies read higher.
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)

	interval := time.Second / time.Duration(rate)
	limit := begin + time.Duration(first)*interval + overrun*time.Duration(end-first)*interval
	for i := first; i < end; i++ {
		due := begin + time.Duration(i)*interval
		now := clock()
		if now > limit {
			return i - first
		}
		if due > now {
			wait := unix.NsecToTimespec(int64(due - now))
			unix.Nanosleep(&wait, nil) // an early wake-up sends early by less than it is worth
		}
		if !send(i, due) {
			return i - first
		}
	}
	return end - first
}

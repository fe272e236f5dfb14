package client

import (
	"io"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/transport"
)

// How long a device waits after sessions that ended in one way after the other.
func TestBackoff(t *testing.T) {
	lost := ending{settled: true, why: io.EOF}
	tests := []struct {
		name   string
		end    ending
		lasted time.Duration
		times  int
		pause  time.Duration // after them
		slow   int
	}{
		{"lost after a while", lost, time.Minute, 100, 0, 0},
		{"lost soon", lost, 10 * time.Millisecond, freeMoves, 0, 0},
		{"lost soon again and again", lost, 10 * time.Millisecond, freeMoves + 2, 2 * minRetry, 0},
		{"never of use", ending{why: io.EOF}, 10 * time.Millisecond, 3, 4 * minRetry, 0},
		{"ended here", ending{settled: true, why: transport.ErrClosed}, 10 * time.Millisecond, 2, 2 * minRetry, 0},
		{"driven out", ending{settled: true, why: omega.Errorf(omega.CodeSuperseded, "")}, time.Hour, 20, maxRetry, 0},
		{"draining", ending{settled: true, why: omega.Errorf(omega.CodeShutdown, "1500")}, time.Second, 3, 1500 * time.Millisecond, 0},
		{"draining for ever", ending{settled: true, why: omega.Errorf(omega.CodeShutdown, "4000000000")}, time.Second, 1, maxBye, 0},
		{"silent", ending{settled: true, why: errSilent}, 2 * time.Second, 3, 0, 3},
		{"silent, but prompt before", ending{settled: true, prompt: true, why: errSilent}, 2 * time.Second, 3, 0, 0},
		{"silent for long", ending{settled: true, why: errSilent}, time.Hour, 9, 0, 1},
	}
	for _, tt := range tests {
		var b backoff
		now := time.Now()
		for range tt.times {
			b.ended(tt.end, tt.lasted, now)
		}
		if b.pause != tt.pause || b.slow != tt.slow {
			t.Errorf("%s, %d times: pause %v, patience doubled %d times, want %v and %d", tt.name, tt.times, b.pause, b.slow, tt.pause, tt.slow)
		}
	}
}

// Moves that were spent come back with time.
func TestFreeMoves(t *testing.T) {
	var b backoff
	now := time.Now()
	spent := func() (n int) {
		for b.move(now) {
			n++
		}
		return n
	}
	if n := spent(); n != freeMoves {
		t.Errorf("%d moves at once, want %d", n, freeMoves)
	}
	now = now.Add(3*moveEvery + moveEvery/2)
	if n := spent(); n != 3 {
		t.Errorf("%d moves later, want 3", n)
	}
	now = now.Add(-time.Hour)
	if n := spent(); n != freeMoves {
		t.Errorf("%d moves after the clock was set back, want %d", n, freeMoves)
	}
}

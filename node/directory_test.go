package node

import (
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	for _, tt := range []struct {
		used, elapsed time.Duration
		processors    int
		want          uint16
	}{
		{0, time.Minute, 2, 0}, {time.Minute, time.Minute, 2, 500}, {30 * time.Millisecond, time.Minute, 1, 1}, {3 * time.Minute, time.Minute, 2, 1000},
		{-time.Second, time.Minute, 1, 0}, {time.Second, 0, 1, 0},
	} {
		if got := loadOf(tt.used, tt.elapsed, tt.processors); got != tt.want {
			t.Errorf("%v of %v on %d processors: %d, want %d", tt.used, tt.elapsed, tt.processors, got, tt.want)
		}
	}
}

func TestRoundUsers(t *testing.T) {
	for n, want := range map[int]int{0: 0, 7: 7, 99: 99, 104: 100, 105: 110, 1234: 1200, 98765: 99000, 999999: 1000000} {
		if got := roundUsers(n); got != want {
			t.Errorf("%d is told as %d, want %d", n, got, want)
		}
	}
}

//go:build fault

package main

import (
	"testing"
	"time"
)

func TestSetWall(t *testing.T) {
	now := time.Now()
	for _, d := range []time.Duration{0, time.Second, -time.Second, 2 * time.Hour, -2 * time.Hour} {
		got := setWall(now, int64(d/time.Second))
		if wall := got.Round(0).Sub(now.Round(0)); wall != d {
			t.Errorf("%v: the wall clock moved by %v", d, wall)
		}
		if mono := got.Sub(now); mono != 0 {
			t.Errorf("%v: the monotonic clock moved by %v", d, mono)
		}
	}
}

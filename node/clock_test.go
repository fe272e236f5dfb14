package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// clockFP is the fingerprint of the server of a number.
func clockFP(t *testing.T, i int) omega.Fingerprint {
	t.Helper()
	fp, err := omega.ParseFingerprint(fmt.Sprintf("%040X", i+1))
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

// TestClocks: a server finds out that its own clock is the wrong one, and is not
// misled by one of several others. (spec/cloud.md, CLOUD-52)
func TestClocks(t *testing.T) {
	const far = 25 * time.Minute
	now := time.Now()
	for _, tt := range []struct {
		name  string
		ahead []time.Duration
		want  float64 // seconds; 0: right
	}{
		{"nobody", nil, 0},
		{"the only other one", []time.Duration{far}, far.Seconds()},
		{"honest differences", []time.Duration{time.Second, -time.Minute, omega.ClockTolerance}, 0},
		{"ahead of all", []time.Duration{far, far + time.Second, far - time.Second}, far.Seconds()},
		{"behind two", []time.Duration{-far, -far - 4*time.Second}, -far.Seconds()},
		{"one of two others is wrong", []time.Duration{far, 0}, 0},
		{"a liar among three", []time.Duration{0, time.Second, 100 * far}, 0},
		{"a liar who hides it", []time.Duration{-far, 0, -far}, -far.Seconds()},
	} {
		var c clocks
		for i, d := range tt.ahead {
			c.note(clockFP(t, i), d, now)
		}
		got := c.off(now)
		if (got == nil) != (tt.want == 0) || got != nil && (got.Ahead != tt.want || got.Servers != len(tt.ahead)) {
			t.Errorf("%s: %+v, want %v", tt.name, got, tt.want)
		}
		if c.off(now.Add(clockAge)) != nil {
			t.Errorf("%s: goes by what is old", tt.name)
		}
	}
	var c clocks
	for i := range 1000 {
		c.note(clockFP(t, i), far, now.Add(time.Duration(i)))
	}
	if len(c.samples) != maxClocks {
		t.Errorf("%d are kept, want %d", len(c.samples), maxClocks)
	}
	if c.note(clockFP(t, 5000), 0, now.Add(time.Hour)); c.samples[clockFP(t, 5000)].at.IsZero() {
		t.Error("the newest one is not kept")
	}
}

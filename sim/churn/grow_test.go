package churn

import (
	"os"
	"strconv"
	"testing"
	"time"
)

func grown(t testing.TB, n int, seed uint64) *world {
	t.Helper()
	cfg := &Config{Servers: n, Seed: seed}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	w := newWorld(cfg)
	begin := time.Now()
	w.grow(n)
	t.Logf("grown to %d in %v; builds %d, refused %d", n, time.Since(begin).Round(time.Millisecond), w.tally.builds, w.tally.refused)
	return w
}

func TestGrow(t *testing.T) {
	w := grown(t, testN(), 1)
	least, most, sum := 99, 0, 0
	for i := range w.servers {
		d := len(w.servers[i].links)
		least, most, sum = min(least, d), max(most, d), sum+d
	}
	t.Log(least, most, float64(sum)/float64(len(w.servers)))
	if least < 3 || most > 12 {
		t.Errorf("degrees %d to %d", least, most)
	}
}

func testN() int {
	if s := os.Getenv("N"); s != "" {
		n, _ := strconv.Atoi(s)
		return n
	}
	return 300
}

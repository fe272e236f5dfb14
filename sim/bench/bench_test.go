package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets this binary be the relay, as the program itself does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		fmt.Fprintln(os.Stderr, serveFloor(os.Args[2:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestSmoke takes every row of the relays once, small.
func TestSmoke(t *testing.T) {
	var out bytes.Buffer
	rowsFile := t.TempDir() + "/rows"
	err := bench(t.Context(), []string{
		"-systems", "floor,floor-sync", "-modes", "thr,rate,offline,forward,group,idle", "-members", "3", "-pairs", "3", "-windows", "1,4", "-rates", "200", "-idle", "10",
		"-warmup", "50ms", "-duration", "200ms", "-settle", "10ms", "-dir", t.TempDir(), "-json", rowsFile,
	}, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, title := range []string{"TCP round trip", "Throughput", "Latency", "Idle connections", "two neighbours", "a group"} {
		if !strings.Contains(out.String(), title) {
			t.Errorf("the report lacks %q:\n%s", title, out.String())
		}
	}
	rows := readRows(t, rowsFile)
	if len(rows) != 1+2*5+1 { // the one that stores does not forward
		t.Fatalf("%d rows, want 12", len(rows))
	}
	for _, r := range rows {
		switch {
		case r.Missing != 0:
			t.Errorf("%s %s: %d messages are missing", r.System, r.Mode, r.Missing)
		case r.Mode != "machine" && r.Mode != "idle" && r.Messages == 0:
			t.Errorf("%s %s: nothing was counted", r.System, r.Mode)
		case r.Mode == "rate" && (r.Delivered == nil || r.Accepted == nil || r.Delivered.P50 <= 0):
			t.Errorf("%s: no latencies: %+v", r.System, r)
		case r.Mode == "machine" && (r.Machine.RoundTrip <= 0 || r.Machine.Sync <= 0):
			t.Errorf("the machine was not measured: %+v", r.Machine)
		}
	}
}

func readRows(t *testing.T, name string) (rows []result) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		rows = append(rows, r)
	}
	return rows
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-systems", "nothing"}, {"-systems", "floor", "-modes", "nothing"}, {"-windows", "0"}, {"-rates", "x"}, {"-unknown"},
	} {
		if err := bench(t.Context(), append(args, "-dir", t.TempDir()), io.Discard, io.Discard); err == nil {
			t.Errorf("bench %v = nil, want an error", args)
		}
	}
}

func TestSummarise(t *testing.T) {
	if got := summarise(nil); got != nil {
		t.Errorf("summarise(nil) = %v, want nil", got)
	}
	var values []time.Duration
	for i := range 1000 {
		values = append(values, time.Duration(1000-i)*time.Millisecond)
	}
	want := quantiles{P50: 501, P99: 991, P999: 1000, Max: 1000}
	if got := summarise(values); *got != want {
		t.Errorf("summarise = %+v, want %+v", *got, want)
	}
}

func TestBody(t *testing.T) {
	body := newBody()
	rest := slices.Clone(body[bodyHeader:])
	fillBody(body, 77, 5*time.Second)
	sequence, scheduled, err := readBody(body)
	if sequence != 77 || scheduled != 5*time.Second || err != nil {
		t.Errorf("readBody = %d, %v, %v", sequence, scheduled, err)
	}
	if !bytes.Equal(body[bodyHeader:], rest) {
		t.Error("fillBody changed more than the header")
	}
	if bytes.ContainsAny(body, "<>&'\"") {
		t.Error("the body has markup")
	}
	for _, bad := range [][]byte{nil, body[:bodySize-1], bytes.Repeat([]byte("x"), bodySize)} {
		if _, _, err := readBody(bad); err == nil {
			t.Errorf("readBody(%d octets) succeeded", len(bad))
		}
	}
}

// TestPairRefuses states what the harness never counts as delivered.
func TestPairRefuses(t *testing.T) {
	message := func(sequence int) []byte {
		body := newBody()
		fillBody(body, sequence, 0)
		return body
	}
	newPair := func() *pair {
		return &pair{clock: func() time.Duration { return 0 }, body: newBody(), accepts: true}
	}
	p := newPair()
	if err := p.onMessage(message(0)); err != nil {
		t.Errorf("first message: %v", err)
	}
	if err := p.onMessage(message(0)); err == nil {
		t.Error("a message counted twice")
	}
	if err := p.onMessage(message(2)); err == nil {
		t.Error("a gap went unseen")
	}
	if err := newPair().onAccepted(1); err == nil {
		t.Error("an acceptance without a message counted")
	}
}

func TestPaceGivesUp(t *testing.T) {
	now := time.Duration(0)
	clock := func() time.Duration { return now }
	sent := pace(clock, 0, 1000, 0, 100, func(int, time.Duration) bool {
		now += 30 * time.Millisecond // a server that takes thirty times too long
		return true
	})
	if sent != 11 {
		t.Errorf("sent %d messages, want 11: three times 100 ms at 30 ms each", sent)
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	before, err := measure(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for spent := before; spent.server-before.server < 3*clockTick; {
		if spent, err = measure(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if rss, err := treeRSS(os.Getpid()); err != nil || rss < 1<<20 {
		t.Errorf("treeRSS = %d, %v", rss, err)
	}
	if _, err := measure(1 << 30); err == nil {
		t.Error("measure of a process that does not exist succeeded")
	}
}

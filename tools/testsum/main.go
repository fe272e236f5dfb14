// Command testsum reads the output of go test -json on standard input, shows
// what failed with its output, and closes with a summary: packages, tests,
// skipped tests with their reasons, and the slowest packages.
//
//	go test -json ./... | testsum [-strict]
//
// The exit code is 1 when something failed, when nothing ran, and, with
// -strict, when a test was skipped. A test that one run skipped and another
// passed, with and without the race detector, counts as passed. It uses the standard library only, so that
// the everyday tests need no download for it.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"
	"time"
)

// An event is one line of go test -json (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string
}

// A summary is what has been read so far.
type summary struct {
	out     io.Writer
	output  map[string][]string // lines of what runs, by package and test
	passed  int                 // tests and subtests
	failed  []string
	skipped map[string]string  // reasons, by package and test
	times   map[string]float64 // seconds by package
	started time.Time
}

func newSummary(out io.Writer) *summary {
	return &summary{
		out: out, output: make(map[string][]string), skipped: make(map[string]string),
		times: make(map[string]float64), started: time.Now(),
	}
}

func main() {
	strict := flag.Bool("strict", false, "a skipped test is a failure")
	flag.Parse()
	s := newSummary(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		s.add(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(s.out, "read test output:", err)
		os.Exit(1)
	}
	if !s.close(*strict) {
		os.Exit(1)
	}
}

// add takes one line. What is no event is printed as it is.
func (s *summary) add(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		fmt.Fprintf(s.out, "%s\n", line)
		return
	}
	key := e.Package + e.ImportPath + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		s.output[key] = append(s.output[key], e.Output)
	case "build-fail":
		s.show(key)
	case "pass", "fail", "skip":
		s.end(e, key)
	}
}

func (s *summary) end(e event, key string) {
	name := strings.TrimSpace(e.Package + " " + e.Test)
	if e.Test == "" {
		s.times[e.Package] += e.Elapsed
	}
	switch {
	case e.Action == "fail":
		s.failed = append(s.failed, name)
		if e.Test == "" { // what a test wrote that never ended, as after a panic
			for _, k := range slices.Sorted(maps.Keys(s.output)) {
				if strings.HasPrefix(k, e.Package+" ") {
					s.show(k)
				}
			}
		}
		s.show(key)
	case e.Test == "":
		if e.Action == "pass" {
			fmt.Fprintf(s.out, "ok   %-60s %6.1fs\n", e.Package, e.Elapsed)
		}
	case e.Action == "pass":
		s.passed++
		delete(s.skipped, name)
	case e.Action == "skip":
		s.skipped[name] = reason(s.output[key])
	}
	delete(s.output, key)
}

// show prints what a failed test or build wrote.
func (s *summary) show(key string) {
	for _, line := range s.output[key] {
		fmt.Fprint(s.out, line)
	}
	delete(s.output, key)
}

// reason finds what t.Skip said: a line that names the test's file.
func reason(lines []string) string {
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "no reason given"
}

// close prints the summary and reports whether all is well.
func (s *summary) close(strict bool) bool {
	fmt.Fprintln(s.out)
	for _, name := range slices.Sorted(maps.Keys(s.skipped)) {
		fmt.Fprintf(s.out, "skipped: %s: %s\n", name, s.skipped[name])
	}
	for _, name := range s.failed {
		fmt.Fprintln(s.out, "FAILED: ", name)
	}
	fmt.Fprintf(s.out, "slowest: %s\n", s.slowest(5))
	fmt.Fprintf(s.out, "%d packages, %d tests passed, %d failed, %d skipped, %s\n", len(s.times), s.passed,
		len(s.failed), len(s.skipped), time.Since(s.started).Round(time.Second))
	return len(s.failed) == 0 && s.passed > 0 && !(strict && len(s.skipped) > 0)
}

func (s *summary) slowest(n int) string {
	names := make([]string, 0, len(s.times))
	for name := range s.times {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return s.times[names[i]] > s.times[names[j]] })
	names = names[:min(n, len(names))]
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %.1fs", name[strings.LastIndexByte(name, '/')+1:], s.times[name])
	}
	return strings.Join(names, ", ")
}

package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	for _, tt := range []struct {
		name   string
		strict bool
		lines  []string
		want   string // in the output
		ok     bool
	}{
		{"all well", false, []string{
			`{"Action":"pass","Package":"m/a","Test":"TestA","Elapsed":0.1}`,
			`{"Action":"pass","Package":"m/a","Elapsed":0.2}`},
			"1 packages, 1 tests passed, 0 failed, 0 skipped", true},
		{"failure shows its output", false, []string{
			`{"Action":"pass","Package":"m/a","Test":"TestA"}`,
			`{"Action":"output","Package":"m/a","Test":"TestB","Output":"got 1, want 2\n"}`,
			`{"Action":"fail","Package":"m/a","Test":"TestB"}`},
			"got 1, want 2", false},
		{"build failure", false, []string{
			`{"ImportPath":"m/a","Action":"build-output","Output":"undefined: x\n"}`,
			`{"ImportPath":"m/a","Action":"build-fail"}`,
			`{"Action":"fail","Package":"m/a","FailedBuild":"m/a"}`},
			"undefined: x", false},
		{"nothing ran", false, nil, "0 tests passed", false},
		{"skip", false, []string{
			`{"Action":"pass","Package":"m/a","Test":"TestA"}`,
			`{"Action":"output","Package":"m/a","Test":"TestB","Output":"=== RUN   TestB\n"}`,
			`{"Action":"output","Package":"m/a","Test":"TestB","Output":"    a_test.go:1: gpg is not installed\n"}`,
			`{"Action":"skip","Package":"m/a","Test":"TestB"}`},
			"skipped: m/a TestB: a_test.go:1: gpg is not installed", true},
		{"skip where that is a failure", true, []string{
			`{"Action":"pass","Package":"m/a","Test":"TestA"}`,
			`{"Action":"skip","Package":"m/a","Test":"TestB"}`},
			"no reason given", false},
		{"skipped by one run, passed by the next", true, []string{
			`{"Action":"skip","Package":"m/a","Test":"TestB"}`,
			`{"Action":"pass","Package":"m/a","Test":"TestB"}`},
			"1 tests passed, 0 failed, 0 skipped", true},
		{"other output", false, []string{`panic: x`}, "panic: x", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			s := newSummary(&out)
			for _, line := range tt.lines {
				s.add([]byte(line))
			}
			if got := s.close(tt.strict); got != tt.ok {
				t.Errorf("close = %v, want %v", got, tt.ok)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("output %q does not contain %q", out.String(), tt.want)
			}
		})
	}
}

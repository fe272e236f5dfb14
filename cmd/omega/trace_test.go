package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A home that does not answer is told below the ways to the others, and by the
// exit code.
func TestSilentHomeOnTheWay(t *testing.T) {
	proxy, home, dead := testFingerprint(t, 1), testFingerprint(t, 2), testFingerprint(t, 3)
	offline := &clientrpc.Error{Code: clientrpc.CodeOffline, Doing: i18n.T("doing.way"), Why: i18n.T("why.noanswer", dead), Next: i18n.T("next.retry")}
	for _, asJSON := range []bool{false, true} {
		ways := []clientrpc.Way{
			{Home: dead, Problem: offline},
			{Home: proxy, Direct: true, TotalMS: 1.5, Hops: []clientrpc.Hop{{Server: proxy, RTTMS: 1.5}}},
			{Home: home, Direct: true, TotalMS: 7.25, Hops: []clientrpc.Hop{{Server: proxy, RTTMS: 1.5}, {Server: home, Name: "d", RTTMS: 7.25}}},
		}
		var out, problem bytes.Buffer
		a := &app{stdout: &out, stderr: &problem, lang: i18n.Chinese, json: asJSON}
		if code := a.fail(a.ways(ways)); code != exitQueued {
			t.Errorf("json %v: exit code %d, want %d", asJSON, code, exitQueued)
		}
		want := []string{home.String() + "  d", "來回 7.250 毫秒", "來回 1.500 毫秒"}
		if asJSON {
			want = []string{`"home":"` + home.String(), `"total_ms":7.25`, `"home":"` + dead.String()}
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("json %v: %q is not in %q", asJSON, w, out.String())
			}
		}
		if !strings.Contains(problem.String(), dead.String()) || strings.Contains(out.String(), "problem") {
			t.Errorf("json %v: standard error %q, standard output %q", asJSON, problem.String(), out.String())
		}
	}
}

func testFingerprint(t *testing.T, n byte) omega.Fingerprint {
	t.Helper()
	fp, err := omega.FingerprintV4(append(make([]byte, 19), n))
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

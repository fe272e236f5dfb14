package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/node"
)

func fingerprint(t *testing.T, digit string) omega.Fingerprint {
	t.Helper()
	fp, err := omega.ParseFingerprint(strings.Repeat(digit, 40))
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

func TestPrintTrace(t *testing.T) {
	a, b := fingerprint(t, "A"), fingerprint(t, "B")
	hops := []node.TraceHop{{Server: a, Name: "玉山", RTTMS: 1.5}, {Server: b, RTTMS: 12.25}}
	rows := []struct {
		name string
		lang i18n.Lang
		tr   node.Trace
		want string // the last line
	}{
		{"direct", i18n.English, node.Trace{Hops: hops[1:], Direct: true, Arrived: true, TotalMS: 12.25}, "directly connected, round trip 12.250 ms"},
		{"forwarded", i18n.English, node.Trace{Hops: hops, Arrived: true, TotalMS: 12.25}, "forwarded by 1 server, round trip 12.250 ms"},
		{"forwarded", i18n.Chinese, node.Trace{Hops: hops, Arrived: true, TotalMS: 12.25}, "經 1 部伺服器轉送，來回 12.250 毫秒"},
		{"lost", i18n.English, node.Trace{Hops: hops[:1]}, "server " + b.String() + " does not answer; above is who did"},
		{"itself", i18n.Chinese, node.Trace{Arrived: true}, "就是這部伺服器自己"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var out strings.Builder
			if err := printTrace(&out, row.lang, b, row.tr); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got := lines[len(lines)-1]; got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if len(lines) != len(row.tr.Hops)+1 {
				t.Errorf("%d lines:\n%s", len(lines), out.String())
			}
		})
	}
}

// What is no answer is an error that says where it came from.
func TestFetchTraceFails(t *testing.T) {
	for body, status := range map[string]int{"no way": http.StatusServiceUnavailable, "<html>": http.StatusOK} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		}))
		defer srv.Close()
		if tr, err := node.FetchTrace(context.Background(), strings.TrimPrefix(srv.URL, "http://"), fingerprint(t, "A")); err == nil {
			t.Errorf("%q: %+v", body, tr)
		}
	}
}

package node

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/omega-im/omega/transport"
)

// paths records what is registered.
type paths map[string]bool

func (p paths) HandleFunc(pattern string, _ func(http.ResponseWriter, *http.Request)) {
	p[pattern] = true
}

// TestEveryPathHasARation: what the public listener answers is in the table, and
// nothing else is: who adds a path decides what it costs. (spec/directory.md, DIR-1)
func TestEveryPathHasARation(t *testing.T) {
	n := run(t, "")
	got := paths{"GET /healthz": true, "GET " + transport.WebSocketPath: true, "GET /api/v1/denied": true, "GET /media/{name}": true}
	n.directory.Register(got)
	n.hkp.Register(got)
	for _, p := range slices.Sorted(maps.Keys(rations)) {
		if !got[p] {
			t.Errorf("%s has a ration and is not served", p)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(got)) {
		if _, ok := rations[p]; !ok {
			t.Errorf("%s is served and has no ration", p)
		}
	}
	r := &router{mux: http.NewServeMux(), visitors: newVisitors(mustParse(t, ""), nil)}
	r.HandleFunc("GET /new", func(http.ResponseWriter, *http.Request) {})
	if r.err == nil {
		t.Error("a path without a ration is served")
	}
}

// TestCostlyPathsCostMore: of the same ration of one address fewer requests pass
// where each is more work, and another address has its own.
func TestCostlyPathsCostMore(t *testing.T) {
	n := run(t, "")
	h, err := n.publicHandler()
	if err != nil {
		t.Fatal(err)
	}
	v := h.(*visitors)
	v.gate, v.burst = transport.NewGate(transport.Limits{HandshakeRate: 0.0001, HandshakeBurst: 20}), 20 // nothing comes back meanwhile
	ask := func(from, path string) int {
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for from, tt := range map[string]struct {
		path string
		pass int
	}{
		"192.0.2.1:1":         {"/ping", 20},
		"192.0.2.2:1":         {"/pks/lookup?op=get&search=nothing", 10},
		"192.0.2.3:1":         {"/api/v1/users/" + n.Fingerprint().String(), 4},
		"[2001:db8::1]:1":     {"/user?fpr=" + n.Fingerprint().String(), 4},
		"[2001:db8:0:1::1]:1": {"/user", 4},
	} {
		passed := 0
		for range 30 {
			if ask(from, tt.path) != http.StatusTooManyRequests {
				passed++
			}
		}
		if passed != tt.pass {
			t.Errorf("%s: %d pass, want %d", tt.path, passed, tt.pass)
		}
	}
	if code := ask("[2001:db8::2]:1", "/user"); code != http.StatusTooManyRequests {
		t.Errorf("another address of one IPv6 network: %d", code)
	}
}

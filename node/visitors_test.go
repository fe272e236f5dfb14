package node

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/omega-im/omega/transport"
)

// TestVisitorsHaveTheirShare: who asks too much is told so, and when to come
// again; neither others nor this machine notice.
func TestVisitorsHaveTheirShare(t *testing.T) {
	hold, in := make(chan struct{}), make(chan struct{}, 100)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /slow", func(http.ResponseWriter, *http.Request) { in <- struct{}{}; <-hold })
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	v := newVisitors(mustParse(t, "[limits]\nhttp_requests_per_second = 0.1"), mux)
	ask := func(from, path string) *http.Response {
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		v.ServeHTTP(w, r)
		return w.Result()
	}
	const one, other, here = "192.0.2.1:1000", "192.0.2.2:1000", "127.0.0.1:1000"

	if r := ask(one, "/"); r.StatusCode != http.StatusOK {
		t.Errorf("the first request: %s", r.Status)
	}
	r := ask(one, "/")
	if r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %s, %v", r.Status, r.Header)
	}
	if r := ask(other, "/"); r.StatusCode != http.StatusOK {
		t.Errorf("another address: %s", r.Status)
	}
	for range 100 {
		if r := ask(here, "/"); r.StatusCode != http.StatusOK {
			t.Fatalf("this machine: %s", r.Status)
		}
	}

	v = newVisitors(mustParse(t, "[limits]\nhttp_requests_per_second = 1000.0\nhttp_at_once_per_host = 3\nhttp_at_once = 5"), mux)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { ask(one, "/slow") })
		<-in
	}
	if r := ask(one, "/"); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the fourth at once of one address: %s", r.Status)
	}
	for range 2 {
		wg.Go(func() { ask(other, "/slow") })
		<-in
	}
	if r := ask("192.0.2.3:1", "/"); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the sixth of all: %s", r.Status)
	}
	if r := ask("192.0.2.3:1", transport.WebSocketPath); r.StatusCode == http.StatusTooManyRequests {
		t.Error("a WebSocket counts as a request")
	}
	close(hold)
	wg.Wait()
	if r := ask(one, "/"); r.StatusCode != http.StatusOK {
		t.Errorf("when there is room again: %s", r.Status)
	}
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestBudgetLeavesFiles: clients and visitors never have all files of the process.
func TestBudgetLeavesFiles(t *testing.T) {
	files := maxFiles()
	got := mustParse(t, "").budget()
	if got <= 0 || got > files-min(reservedFiles, files/2) {
		t.Errorf("%d of %d files for clients", got, files)
	}
	if got := mustParse(t, "[limits]\nconnections = 7").budget(); got != 7 {
		t.Errorf("%d connections, want 7", got)
	}
}

package directory

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
)

func newIdentity(t *testing.T) *pgp.Identity {
	t.Helper()
	now := time.Now().Add(-time.Hour)
	random := rand.NewChaCha8([32]byte{1})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	primary, err := pgp.GenerateSigning(random, now)
	must(err)
	cert, err := pgp.NewCertificate(ctx, primary, time.Time{}, now)
	must(err)
	dev, err := pgp.GenerateDevice(random, "server", now)
	must(err)
	req, err := dev.Request(ctx, primary.Public(), now)
	must(err)
	cert, err = pgp.AddDevice(ctx, primary, cert, req, now)
	must(err)
	id, err := pgp.NewIdentity(cert, dev)
	must(err)
	return id
}

// topologyOf is a cloud of n servers in a ring.
func topologyOf(t *testing.T, n int) *mesh.Topology {
	t.Helper()
	top := &mesh.Topology{States: map[omega.Fingerprint]mesh.ServerState{}}
	for i := range n {
		fp, err := omega.ParseFingerprint(fmt.Sprintf("%040X", i+1))
		if err != nil {
			t.Fatal(err)
		}
		top.Servers = append(top.Servers, &mesh.Record{Announcement: &mesh.Announcement{
			Server: fp, Name: fmt.Sprint("server ", i), Operator: "somebody", Client: fmt.Sprintf("s%d.example:7000", i),
		}})
		top.States[fp] = mesh.Full
	}
	return top
}

func serve(t *testing.T, d *Directory, path string, headers ...string) *http.Response {
	t.Helper()
	mux := http.NewServeMux()
	d.Register(mux)
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPages: a page is made once per state of the cloud, is the same compressed
// and plain, and is not sent again to who has it.
func TestPages(t *testing.T) {
	top := topologyOf(t, 200)
	now := time.Now()
	d, err := New(Config{
		Identity: newIdentity(t), Topology: func() *mesh.Topology { return top }, Clock: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/topology", "/api/v1/proxies"} {
		t.Run(path, func(t *testing.T) {
			plain := serve(t, d, path)
			text := body(t, plain.Body)
			if !json.Valid([]byte(text)) || strings.Count(text, "somebody") != 200 {
				t.Fatalf("%d octets: %.80s", len(text), text)
			}
			small := serve(t, d, path, "Accept-Encoding", "br, gzip;q=0.5")
			if got := small.Header.Get("Content-Encoding"); got != "gzip" {
				t.Fatalf("Content-Encoding %q", got)
			}
			packed := body(t, small.Body)
			z, err := gzip.NewReader(strings.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			if body(t, z) != text || len(packed) > len(text)/2 {
				t.Errorf("compressed to %d of %d octets, or to something else", len(packed), len(text))
			}
			if got := serve(t, d, path, "Accept-Encoding", "gzip;q=0").Header.Get("Content-Encoding"); got != "" {
				t.Errorf("who refuses gzip gets %q", got)
			}
			for _, r := range []*http.Response{plain, small} {
				again := serve(t, d, path, "If-None-Match", r.Header.Get("ETag"), "Accept-Encoding", r.Header.Get("Content-Encoding"))
				if again.StatusCode != http.StatusNotModified || body(t, again.Body) != "" {
					t.Errorf("who has %q gets %s", r.Header.Get("ETag"), again.Status)
				}
			}
			top, now = topologyOf(t, 201), now.Add(time.Hour)
			fresh := serve(t, d, path, "If-None-Match", plain.Header.Get("ETag"))
			if n := strings.Count(body(t, fresh.Body), "somebody"); fresh.StatusCode != http.StatusOK || n != 201 {
				t.Errorf("after a change: %s, %d servers", fresh.Status, n)
			}
			top = topologyOf(t, 200)
		})
	}
	first, err := d.topology()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := d.topology(); err != nil || again != first {
		t.Errorf("the page is made for every request, %v", err)
	}
}

// TestListIsSigned: the signature is over the octets of the list that stands.
func TestListIsSigned(t *testing.T) {
	id := newIdentity(t)
	d, err := New(Config{Identity: id, Topology: func() *mesh.Topology { return topologyOf(t, 3) }})
	if err != nil {
		t.Fatal(err)
	}
	list, sig := serve(t, d, "/api/v1/proxies"), serve(t, d, "/api/v1/proxies.sig")
	if got := sig.Header.Get("Content-Type"); got != "application/pgp-signature" {
		t.Errorf("Content-Type %q", got)
	}
	l, err := d.current(t.Context())
	if err != nil || body(t, list.Body) != string(l.list.body) || body(t, sig.Body) != string(l.sig.body) {
		t.Errorf("list and signature are not those that stand together, %v", err)
	}
}

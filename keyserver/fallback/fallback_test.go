package fallback

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// A public is a public key server, which notes what it is asked.
type public struct {
	t    *testing.T
	host string
	root *x509.CertPool

	mu   sync.Mutex
	seen []seen // guarded by mu
}

// seen is one request, with all that could carry something to the outside.
type seen struct {
	method, url string
	body        int
	headers     []string
}

func newPublic(t *testing.T, answer http.HandlerFunc) *public {
	t.Helper()
	p := &public{t: t, root: x509.NewCertPool()}
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		note := seen{method: r.Method, url: r.URL.String(), body: len(b)}
		for name := range r.Header {
			note.headers = append(note.headers, name)
		}
		slices.Sort(note.headers)
		p.mu.Lock()
		p.seen = append(p.seen, note)
		p.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(web.Close)
	p.host = strings.TrimPrefix(web.URL, "https://")
	p.root.AddCert(web.Certificate())
	return p
}

func (p *public) asked() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

// finder asks p and then the others, all by HKP.
func (p *public) finder(clock func() time.Time, others ...*public) *Finder {
	p.t.Helper()
	cfg := Config{Servers: []string{"hkp://" + p.host}, Roots: p.root, Now: clock}
	for _, o := range others {
		cfg.Servers = append(cfg.Servers, "hkp://"+o.host)
	}
	f, err := New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

// newKey makes the certificate of somebody.
func newKey(t *testing.T) *pgp.Certificate {
	t.Helper()
	primary, err := pgp.GenerateSigning(rand.Reader, noon().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.NewCertificate(t.Context(), primary, time.Time{}, noon().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func code(err error) omega.Code {
	var e *omega.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return omega.CodeOK
}

// TestRequest wants exactly the two forms of KEYS-17, and nothing in them that
// could carry a key or tell look-ups apart.
func TestRequest(t *testing.T) {
	cert := newKey(t)
	fp := cert.Fingerprint()
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // it has no say
	p := newPublic(t, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "who", Value: "you"})
		_, _ = io.WriteString(w, cert.Armor())
	})
	for form, path := range map[form]string{
		formVKS: "/vks/v1/by-fingerprint/" + fp.String(),
		formHKP: "/pks/lookup?op=get&options=mr&search=0x" + fp.String(),
	} {
		f, err := New(Config{Servers: []string{string(form) + "://" + p.host}, Roots: p.root, Now: noon})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			before := len(p.asked())
			host, key, err := f.Find(t.Context(), fp, fp)
			if err != nil || host != p.host || key.Key.Fingerprint() != fp || len(key.UserIDs) != 1 {
				t.Fatalf("%s: %s, %v", form, host, err)
			}
			got := p.asked()[before:]
			if len(got) != 1 || got[0].method != "GET" || got[0].url != path || got[0].body != 0 || strings.Join(got[0].headers, " ") != "Connection User-Agent" {
				t.Errorf("%s: requests %+v", form, got)
			}
		}
	}
}

// TestAnswers gives answers that are none.
func TestAnswers(t *testing.T) {
	cert, other := newKey(t), newKey(t)
	elsewhere := newPublic(t, says(cert.Armor()))
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   omega.Code
	}{
		"the key":      {says(cert.Armor()), omega.CodeOK},
		"binary":       {says(string(cert.Bytes())), omega.CodeOK},
		"another key":  {says(other.Armor()), omega.CodeNotFound},
		"both":         {says(cert.Armor() + other.Armor()), omega.CodeUnavailable},
		"not found":    {http.NotFound, omega.CodeNotFound},
		"a page":       {says("<html>welcome"), omega.CodeUnavailable},
		"nothing":      {says(""), omega.CodeUnavailable},
		"an error":     {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", 500) }, omega.CodeUnavailable},
		"too often":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", 429) }, omega.CodeUnavailable},
		"a redirect":   {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "https://"+elsewhere.host, 302) }, omega.CodeUnavailable},
		"two megabyte": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "2000000") }, omega.CodeUnavailable},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
					return
				}
			}
		}, omega.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPublic(t, tt.answer)
			_, _, err := p.finder(noon).Find(t.Context(), cert.Fingerprint(), cert.Fingerprint())
			if code(err) != tt.want || (err == nil) != (tt.want == omega.CodeOK) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if tt.want == omega.CodeUnavailable && !strings.Contains(err.Error(), p.host+": ") {
				t.Errorf("%v: does not name %s", err, p.host)
			}
		})
	}
	if n := len(elsewhere.asked()); n != 0 {
		t.Errorf("%d requests after a redirect", n)
	}
}

// TestGivesUp leaves a server that does not answer when the caller does.
func TestGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := newPublic(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, _, err := p.finder(noon).Find(ctx, newKey(t).Fingerprint(), newKey(t).Fingerprint()); code(err) != omega.CodeUnavailable {
		t.Errorf("%v", err)
	}
}

// TestOrder asks the second server only when the first has no answer.
func TestOrder(t *testing.T) {
	cert := newKey(t)
	fp := cert.Fingerprint()
	var first, second *public
	first = newPublic(t, http.NotFound)
	second = newPublic(t, says(cert.Armor()))
	if host, _, err := first.finder(noon, second).Find(t.Context(), fp, fp); err != nil || host != second.host {
		t.Errorf("%s, %v", host, err)
	}
	if _, _, err := second.finder(noon, first).Find(t.Context(), fp, fp); err != nil {
		t.Error(err)
	}
	if a, b := len(first.asked()), len(second.asked()); a != 1 || b != 2 {
		t.Errorf("%d and %d requests, want 1 and 2", a, b)
	}
}

// TestAbsent remembers for a day what nobody has, and rations the rest.
func TestAbsent(t *testing.T) {
	now := noon()
	p := newPublic(t, http.NotFound)
	f := p.finder(func() time.Time { return now })
	fp := newKey(t).Fingerprint()
	find := func(account, fp omega.Fingerprint) omega.Code {
		_, _, err := f.Find(t.Context(), account, fp)
		return code(err)
	}
	for range 20 {
		if got := find(fp, fp); got != omega.CodeNotFound {
			t.Fatalf("%v", got)
		}
	}
	if n := len(p.asked()); n != 1 {
		t.Errorf("%d requests for what is known to be nowhere", n)
	}
	now = now.Add(absence)
	find(fp, fp)
	if n := len(p.asked()); n != 2 {
		t.Errorf("%d requests after a day, want 2", n)
	}
	account := newKey(t).Fingerprint()
	for i := range accountBurst + 1 {
		want := omega.CodeNotFound
		if i == accountBurst {
			want = omega.CodeRateLimited
		}
		if got := find(account, newKey(t).Fingerprint()); got != want {
			t.Errorf("look-up %d of one account: %v", i, got)
		}
	}
	if got := find(newKey(t).Fingerprint(), newKey(t).Fingerprint()); got != omega.CodeNotFound {
		t.Errorf("another account: %v", got)
	}
	for range serverBurst {
		find(newKey(t).Fingerprint(), newKey(t).Fingerprint())
	}
	if n := len(p.asked()); n > 2+serverBurst {
		t.Errorf("%d requests within a moment", n-2)
	}
	now = now.Add(accountPace)
	if got := find(account, newKey(t).Fingerprint()); got != omega.CodeNotFound {
		t.Errorf("the account a while later: %v", got)
	}
	v6, _ := omega.ParseFingerprint(strings.Repeat("AB", 32))
	if got := find(account, v6); got != omega.CodeBadRequest {
		t.Errorf("version 6: %v", got)
	}
}

func TestCheck(t *testing.T) {
	for _, good := range [][]string{nil, {"vks://keys.openpgp.org"}, {"hkp://KEYS.example.org:8443", "vks://127.0.0.1:1"}} {
		if err := Check(good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "keys.openpgp.org", "https://keys.openpgp.org", "hkps://keys.openpgp.org", "vks://", "vks://a/b", "vks://a?b", "vks://a#b",
		"vks://user@a", "vks://a b", "vks://a:0", "vks://a:x", "vks://a:70000", "vks://[::1", "vks://" + strings.Repeat("a", 254), "vks://ω",
	} {
		if err := Check([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if err := Check(slices.Repeat([]string{"vks://a"}, MaxServers+1)); err == nil {
		t.Error("any number of servers is taken")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("no servers are taken")
	}
}

package hkp_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// noon is the time of tests that need no other program.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// get asks and returns status and body.
func (s *server) get(path string, head ...string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	return s.do(req)
}

func (s *server) do(req *http.Request) (*http.Response, string) {
	s.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(b)
}

// add submits a key.
func (s *server) add(keytext []byte) (int, string) {
	s.t.Helper()
	form := url.Values{"keytext": {string(keytext)}}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/pks/add", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, text := s.do(req)
	return resp.StatusCode, text
}

func TestGet(t *testing.T) {
	s := newServiceAt(t, noon)
	a := s.register(1)
	fp := a.fp().String()
	for _, search := range []string{"0x" + fp, fp, strings.ToLower(fp), "0X" + fp, "0x" + a.devices[0].Encryption.Public().Fingerprint().String()} {
		resp, text := s.get("/pks/lookup?op=get&options=mr&search=" + search)
		got, err := pgp.ParseCertificate([]byte(text), noon())
		if resp.StatusCode != http.StatusOK || err != nil || got.Hash() != a.cert.Hash() {
			t.Errorf("%s: %s, %v", search, resp.Status, err)
		}
	}
	resp, _ := s.get("/pks/lookup?op=get&search=" + fp)
	tag := resp.Header.Get("ETag")
	if resp, text := s.get("/pks/lookup?op=get&search="+fp, "If-None-Match", tag); resp.StatusCode != http.StatusNotModified || text != "" {
		t.Errorf("what the visitor has: %s", resp.Status)
	}
	s.publish(a.renamed("laptop"))
	if resp, _ := s.get("/pks/lookup?op=get&search="+fp, "If-None-Match", tag); resp.StatusCode != http.StatusOK {
		t.Errorf("what the visitor has no more: %s", resp.Status)
	}
}

func TestLookupRefuses(t *testing.T) {
	s := newServiceAt(t, noon)
	fp := s.register(1).fp().String()
	for _, op := range []string{"get", "index", "vindex"} {
		for _, search := range []string{"", "0x", fp[24:], fp[32:], "0x" + fp[24:], fp + "00", fp[1:] + "G", "somebody", "<a@example.org>", "=x", "ω", "%FF%FE", "0x0000000000000000000000000000000000000000", strings.Repeat("A", 5000), strings.Repeat("A", 40)} {
			resp, text := s.get("/pks/lookup?op=" + op + "&search=" + search)
			if resp.StatusCode != http.StatusNotFound || text == "" {
				t.Errorf("op=%s search=%.50q: %s %q", op, search, resp.Status, text)
			}
		}
	}
	for path, want := range map[string]int{
		"/pks/lookup":                           404,
		"/pks/lookup?op=delete&search=" + fp:    404,
		"/pks/lookup?op=get&search=%zz":         422,
		"/pks/v2/certs/by-vfingerprint/06" + fp: 404,
		"/pks/v2/certs/by-vfingerprint/" + fp:   404,
		"/pks/v2/prefixlog/today":               404,
		"/pks/v2/prefixlog/2026-11-23":          404,
		"/pks/v2/prefixlog/2026-08-01":          404,
		"/pks/v2/prefixlog/-1-11-22":            404,
		"/api/v1/accounts/x":                    404,
		"/pks/add":                              405,
	} {
		if resp, _ := s.get(path); resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
	}
}

func TestIndex(t *testing.T) {
	s := newServiceAt(t, noon)
	a := s.register(1)
	fp := a.fp().String()
	created := a.cert.Primary().Created().Unix()
	want := fmt.Sprintf("info:1:1\npub:%s:22:255:%d::\nuid:%s:%d::\n", fp, created, url.PathEscape(a.cert.UserID()), created)
	if _, text := s.get("/pks/lookup?op=index&options=x,mr&fingerprint=on&search=" + fp); text != want {
		t.Errorf("index:\n%swant\n%s", text, want)
	}
	_, text := s.get("/pks/lookup?op=vindex&search=" + fp)
	for _, want := range []string{a.cert.UserID(), "valid", `device "device"`, a.devices[0].Signing.Public().Fingerprint().String()} {
		if !strings.Contains(text, want) {
			t.Errorf("index for people lacks %q:\n%s", want, text)
		}
	}
	s.publish(a.deleted())
	if _, text := s.get("/pks/lookup?op=index&options=mr&search=" + fp); !strings.Contains(text, "::r\nuid") {
		t.Errorf("index of a deleted account:\n%s", text)
	}
	if _, text := s.get("/pks/lookup?op=stats"); !strings.HasPrefix(text, "keys: 1\n") {
		t.Errorf("stats:\n%s", text)
	}
}

func TestVersion2(t *testing.T) {
	s := newServiceAt(t, noon)
	a := s.register(1)
	resp, text := s.get("/pks/v2/certs/by-vfingerprint/04" + a.fp().String())
	if resp.StatusCode != http.StatusOK || !bytes.Equal([]byte(text), a.cert.Bytes()) {
		t.Errorf("by fingerprint: %s", resp.Status)
	}
	if _, text := s.get("/pks/v2/prefixlog/2026-11-22"); text != a.fp().String()[:8]+"\r\n" {
		t.Errorf("changes: %q", text)
	}
	if resp, text := s.get("/pks/v2/prefixlog/2026-11-21"); text != "" || resp.StatusCode != http.StatusOK {
		t.Errorf("changes of the day before: %s %q", resp.Status, text)
	}
}

func TestAccount(t *testing.T) {
	s := newServiceAt(t, noon)
	a := s.register(2)
	path := "/api/v1/accounts/" + a.fp().String()
	resp, text := s.get(path, "Accept", "text/html, application/vnd.omega-im.account;q=0.9")
	if resp.Header.Get("Content-Type") != "application/vnd.omega-im.account" {
		t.Fatalf("%s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	parts := splitAccount(t, []byte(text))
	if !bytes.Equal(parts[1], a.cert.Bytes()) {
		t.Error("the certificate is another one")
	}
	if rec, err := wire.DecodeRecord(parts[2]); err != nil || rec.User != a.fp() {
		t.Errorf("record: %v", err)
	}
	_, text = s.get(path)
	var words struct {
		Fingerprint omega.Fingerprint
		State       string
		Devices     []struct{ Name, Status string }
		Record      struct {
			Sequence uint64
			Homes    []omega.Fingerprint
		}
		Certificate string
	}
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		t.Fatal(err)
	}
	if words.Fingerprint != a.fp() || words.State != "valid" || len(words.Devices) != 2 || words.Devices[1].Status != "active" ||
		words.Record.Sequence != 1 || len(words.Record.Homes) != 1 || words.Certificate != a.cert.Armor() {
		t.Errorf("words:\n%s", text)
	}
	s.publish(a.deleted())
	if _, text := s.get(path); !strings.Contains(text, `"deleted"`) || strings.Contains(text, `"record"`) || strings.Contains(text, `"device"`) {
		t.Errorf("a deleted account:\n%s", text)
	}
}

// splitAccount reads what KEYS-6 says.
func splitAccount(t *testing.T, b []byte) map[byte][]byte {
	t.Helper()
	if len(b) == 0 || b[0] != 1 {
		t.Fatalf("version %.1x", b)
	}
	parts := make(map[byte][]byte)
	for b = b[1:]; len(b) >= 5; {
		n := int(binary.BigEndian.Uint32(b[1:]))
		if n > len(b)-5 {
			t.Fatal("a part is cut short")
		}
		parts[b[0]], b = b[5:5+n], b[5+n:]
	}
	if len(b) != 0 {
		t.Fatal("octets are left over")
	}
	return parts
}

func TestAdd(t *testing.T) {
	s := newServiceAt(t, noon)
	a := s.register(1)
	stranger := newServiceAt(t, noon).register(1)
	if status, text := s.add([]byte(stranger.cert.Armor())); status != http.StatusNotFound || !strings.Contains(text, "omega init") {
		t.Errorf("a stranger: %d %q", status, text)
	}
	if status, text := s.add([]byte(a.cert.Armor())); status != http.StatusOK || !strings.Contains(text, "nothing new") {
		t.Errorf("what stands: %d %q", status, text)
	}
	a.renamed("laptop")
	if status, text := s.add(a.cert.Bytes()); status != http.StatusOK || !strings.Contains(text, "updated") {
		t.Errorf("a new binding: %d %q", status, text)
	}
	stands, err := s.keys.Find(t.Context(), a.fp())
	if err != nil || stands.Certificate.Hash() != a.cert.Hash() || stands.Record == nil {
		t.Errorf("what stands has record %v, %v", stands.Record, err)
	}
}

// TestCrowd comes all at once: everybody who waits a moment is served.
func TestCrowd(t *testing.T) {
	s := newServiceAt(t, noon)
	var wg sync.WaitGroup
	for range 64 {
		text := url.Values{"keytext": {s.register(1).renamed("laptop").cert.Armor()}}.Encode()
		wg.Go(func() {
			resp, err := http.Post(s.url+"/pks/add", "application/x-www-form-urlencoded", strings.NewReader(text))
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Error(resp.Status)
			}
		})
	}
	wg.Wait()
}

// TestRation lets one account take only so much that is new, and others not notice. What
// anybody can submit, which says nothing new, is counted for nothing.
func TestRation(t *testing.T) {
	now := noon()
	s := newServiceAt(t, func() time.Time { return now })
	a, b := s.register(1), s.register(1)
	take := func(a *account) int {
		cert, err := pgp.Renew(t.Context(), a.primary, a.cert, now.Add(1000*time.Hour), now)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := s.add(cert.Bytes())
		if status == http.StatusOK {
			a.cert = cert
		}
		return status
	}
	for range 50 {
		if status, _ := s.add(a.cert.Bytes()); status != http.StatusOK {
			t.Fatalf("nothing new: %d", status)
		}
	}
	for range 5 {
		if status := take(a); status != http.StatusOK {
			t.Fatalf("within the ration: %d", status)
		}
	}
	if status := take(a); status != http.StatusTooManyRequests {
		t.Errorf("over the ration: %d", status)
	}
	if status := take(b); status != http.StatusOK {
		t.Errorf("another account: %d", status)
	}
	taken := 5
	for range 2000 {
		now = now.Add(10 * time.Second)
		if take(a) == http.StatusOK {
			taken++
		}
	}
	// 20,000 s bring back 46 of the 200 of a day.
	if taken < 200 || taken > 250 {
		t.Errorf("%d submissions in 5.6 hours", taken)
	}
}

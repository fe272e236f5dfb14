package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A fakeCore answers calls with what a test gives it, and keeps them.
type fakeCore struct {
	mu     sync.Mutex
	asked  []string // method, a space, and the parameters; guarded by mu
	answer func(ctx context.Context, method string, params json.RawMessage) (any, error)
}

func (f *fakeCore) Call(ctx context.Context, method string, req, resp any) error {
	params, err := json.Marshal(req)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.asked = append(f.asked, method+" "+string(params))
	f.mu.Unlock()
	out, err := f.answer(ctx, method, params)
	if err != nil {
		return err
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, resp)
}

func (f *fakeCore) Close() error { return nil }

// A world is a web face with a browser.
type world struct {
	t      *testing.T
	core   *fakeCore
	web    *Server
	now    time.Time
	host   string
	cookie *http.Cookie
	key    string
	renew  []byte // the next secret
}

const testHost = "127.0.0.1:4321"

func newWorld(t *testing.T) *world {
	w := &world{t: t, core: &fakeCore{}, now: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC), host: testHost}
	w.core.answer = func(context.Context, string, json.RawMessage) (any, error) { return map[string]int{"n": 1}, nil }
	var err error
	w.web, err = New(testHost, Config{
		Core: w.core, Secret: bytes.Repeat([]byte{7}, SecretSize), Renew: func() ([]byte, error) { return w.renew, nil }, Dir: filepath.Join(t.TempDir(), "files"), Clock: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// do asks as the browser does.
func (w *world) do(method, path, body string, header ...string) *http.Response {
	w.t.Helper()
	q := httptest.NewRequest(method, "http://"+w.host+path, strings.NewReader(body))
	q.Host = w.host
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	if w.cookie != nil {
		q.AddCookie(w.cookie)
	}
	if w.key != "" {
		q.Header.Set("X-Omega-Key", w.key)
	}
	rec := httptest.NewRecorder()
	w.web.ServeHTTP(rec, q)
	return rec.Result()
}

func (w *world) want(r *http.Response, status int) *http.Response {
	w.t.Helper()
	if r.StatusCode != status {
		b, _ := io.ReadAll(r.Body)
		w.t.Fatalf("status %d (%s), want %d", r.StatusCode, b, status)
	}
	return r
}

// enter lets the browser in.
func (w *world) enter() {
	w.t.Helper()
	_, token, _ := strings.Cut(w.web.URL(testHost), "#")
	w.take(w.want(w.do("POST", "/session", `{"token":"`+token+`"}`), http.StatusOK))
}

// take keeps what a browser is let in with.
func (w *world) take(r *http.Response) {
	w.t.Helper()
	var said struct{ Key string }
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil || said.Key == "" {
		w.t.Fatalf("no key: %v", err)
	}
	w.cookie, w.key = r.Cookies()[0], said.Key
}

func TestEnter(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("GET", "/qr.svg?text=a", ""), http.StatusUnauthorized)
	w.want(w.do("POST", "/session", `{"token":"guess"}`), http.StatusForbidden)
	w.want(w.do("POST", "/session", `nonsense`), http.StatusBadRequest)
	_, token, _ := strings.Cut(w.web.URL(testHost), "#")
	r := w.want(w.do("POST", "/session", `{"token":"`+token+`"}`), http.StatusOK)
	w.want(w.do("POST", "/session", `{"token":"`+token+`"}`), http.StatusForbidden) // once
	w.take(r)
	if c := w.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" {
		t.Errorf("cookie %v", c)
	}
	w.want(w.do("GET", "/qr.svg?text=a", ""), http.StatusOK)
	key := w.key
	w.key = "" // a server at another port, which was sent the cookie
	w.want(w.do("GET", "/qr.svg?text=a", ""), http.StatusUnauthorized)
	w.want(w.do("POST", "/session", `{"token":""}`), http.StatusForbidden)
	w.want(w.do("GET", "/qr.svg?text=a&k="+key, ""), http.StatusOK)
	w.key = key
	w.take(w.want(w.do("POST", "/session", `{"token":""}`), http.StatusOK)) // whoever is in stays in

	w.now = w.now.Add(cookieFor + time.Second)
	w.want(w.do("GET", "/qr.svg?text=a", ""), http.StatusUnauthorized)
	_, late, _ := strings.Cut(w.web.URL(testHost), "#")
	w.now = w.now.Add(tokenFor + time.Second)
	w.want(w.do("POST", "/session", `{"token":"`+late+`"}`), http.StatusForbidden)
}

func TestForgedCookies(t *testing.T) {
	w := newWorld(t)
	w.enter()
	good, key := w.cookie.Value, w.key
	other := newGate(bytes.Repeat([]byte{7}, SecretSize), "5555", func() time.Time { return w.now })
	foreign, foreignKey := other.pass(w.now.Add(time.Hour))
	late, lateKey := w.web.gate.pass(w.now.Add(-time.Second))
	for _, row := range [][2]string{{"", key}, {".", key}, {"x", key}, {good + "x", key}, {strings.Replace(good, "1", "2", 1), key}, {good, key + "x"}, {good, foreignKey}, {foreign, foreignKey}, {late, lateKey}} {
		w.cookie.Value, w.key = row[0], row[1]
		w.want(w.do("GET", "/qr.svg?text=a", ""), http.StatusUnauthorized)
	}
	w.cookie.Value, w.key = good, key
	w.want(w.do("GET", "/qr.svg?text=a", ""), http.StatusOK)
}

// TestLeave: who signs out is out everywhere, and so is whoever has cookie and key.
func TestLeave(t *testing.T) {
	w := newWorld(t)
	w.enter()
	w.renew = bytes.Repeat([]byte{9}, SecretSize)
	_, token, _ := strings.Cut(w.web.URL(testHost), "#")
	w.want(w.do("POST", "/leave", ""), http.StatusNoContent)
	w.want(w.do("GET", "/qr.svg?text=a", ""), http.StatusUnauthorized)
	w.want(w.do("POST", "/session", `{"token":"`+token+`"}`), http.StatusForbidden)
	w.enter()
	w.want(w.do("GET", "/qr.svg?text=a", ""), http.StatusOK)
}

func TestOthersMayNotAsk(t *testing.T) {
	w := newWorld(t)
	w.enter()
	w.want(w.do("GET", "/", "", "Origin", "http://evil.example"), http.StatusForbidden)
	w.want(w.do("POST", "/upload?name=a", "x", "Origin", "null"), http.StatusForbidden)
	w.want(w.do("GET", "/", "", "Origin", "http://"+testHost), http.StatusOK)
	for _, host := range []string{"evil.example:4321", "127.0.0.1:80", "127.0.0.1", "localhost.evil.example:4321"} {
		w.host = host
		w.want(w.do("GET", "/", ""), http.StatusMisdirectedRequest)
	}
	w.host = "localhost:4321"
	r := w.want(w.do("GET", "/", ""), http.StatusOK)
	for name, part := range map[string]string{"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := r.Header.Get(name); !strings.Contains(got, part) {
			t.Errorf("%s = %q", name, got)
		}
	}
}

// TestMint: a process that knows the secret is told a token, and one that listens in
// the place of the server learns nothing that is worth something elsewhere.
func TestMint(t *testing.T) {
	w := newWorld(t)
	secret, nonce := w.web.gate.secret, strings.Repeat("a", nonceSize)
	ask := func(nonce, proof string) *http.Response {
		return w.do("POST", "/token", "", "X-Omega-Nonce", nonce, "X-Omega-Proof", proof)
	}
	w.want(ask("", ""), http.StatusBadRequest)
	first, _ := io.ReadAll(w.want(ask(nonce, ""), http.StatusOK).Body)
	if string(first) != seal(secret, "server", "4321", nonce) {
		t.Error("the server does not prove itself")
	}
	for _, proof := range []string{"x", string(first), seal(secret, "owner", "5555", nonce), seal(secret, "owner", "4321", strings.Repeat("b", nonceSize)), seal(bytes.Repeat([]byte{8}, SecretSize), "owner", "4321", nonce)} {
		w.want(ask(nonce, proof), http.StatusForbidden)
	}
	token, _ := io.ReadAll(w.want(ask(nonce, seal(secret, "owner", "4321", nonce)), http.StatusOK).Body)
	w.want(w.do("POST", "/session", `{"token":"`+string(token)+`"}`), http.StatusOK)
}

// TestPathsStayHere: pages name files by names that they were given; a path of theirs
// means nothing, and none of this machine reaches them.
func TestPathsStayHere(t *testing.T) {
	w := newWorld(t)
	w.enter()
	var got struct{ Upload string }
	json.NewDecoder(w.want(w.do("POST", "/upload?name="+"..%2F..%2Fa%0A%5Cb.txt", "hello"), http.StatusOK).Body).Decode(&got)
	call := func(method, params string) *answer {
		return w.web.call(t.Context(), &request{ID: 1, Method: method, Params: json.RawMessage(params)})
	}
	for _, params := range []string{`{"paths":["/etc/passwd"]}`, `{"paths":["../x"]}`, `{"paths":"x"}`, `{"paths":[1]}`, `{}`, `[]`, `{"paths":["` + got.Upload + `/.."]}`} {
		if a := call("file.send", params); a.Error == nil || a.Error.Code != clientrpc.CodeUsage {
			t.Errorf("file.send %s = %s, %v", params, a.Result, a.Error)
		}
	}
	if len(w.core.asked) != 0 {
		t.Fatalf("the core was asked: %q", w.core.asked)
	}
	path, _ := w.web.files.path(got.Upload)
	if b, err := os.ReadFile(path); err != nil || string(b) != "hello" || filepath.Dir(filepath.Dir(path)) != w.web.files.dir {
		t.Errorf("%s has %q, %v", path, b, err)
	}
	// Go takes fields by any case, and K for the sign of Kelvin.
	if a := call("file.send", `{"to":"x","paths":["`+got.Upload+`"],"path\u017f":["/etc/shadow"],"Poster":"/etc/shadow"}`); a.Error == nil {
		t.Errorf("file.send = %s", w.core.asked[0])
	}
	if a := call("file.send", `{"to":"x","paths":["`+got.Upload+`"],"Poster":"/etc/shadow"}`); a.Error != nil {
		t.Fatal(a.Error)
	}
	if asked := w.core.asked[len(w.core.asked)-1]; !strings.Contains(asked, path) || strings.Contains(asked, "shadow") {
		t.Errorf("the core was asked %s", asked)
	}
	if _, ok := w.web.files.path(got.Upload); ok {
		t.Error("what was sent is still here")
	}

	w.core.answer = func(_ context.Context, method string, params json.RawMessage) (any, error) {
		var p struct{ Path, Dir string }
		json.Unmarshal(params, &p)
		switch method {
		case "file.get":
			if p.Path != "" {
				t.Errorf("a page chose where a file is put: %s", p.Path)
			}
			return clientrpc.GetFileResult{Path: "/home/secret"}, nil
		case "export":
			return nil, errors.Join(os.MkdirAll(p.Dir, 0o700), os.WriteFile(filepath.Join(p.Dir, "a.txt"), []byte("a"), 0o600))
		}
		return nil, os.WriteFile(p.Path, []byte("backup"), 0o600)
	}
	id := strings.Repeat("a", 32)
	if a := call("file.get", `{"id":"`+id+`","Path":"/etc/cron.d/x"}`); a.Error != nil || strings.Contains(string(a.Result), "secret") {
		t.Errorf("file.get = %s, %v", a.Result, a.Error)
	}
	for method, begins := range map[string]string{"backup": "backup", "export": "PK"} {
		var made struct{ Download string }
		a := call(method, `{"path":"/etc/passwd","dir":"/etc","Path":"/etc/passwd","DIR":"/etc"}`)
		if a.Error != nil || json.Unmarshal(a.Result, &made) != nil {
			t.Fatalf("%s = %s, %v", method, a.Result, a.Error)
		}
		r := w.want(w.do("GET", "/download/"+made.Download, ""), http.StatusOK)
		if b, _ := io.ReadAll(r.Body); !bytes.HasPrefix(b, []byte(begins)) || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %q, %v", method, b, r.Header)
		}
		w.now = w.now.Add(keepFile + time.Second)
		w.web.files.dropOld()
		w.want(w.do("GET", "/download/"+made.Download, ""), http.StatusNotFound)
	}
}

// TestErrorsNameFiles: what a page is told of a file is its name, not where it lies.
func TestErrorsNameFiles(t *testing.T) {
	w := newWorld(t)
	w.enter()
	var got struct{ Upload string }
	json.NewDecoder(w.want(w.do("POST", "/upload?name=broken.png", "hello"), http.StatusOK).Body).Decode(&got)
	path, _ := w.web.files.path(got.Upload)
	said := &clientrpc.Error{Code: clientrpc.CodeUsage, Why: i18n.T("why.picture", path), Next: i18n.T("next.picture"), Cause: "decode " + path + ": no picture"}
	w.core.answer = func(context.Context, string, json.RawMessage) (any, error) { return nil, said }
	a := w.web.call(t.Context(), &request{ID: 1, Method: "file.send", Params: json.RawMessage(`{"to":"x","paths":["` + got.Upload + `"]}`)})
	if a.Error == nil || a.Error.Why.Args[0] != "broken.png" || strings.Contains(a.Error.Cause, w.web.files.dir) {
		t.Errorf("the page is told %+v", a.Error)
	}
	if said.Why.Args[0] != path {
		t.Errorf("the core's error was changed: %+v", said)
	}
	said.Why = i18n.T("why.picture", "/etc/passwd")
	if a := w.web.call(t.Context(), &request{ID: 2, Method: "file.get", Params: json.RawMessage(`{"id":"` + strings.Repeat("a", 32) + `"}`)}); a.Error.Why.Args[0] != "/etc/passwd" {
		t.Errorf("a path of others became %q", a.Error.Why.Args[0])
	}
}

// TestEveryPathIsTranslated: a method that is given a path of this machine must not be
// called by a page as it comes.
// A call that the end of the program cut off is one to be repeated, and no failure.
func TestProgramEnds(t *testing.T) {
	w := newWorld(t)
	w.core.answer = func(ctx context.Context, _ string, _ json.RawMessage) (any, error) { return nil, context.Cause(ctx) }
	ctx, end := context.WithCancelCause(t.Context())
	end(errors.New("terminated signal received"))
	if a := w.web.call(ctx, &request{ID: 1, Method: "status"}); a.Error == nil || a.Error.Code != codeAgain {
		t.Errorf("answer %+v", a.Error)
	}
	w.core.answer = func(context.Context, string, json.RawMessage) (any, error) { return nil, errors.New("a fault") }
	if a := w.web.call(t.Context(), &request{ID: 2, Method: "status"}); a.Error == nil || a.Error.Code != clientrpc.CodeInternal {
		t.Errorf("answer %+v", a.Error)
	}
}

func TestEveryPathIsTranslated(t *testing.T) {
	for _, s := range clientrpc.Methods() {
		for i := range s.Req.NumField() {
			name := s.Req.Field(i).Name
			if _, ok := translations[s.Name]; (strings.HasPrefix(name, "Path") || name == "Dir" || name == "Poster" || name == "File") && !ok {
				t.Errorf("%s: what a page gives as %s reaches the core", s.Name, name)
			}
		}
	}
}

func TestUploadsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.enter()
	for range maxUploads {
		if _, err := w.web.files.place(); err != nil {
			t.Fatal(err)
		}
	}
	w.want(w.do("POST", "/upload?name=a", "x"), http.StatusInsufficientStorage)
	w.now = w.now.Add(keepFile + time.Second)
	w.web.files.dropOld()
	w.want(w.do("POST", "/upload?name=a", "x"), http.StatusOK)
}

// TestMediaTypes: what is no picture, film or sound is saved and never shown.
func TestMediaTypes(t *testing.T) {
	w := newWorld(t)
	w.enter()
	for _, tt := range []struct {
		kind  string
		shown bool
	}{{"image/png", true}, {"video/mp4", true}, {"text/html", false}, {"image/svg+xml", false}, {"application/pdf", false}, {"", false}} {
		w.core.answer = func(_ context.Context, method string, params json.RawMessage) (any, error) {
			if method == "message" {
				return clientrpc.Message{Media: []clientrpc.Medium{{Type: tt.kind, Name: "a\"\r\n.html"}}}, nil
			}
			var p clientrpc.ReadFileParams
			json.Unmarshal(params, &p)
			return clientrpc.ReadFileResult{Data: []byte("0123456789")[p.Offset:], Size: 10}, nil
		}
		r := w.want(w.do("GET", "/media/"+strings.Repeat("a", 32)+"/0", "", "Range", "bytes=2-4"), http.StatusPartialContent)
		b, _ := io.ReadAll(r.Body)
		attached := strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment")
		if string(b) != "234" || attached == tt.shown || !strings.Contains(r.Header.Get("Content-Security-Policy"), "sandbox") || (r.Header.Get("Content-Type") == tt.kind) != tt.shown {
			t.Errorf("%s: %q %v", tt.kind, b, r.Header)
		}
	}
	w.want(w.do("GET", "/media/zz/0", ""), http.StatusNotFound)
	w.want(w.do("GET", "/media/"+strings.Repeat("a", 32)+"/x", ""), http.StatusNotFound)
}

// TestSocket: calls run at once, one can be ended, and all end with the page.
func TestSocket(t *testing.T) {
	w := newWorld(t)
	w.enter()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Host, r.Header["Origin"] = testHost, []string{"http://" + testHost}
		w.web.ServeHTTP(rw, r)
	}))
	defer server.Close()
	waiting := make(chan struct{}, 8)
	ended := make(chan struct{}, 8)
	w.core.answer = func(ctx context.Context, method string, _ json.RawMessage) (any, error) {
		if method != "events" {
			return "x", nil
		}
		waiting <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, ctx.Err()
	}
	h := http.Header{}
	h.Set("Cookie", w.cookie.Name+"="+w.cookie.Value)
	conn, _, err := websocket.Dial(t.Context(), server.URL+"/rpc", &websocket.DialOptions{Subprotocols: []string{Subprotocol, keyProtocol + w.key}, HTTPHeader: h})
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func() string {
		_, b, err := conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	say(`{"id":1,"method":"events","params":{}}`)
	<-waiting
	say(`{"id":2,"method":"status"}`)
	if got := hear(); got != `{"id":2,"result":"x"}` {
		t.Errorf("answer %s", got)
	}
	say(`{"id":1,"cancel":true}`)
	<-ended
	if got := hear(); !strings.HasPrefix(got, `{"id":1,"error"`) {
		t.Errorf("answer %s", got)
	}
	say(`{"id":3,"method":"events"}`)
	<-waiting
	conn.Close(websocket.StatusNormalClosure, "")
	<-ended

	if _, _, err := websocket.Dial(t.Context(), server.URL+"/rpc", &websocket.DialOptions{Subprotocols: []string{Subprotocol}}); err == nil {
		t.Error("a page without the cookie was let in")
	}
}

func TestFileName(t *testing.T) {
	for in, want := range map[string]string{
		"": "file", ".": "file", "..": "file", "a/b": "a_b", "照片 1.jpg": "照片 1.jpg", "\x00a": "_a", `c:\x`: "c:_x",
	} {
		if got := fileName(in); got != want {
			t.Errorf("fileName(%q) = %q, want %q", in, got, want)
		}
	}
	if got := fileName(strings.Repeat("照", 200)); len(got) > 200 || got == "file" {
		t.Errorf("a long name became %d octets", len(got))
	}
}

func TestListen(t *testing.T) {
	remembered := filepath.Join(t.TempDir(), "web", "port")
	a, err := Listen(remembered)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Listen(remembered) // the port is taken
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	a.Close()
	if a.Addr().String() == b.Addr().String() {
		t.Error("two have one port")
	}
	c, err := Listen(remembered)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Addr().String() != b.Addr().String() {
		t.Errorf("%s, want the port of before, %s", c.Addr(), b.Addr())
	}
}

// TestServe: another process of the home finds the one that serves, and nothing is
// left when it ends.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	port, secret := filepath.Join(dir, "port"), bytes.Repeat([]byte{7}, SecretSize)
	if url, ok := Running(t.Context(), port, secret); ok {
		t.Fatalf("nobody serves and %s answers", url)
	}
	l, err := Listen(port)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(l.Addr().String(), Config{Core: &fakeCore{}, Secret: secret, Dir: filepath.Join(dir, "files")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	url, ok := Running(t.Context(), port, secret)
	if !ok || !strings.HasPrefix(url, "http://"+l.Addr().String()+"/#") {
		t.Errorf("found %q, %t", url, ok)
	}
	if _, ok := Running(t.Context(), port, bytes.Repeat([]byte{8}, SecretSize)); ok {
		t.Error("a process that does not know the secret was let in")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "files")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("files are left: %v", err)
	}
}

package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How long things hold.
const (
	tokenFor  = 10 * time.Minute    // a token that nobody used
	cookieFor = 30 * 24 * time.Hour // a browser that entered
	mintFor   = time.Minute         // the request of another process for a token
	maxTokens = 64                  // that wait to be used
)

// A gate gives tokens out and takes each once, for a cookie.
type gate struct {
	secret []byte
	cookie string // its name: cookies do not tell ports apart
	now    func() time.Time

	mu     sync.Mutex
	tokens map[string]time.Time // until when each holds; guarded by mu
}

func newGate(secret []byte, cookie string, now func() time.Time) *gate {
	return &gate{secret: secret, cookie: cookie, now: now, tokens: map[string]time.Time{}}
}

// token makes one.
func (g *gate) token() string {
	text := base64.RawURLEncoding.EncodeToString(random(24))
	g.mu.Lock()
	defer g.mu.Unlock()
	for t, until := range g.tokens {
		if g.now().After(until) || len(g.tokens) >= maxTokens {
			delete(g.tokens, t)
		}
	}
	g.tokens[text] = g.now().Add(tokenFor)
	return text
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// use takes a token, which is then worth nothing.
func (g *gate) use(text string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	until, ok := g.tokens[text]
	delete(g.tokens, text)
	return ok && !g.now().After(until)
}

// seal authenticates a purpose and a time.
func seal(secret []byte, purpose string, at time.Time) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("omega-im/web/" + purpose + "\n"))
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix())))
	return strconv.FormatInt(at.Unix(), 10) + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// sealed returns the time that a purpose was sealed with.
func sealed(secret []byte, purpose, text string) (time.Time, bool) {
	digits, _, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	at := time.Unix(n, 0)
	return at, hmac.Equal([]byte(seal(secret, purpose, at)), []byte(text))
}

// knows reports whether a browser entered.
func (g *gate) knows(r *http.Request) bool {
	c, err := r.Cookie(g.cookie)
	if err != nil {
		return false
	}
	until, ok := sealed(g.secret, "cookie", c.Value)
	return ok && g.now().Before(until)
}

// enter gives a cookie for a token, or another one for a cookie.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	var p struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&p); err != nil {
		http.Error(w, "no token", http.StatusBadRequest)
		return
	}
	if !s.gate.knows(r) && !s.gate.use(p.Token) {
		http.Error(w, "open the address that omega shows; each works once", http.StatusForbidden)
		return
	}
	until := s.gate.now().Add(cookieFor)
	http.SetCookie(w, &http.Cookie{
		Name: s.gate.cookie, Value: seal(s.gate.secret, "cookie", until), Path: "/", Expires: until,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}

// URL is an address that lets one browser in.
func (s *Server) URL(address string) string { return "http://" + address + "/#" + s.gate.token() }

// mint gives another process of the same owner, who knows the secret, a token.
func (s *Server) mint(w http.ResponseWriter, r *http.Request) {
	at, ok := sealed(s.gate.secret, "mint", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if !ok || s.gate.now().Sub(at).Abs() > mintFor {
		http.Error(w, "only who reads the secret of this home may ask", http.StatusForbidden)
		return
	}
	io.WriteString(w, s.gate.token())
}

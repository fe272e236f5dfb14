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
	maxTokens = 64                  // that wait to be used
)

// A gate gives tokens out and takes each once, for a cookie and a key. The cookie goes
// to every port of this machine, wherever the browser is led; the key is in the storage
// of our origin only. Who shows both was let in.
type gate struct {
	port string
	now  func() time.Time

	mu     sync.Mutex
	secret []byte               // guarded by mu
	tokens map[string]time.Time // until when each holds; guarded by mu
}

func newGate(secret []byte, port string, now func() time.Time) *gate {
	return &gate{secret: secret, port: port, now: now, tokens: map[string]time.Time{}}
}

// cookie is its name: cookies do not tell ports apart.
func (g *gate) cookie() string { return "omega-" + g.port }

// token makes one.
func (g *gate) token() string {
	text := base64.RawURLEncoding.EncodeToString(random(tokenSize))
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

// tokenSize is the length of a token before it is written down, in octets.
const tokenSize = 24

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

// seal authenticates a text for a purpose at a port.
func seal(secret []byte, purpose, port, text string) string {
	m := hmac.New(sha256.New, secret)
	for _, part := range []string{"omega-im/web/v1", purpose, port, text} {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		m.Write([]byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (g *gate) seal(purpose, text string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return seal(g.secret, purpose, g.port, text)
}

func same(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// pass makes a cookie's value, and the key that belongs to it.
func (g *gate) pass(until time.Time) (value, key string) {
	digits := strconv.FormatInt(until.Unix(), 10)
	value = digits + "." + g.seal("cookie", digits)
	return value, g.seal("key", value)
}

// keyProtocol begins the subprotocol by which a page shows its key to the WebSocket,
// where it can set no header.
const keyProtocol = "key."

// keyOf is the key that a request shows.
func keyOf(r *http.Request) string {
	if key := r.Header.Get("X-Omega-Key"); key != "" {
		return key
	}
	for _, p := range strings.Split(r.Header.Get("Sec-WebSocket-Protocol"), ",") {
		if key, ok := strings.CutPrefix(strings.TrimSpace(p), keyProtocol); ok {
			return key
		}
	}
	return r.URL.Query().Get("k")
}

// knows reports whether a browser entered.
func (g *gate) knows(r *http.Request) bool {
	c, err := r.Cookie(g.cookie())
	if err != nil {
		return false
	}
	digits, mac, _ := strings.Cut(c.Value, ".")
	n, err := strconv.ParseInt(digits, 10, 64)
	return err == nil && same(mac, g.seal("cookie", digits)) && g.now().Before(time.Unix(n, 0)) && same(keyOf(r), g.seal("key", c.Value))
}

// enter gives cookie and key for a token, or new ones for those that a browser has.
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
	value, key := s.gate.pass(until)
	http.SetCookie(w, &http.Cookie{Name: s.gate.cookie(), Value: value, Path: "/", Expires: until, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	json.NewEncoder(w).Encode(map[string]string{"key": key})
}

// leave makes every cookie, key and token worthless, in all browsers.
func (s *Server) leave(w http.ResponseWriter, r *http.Request) {
	secret, err := s.cfg.Renew()
	if err != nil {
		http.Error(w, "the secret could not be renewed: "+err.Error(), http.StatusInternalServerError)
		return
	}
	s.gate.renew(secret)
	http.SetCookie(w, &http.Cookie{Name: s.gate.cookie(), Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	w.WriteHeader(http.StatusNoContent)
}

func (g *gate) renew(secret []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.secret = secret
	clear(g.tokens)
}

// URL is an address that lets one browser in.
func (s *Server) URL(address string) string { return "http://" + address + "/#" + s.gate.token() }

// mint gives another process of the same owner a token, in two steps: first this
// server proves that it knows the secret, and then that process does. Each proof is
// for a number by chance of the other side and for this port.
func (s *Server) mint(w http.ResponseWriter, r *http.Request) {
	theirs, proof := r.Header.Get("X-Omega-Nonce"), r.Header.Get("X-Omega-Proof")
	if len(theirs) != nonceSize {
		http.Error(w, "no number", http.StatusBadRequest)
		return
	}
	if proof == "" {
		io.WriteString(w, s.gate.seal("server", theirs))
		return
	}
	if !same(proof, s.gate.seal("owner", theirs)) {
		http.Error(w, "only who reads the secret of this home may ask", http.StatusForbidden)
		return
	}
	io.WriteString(w, s.gate.token())
}

// nonceSize is the length of a number by chance as it is written down.
const nonceSize = 32

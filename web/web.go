// Package web serves the web face of a client to the browsers of this machine: the
// built pages, calls of clientrpc over a WebSocket, files on their way in and out.
// It knows no more of the core than clientrpc says. Loopback is no protection, so
// whoever asks shows a cookie, which is only had for a token that the program gave
// to the person (docs/decisions/0047-a-web-face-on-loopback.md).
package web

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// SecretSize is the length of Config.Secret in octets.
const SecretSize = 32

// A Config is what a Server needs.
type Config struct {
	Core   clientrpc.Conn // owned by the caller, who closes it after Serve
	Secret []byte         // SecretSize octets that nobody else knows; cookies of it hold while it stays the same

	// Renew makes another secret and keeps it, for a person who signs out everywhere.
	Renew func() ([]byte, error)

	Dir string // for files on their way; it is made, and emptied

	Logger *slog.Logger     // nil discards
	Clock  func() time.Time // nil is time.Now
}

// A Server is a web face. Its methods may be called by several goroutines.
type Server struct {
	cfg   Config
	hosts map[string]bool // that the browser may have asked for
	gate  *gate
	files *files
	mux   *http.ServeMux
	pipes chan struct{} // holds an element for each WebSocket
}

// maxPipes bounds the tabs that are connected at once.
const maxPipes = 32

// New makes the web face for a listener at address, host:port of loopback.
func New(address string, cfg Config) (*Server, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if len(cfg.Secret) != SecretSize {
		return nil, errors.New("web face: the secret has another length")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	s := &Server{cfg: cfg, hosts: map[string]bool{}, mux: http.NewServeMux(), pipes: make(chan struct{}, maxPipes)}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
		s.hosts[host+":"+port] = true
	}
	s.gate = newGate(cfg.Secret, port, cfg.Clock)
	if s.files, err = newFiles(cfg.Dir, cfg.Clock); err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

func (s *Server) routes() {
	s.mux.HandleFunc("GET /", servePage)
	s.mux.HandleFunc("POST /session", s.enter)
	s.mux.HandleFunc("POST /token", s.mint)
	s.mux.Handle("POST /leave", s.known(s.leave))
	s.mux.Handle("GET /rpc", s.known(s.rpc))
	s.mux.Handle("POST /upload", s.known(s.upload))
	s.mux.Handle("GET /download/{id}", s.known(s.download))
	s.mux.Handle("GET /media/{message}/{item}", s.known(s.media))
	s.mux.Handle("GET /sticker/{pack}/{number}", s.known(s.sticker))
	s.mux.Handle("GET /qr.svg", s.known(serveQR))
}

// Limits of a request, but for the WebSocket and files.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// Serve answers the browsers that connect to l until ctx is done, and closes l. It
// returns when all of them have gone.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
	}
	expiring := make(chan struct{})
	go func() {
		defer close(expiring)
		s.files.expire(ctx)
	}()
	stopped := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		defer close(stopped)
		over, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer done()
		if h.Shutdown(over) != nil {
			h.Close()
		}
	})()
	err := h.Serve(l)
	if ctx.Err() == nil {
		cancel()
		<-expiring
		return err
	}
	<-stopped
	<-expiring
	for range maxPipes { // WebSockets are out of the http.Server's sight
		s.pipes <- struct{}{}
	}
	return s.files.clear()
}

// shutdownTimeout is how long requests under way may take when the program ends.
const shutdownTimeout = 2 * time.Second

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	if !s.hosts[r.Host] { // a name of somebody else that leads here (DNS rebinding)
		http.Error(w, "this address is not served under that name", http.StatusMisdirectedRequest)
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		http.Error(w, "pages of others may not ask", http.StatusForbidden)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// policy lets the pages load from here only, run nothing that stands in a text, and
// be in no other page.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), geolocation=()")
	h.Set("Cache-Control", "no-store")
}

// known lets only those through who entered.
func (s *Server) known(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.gate.knows(r) {
			http.Error(w, "open the address that omega shows", http.StatusUnauthorized)
			return
		}
		next(w, r)
	})
}

// Listen opens a loopback port: the one that was used before, so that the browser
// knows the page again, or any. remembered is a file that keeps the number.
func Listen(remembered string) (net.Listener, error) {
	before, _ := os.ReadFile(remembered) // none is fine
	l, err := net.Listen("tcp", cmp.Or(loopback(string(before)), "127.0.0.1:0"))
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := os.MkdirAll(filepath.Dir(remembered), 0o700); err == nil {
		_ = os.WriteFile(remembered, []byte(port), 0o600) // else another one next time
	}
	return l, nil
}

// loopback is the address of a port that was written down.
func loopback(port string) string {
	if n, err := net.LookupPort("tcp", port); err != nil || n < 1024 {
		return ""
	}
	return "127.0.0.1:" + port
}

// Package hkp lets OpenPGP programs use a key server: the HTTP Keyserver
// Protocol (draft-ietf-openpgp-hkp) as GnuPG and Sequoia speak it, and the full
// view of an account for clients of ω IM. It gives out what is signed and takes
// in what its owner signed; nobody is registered through it. (spec/keys.md)
package hkp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
)

// Config says what a Handler serves. Everything but Clock and Logger is
// required.
type Config struct {
	// Find returns what is known in the cloud under the fingerprint of a primary
	// key or of a device's subkey. It may take some seconds for what is not known
	// here. The error is an *omega.Error.
	Find func(context.Context, omega.Fingerprint) (*keyserver.Entry, error)

	// Plain is keyserver.Server.Plain: what is kept here. Find is asked for what it
	// does not find.
	Plain func(context.Context, omega.Fingerprint) (*keyserver.Plain, error)

	// Update merges what the owner of an account signed (pgp.Own) and reports
	// whether that changed anything, when it is on stable storage. The error is
	// that of keyserver.Server.Update.
	Update func(ctx context.Context, account omega.Fingerprint, own []byte) (changed bool, err error)

	// Changed is keyserver.Server.Changed.
	Changed func(ctx context.Context, day time.Time, fn func(prefix [4]byte) error) error

	// Metrics are shown by op=stats.
	Metrics func() keyserver.Metrics

	Clock  func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil discards
}

// patience is how long who comes while everything is taken waits, before anything
// is read of the request: a crowd is served in a moment, and gpg does not come
// again by itself.
const patience = 2 * time.Second

// Bounds of what is done at once. Who still waits after patience is told to come
// again.
const (
	maxFinds   = 128 // look-ups; those of strangers wait for other servers
	maxUpdates = 8   // submissions, of up to a megabyte each
	maxReports = 4   // lists of a day's changes
)

// A Handler answers for one key server. Its methods may be called
// concurrently.
type Handler struct {
	cfg     Config
	finds   gate
	updates gate
	reports gate
	rations rations
}

// New checks cfg.
func New(cfg Config) (*Handler, error) {
	if cfg.Find == nil || cfg.Plain == nil || cfg.Update == nil || cfg.Changed == nil || cfg.Metrics == nil {
		return nil, errors.New("hkp: Config needs Find, Plain, Update, Changed and Metrics")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Handler{cfg: cfg, finds: newGate(maxFinds), updates: newGate(maxUpdates), reports: newGate(maxReports)}
	h.rations.init()
	return h, nil
}

// A Router is what paths are registered with, as *http.ServeMux is.
type Router interface {
	HandleFunc(pattern string, serve func(http.ResponseWriter, *http.Request))
}

// Register adds the key server's paths to mux.
func (h *Handler) Register(mux Router) {
	mux.HandleFunc("GET /pks/lookup", h.finds.guard(h.serveLookup))
	mux.HandleFunc("POST /pks/add", h.updates.guard(h.serveAdd))
	mux.HandleFunc("GET /pks/v2/certs/by-vfingerprint/{vfp}", h.finds.guard(h.serveCertificate))
	mux.HandleFunc("GET /pks/v2/prefixlog/{day}", h.reports.guard(h.serveChanges))
	mux.HandleFunc("GET /api/v1/accounts/{fp}", h.finds.guard(h.serveAccount))
}

// A gate lets so many requests in at once.
type gate chan struct{}

func newGate(n int) gate { return make(gate, n) }

// guard answers 429 for those who do not get in.
func (g gate) guard(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !g.enter(r.Context()) {
			busy(w, time.Second, "too many requests just now")
			return
		}
		defer func() { <-g }()
		serve(w, r)
	}
}

// enter waits for a place.
func (g gate) enter(ctx context.Context) bool {
	select {
	case g <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case g <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// busy is the answer of who cannot answer now, whatever the reason: programs
// try again without thinking when they see one of the five hundreds (KEYS-4).
func busy(w http.ResponseWriter, wait time.Duration, why string) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int((wait+time.Second-1)/time.Second))))
	refuse(w, http.StatusTooManyRequests, why+"; try again later")
}

// refuse answers with a line for people.
func refuse(w http.ResponseWriter, status int, why string) {
	head := w.Header()
	head.Del("ETag")
	head.Set("Cache-Control", "no-store")
	http.Error(w, why, status)
}

// fail answers with what err, an *omega.Error, says.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	code, text := omega.CodeInternal, err.Error()
	var e *omega.Error
	if errors.As(err, &e) {
		code, text = e.Code, e.Text
	}
	switch code {
	case omega.CodeNotFound:
		refuse(w, http.StatusNotFound, text)
	case omega.CodeBadRequest:
		refuse(w, http.StatusUnprocessableEntity, text)
	case omega.CodeRefused, omega.CodeConflict:
		refuse(w, http.StatusForbidden, text)
	case omega.CodeTooLarge:
		refuse(w, http.StatusRequestEntityTooLarge, text)
	default:
		if r.Context().Err() == nil {
			h.cfg.Logger.DebugContext(r.Context(), "key server could not answer", "path", r.URL.Path, "err", err) // strangers decide how often
		}
		busy(w, 10*time.Second, "this key server cannot answer just now")
	}
}

// onlyFull tells what can be looked up.
const onlyFull = "not found: this key server is searched by full fingerprint only, 0x and 40 hexadecimal digits; names and key IDs prove nothing"

// wanted reads what is searched for, and answers itself if that is no
// fingerprint.
func wanted(w http.ResponseWriter, what string) (omega.Fingerprint, bool) {
	fp, err := omega.ParseFingerprint(what)
	if err != nil || fp.IsZero() {
		refuse(w, http.StatusNotFound, onlyFull)
		return fp, false
	}
	return fp, true
}

// find answers a look-up that finds nothing itself.
func (h *Handler) find(w http.ResponseWriter, r *http.Request, what string) (*keyserver.Entry, bool) {
	fp, ok := wanted(w, what)
	if !ok {
		return nil, false
	}
	return h.entry(w, r, fp)
}

func (h *Handler) entry(w http.ResponseWriter, r *http.Request, fp omega.Fingerprint) (*keyserver.Entry, bool) {
	e, err := h.cfg.Find(r.Context(), fp)
	if err != nil {
		h.fail(w, r, err)
		return nil, false
	}
	return e, true
}

// fresh sets the headers of what stands under tag, and answers 304 itself if
// that is what the visitor has.
func fresh(w http.ResponseWriter, r *http.Request, kind, tag string) bool {
	head := w.Header()
	head.Set("ETag", `"`+tag+`"`)
	head.Set("Cache-Control", "no-cache")
	head.Set("Content-Type", kind)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Access-Control-Allow-Origin", "*")
	for _, have := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if have = strings.TrimPrefix(strings.TrimSpace(have), "W/"); have == `"`+tag+`"` || have == "*" {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

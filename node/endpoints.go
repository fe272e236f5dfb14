package node

import (
	"fmt"
	"net/http"
	"time"

	"github.com/omega-im/omega/transport"
)

// A ration is what a request to a path costs of what an address may ask for
// (limits.http_requests_per_second): every path of the public listener has one.
type ration int

const (
	asSession ration = 0 // of the transport's handshakes, and then of the session
	asPage    ration = 1 // from memory, or rendered at once
	asLookUp  ration = 2 // may read the disk, or wait for other servers
	asChange  ration = 5 // signatures are checked, or homes are asked
)

// rations are the paths that this server answers. One that is not here is not
// served at all: New fails. (spec/directory.md, DIR-1)
var rations = map[string]ration{
	"GET " + transport.WebSocketPath: asSession,

	"GET /{$}":                asPage,
	"GET /server/{fpr}":       asPage,
	"GET /embed":              asPage,
	"GET /static/{name}":      asPage,
	"GET /widget.js":          asPage,
	"GET /proxies.csv":        asPage,
	"GET /feed.xml":           asPage,
	"GET /badge/{fpr}":        asPage,
	"GET /ping":               asPage,
	"GET /healthz":            asPage,
	"GET /api/v1/map":         asPage,
	"GET /api/v1/topology":    asPage,
	"GET /api/v1/proxies":     asPage,
	"GET /api/v1/proxies.sig": asPage,
	"GET /api/v1/server.asc":  asPage,
	"GET /api/v1/denied":      asPage,
	"/":                       asPage,

	"GET /pks/lookup":                         asLookUp,
	"GET /pks/v2/certs/by-vfingerprint/{vfp}": asLookUp,
	"GET /pks/v2/prefixlog/{day}":             asLookUp,
	"GET /api/v1/accounts/{fp}":               asLookUp,
	"GET /media/{name}":                       asLookUp,

	"GET /user":               asChange,
	"GET /api/v1/users/{fpr}": asChange,
	"POST /pks/add":           asChange,
}

// A router registers paths whose ration is known.
type router struct {
	mux      *http.ServeMux
	visitors *visitors
	err      error // of the first path that has none
}

// HandleFunc is that of http.ServeMux.
func (r *router) HandleFunc(pattern string, serve func(http.ResponseWriter, *http.Request)) {
	cost, ok := rations[pattern]
	if !ok && r.err == nil {
		r.err = fmt.Errorf("the path %q has no ration; it needs one in node/endpoints.go", pattern)
	}
	if cost > asPage {
		serve = r.visitors.charge(int(cost-asPage), serve)
	}
	r.mux.HandleFunc(pattern, serve)
}

// charge has a visitor, who has paid for a page already, pay more.
func (v *visitors) charge(more int, serve http.HandlerFunc) http.HandlerFunc {
	more = min(more, v.burst-1) // a tight ration lets one through at a time
	return func(w http.ResponseWriter, r *http.Request) {
		if !v.gate.Charge(visitorAddr(r.RemoteAddr), more, time.Now()) {
			tooMany(w)
			return
		}
		serve(w, r)
	}
}

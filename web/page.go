package web

import (
	"bytes"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/omega-im/omega/internal/qr"
)

// dist is what `make web` builds of ui/. Names of assets carry a hash of what is in
// them.
//
//go:embed dist
var dist embed.FS

// servePage gives a built file.
func servePage(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" {
		name = "index.html"
	}
	b, err := fs.ReadFile(dist, "dist/"+name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if strings.HasPrefix(name, "assets/") {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// serveQR draws a text as a code to be scanned.
func serveQR(w http.ResponseWriter, r *http.Request) {
	code, err := qr.Encode(r.URL.Query().Get("text"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestURITooLong)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Write(code.SVG())
}

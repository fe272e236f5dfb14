package directory

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/i18n"
)

//go:embed web
var webFiles embed.FS

// Times and sizes of what is kept of pages.
const (
	sceneAge   = time.Second // a scene that something changed since is used for so long all the same
	sceneLife  = time.Minute // and one that nothing changed since: uptime goes on by itself
	keptOctets = 8 << 20     // of answers, per scene
	maxQuery   = 80          // octets of a search
)

// A site is the templates, the files beside them, and what was rendered.
type site struct {
	templates map[words]*template.Template // links carry a language that was chosen
	assets    map[string]*page             // by name

	mu     sync.Mutex
	layout layout           // guarded by mu
	scene  *scene           // guarded by mu; nil: none yet
	pages  map[string]*page // of scene, by what was asked for; guarded by mu
	kept   int              // octets of pages; guarded by mu
}

func (s *site) init() error {
	s.assets = map[string]*page{}
	files, err := fs.Glob(webFiles, "web/*")
	if err != nil {
		return err
	}
	types := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	for _, name := range files {
		contentType, ok := types[path.Ext(name)]
		if !ok {
			continue
		}
		b, err := webFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if path.Base(name) == "widget.js" {
			if b, err = spoken(b); err != nil {
				return err
			}
		}
		s.assets[path.Base(name)] = newPage(contentType, b)
	}
	s.templates = map[words]*template.Template{}
	for _, w := range []words{{i18n.Chinese, false}, {i18n.Chinese, true}, {i18n.English, false}, {i18n.English, true}} {
		t := template.New("site").Funcs(s.funcs(w))
		if s.templates[w], err = t.ParseFS(webFiles, "web/*.html"); err != nil {
			return err
		}
	}
	return nil
}

// funcs are what templates call.
func (s *site) funcs(w words) template.FuncMap {
	return template.FuncMap{
		"t": w.t, "clock": w.clock, "stamp": stamp, "link": w.link, "gap": w.gap,
		"asset": func(name string) (string, error) {
			b, ok := s.assets[name]
			if !ok {
				return "", fmt.Errorf("no file %s", name)
			}
			return "/static/" + name + "?v=" + b.tag[:8], nil
		},
	}
}

// render executes one template.
func (s *site) render(p *screen) ([]byte, error) {
	var b bytes.Buffer
	if err := s.templates[p.words].ExecuteTemplate(&b, p.template, p); err != nil {
		return nil, fmt.Errorf("page %s: %w", p.template, err)
	}
	return b.Bytes(), nil
}

// rows renders the table's rows once per language: whatever the order and the
// search, pages are put together from them. mu is held.
func (s *site) rows(sc *scene, w words) ([]template.HTML, error) {
	if rows := sc.rows[w]; rows != nil {
		return rows, nil
	}
	rows := make([]template.HTML, len(sc.views))
	for i := range sc.views {
		if !sc.views[i].inTable {
			continue
		}
		var b strings.Builder
		if err := s.templates[w].ExecuteTemplate(&b, "row", w.row(&sc.views[i])); err != nil {
			return nil, fmt.Errorf("row of %v: %w", sc.views[i].Server, err)
		}
		rows[i] = template.HTML(b.String()) // escaped by the template
	}
	sc.rows[w] = rows
	return rows, nil
}

// sceneNow returns the scene of now. Whoever comes first after a change makes
// it; mu is held meanwhile, because all others wait for the same.
func (d *Directory) sceneNow() *scene {
	s := &d.site
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.sceneLocked()
}

func (d *Directory) sceneLocked() *scene {
	s, now := &d.site, d.cfg.Clock()
	t := d.cfg.Topology()
	if s.scene != nil {
		age := now.Sub(s.scene.made)
		same := s.scene.topology == t && s.scene.version == d.watch.now() && s.scene.clock == d.clockOff()
		if age >= 0 && (age < sceneAge || same && age < sceneLife) {
			return s.scene
		}
	}
	s.scene = d.newScene(t, &s.layout, now)
	s.pages, s.kept = map[string]*page{}, 0
	return s.scene
}

// page returns the answer under key, made from the scene if it is not there.
// Answers without a key are not kept.
func (d *Directory) page(key, contentType string, make func(*scene) ([]byte, error)) (*page, error) {
	s := &d.site
	s.mu.Lock()
	defer s.mu.Unlock()
	sc := d.sceneLocked()
	if p := s.pages[key]; p != nil && key != "" {
		return p, nil
	}
	b, err := make(sc)
	if err != nil {
		return nil, err
	}
	p := newPage(contentType, b)
	p.connect = sc.connect
	if key != "" && s.kept+len(b) <= keptOctets {
		s.pages[key] = p
		s.kept += len(b)
	}
	return p, nil
}

// policy is what pages may do: nothing but what this server serves. The front
// page may also connect to the servers that it can measure the time to, when the
// reader presses a button (spec/directory.md, DIR-1); they are named in connect,
// each after a space.
func policy(connect string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'" + connect + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// send writes an answer under the headers that stand, or that it did not change.
func (p *page) send(w http.ResponseWriter, r *http.Request, status int) {
	h := w.Header()
	h.Set("Content-Type", p.content)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Encoding")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	out, tag := p.body, p.tag
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		out, tag = p.gzip(), p.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	if status == http.StatusOK {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(out))
		return
	}
	w.WriteHeader(status)
	w.Write(out)
}

// serveScreen renders a page for people and writes it. Without a key it is not kept.
// One that measures may connect to other servers.
func (d *Directory) serveScreen(w http.ResponseWriter, r *http.Request, key string, measures bool, make func(*scene, words) (*screen, error)) {
	l, status := languageOf(r), http.StatusOK
	if key != "" {
		key = fmt.Sprint(key, " ", l.Lang(), l.explicit)
	}
	p, err := d.page(key, "text/html; charset=utf-8", func(s *scene) ([]byte, error) {
		sc, err := make(s, l)
		if err != nil {
			return nil, err
		}
		if sc.missing {
			status = http.StatusNotFound
		}
		return d.site.render(sc)
	})
	if err != nil {
		d.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy(map[bool]string{true: p.connect}[measures]))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Add("Vary", "Accept-Language")
	p.send(w, r, status)
}

// serveOpen writes what other sites may read too.
func (d *Directory) serveOpen(w http.ResponseWriter, r *http.Request, key, contentType string, make func(*scene) ([]byte, error)) {
	p, err := d.page(key, contentType, make)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	open(w)
	p.send(w, r, http.StatusOK)
}

// open lets other sites read and show an answer.
func open(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
}

func (d *Directory) fail(w http.ResponseWriter, r *http.Request, err error) {
	d.cfg.Logger.Error("answer not made", "path", r.URL.Path, "err", err)
	http.Error(w, "this cannot be shown now", http.StatusInternalServerError)
}

func (w *watch) now() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version
}

// fingerprintIn reads a fingerprint from a path, with an ending that is cut off.
func fingerprintIn(r *http.Request, ending string) (omega.Fingerprint, bool) {
	text, ok := strings.CutSuffix(r.PathValue("fpr"), ending)
	if !ok {
		return omega.Fingerprint{}, false
	}
	fp, err := omega.ParseFingerprint(text)
	return fp, err == nil
}

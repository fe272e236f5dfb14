package directory

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/omega-im/omega"
)

// registerSite adds the pages for people and what stands beside them.
// (spec/directory.md, DIR-1)
func (d *Directory) registerSite(mux Router) {
	mux.HandleFunc("GET /{$}", d.serveFront)
	mux.HandleFunc("GET /server/{fpr}", d.serveServer)
	mux.HandleFunc("GET /user", d.serveUser)
	mux.HandleFunc("GET /embed", d.serveEmbed)
	mux.HandleFunc("GET /static/{name}", d.serveAsset)
	mux.HandleFunc("GET /widget.js", d.serveWidget)
	mux.HandleFunc("GET /proxies.csv", d.serveCSV)
	mux.HandleFunc("GET /feed.xml", d.serveFeed)
	mux.HandleFunc("GET /badge/{fpr}", d.serveBadge)
	mux.HandleFunc("GET /api/v1/map", d.serveMap)
	mux.HandleFunc("GET /api/v1/users/{fpr}", d.serveUserJSON)
	mux.HandleFunc("GET /ping", servePing)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			noSuchCall(w)
			return
		}
		d.serveScreen(w, r, "", false, func(s *scene, l words) (*screen, error) { return s.missingScreen(l, "site.missing", ""), nil })
	})
}

// noSuchCall is the answer to a program that asks for a path that there is not.
func noSuchCall(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	open(w)
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintln(w, `{"error":"there is no such path; the front page lists what programs may ask for"}`)
}

func (d *Directory) serveFront(w http.ResponseWriter, r *http.Request) {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	query = strings.ToValidUTF8(query[:min(len(query), maxQuery)], "")
	sort := r.URL.Query().Get("sort")
	if !slices.Contains(sortOrders, sort) || sort == sortOrders[0] {
		sort = ""
	}
	key := "front " + sort
	if query != "" {
		key = ""
	}
	d.serveScreen(w, r, key, true, func(s *scene, l words) (*screen, error) {
		rows, err := d.site.rows(s, l)
		if err != nil {
			return nil, err
		}
		return s.frontScreen(l, query, sort, rows), nil
	})
}

func (d *Directory) serveServer(w http.ResponseWriter, r *http.Request) {
	fp, ok := fingerprintIn(r, "")
	text := strings.ToValidUTF8(r.PathValue("fpr"), "")
	key := "server " + fp.String()
	if !ok || d.sceneNow().find(fp) == nil {
		key = ""
	}
	d.serveScreen(w, r, key, false, func(s *scene, l words) (*screen, error) {
		if v := s.find(fp); v != nil {
			return s.serverScreen(l, v), nil
		}
		return s.missingScreen(l, "site.server.unknown", text[:min(len(text), 64)]), nil
	})
}

func (d *Directory) serveEmbed(w http.ResponseWriter, r *http.Request) {
	d.serveScreen(w, r, "embed", false, func(s *scene, l words) (*screen, error) {
		p := s.newScreen(l, "embed.html", "/embed")
		p.Heading = l.t("site.embed")
		return p, nil
	})
}

// serveUser answers the form: which proxy is this user on.
func (d *Directory) serveUser(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimSpace(r.URL.Query().Get("fpr"))
	text = strings.ToValidUTF8(text[:min(len(text), 100)], "")
	fp, err := omega.ParseFingerprint(text)
	var proxy *omega.Fingerprint
	var whereErr error
	if err == nil {
		proxy, whereErr = d.where(r, fp)
	}
	d.serveScreen(w, r, "", false, func(s *scene, l words) (*screen, error) {
		p := s.newScreen(l, "user.html", "/user")
		p.Heading, p.Fingerprint = l.t("site.user"), text
		switch {
		case text == "":
		case err != nil:
			p.Answer = l.t("site.user.bad")
		case errors.Is(whereErr, ErrNobody):
			p.Answer = l.t("site.user.none")
		case whereErr != nil:
			p.Answer = l.t("site.user.busy")
		case proxy == nil:
			p.Answer = l.t("site.user.offline")
		default:
			p.Answer = l.t("site.user.on")
			row := tableRow{Link: l.link("/server/" + proxy.String()), Name: proxy.String()}
			if v := s.find(*proxy); v != nil {
				row = l.row(v)
			}
			p.Where = &row
		}
		return p, nil
	})
}

// ErrNobody is who does not want to be found, or does not exist.
var ErrNobody = errors.New("nobody of this fingerprint wants to be found")

func (d *Directory) where(r *http.Request, fp omega.Fingerprint) (*omega.Fingerprint, error) {
	if d.cfg.Where == nil {
		return nil, ErrNobody
	}
	return d.cfg.Where(r.Context(), fp)
}

func (d *Directory) serveUserJSON(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	open(w)
	h.Set("Cache-Control", "no-store")
	fp, ok := fingerprintIn(r, "")
	var proxy *omega.Fingerprint
	err := ErrNobody
	if ok {
		proxy, err = d.where(r, fp)
	}
	switch {
	case errors.Is(err, ErrNobody):
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintln(w, `{"error":"nobody of this fingerprint wants to be found"}`)
		return
	case err != nil:
		h.Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprintln(w, `{"error":"too many want to know where somebody is; try again in a second"}`)
		return
	}
	b, err := json.Marshal(map[string]*omega.Fingerprint{"proxy": proxy})
	if err != nil {
		http.Error(w, "cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Write(append(b, '\n'))
}

// servePing answers at once: browsers measure how long that takes.
func servePing(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	open(w)
	h.Set("Timing-Allow-Origin", "*")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// assetLife is how long browsers keep files: their names change with them.
const assetLife = "public, max-age=31536000, immutable"

func (d *Directory) serveAsset(w http.ResponseWriter, r *http.Request) {
	b, ok := d.site.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.URL.Query().Get("v") == b.tag[:8] {
		w.Header().Set("Cache-Control", assetLife)
	}
	b.send(w, r, http.StatusOK)
}

func (d *Directory) serveWidget(w http.ResponseWriter, r *http.Request) {
	open(w)
	w.Header().Set("Cache-Control", "public, max-age=3600")
	d.site.assets["widget.js"].send(w, r, http.StatusOK)
}

func (d *Directory) serveMap(w http.ResponseWriter, r *http.Request) {
	d.serveOpen(w, r, "map", "application/json", (*scene).mapJSON)
}

func (d *Directory) serveCSV(w http.ResponseWriter, r *http.Request) {
	d.serveOpen(w, r, "csv", "text/csv; charset=utf-8; header=present", (*scene).csv)
}

var csvHeader = []string{
	"fingerprint", "name", "operator", "site", "client", "http", "registration", "state", "status", "users_about", "load_percent", "links",
	"rtt_ms", "seen", "of", "uptime_24h", "uptime_30d", "uptime_90d", "version",
}

// csv is the table for spreadsheets, by fingerprint. What is not known is empty.
func (s *scene) csv() ([]byte, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(csvHeader) // of a strings.Builder
	for i := range s.views {
		v := &s.views[i]
		if !v.inTable {
			continue
		}
		rtt := ""
		if v.opinion.rtt > 0 {
			rtt = fmt.Sprint(ms(v.opinion.rtt))
		}
		_ = w.Write([]string{
			v.Server.String(), harmless(v.Name), harmless(v.Operator), harmless(v.Site), harmless(v.Client), harmless(v.HTTP), v.Registration.String(), v.state.String(), string(v.status),
			fmt.Sprint(v.Users), strconv.FormatFloat(float64(v.Load)/10, 'f', -1, 64), strconv.Itoa(v.degree), rtt,
			strconv.Itoa(v.opinion.seen), strconv.Itoa(v.opinion.of), share(v.uptime.day), share(v.uptime.month), share(v.uptime.quarter),
			harmless(v.Version),
		})
	}
	w.Flush()
	return []byte(b.String()), w.Error()
}

// harmless keeps spreadsheets from taking what a stranger wrote for a formula,
// which in East Asian editions may begin with a wide character.
func harmless(text string) string {
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune("=+-@＝＋－＠\t\r", first) {
		return "'" + text
	}
	return text
}

func share(s span) string {
	v, ok := s.share()
	if !ok {
		return ""
	}
	return strconv.FormatFloat(v, 'f', 5, 64)
}

package directory

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/omega-im/omega"
)

// An Atom feed (RFC 4287) with what it needs of it.
type (
	atomFeed struct {
		XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
		Lang    string      `xml:"xml:lang,attr"`
		ID      string      `xml:"id"`
		Title   string      `xml:"title"`
		Updated string      `xml:"updated"`
		Author  atomAuthor  `xml:"author"`
		Links   []atomLink  `xml:"link"`
		Entries []atomEntry `xml:"entry"`
	}
	atomAuthor struct {
		Name string `xml:"name"`
	}
	atomLink struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	}
	atomEntry struct {
		ID       string       `xml:"id"`
		Title    string       `xml:"title"`
		Updated  string       `xml:"updated"`
		Category atomCategory `xml:"category"`
		Link     atomLink     `xml:"link"`
		Content  string       `xml:"content"`
	}
	atomCategory struct {
		Term string `xml:"term,attr"`
	}
)

func (d *Directory) serveFeed(w http.ResponseWriter, r *http.Request) {
	l := languageOf(r)
	w.Header().Add("Vary", "Accept-Language")
	d.serveOpen(w, r, "feed "+l.Lang(), "application/atom+xml; charset=utf-8", func(s *scene) ([]byte, error) { return s.feed(l) })
}

// feed tells what changed, newest first. An entry keeps its id for ever: server,
// time, kind and whom it is about.
func (s *scene) feed(w words) ([]byte, error) {
	p := s.newScreen(w, "", "/")
	f := atomFeed{
		Lang: p.Tag, ID: "urn:omega:changes:" + s.self.String(), Title: w.t("site.feed.title"), Author: atomAuthor{p.Self}, Updated: stamp(s.made),
		Links: []atomLink{{"self", p.Base + "/feed.xml"}, {"alternate", p.Base + "/"}},
	}
	if len(s.changes) > 0 {
		f.Updated = stamp(s.changes[0].at)
	}
	for _, c := range s.changes {
		text := w.change(c)
		f.Entries = append(f.Entries, atomEntry{
			ID:    fmt.Sprintf("urn:omega:change:%s:%d:%s:%s%s", s.self, c.at.Unix(), c.kind, c.server, c.far),
			Title: text, Content: text, Updated: stamp(c.at), Category: atomCategory{c.kind.String()},
			Link: atomLink{"alternate", p.Base + "/server/" + c.server.String()},
		})
	}
	out, err := xml.MarshalIndent(f, "", " ")
	return append([]byte(xml.Header), out...), err
}

func (d *Directory) serveBadge(w http.ResponseWriter, r *http.Request) {
	fp, ok := fingerprintIn(r, ".svg")
	if !ok {
		w.Header().Add("Vary", "Accept-Language")
		http.Error(w, languageOf(r).t("site.badge.bad"), http.StatusNotFound)
		return
	}
	l := languageOf(r)
	w.Header().Add("Vary", "Accept-Language")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	key := "badge " + l.Lang() + fp.String()
	if d.sceneNow().find(fp) == nil {
		key = ""
	}
	d.serveOpen(w, r, key, "image/svg+xml", func(s *scene) ([]byte, error) { return s.badge(l, fp), nil })
}

// Colours of badges, dark enough for white text.
const (
	badgeLeft = "#3a3f47"
	badgeOK   = "#1a7f4b"
	badgeWarn = "#9a6700"
	badgeBad  = "#b42318"
	badgeNone = "#667085"
)

// badge draws a server's state as other sites show it.
func (s *scene) badge(w words, fp omega.Fingerprint) []byte {
	left, right, colour := "ω "+fp.String()[:8], w.t("site.server.unknown"), badgeNone
	if v := s.find(fp); v != nil {
		left, right, colour = "ω "+w.name(v), w.t("site.status."+string(v.status)), badgeWarn
		switch v.status {
		case statusOK:
			colour = badgeOK
			if p := percent(v.uptime.month); p != "" {
				right += " " + p
			} else if p := percent(v.uptime.day); p != "" {
				right += " " + p
			}
		case statusLost, statusBlocked:
			colour = badgeBad
		}
	}
	a, b := textWidth(left)+16, textWidth(right)+16
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s: %s"><title>%[2]s: %[3]s</title>`,
		a+b, template.HTMLEscapeString(left), template.HTMLEscapeString(right))
	fmt.Fprintf(&out, `<clipPath id="r"><rect width="%d" height="20" rx="4"/></clipPath><g clip-path="url(#r)"><rect width="%d" height="20" fill="%s"/><rect x="%[2]d" width="%[4]d" height="20" fill="%[5]s"/></g>`,
		a+b, a, badgeLeft, b, colour)
	fmt.Fprintf(&out, `<g fill="#fff" font-family="Verdana,'Noto Sans TC','PingFang TC','Microsoft JhengHei',sans-serif" font-size="11" text-anchor="middle"><text x="%d" y="14" textLength="%d">%s</text><text x="%d" y="14" textLength="%d">%s</text></g></svg>`,
		a/2, a-16, template.HTMLEscapeString(left), a+b/2, b-16, template.HTMLEscapeString(right))
	return []byte(out.String())
}

// textWidth is about how wide text is at 11 pixels: Han is as wide as high.
func textWidth(text string) int {
	w := 0.0
	for _, r := range text {
		if utf8.RuneLen(r) >= 3 {
			w += 11
		} else {
			w += 6.6
		}
	}
	return int(w)
}

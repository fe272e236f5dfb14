package directory

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// Size of the picture in its own units.
const (
	pictureWidth  = 1000
	pictureHeight = pictureWidth / pictureAspect
	pictureMargin = 40
	labelled      = 24  // up to so many servers have their names beside them
	clickable     = 200 // and up to so many are links
)

// kind is how the picture draws a server.
func (v *view) kind() string {
	switch {
	case v.status == statusLost, v.status == statusProbation:
		return string(v.status)
	case v.status != statusOK:
		return "problem"
	case v.state == mesh.Leaf:
		return "leaf"
	}
	return "ok"
}

func place(p point) (x, y float64) {
	return pictureMargin + p.X*(pictureWidth-2*pictureMargin), pictureMargin + p.Y*(pictureHeight-2*pictureMargin)
}

// dotSize is the radius of a server in a picture of n.
func dotSize(n int) float64 { return min(max(70/math.Sqrt(float64(n)), 4), 16) }

// picture draws the cloud for readers without scripts; map.js draws the same.
// What is equal is one path, so that a thousand servers stay small.
func (s *scene) picture(w words) template.HTML {
	var b strings.Builder
	n := len(s.views)
	class := "map"
	if n > clickable {
		class = "map many"
	}
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %d %.0f" role="img" aria-label="%s">`, class, pictureWidth, pictureHeight,
		template.HTMLEscapeString(w.t("site.map.alt", n, len(s.topology.Links))))
	s.drawLinks(&b)
	if n <= clickable {
		s.drawEach(&b, w)
	} else {
		s.drawAll(&b)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // names in it are escaped, all else is numbers
}

func (s *scene) drawLinks(b *strings.Builder) {
	bridges := s.bridges()
	for _, bridge := range []bool{false, true} {
		class := map[bool]string{false: "link", true: "link bridge"}[bridge]
		fmt.Fprintf(b, `<path class="%s" d="`, class)
		for _, e := range s.topology.Links {
			if bridges[[2]omega.Fingerprint{e.A, e.B}] != bridge {
				continue
			}
			x1, y1 := place(s.find(e.A).at)
			x2, y2 := place(s.find(e.B).at)
			fmt.Fprintf(b, "M%.0f %.0fL%.0f %.0f", x1, y1, x2, y2)
		}
		b.WriteString(`"/>`)
	}
}

// drawEach draws every server by itself, as a link with its name.
func (s *scene) drawEach(b *strings.Builder, w words) {
	r := dotSize(len(s.views))
	labels := s.labels(w, r)
	for i := range s.views {
		v := &s.views[i]
		x, y := place(v.at)
		name := template.HTMLEscapeString(w.name(v))
		fmt.Fprintf(b, `<a href="%s"><title>%s: %s</title>`, template.HTMLEscapeString(w.link("/server/"+v.Server.String())),
			name, template.HTMLEscapeString(w.t("site.status."+string(v.status))))
		if !v.spare {
			fmt.Fprintf(b, `<circle class="cut" cx="%.0f" cy="%.0f" r="%.0f"/>`, x, y, r+6)
		}
		fmt.Fprintf(b, `<circle class="node %s" cx="%.0f" cy="%.0f" r="%.0f"/>`, v.kind(), x, y, r)
		if labels != nil {
			fmt.Fprintf(b, `<text x="%.0f" y="%.0f">%s</text>`, x, labels[i], name)
		}
		b.WriteString("</a>")
	}
}

// labelSize is the height of names on a phone, where they are largest (site.css).
const labelSize = 34

// A box is where a name stands.
type box struct{ left, top, right, bottom float64 }

func (a box) meets(b box) bool {
	return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

// labelBox is where a name stands whose line is at y, about.
func labelBox(name string, x, y float64) box {
	wide := 0.0
	for _, r := range name {
		if r < 0x1100 {
			wide += labelSize * 0.58
		} else {
			wide += labelSize
		}
	}
	return box{x - wide/2, y - 0.8*labelSize, x + wide/2, y + 0.2*labelSize}
}

// labels places the names: each below its server, or above where the picture ends
// or another name or server stands there. Nil: there are too many servers.
func (s *scene) labels(w words, r float64) []float64 {
	if len(s.views) > labelled {
		return nil
	}
	taken := make([]box, 0, 2*len(s.views))
	for i := range s.views {
		x, y := place(s.views[i].at)
		taken = append(taken, box{x - r, y - r, x + r, y + r})
	}
	out := make([]float64, len(s.views))
	for i := range s.views {
		x, y := place(s.views[i].at)
		name := w.name(&s.views[i])
		below, above := y+r+28, y-r-9
		out[i] = above
		if at := labelBox(name, x, below); at.bottom <= pictureHeight && (!crowded(at, taken, i) || crowded(labelBox(name, x, above), taken, i)) {
			out[i] = below
		}
		taken = append(taken, labelBox(name, x, out[i]))
	}
	return out
}

// crowded reports whether a name of server i meets another name or server.
func crowded(at box, taken []box, i int) bool {
	for j, b := range taken {
		if j != i && at.meets(b) {
			return true
		}
	}
	return false
}

// drawAll draws all servers of a kind at once.
func (s *scene) drawAll(b *strings.Builder) {
	paths := map[string]*strings.Builder{}
	for i := range s.views {
		v := &s.views[i]
		x, y := place(v.at)
		for _, k := range []string{v.kind(), map[bool]string{false: "cut"}[v.spare]} {
			if k == "" {
				continue
			}
			if paths[k] == nil {
				paths[k] = &strings.Builder{}
			}
			fmt.Fprintf(paths[k], "M%.0f %.0fh0", x, y)
		}
	}
	for _, k := range []string{"cut", "ok", "leaf", "probation", "problem", "lost"} {
		if paths[k] != nil {
			fmt.Fprintf(b, `<path class="dots %s" d="%s"/>`, k, paths[k])
		}
	}
}

// The JSON of /api/v1/map: the picture for scripts and other sites. x and y are
// 0 to 1, links are pairs of places in servers, or triples that end in 1 for a
// bridge.
type (
	mapJSON struct {
		Word    string    `json:"state"`
		Made    string    `json:"made"`
		Usable  int       `json:"usable"`
		Listed  int       `json:"listed"`
		Aspect  float64   `json:"aspect"`
		Servers []mapNode `json:"servers"`
		Links   [][]int   `json:"links"`
	}
	mapNode struct {
		Fingerprint  omega.Fingerprint `json:"fingerprint"`
		Name         string            `json:"name"`
		Operator     string            `json:"operator"`
		Site         string            `json:"site"`
		HTTP         string            `json:"http,omitempty"`
		X            float64           `json:"x"`
		Y            float64           `json:"y"`
		Kind         string            `json:"kind"`
		Status       status            `json:"status"`
		Listed       bool              `json:"listed"`
		Registration string            `json:"registration"`
		Cut          bool              `json:"cut,omitempty"`
		RTT          float64           `json:"rtt_ms,omitempty"`
		Seen         int               `json:"seen"`
		Of           int               `json:"of"`
		Uptime       *float64          `json:"uptime"` // of the longest span that is known
	}
)

func (s *scene) mapJSON() ([]byte, error) {
	out := mapJSON{
		Word: s.topology.State.String(), Made: stamp(s.made), Usable: s.usable, Listed: len(s.order), Aspect: pictureAspect,
		Servers: []mapNode{}, Links: [][]int{},
	}
	for i := range s.views {
		v := &s.views[i]
		n := mapNode{
			Fingerprint: v.Server, Name: v.Name, Operator: v.Operator, Site: v.Site, HTTP: v.web, X: places(v.at.X), Y: places(v.at.Y),
			Kind: v.kind(), Status: v.status, Listed: v.inTable, Registration: v.Registration.String(), Cut: !v.spare,
			RTT: ms(v.opinion.rtt), Seen: v.opinion.seen, Of: v.opinion.of,
		}
		if share := v.uptime.rank(); share >= 0 {
			n.Uptime = &share
		}
		out.Servers = append(out.Servers, n)
	}
	bridges := s.bridges()
	for _, e := range s.topology.Links {
		l := []int{s.index[e.A], s.index[e.B]}
		if bridges[[2]omega.Fingerprint{e.A, e.B}] {
			l = append(l, 1)
		}
		out.Links = append(out.Links, l)
	}
	return json.Marshal(out)
}

// places keeps three decimals.
func places(v float64) float64 { return math.Round(v*1000) / 1000 }

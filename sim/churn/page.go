package churn

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/omega-im/omega/internal/i18n"
)

//go:embed page.tmpl
var pageText string

// Page writes the report as one web page that needs nothing else.
func (r *Result) Page(out io.Writer, lang i18n.Lang) error {
	t := func(key string, args ...any) string { return i18n.T(key, args...).In(lang) }
	page, err := template.New("page").Funcs(template.FuncMap{
		"t": t, "percent": percent, "never": orNever, "disaster": func(name string) string { return disasterName(lang, name) },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	tag := "zh-Hant-TW"
	if lang == i18n.English {
		tag = "en"
	}
	return page.Execute(out, struct {
		*Report
		Lang    string
		Maps    []picture
		Course  template.HTML
		Degrees template.HTML
		Lines   []string
		Worst   Transit
		Struck  *Disaster
	}{r.Report, tag, r.pictures(t), r.course(t), degreesChart(r.Report.Grown.Degrees), r.Report.Summary(lang), worst(r.Report.Messages), r.Report.struck()})
}

// A picture is a map with what stands at it.
type picture struct {
	Title, Figures string
	SVG            template.HTML
	Wide           bool
}

func (r *Result) pictures(t func(string, ...any) string) (out []picture) {
	titles := map[string]string{
		"byhand": t("sim.page.byhand"), "grown": t("sim.page.before"), "churned": t("sim.page.hour", r.Report.Hours),
		"struck": t("sim.page.struck"), "mended": t("sim.page.after"),
	}
	for _, m := range r.maps {
		if m.name == "" {
			continue // not simulated
		}
		f := m.shape
		out = append(out, picture{
			titles[m.name], t("sim.page.figures", f.members, f.links, f.bridges, f.vertices, f.parts, f.least),
			m.svg(titles[m.name]), m.name == "grown" || m.name == "byhand",
		})
	}
	return out
}

// struck is the loss of 30 % at random, nil if it was not simulated.
func (r *Report) struck() *Disaster {
	for k := range r.Mass {
		if r.Mass[k].Name == pictured {
			return &r.Mass[k]
		}
	}
	return nil
}

// worst is the kind of failure that the fewest messages got past.
func worst(all []Transit) (t Transit) {
	for k, x := range all {
		if k == 0 || x.Delivered < t.Delivered {
			t = x
		}
	}
	return t
}

// Violations is at how many checks anything was found that should not be.
func (v Invariant) Violations() int { return v.Bridges + v.Vertices }

// course draws how the loss of 30 % mends: three lines over the seconds.
func (r *Result) course(t func(string, ...any) string) template.HTML {
	d := r.Report.struck()
	if d == nil || len(d.Course) < 2 {
		return ""
	}
	end, top := d.Course[len(d.Course)-1].AtS, 1
	for _, m := range d.Course {
		top = max(top, m.Bridges, m.Parts-1, m.Below)
	}
	const w, h, left, base = 900.0, 260.0, 60.0, 220.0
	x := func(s float64) float64 { return left + (w-left-20)*s/end }
	y := func(n int) float64 { return base - (base-20)*float64(n)/float64(top) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, w, h, t("sim.page.course"))
	for k := 0; k <= 4; k++ {
		n := top * k / 4
		fmt.Fprintf(&b, `<path class="grid" d="M%g %.1fH%g"/><text class="tick" x="%g" y="%.1f" text-anchor="end">%d</text>`, left, y(n), w-20, left-8, y(n)+5, n)
	}
	for s := 0.0; s <= end; s += max(1, float64(int(end/10))) {
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%g" text-anchor="middle">%g</text>`, x(s), base+20, s)
	}
	fmt.Fprintf(&b, `<text class="tick" x="%g" y="%g" text-anchor="end">%s</text>`, w-20, base+38, t("sim.page.seconds"))
	for k, line := range []struct {
		class, name string
		of          func(Moment) int
	}{
		{"below", t("sim.page.cbelow"), func(m Moment) int { return m.Below }},
		{"bridges", t("sim.page.cbridges"), func(m Moment) int { return m.Bridges }},
		{"parts", t("sim.page.cparts"), func(m Moment) int { return m.Parts - 1 }},
	} {
		fmt.Fprintf(&b, `<path class="line %s" d="`, line.class)
		for j, m := range d.Course {
			fmt.Fprintf(&b, "%c%.1f %.1f", "ML"[min(j, 1)], x(m.AtS), y(line.of(m)))
		}
		fmt.Fprintf(&b, `"/><path class="line %s" d="M%g %dh24"/><text x="%g" y="%d">%s</text>`, line.class, w-250, 30+24*k, w-218, 35+24*k, line.name)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// degreesChart draws how many members have how many links.
func degreesChart(degrees []int) template.HTML {
	most := 1
	for _, n := range degrees {
		most = max(most, n)
	}
	var b strings.Builder
	b.WriteString(`<svg viewBox="0 0 900 200" role="img">`)
	width := 860.0 / float64(max(len(degrees), 1))
	for d, n := range degrees {
		x, h := 20+width*float64(d), 140*float64(n)/float64(most)
		fmt.Fprintf(&b, `<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2"/>`, x+4, 160-h, width-8, h)
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="180" text-anchor="middle">%d</text>`, x+width/2, d)
		if n > 0 {
			fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="middle">%d</text>`, x+width/2, 154-h, n)
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

package directory

import "fmt"

// A strip is a span as a row of bars: a run of cells that did alike is one
// dashed line, which keeps a page of a thousand servers small.
type strip struct {
	Label string // of the catalogue
	Share string // of the time it was up; "" as long as that is unknown
	Some  bool   // there are samples, be it too few for a share
	Width int
	Runs  []run
}

// A run is neighbouring cells of one class: up, part, down or none.
type run struct {
	Class        string
	From, Length int
}

// barWidth is one cell with the gap behind it; site.css dashes lines so.
const barWidth = 3

// strips draws the three spans that people are shown. Three days of the longest
// one share a bar.
func strips(u uptime) []strip {
	return []strip{
		newStrip("site.span.day", u.day, 1), newStrip("site.span.month", u.month, 1), newStrip("site.span.quarter", u.quarter, 3),
	}
}

func newStrip(label string, s span, each int) strip {
	out := strip{Label: label, Share: percent(s), Some: s.watched() > 0, Width: len(s.cells) / each * barWidth}
	for i := 0; i+each <= len(s.cells); i += each {
		up, total := 0, 0
		for _, c := range s.cells[i : i+each] {
			up += int(c.up)
			total += int(c.total)
		}
		class, at := classOf(up, total), i/each*barWidth
		if last := len(out.Runs) - 1; last >= 0 && out.Runs[last].Class == class {
			out.Runs[last].Length += barWidth
			continue
		}
		out.Runs = append(out.Runs, run{class, at, barWidth})
	}
	return out
}

// classOf calls a bar up from 99.5 %, down below a half.
func classOf(up, total int) string {
	switch {
	case total == 0:
		return "none"
	case 1000*up >= 995*total:
		return "up"
	case 2*up < total:
		return "down"
	}
	return "part"
}

// percent writes a share so that 100 % means always.
func percent(s span) string {
	v, ok := s.share()
	switch {
	case !ok:
		return ""
	case s.sum.up == s.sum.total:
		return "100%"
	case v >= 0.9995:
		return "99.9%"
	case v >= 0.9:
		return fmt.Sprintf("%.1f%%", v*100)
	}
	return fmt.Sprintf("%.0f%%", v*100)
}

package churn

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Size of a map in its own units. The poles are left out: nobody is there.
const (
	mapWidth  = 1600.0
	mapHeight = 720.0
	mapNorth  = 76.0
	mapSouth  = -56.0
)

func mapX(lon float64) float64 { return (lon + 180) / 360 * mapWidth }
func mapY(lat float64) float64 { return (mapNorth - lat) / (mapNorth - mapSouth) * mapHeight }

// svg draws the map: land, a curve for all links between two sites, a disc for
// the servers of a site. What is lost is drawn in the colour of loss.
func (m *Map) svg(title string) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, mapWidth, mapHeight, template.HTMLEscapeString(title))
	b.WriteString(`<path class="land" d="`)
	for _, shore := range land {
		for k, p := range shore {
			fmt.Fprintf(&b, "%c%.0f %.0f", "ML"[min(k, 1)], mapX(p[0]), mapY(p[1]))
		}
		b.WriteByte('Z')
	}
	b.WriteString(`"/>`)
	most, links, gone := 1, 0, 0
	for _, a := range m.arcs {
		links, gone = links+a.links, gone+a.gone
		if a.a != a.b {
			most = max(most, a.links, a.gone)
		}
	}
	lost := "arc gone"
	if gone*5 < links { // few: let them be seen
		lost += " few"
	}
	for _, a := range m.arcs {
		if a.a != a.b {
			m.arc(&b, a, a.links, most, "arc")
		}
	}
	for _, a := range m.arcs {
		if a.a != a.b {
			m.arc(&b, a, a.gone, most, lost)
		}
	}
	for _, s := range m.sites {
		m.disc(&b, s)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// arc draws the links between two sites, the other way round the world if that
// is shorter.
func (m *Map) arc(b *strings.Builder, a mapArc, links, most int, class string) {
	if links == 0 {
		return
	}
	share := math.Sqrt(float64(links) / float64(most))
	from, to := m.sites[a.a], m.sites[a.b]
	x1, y1, x2, y2 := mapX(from.lon), mapY(from.lat), mapX(to.lon), mapY(to.lat)
	switch {
	case x2-x1 > mapWidth/2:
		curve(b, class, share, x1+mapWidth, y1, x2, y2)
		x2 -= mapWidth
	case x1-x2 > mapWidth/2:
		curve(b, class, share, x1-mapWidth, y1, x2, y2)
		x2 += mapWidth
	}
	curve(b, class, share, x1, y1, x2, y2)
}

func curve(b *strings.Builder, class string, share, x1, y1, x2, y2 float64) {
	dx, dy := x2-x1, y2-y1
	bend := 0.14
	if dx < 0 {
		bend = -bend
	}
	cx, cy := (x1+x2)/2+bend*dy, (y1+y2)/2-bend*dx
	fmt.Fprintf(b, `<path class="%s" style="stroke-width:%.2f;stroke-opacity:%.2f" d="M%.1f %.1fQ%.1f %.1f %.1f %.1f"/>`,
		class, 0.4+2.8*share, 0.1+0.45*share, x1, y1, cx, cy, x2, y2)
}

// disc draws the servers of a site, with an area in proportion.
func (m *Map) disc(b *strings.Builder, s mapSite) {
	total := 0
	for _, o := range m.sites {
		total += o.alive + o.gone
	}
	scale := 46 / math.Sqrt(float64(max(total, 1)))
	x, y := mapX(s.lon), mapY(s.lat)
	if s.gone > 0 {
		fmt.Fprintf(b, `<circle class="gone" cx="%.1f" cy="%.1f" r="%.1f"/>`, x, y, scale*math.Sqrt(float64(s.alive+s.gone)))
	}
	if s.alive > 0 {
		fmt.Fprintf(b, `<circle class="site" cx="%.1f" cy="%.1f" r="%.1f"><title>%s: %d</title></circle>`, x, y, scale*math.Sqrt(float64(s.alive)), s.name, s.alive)
	}
}

// land are rough outlines of the continents, in degrees east and north: enough
// to tell where one is.
var land = [][][2]float64{
	{{-168, 66}, {-156, 71}, {-128, 70}, {-110, 68}, {-95, 68}, {-82, 67}, {-80, 63}, {-94, 60}, {-92, 57}, {-82, 55}, {-79, 51}, {-77, 60}, {-70, 61}, {-64, 58}, {-56, 52}, {-66, 50}, {-60, 46}, {-70, 43}, {-74, 40}, {-76, 35}, {-81, 31}, {-80, 25}, {-83, 29}, {-90, 29}, {-97, 27}, {-97, 21}, {-91, 18}, {-87, 21}, {-88, 16}, {-83, 14}, {-83, 9}, {-78, 8}, {-85, 11}, {-95, 16}, {-105, 20}, {-110, 26}, {-114, 31}, {-110, 23}, {-117, 32}, {-122, 37}, {-124, 43}, {-124, 48}, {-132, 55}, {-145, 60}, {-153, 58}, {-162, 56}, {-158, 59}, {-165, 62}},
	{{-78, 8}, {-72, 12}, {-62, 10}, {-51, 4}, {-44, -2}, {-35, -6}, {-39, -15}, {-42, -23}, {-48, -27}, {-54, -34}, {-58, -38}, {-65, -42}, {-67, -48}, {-70, -55}, {-75, -50}, {-73, -38}, {-71, -28}, {-71, -18}, {-77, -12}, {-81, -5}, {-80, 1}},
	{{-17, 21}, {-10, 31}, {-6, 36}, {10, 37}, {11, 33}, {20, 31}, {32, 31}, {37, 21}, {43, 12}, {51, 12}, {47, 4}, {40, -4}, {40, -15}, {35, -24}, {28, -33}, {19, -35}, {15, -27}, {12, -17}, {13, -8}, {9, 0}, {9, 4}, {-2, 5}, {-8, 4}, {-16, 12}},
	{{-9, 43}, {-9, 37}, {-5, 36}, {0, 39}, {3, 42}, {9, 44}, {12, 42}, {16, 38}, {18, 40}, {13, 45}, {19, 42}, {23, 36}, {26, 41}, {30, 46}, {38, 47}, {41, 42}, {30, 41}, {27, 37}, {36, 36}, {34, 31}, {35, 28}, {43, 13}, {52, 17}, {59, 23}, {56, 26}, {50, 29}, {57, 27}, {66, 25}, {72, 21}, {77, 8}, {80, 15}, {88, 22}, {94, 17}, {98, 9}, {103, 1}, {101, 12}, {105, 9}, {109, 12}, {106, 20}, {114, 22}, {121, 29}, {119, 36}, {122, 40}, {126, 35}, {129, 36}, {128, 41}, {135, 44}, {141, 53}, {136, 55}, {156, 59}, {156, 51}, {163, 57}, {178, 63}, {179, 69}, {160, 70}, {140, 73}, {113, 74}, {105, 76}, {80, 73}, {70, 73}, {68, 68}, {54, 68}, {44, 66}, {40, 67}, {28, 71}, {15, 68}, {5, 61}, {7, 58}, {12, 56}, {18, 60}, {17, 63}, {22, 66}, {25, 65}, {22, 60}, {30, 60}, {21, 56}, {18, 54}, {10, 54}, {9, 57}, {8, 54}, {2, 51}, {-5, 48}, {-1, 44}},
	{{114, -22}, {122, -18}, {130, -12}, {136, -12}, {140, -17}, {142, -11}, {146, -19}, {153, -26}, {150, -37}, {144, -39}, {138, -34}, {131, -31}, {116, -35}},
	{{-55, 60}, {-43, 60}, {-22, 70}, {-20, 76}, {-68, 76}, {-54, 69}},
	{{-5, 50}, {1, 51}, {-2, 56}, {-5, 58}, {-3, 54}}, {{-10, 52}, {-6, 52}, {-6, 55}, {-9, 54}}, {{-24, 64}, {-16, 64}, {-16, 66}, {-23, 66}},
	{{130, 31}, {136, 34}, {140, 35}, {142, 40}, {145, 43}, {141, 45}, {140, 40}, {136, 37}, {131, 34}}, {{120, 23}, {121, 22}, {122, 25}, {121, 25}},
	{{95, 5}, {104, -3}, {106, -6}, {101, -2}}, {{106, -6}, {114, -8}, {108, -8}}, {{109, 1}, {117, 7}, {117, 0}, {114, -4}, {110, -2}},
	{{131, -1}, {141, -3}, {150, -10}, {142, -9}, {137, -6}}, {{120, 18}, {122, 18}, {126, 7}, {122, 7}}, {{119, 0}, {125, 1}, {122, -5}, {120, -5}},
	{{44, -16}, {50, -15}, {47, -25}, {44, -24}}, {{173, -35}, {178, -38}, {174, -41}}, {{173, -41}, {167, -46}, {171, -44}}, {{80, 9}, {82, 7}, {80, 6}},
	{{-85, 22}, {-77, 20}, {-75, 20}, {-80, 23}}, {{-74, 19}, {-69, 19}, {-72, 18}},
}

package churn

import (
	"cmp"
	"slices"
)

// A Map is the cloud by sites at one moment, for a picture.
type Map struct {
	name  string
	sites []mapSite
	arcs  []mapArc
	shape mapFigures
}

type mapSite struct {
	name     string
	lat, lon float64
	alive    int
	gone     int // lost in the disaster that is shown
}

// A mapArc is all links between two sites.
type mapArc struct {
	a, b  int
	links int
	gone  int
}

// mapFigures stand under a picture.
type mapFigures struct {
	members, links, bridges, vertices, parts, least int
}

// mapOf draws the cloud as it is, and as if the victims were gone.
func (w *world) mapOf(name string, victims []int32) Map {
	m := Map{name: name}
	for _, s := range sites {
		m.sites = append(m.sites, mapSite{name: s.name, lat: s.lat, lon: s.lon})
	}
	gone := make([]bool, len(w.servers))
	for _, v := range victims {
		gone[v] = true
	}
	arcs := map[[2]int]*mapArc{}
	for i := range w.servers {
		s := &w.servers[i]
		if !s.alive {
			continue
		}
		at := w.pop.all[i].site
		if gone[i] {
			m.sites[at].gone++
		} else {
			m.sites[at].alive++
		}
		for k := range s.links {
			if p := s.links[k].peer; int32(i) < p && w.counts(int32(i), &s.links[k]) {
				count(arcs, at, w.pop.all[p].site, gone[i] || gone[p])
			}
		}
	}
	for _, a := range arcs {
		m.arcs = append(m.arcs, *a)
	}
	slices.SortFunc(m.arcs, func(x, y mapArc) int {
		return cmp.Or(cmp.Compare(x.links, y.links), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
	})
	g := w.truth(nil, func(i int32) bool { return w.member(i) && !gone[i] })
	c := g.cuts()
	least, _, _ := g.degrees()
	m.shape = mapFigures{len(g.nodes), g.edges, len(c.bridges), len(c.vertices), c.parts, least}
	return m
}

func count(arcs map[[2]int]*mapArc, a, b int, gone bool) {
	key := [2]int{min(a, b), max(a, b)}
	if arcs[key] == nil {
		arcs[key] = &mapArc{a: key[0], b: key[1]}
	}
	if gone {
		arcs[key].gone++
	} else {
		arcs[key].links++
	}
}

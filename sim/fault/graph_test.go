package fault

import (
	"fmt"
	"testing"
)

// A graph is servers and the links between them, by name. It is small: what is
// asked is found by trying.
type graph map[string]map[string]bool

func (g graph) add(a string) {
	if g[a] == nil {
		g[a] = map[string]bool{}
	}
}

func (g graph) link(a, b string) {
	g.add(a)
	g.add(b)
	g[a][b], g[b][a] = true, true
}

// connected reports whether all but some servers reach each other, without the
// link between a and b.
func (g graph) connected(without map[string]bool, a, b string) bool {
	seen := map[string]bool{}
	var walk func(at string)
	walk = func(at string) {
		seen[at] = true
		for to := range g[at] {
			if !seen[to] && !without[to] && !(at == a && to == b) && !(at == b && to == a) {
				walk(to)
			}
		}
	}
	n := 0
	for at := range g {
		if without[at] {
			continue
		}
		if n++; n == 1 {
			walk(at)
		}
	}
	return len(seen) == n
}

// bridges lists the links without which the servers do not all reach each
// other.
func (g graph) bridges() (out []string) {
	for a := range g {
		for b := range g[a] {
			if a < b && !g.connected(nil, a, b) {
				out = append(out, fmt.Sprintf("%s-%s", a, b))
			}
		}
	}
	return out
}

// cuts lists the servers without which the others do not all reach each other.
func (g graph) cuts() (out []string) {
	for a := range g {
		if !g.connected(map[string]bool{a: true}, "", "") {
			out = append(out, a)
		}
	}
	return out
}

// solid reports whether any two servers can go and the others still reach each
// other.
func (g graph) solid() bool {
	for a := range g {
		for b := range g {
			if !g.connected(map[string]bool{a: true, b: true}, "", "") {
				return false
			}
		}
	}
	return true
}

// least is the smallest number of links of one server.
func (g graph) least() int {
	n := len(g)
	for _, links := range g {
		n = min(n, len(links))
	}
	return n
}

func TestGraph(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                 string
		links                []string // two letters each
		bridges, cuts, least int
		solid                bool
	}{
		{"triangle", []string{"ab", "bc", "ca"}, 0, 0, 2, true},
		{"line", []string{"ab", "bc"}, 2, 1, 1, false},
		{"two triangles at one server", []string{"ab", "bc", "ca", "cd", "de", "ec"}, 0, 1, 2, false},
		{"two triangles on a link", []string{"ab", "bc", "ca", "cd", "de", "ef", "fd"}, 1, 2, 2, false},
		{"ring", []string{"ab", "bc", "cd", "da"}, 0, 0, 2, false},
		{"all of four", []string{"ab", "ac", "ad", "bc", "bd", "cd"}, 0, 0, 3, true},
		{"wheel", []string{"ab", "bc", "cd", "da", "xa", "xb", "xc", "xd"}, 0, 0, 3, true},
		{"in two", []string{"ab", "bc", "ca", "de", "ef", "fd"}, 6, 6, 2, false},
	}
	for _, tt := range tests {
		g := graph{}
		for _, l := range tt.links {
			g.link(l[:1], l[1:])
		}
		if b, c := g.bridges(), g.cuts(); len(b) != tt.bridges || len(c) != tt.cuts || g.least() != tt.least || g.solid() != tt.solid {
			t.Errorf("%s: bridges %v, cuts %v, least %d, solid %v", tt.name, b, c, g.least(), g.solid())
		}
	}
}

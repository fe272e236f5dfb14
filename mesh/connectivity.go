package mesh

// MaxConnectivity is the largest vertex connectivity that Connectivity tells
// apart: the cloud promises 3.
const MaxConnectivity = 4

// Sizes up to which Connectivity is exact. Both take below 0.2 s on one core.
const (
	exactFour  = 128  // tells 4 from 3: O(n²) searches
	exactThree = 2048 // tells 3 from 2: n searches
)

// Connectivity is the vertex connectivity, at most MaxConnectivity: how many
// servers must go before the rest falls apart (or one is left). In graphs of
// more than 128 servers it is at most 3, above 2,048 at most 2, because
// telling more apart takes too long; it is never too high.
func (g *Graph) Connectivity() int {
	n := len(g.nodes)
	limit := min(MaxConnectivity, g.MinDegree())
	if n < 2 || limit == 0 {
		return 0
	}
	if n <= exactFour {
		return g.disjointPaths(limit)
	}
	w := g.walk()
	switch {
	case w.parts > 1:
		return 0
	case w.weak():
		return 1
	case n > exactThree:
		return min(limit, 2)
	}
	for v := range int32(n) {
		if g.walk(v).weak() {
			return 2
		}
	}
	return min(limit, 3)
}

// weak reports whether the searched graph has a cut vertex or several parts.
func (w *walk) weak() bool {
	for _, cut := range w.cut {
		if cut {
			return true
		}
	}
	return w.parts > 1
}

// disjointPaths returns the smallest number of disjoint paths between two
// servers without a link, at most limit (Menger). One of any k+1 servers is
// outside a smallest cut of k, so it is enough to try those as ends (Even).
func (g *Graph) disjointPaths(limit int) int {
	f := newFlow(g)
	for s := int32(0); int(s) <= limit && int(s) < len(g.nodes); s++ {
		linked := make([]bool, len(g.nodes))
		for _, a := range g.arcsOf(s) {
			linked[a.to] = true
		}
		for t := s + 1; int(t) < len(g.nodes); t++ {
			if !linked[t] {
				limit = min(limit, f.paths(s, t, limit))
			}
		}
	}
	return limit
}

// A flow counts disjoint paths. Each server is an entry 2i and an exit 2i+1
// with one pipe between them, so that one path at most goes through it. Pipe p
// and its reverse are p and p^1.
type flow struct {
	from [][]int32 // by node: pipes that leave it
	to   []int32   // by pipe
	full []bool    // by pipe: nothing more fits
	came []int32   // by node: pipe by which the search came, -1 for none
}

func newFlow(g *Graph) *flow {
	f := &flow{from: make([][]int32, 2*len(g.nodes)), came: make([]int32, 2*len(g.nodes))}
	for i := range int32(len(g.nodes)) {
		f.pipe(2*i, 2*i+1)
	}
	for _, e := range g.edges {
		f.pipe(2*e.a+1, 2*e.b)
		f.pipe(2*e.b+1, 2*e.a)
	}
	f.full = make([]bool, len(f.to))
	return f
}

func (f *flow) pipe(a, b int32) {
	f.from[a] = append(f.from[a], int32(len(f.to)))
	f.from[b] = append(f.from[b], int32(len(f.to))+1)
	f.to = append(f.to, b, a)
}

// paths counts the disjoint paths between s and t, at most limit.
func (f *flow) paths(s, t int32, limit int) int {
	for p := range f.full {
		f.full[p] = p&1 == 1 // a reverse opens when its pipe is used
	}
	n := 0
	for n < limit && f.search(2*s+1, 2*t) {
		n++
		for at := 2 * t; at != 2*s+1; {
			p := f.came[at]
			f.full[p], f.full[p^1] = true, false
			at = f.to[p^1]
		}
	}
	return n
}

// search finds a way along pipes that are not full.
func (f *flow) search(s, t int32) bool {
	for i := range f.came {
		f.came[i] = -1
	}
	line := []int32{s}
	for len(line) > 0 {
		at := line[0]
		line = line[1:]
		for _, p := range f.from[at] {
			to := f.to[p]
			if f.full[p] || f.came[to] >= 0 || to == s {
				continue
			}
			f.came[to] = p
			if to == t {
				return true
			}
			line = append(line, to)
		}
	}
	return false
}

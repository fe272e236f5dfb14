package churn

// A router finds shortest ways by delay in a graph of the true cloud.
// Servers that are blocked, or that only speak for themselves, are not passed
// through.
type router struct {
	g       *graph
	leaf    []bool   // by number: forwards for nobody
	blocked []bool   // by number
	noEdge  int32    // link not to be used, -1 for none
	dist    []uint32 // ticks, never for out of reach
	prev    []int32
	heap    []uint64 // distance above number
}

func newRouter(w *world, g *graph) *router {
	n := len(g.nodes)
	r := &router{
		g: g, leaf: make([]bool, n), blocked: make([]bool, n), noEdge: -1,
		dist: make([]uint32, n), prev: make([]int32, n),
	}
	for k, i := range g.nodes {
		r.leaf[k] = !w.transit(i)
	}
	return r
}

const numberBits = 20

func (r *router) push(d uint32, k int32) {
	h := append(r.heap, uint64(d)<<numberBits|uint64(k))
	i := len(h) - 1
	for i > 0 && h[(i-1)/2] > h[i] {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		i = (i - 1) / 2
	}
	r.heap = h
}

func (r *router) pop() (uint32, int32) {
	h := r.heap
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && h[down+1] < h[down] {
			down++
		}
		if h[i] <= h[down] {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	r.heap = h
	return uint32(top >> numberBits), int32(top & (1<<numberBits - 1))
}

// from finds the ways from a server to all others, or until one is reached
// (-1: to all). It is Dijkstra's algorithm.
func (r *router) from(root, until int32) {
	for k := range r.dist {
		r.dist[k], r.prev[k] = never, -1
	}
	r.dist[root] = 0
	r.heap = r.heap[:0]
	r.push(0, root)
	for len(r.heap) > 0 {
		d, at := r.pop()
		if d > r.dist[at] || at != root && r.leaf[at] {
			continue
		}
		if at == until {
			return
		}
		for k := r.g.first[at]; k < r.g.first[at+1]; k++ {
			to, next := r.g.to[k], d+r.g.delay[k]
			if next < r.dist[to] && !r.blocked[to] && r.g.edge[k] != r.noEdge {
				r.dist[to], r.prev[to] = next, at
				r.push(next, to)
			}
		}
	}
}

// hops is how many links the way to a server has, after from.
func (r *router) hops(to int32) (n int) {
	for k := to; r.prev[k] >= 0; k = r.prev[k] {
		n++
	}
	return n
}

// between returns the servers inside the way to a server, after from.
func (r *router) between(to int32) (inside []int32) {
	for k := r.prev[to]; k >= 0 && r.prev[k] >= 0; k = r.prev[k] {
		inside = append(inside, k)
	}
	return inside
}

// eccentricity is the number of links to the furthest server, however long
// they are.
func (r *router) eccentricity(root int32) int {
	level := make([]int32, len(r.g.nodes))
	for k := range level {
		level[k] = -1
	}
	level[root] = 0
	line := []int32{root}
	for k := 0; k < len(line); k++ {
		at := line[k]
		if at != root && r.leaf[at] {
			continue
		}
		for a := r.g.first[at]; a < r.g.first[at+1]; a++ {
			if to := r.g.to[a]; level[to] < 0 {
				level[to] = level[at] + 1
				line = append(line, to)
			}
		}
	}
	return int(level[line[len(line)-1]])
}

package churn

import (
	"slices"
	"time"

	"github.com/omega-im/omega/mesh"
)

// Forwarding with bypasses: a server keeps a message until the next one has
// acknowledged it. If that takes too long, or the connection ends, it sends
// the message around the next server, and the message says which servers to
// keep clear of.
const (
	hopLimit    = 32
	ackLeast    = 150 * time.Millisecond
	maxAvoided  = 8
	giveUpAfter = 10 * time.Second
)

// repeats are when the origin sends a message that is not answered (package
// proxy has the same).
var repeats = []time.Duration{0, time.Second, 3 * time.Second, 5 * time.Second}

// A message is one on its way. Copies of it may travel at the same time.
type message struct {
	to      int32
	sent    time.Duration
	ideal   time.Duration // without the failure
	arrived time.Duration // -1: not
	copies  int           // that arrived
	hops    int           // of the longest journey
	twice   bool
	hedged  bool

	repeated bool // by its origin
}

// A packet is one copy of a message at one server.
type packet struct {
	m       *message
	visited []int32
	avoid   []int32  // servers
	noLink  [2]int32 // a link to the last server; equal ends: none

	// The way that the last server computed holds as long as the next ones
	// have the same database.
	way  []int32
	from *database
	pos  int
}

// A post sends messages through a world.
type post struct {
	w      *world
	routes map[*database]*routes
	moving map[[2]int32][]*hop // by link: sent and not acknowledged
}

// routes are ways computed from one state of one database.
type routes struct {
	pos   int
	trees map[int32]*mesh.Tree
	own   *graph // with the servers' numbers as numbers
}

// A hop is a packet on its way over one link.
type hop struct {
	p    packet
	done bool // acknowledged, or sent around
}

func newPost(w *world) *post {
	return &post{w: w, routes: map[*database]*routes{}, moving: map[[2]int32][]*hop{}}
}

// send lets the origin send a message, unless it was answered.
func (o *post) send(i int32, m *message) {
	if m.arrived < 0 || o.w.now < m.arrived+m.ideal {
		if o.w.now > m.sent {
			m.repeated = true
		}
		o.at(i, packet{m: m})
	}
}

// at lets a packet be forwarded by a server that has it.
func (o *post) at(i int32, p packet) {
	w := o.w
	if !w.servers[i].alive || w.now-p.m.sent > giveUpAfter {
		return
	}
	if slices.Contains(p.visited, i) {
		p.m.twice = true
	}
	p.visited = append(slices.Clone(p.visited), i)
	p.m.hops = max(p.m.hops, len(p.visited)-1)
	if i == p.m.to {
		p.m.copies++
		if p.m.arrived < 0 {
			p.m.arrived = w.now
		}
		return
	}
	if len(p.visited) <= hopLimit {
		o.forward(i, p)
	}
}

// forward sends a packet to the next server, or waits for a way.
func (o *post) forward(i int32, p packet) {
	w := o.w
	next := o.next(i, &p)
	if next < 0 {
		w.afterLife(i, ackLeast, func() { o.forward2(i, p) })
		return
	}
	l := w.servers[i].linkTo(next)
	if l == nil { // the database does not say yet that it is gone
		o.around(i, next, p)
		return
	}
	h := &hop{p: p}
	key := [2]int32{i, next}
	o.moving[key] = append(o.moving[key], h)
	delay := time.Duration(l.delay) * tick
	if w.carries(i, l) {
		w.afterLife(next, delay, func() { o.at(next, p) })
		life := w.servers[next].life
		w.after(2*delay, func() {
			if w.servers[next].alive && w.servers[next].life == life {
				h.done = true
			}
		})
	}
	w.afterLife(i, max(ackLeast, 6*delay), func() { o.hedge(i, next, h) })
}

// forward2 tries again, while the message is worth it.
func (o *post) forward2(i int32, p packet) {
	if o.w.now-p.m.sent <= giveUpAfter {
		o.forward(i, p)
	}
}

// lost sends around what was on a link that ended.
func (o *post) lost(i, peer int32) {
	key := [2]int32{i, peer}
	for _, h := range o.moving[key] {
		o.hedge(i, peer, h)
	}
	delete(o.moving, key)
}

func (o *post) hedge(i, next int32, h *hop) {
	if !h.done {
		h.done = true
		o.around(i, next, h.p)
	}
}

// around sends a packet so that it does not meet a server or, if that is the
// one it is for, so that it does not take this link to it.
func (o *post) around(i, next int32, p packet) {
	p.m.hedged = true
	p.way = nil
	switch again := p.noLink == [2]int32{i, next}; {
	case again || len(p.avoid) >= maxAvoided:
		o.w.afterLife(i, ackLeast, func() { o.forward2(i, p) })
		return
	case next == p.m.to:
		p.noLink = [2]int32{i, next}
	default:
		p.avoid = append(slices.Clone(p.avoid), next)
	}
	o.forward(i, p)
}

// next is the server to send a packet to, as server i sees it: by mesh's
// shortest paths, or around what is to be avoided. It returns -1 when there is
// no way.
func (o *post) next(i int32, p *packet) int32 {
	w := o.w
	d := w.database(i)
	if p.way == nil || p.from != d || p.pos != d.pos {
		p.way, p.from, p.pos = o.way(d, i, p), d, d.pos
	}
	k := slices.Index(p.way, i)
	if k < 0 || k+1 >= len(p.way) {
		p.way = o.way(d, i, p)
		k = 0
	}
	if len(p.way) < 2 {
		return -1
	}
	return p.way[k+1]
}

func (o *post) way(d *database, i int32, p *packet) []int32 {
	r := o.routesOf(d)
	if len(p.avoid) == 0 && p.noLink == [2]int32{} {
		return r.path(o.w, d, i, p.m.to)
	}
	if r.own == nil {
		r.own = o.w.graphOf(d.ways(i, o.w))
	}
	ro := newRouter(o.w, r.own)
	for _, a := range p.avoid {
		ro.blocked[a] = true
	}
	ro.noEdge = r.own.edgeBetween(p.noLink[0], p.noLink[1])
	ro.from(i, p.m.to)
	if ro.dist[p.m.to] == never {
		return nil
	}
	way := append(ro.between(p.m.to), i)
	slices.Reverse(way)
	return append(way, p.m.to)
}

// maxTrees bounds the memory of ways; each takes 16 octets per server.
const maxTrees = 1500

func (o *post) routesOf(d *database) *routes {
	r := o.routes[d]
	if r == nil || r.pos != d.pos || len(r.trees) > maxTrees {
		r = &routes{pos: d.pos, trees: map[int32]*mesh.Tree{}}
		o.routes[d] = r
	}
	return r
}

// path is mesh's shortest path.
func (r *routes) path(w *world, d *database, from, to int32) []int32 {
	t := r.trees[from]
	if t == nil {
		t = d.ways(from, w).SPF(w.pop.all[from].fp)
		r.trees[from] = t
	}
	if t == nil {
		return nil
	}
	var out []int32
	for _, fp := range t.Path(w.pop.all[to].fp) {
		out = append(out, w.pop.index[fp])
	}
	return out
}

// ways is the graph that a server routes by: nothing goes through servers on
// probation where it can be helped.
func (d *database) ways(of int32, w *world) *mesh.Graph { return d.seen(w.pop.all[of].fp, w).Graph }

// graphOf is a graph of mesh with the servers of the world as numbers.
func (w *world) graphOf(m *mesh.Graph) *graph {
	n := len(w.servers)
	links := make([][]link, n)
	for _, e := range m.Edges() {
		a, b := w.pop.index[e.A], w.pop.index[e.B]
		delay := ticks(e.RTT/2 + handling)
		links[a] = append(links[a], link{peer: b, delay: delay})
		links[b] = append(links[b], link{peer: a, delay: delay})
	}
	g := &graph{first: []int32{0}}
	for i := range links {
		slices.SortFunc(links[i], func(x, y link) int { return int(x.peer - y.peer) })
		g.nodes, g.place = append(g.nodes, int32(i)), append(g.place, int32(i))
		for _, l := range links[i] {
			if l.peer < int32(i) {
				g.tieBack(int32(i), l.peer, l.delay)
			} else {
				g.add(int32(i), l.peer, l.delay)
			}
		}
		g.first = append(g.first, int32(len(g.to)))
	}
	return g
}

// edgeBetween is the number of the link between two servers, -1 for none.
func (g *graph) edgeBetween(a, b int32) int32 {
	for k := g.first[a]; k < g.first[a+1]; k++ {
		if g.to[k] == b {
			return g.edge[k]
		}
	}
	return -1
}

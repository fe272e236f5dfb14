package churn

// A wiring is the links of all servers that carry what is sent, close together
// in memory: to look at all servers takes ten times as long.
type wiring struct {
	arcs   []wire // those of server i: arcs[i*stride:][:carry[i]]
	stride int
	carry  []int32 // by server: how many of its links carry
	ends   []int   // by server: how many links it has

	stale []int32 // servers whose links changed since
	all   bool    // those of any server may have
}

// A wire is a link as seen from one end.
type wire struct {
	to    int32
	delay uint32 // one way, in ticks
}

func (x *wiring) of(i int32) []wire { return x.arcs[int(i)*x.stride:][:x.carry[i]] }

// change notes that the links of a server changed.
func (x *wiring) change(i int32) {
	if !x.all {
		x.stale = append(x.stale, i)
	}
}

// rewire brings the wiring up to date. Whom something lies between is not
// followed: then all is made anew each time.
func (x *wiring) rewire(w *world) {
	if w.side != nil || w.turns != nil {
		x.all = true
	}
	for _, i := range x.stale {
		x.all = x.all || len(w.servers[i].links) > x.stride
	}
	if !x.all {
		for _, i := range x.stale {
			x.row(w, i)
		}
		x.stale = x.stale[:0]
		return
	}
	n := len(w.servers)
	x.stride = 0
	for i := range w.servers {
		x.stride = max(x.stride, len(w.servers[i].links))
	}
	x.stride += 2
	if cap(x.arcs) < n*x.stride || cap(x.carry) < n {
		x.arcs, x.carry, x.ends = make([]wire, n*x.stride+n), make([]int32, n+n/8), make([]int, n+n/8)
	}
	x.arcs, x.carry, x.ends = x.arcs[:n*x.stride], x.carry[:n], x.ends[:n]
	for i := range w.servers {
		x.row(w, int32(i))
	}
	x.all, x.stale = w.side != nil || w.turns != nil, x.stale[:0]
}

func (x *wiring) row(w *world, i int32) {
	links, row := w.servers[i].links, x.arcs[int(i)*x.stride:]
	n := 0
	for k := range links {
		if l := &links[k]; w.carries(i, l) {
			row[n] = wire{l.peer, l.delay}
			n++
		}
	}
	x.carry[i], x.ends[i] = int32(n), len(links)
}

package churn

import "slices"

// ways counts ways between two servers that share no server (Menger), by
// searches from both ends at once: in a cloud of ten thousand they meet after
// a few hundred servers. Each server v is an entry 2v and an exit 2v+1, so that
// one way at most goes through it.
type ways struct {
	prev, next []int32 // by server: the way through it; -1: none goes through it
	used       []int32 // servers with one
	direct     bool    // the link between both ends is a way of its own

	seen  [2][]int32 // by node and side: the number of the search
	came  [2][]int32 // by node and side: from where
	turn  int32
	front [2][]int32
	rest  []int32
	s, t  int32
}

// three reports whether three disjoint ways go from s to t.
func (f *ways) three(near [][]int32, s, t int32) bool {
	f.fit(len(near))
	for _, v := range f.used {
		f.prev[v], f.next[v] = -1, -1
	}
	f.used = f.used[:0]
	f.s, f.t = s, t
	n := 0
	if f.direct = slices.Contains(near[s], t); f.direct {
		n++
	}
	for n < 3 {
		if !f.search(near) {
			return false
		}
		n++
	}
	return true
}

func (f *ways) fit(n int) {
	for len(f.prev) < n {
		f.prev, f.next = append(f.prev, -1), append(f.next, -1)
		for side := range 2 {
			f.seen[side] = append(f.seen[side], 0, 0)
			f.came[side] = append(f.came[side], 0, 0)
		}
	}
}

// search finds one way more, where it meets those there are by undoing a part
// of them.
func (f *ways) search(near [][]int32) bool {
	f.turn++
	begin := [2]int32{2*f.s + 1, 2 * f.t}
	for side, x := range begin {
		f.seen[side][x], f.came[side][x] = f.turn, -1
		f.front[side] = append(f.front[side][:0], x)
	}
	for len(f.front[0]) > 0 && len(f.front[1]) > 0 {
		side := 0
		if len(f.front[1]) < len(f.front[0]) {
			side = 1
		}
		if meet := f.step(near, side); meet >= 0 {
			f.take(meet)
			return true
		}
	}
	return false
}

// step goes one link further on one side, and returns where both sides met or
// -1.
func (f *ways) step(near [][]int32, side int) int32 {
	meet := int32(-1)
	f.rest = f.rest[:0]
	for _, x := range f.front[side] {
		to := func(y int32) bool {
			if f.seen[side][y] != f.turn {
				f.seen[side][y], f.came[side][y] = f.turn, x
				if f.seen[1-side][y] == f.turn {
					meet = y
					return true
				}
				f.rest = append(f.rest, y)
			}
			return false
		}
		if f.each(near, side, x, to) {
			return meet
		}
	}
	f.front[side], f.rest = f.rest, f.front[side]
	return -1
}

// each calls to for what can be reached from node x in one step, or on side 1
// for what x can be reached from, until it returns true.
func (f *ways) each(near [][]int32, side int, x int32, to func(int32) bool) bool {
	v, exit := x/2, x%2 == 1
	through := f.prev[v] >= 0
	if exit == (side == 0) { // out of the server, over links
		if through && to(x^1) {
			return true
		}
		for _, u := range near[v] {
			from, into := v, u
			if side == 1 {
				from, into = u, v
			}
			if u == f.s && side == 0 || u == f.t && side == 1 || f.taken(from, into) {
				continue
			}
			if to(2*u + int32(side)) {
				return true
			}
		}
		return false
	}
	switch { // into the server: through it if it is free, else back along its way
	case v == f.s || v == f.t:
		return false
	case !through:
		return to(x ^ 1)
	case side == 0:
		return to(2*f.prev[v] + 1)
	}
	return to(2 * f.next[v])
}

// taken reports whether a way goes from one server to the next already.
func (f *ways) taken(from, to int32) bool {
	switch {
	case from == f.s && to == f.t:
		return f.direct
	case to == f.t:
		return f.next[from] == to
	}
	return f.prev[to] == from
}

// take changes the ways along the search that met at a node.
func (f *ways) take(meet int32) {
	var path []int32
	for x := meet; x >= 0; x = f.came[0][x] {
		path = append(path, x)
	}
	slices.Reverse(path)
	for x := f.came[1][meet]; x >= 0; x = f.came[1][x] {
		path = append(path, x)
	}
	for k := 1; k < len(path); k++ { // what is undone: from an entry back to an exit
		u, v := path[k-1]/2, path[k]/2
		if u != v && path[k-1]%2 == 0 {
			f.cut(v, u)
		}
	}
	for k := 1; k < len(path); k++ {
		v, u := path[k-1]/2, path[k]/2
		if u != v && path[k-1]%2 == 1 {
			f.tie(v, u)
		}
	}
}

func (f *ways) cut(from, to int32) {
	if from != f.s {
		f.next[from] = -1
	}
	if to != f.t {
		f.prev[to] = -1
	}
}

func (f *ways) tie(from, to int32) {
	if from != f.s {
		f.next[from] = to
		f.used = append(f.used, from)
	}
	if to != f.t {
		f.prev[to] = from
		f.used = append(f.used, to)
	}
}

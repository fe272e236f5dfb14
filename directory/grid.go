package directory

import (
	"iter"
	"math"
)

// A grid finds points that are near: squares of repelRadius, each with the
// points in it. Points far out share the squares of the border.
type grid struct {
	low           point
	wide, high    int     // squares
	first         []int32 // by square: its points are points[first[k]:first[k+1]]
	points, where []int32
}

// gridSquares bounds a grid in each direction.
const gridSquares = 256

func (g *grid) sort(at []point) {
	g.low = point{math.Inf(1), math.Inf(1)}
	far := point{math.Inf(-1), math.Inf(-1)}
	for _, p := range at {
		g.low = point{min(g.low.X, p.X), min(g.low.Y, p.Y)}
		far = point{max(far.X, p.X), max(far.Y, p.Y)}
	}
	squares := func(length float64) int { return int(min(max(length/repelRadius, 0), gridSquares-1)) + 1 }
	g.wide, g.high = squares(far.X-g.low.X), squares(far.Y-g.low.Y)
	g.first = append(g.first[:0], make([]int32, g.wide*g.high+1)...)
	g.points = append(g.points[:0], make([]int32, len(at))...)
	g.where = g.where[:0]
	for _, p := range at {
		x, y := g.square(p)
		k := int32(y*g.wide + x)
		g.where = append(g.where, k)
		g.first[k+1]++
	}
	for k := 1; k < len(g.first); k++ {
		g.first[k] += g.first[k-1]
	}
	// Filled from the end, so that first ends up at the beginnings.
	next := append([]int32(nil), g.first[1:]...)
	for i := len(at) - 1; i >= 0; i-- {
		next[g.where[i]]--
		g.points[next[g.where[i]]] = int32(i)
	}
}

func (g *grid) square(p point) (x, y int) {
	return min(int((p.X-g.low.X)/repelRadius), g.wide-1), min(int((p.Y-g.low.Y)/repelRadius), g.high-1)
}

// around yields the points in the square of p and those beside it, p among them.
func (g *grid) around(p point) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		x, y := g.square(p)
		for row := max(y-1, 0); row <= min(y+1, g.high-1); row++ {
			from, to := g.first[row*g.wide+max(x-1, 0)], g.first[row*g.wide+min(x+1, g.wide-1)+1]
			for _, i := range g.points[from:to] {
				if !yield(i) {
					return
				}
			}
		}
	}
}

package directory

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// A point is a place in the picture, both coordinates about 0 to 1.
type point struct{ X, Y float64 }

// Shape and effort of the picture: springs along the links, repulsion between
// servers that are close (Fruchterman and Reingold, "Graph drawing by
// force-directed placement", with their grid), a pull to the middle that is
// stronger upright, because pictures are wide.
const (
	pictureAspect = 1.7
	mostSteps     = 300 // for a new picture, fewer for a large one:
	leastSteps    = 120
	stepsTimes    = 60_000 // servers
	nextSteps     = 40     // after a change of one that stands
	repelRadius   = 2.5    // in lengths of a spring
	gravity       = 0.09
	smallCloud    = 8 // servers that need no more than the middle of the picture
)

// A layout keeps the place of every server, so that the picture stays the same
// while the cloud does and changes little with it. The places depend on the
// servers and links that it was shown, in order, on what it remembered, and on
// nothing else. Not for concurrent use. (spec/directory.md, DIR-9)
type layout struct {
	sketch
	at    map[omega.Fingerprint]point // the places of those that are shown, fitted to the picture
	edges []mesh.Edge                 // that it was made for
	still time.Time                   // until then nobody moves who has a place
}

// A sketch is what a layout remembers over a restart. Servers that are not shown
// keep their places until forget.
type sketch struct {
	raw   map[omega.Fingerprint]point // in lengths of a spring, the middle at 0
	frame frame                       // of raw, that fills the picture
}

// settling is how long after a start the picture that was remembered stands as it
// is: meanwhile this server finds its links again.
const settling = time.Minute

// update returns the places of the servers of t. The map is never changed.
func (l *layout) update(t *mesh.Topology, now time.Time) map[omega.Fingerprint]point {
	if l.same(t) {
		return l.at
	}
	still := now.Before(l.still)
	steps, heat := nextSteps, 1.0
	if !l.knows(t) {
		steps, heat = min(mostSteps, max(leastSteps, stepsTimes/max(len(t.Servers), 1))), 2.0
	}
	placed := linked(t)
	f := newField(t, l.raw)
	if still {
		f.hold(t, l.raw, placed)
	}
	for i := range steps {
		f.step(heat * (1 - float64(i)/float64(steps)))
	}
	raw := maps.Clone(l.raw)
	if len(raw) > mesh.MaxServers {
		raw = nil // those that are not shown have to find new places
	}
	if raw == nil {
		raw = make(map[omega.Fingerprint]point, len(t.Servers))
	}
	for i, r := range t.Servers {
		raw[r.Server] = f.at[i]
	}
	l.raw = raw
	l.fit(t, placed, still)
	l.edges = t.Links
	return l.at
}

// knows reports whether anybody of t has a place.
func (l *layout) knows(t *mesh.Topology) bool {
	return slices.ContainsFunc(t.Servers, func(r *mesh.Record) bool { _, ok := l.raw[r.Server]; return ok })
}

// linked are the servers with a link, which have their places by it.
func linked(t *mesh.Topology) map[omega.Fingerprint]bool {
	out := make(map[omega.Fingerprint]bool, len(t.Servers))
	for _, e := range t.Links {
		out[e.A], out[e.B] = true, true
	}
	return out
}

// forget drops the places of servers that are neither shown nor in b.
func (l *layout) forget(b book) {
	for fp := range l.raw {
		if _, shown := l.at[fp]; !shown && b[fp] == nil {
			delete(l.raw, fp)
		}
	}
}

// remembered is what is worth remembering: the places of servers without links
// are none of their own.
func (l *layout) remembered() sketch {
	out := sketch{maps.Clone(l.raw), l.frame}
	linked := linked(&mesh.Topology{Links: l.edges})
	for fp := range l.at {
		if !linked[fp] {
			delete(out.raw, fp)
		}
	}
	return out
}

func (l *layout) same(t *mesh.Topology) bool {
	if len(l.at) != len(t.Servers) || !slices.EqualFunc(l.edges, t.Links, func(a, b mesh.Edge) bool { return a.A == b.A && a.B == b.B }) {
		return false
	}
	for _, r := range t.Servers {
		if _, shown := l.at[r.Server]; !shown {
			return false
		}
	}
	return true
}

// A frame is the rectangle that the linked servers stand in.
type frame struct{ low, high point }

func (f frame) width() float64  { return f.high.X - f.low.X }
func (f frame) height() float64 { return f.high.Y - f.low.Y }

// holds reports whether g is within f. A little over the border is in the margin.
func (f frame) holds(g frame) bool {
	const over = 0.03
	x, y := over*f.width(), over*f.height()
	return f.low.X-x <= g.low.X && f.low.Y-y <= g.low.Y && f.high.X+x >= g.high.X && f.high.Y+y >= g.high.Y
}

// keeps reports whether g still fills f: then the picture need not be stretched
// anew.
func (f frame) keeps(g frame) bool {
	const filled = 0.8
	return f.holds(g) && g.width() >= filled*f.width() && g.height() >= filled*f.height()
}

// fit stretches the places over the picture, a small cloud over its middle.
// Servers that are not placed stand in a row below.
func (l *layout) fit(t *mesh.Topology, placed map[omega.Fingerprint]bool, still bool) {
	f := frame{point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}}
	for fp := range placed {
		p := l.raw[fp]
		f.low = point{min(f.low.X, p.X), min(f.low.Y, p.Y)}
		f.high = point{max(f.high.X, p.X), max(f.high.Y, p.Y)}
	}
	if !l.frame.keeps(f) && !(still && l.frame.holds(f)) {
		l.frame = f
	}
	alone, row := len(t.Servers)-len(placed), 0.0
	from, to := point{}, point{1, 1}
	size := len(placed)
	if still {
		size = max(size, len(l.raw)) // as it was, and will be in a moment
	}
	if size <= smallCloud {
		from, to = point{0.15, 0.08}, point{0.85, 0.87}
	}
	if alone > 0 && len(placed) > 0 {
		to.Y = min(to.Y, 0.86)
	}
	l.at = make(map[omega.Fingerprint]point, len(t.Servers))
	for _, r := range t.Servers {
		if p := l.raw[r.Server]; placed[r.Server] {
			l.at[r.Server] = point{
				scale(p.X, l.frame.low.X, l.frame.high.X, from.X, to.X), scale(p.Y, l.frame.low.Y, l.frame.high.Y, from.Y, to.Y),
			}
			continue
		}
		row++
		y := 1.0
		if len(placed) == 0 {
			y = 0.5
		}
		l.at[r.Server] = point{row / float64(alone+1), y}
	}
}

// scale carries v from one stretch to another; a stretch without length to the
// middle.
func scale(v, low, high, from, to float64) float64 {
	if high-low < 1e-6 {
		return (from + to) / 2
	}
	return from + (v-low)/(high-low)*(to-from)
}

// A field is the forces between servers, by their number in the topology.
type field struct {
	at, force []point
	ease      []float64 // by server: how readily it moves; those that were there stay about where they were
	springs   []spring
	grid      grid
}

type spring struct {
	a, b   int32
	length float64
}

// newField places the servers that were there where they were, those that come
// in beside their neighbours, and all others on a disc.
func newField(t *mesh.Topology, before map[omega.Fingerprint]point) *field {
	f := &field{at: make([]point, len(t.Servers)), force: make([]point, len(t.Servers)), ease: make([]float64, len(t.Servers))}
	number := make(map[omega.Fingerprint]int32, len(t.Servers))
	for i, r := range t.Servers {
		number[r.Server] = int32(i)
	}
	typical := typicalRTT(t.Links)
	beside := make([][]point, len(t.Servers))
	for _, e := range t.Links {
		a, b := number[e.A], number[e.B]
		f.springs = append(f.springs, spring{a, b, springLength(e.RTT, typical)})
		if p, ok := before[e.B]; ok {
			beside[a] = append(beside[a], p)
		}
		if p, ok := before[e.A]; ok {
			beside[b] = append(beside[b], p)
		}
	}
	radius := math.Sqrt(float64(len(t.Servers)))
	for i, r := range t.Servers {
		p, known := before[r.Server]
		f.ease[i] = 0.5
		if known {
			f.at[i], f.ease[i] = p, 0.03
			continue
		}
		u := onDisc(r.Server)
		if len(beside[i]) == 0 {
			f.at[i] = point{u.X * radius, u.Y * radius}
			continue
		}
		for _, q := range beside[i] {
			f.at[i].X += q.X / float64(len(beside[i]))
			f.at[i].Y += q.Y / float64(len(beside[i]))
		}
		f.at[i].X += u.X
		f.at[i].Y += u.Y
	}
	return f
}

// hold lets nobody move who was there, and notes that they have a place.
func (f *field) hold(t *mesh.Topology, before map[omega.Fingerprint]point, placed map[omega.Fingerprint]bool) {
	for i, r := range t.Servers {
		if _, known := before[r.Server]; known {
			f.ease[i], placed[r.Server] = 0, true
		}
	}
}

// onDisc is a point of the unit disc that depends on the server alone.
func onDisc(fp omega.Fingerprint) point {
	sum := sha256.Sum256(fp.Wire())
	angle := 2 * math.Pi * float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32)
	r := math.Sqrt((float64(binary.BigEndian.Uint32(sum[4:])) + 1) / (1 << 32))
	return point{r * math.Cos(angle), r * math.Sin(angle)}
}

func typicalRTT(links []mesh.Edge) time.Duration {
	list := make([]time.Duration, 0, len(links))
	for _, e := range links {
		list = append(list, e.RTT)
	}
	return max(median(list), time.Microsecond)
}

// springLength makes near servers stand near each other, within bounds.
func springLength(rtt, typical time.Duration) float64 {
	return min(max(1+0.25*math.Log2(float64(rtt+typical/16)/float64(typical)), 0.55), 1.6)
}

// step moves every server along its force, by heat at most.
func (f *field) step(heat float64) {
	clear(f.force)
	f.grid.sort(f.at)
	for i, p := range f.at {
		f.force[i] = point{-p.X * gravity / pictureAspect, -p.Y * gravity * pictureAspect}
	}
	for i := range f.at {
		f.repel(int32(i))
	}
	for _, s := range f.springs {
		dx, dy, d := f.apart(s.a, s.b)
		pull := d / s.length
		f.push(s.a, -dx*pull, -dy*pull)
		f.push(s.b, dx*pull, dy*pull)
	}
	for i, v := range f.force {
		if size := math.Sqrt(v.X*v.X + v.Y*v.Y); size > heat {
			v.X, v.Y = v.X*heat/size, v.Y*heat/size
		}
		f.at[i].X += v.X * f.ease[i]
		f.at[i].Y += v.Y * f.ease[i]
	}
}

// repel pushes server i and those after it that are close apart.
func (f *field) repel(i int32) {
	for j := range f.grid.around(f.at[i]) {
		if j <= i {
			continue
		}
		dx, dy := f.at[i].X-f.at[j].X, f.at[i].Y-f.at[j].Y
		if dx*dx+dy*dy >= repelRadius*repelRadius {
			continue
		}
		x, y, d := f.apart(i, j)
		push := 1/d - 1/repelRadius
		f.push(i, x*push, y*push)
		f.push(j, -x*push, -y*push)
	}
}

// apart returns the direction from b to a and the distance, which is never 0.
func (f *field) apart(a, b int32) (x, y, d float64) {
	x, y = f.at[a].X-f.at[b].X, f.at[a].Y-f.at[b].Y
	d = math.Sqrt(x*x + y*y)
	if d < 1e-3 {
		angle := float64(a)*2.4 + float64(b) // two in one place part in some direction
		return math.Cos(angle), math.Sin(angle), 1e-3
	}
	return x / d, y / d, d
}

func (f *field) push(i int32, x, y float64) {
	f.force[i].X += x
	f.force[i].Y += y
}

package virtual

import (
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// A failure is something that happens to a server, or between two.
type failure struct {
	name   string
	server func(*server) // nil: it is the link's
	link   func(w *world, a, b string)
}

// failures of servers, and of links.
var (
	crash  = failure{name: "crashes", server: (*server).kill}
	silent = failure{name: "falls silent", server: (*server).silence}
	deaf   = failure{name: "hears nothing", server: (*server).deafen}
	cut    = failure{name: "is cut", link: func(w *world, a, b string) { w.net.Cut(a, b) }}
	oneWay = failure{name: "is cut one way", link: func(w *world, a, b string) { w.net.CutOneWay(a, b) }}
	reset  = failure{name: "is reset", link: func(w *world, a, b string) { w.net.Reset(a, b) }}
)

// A scenario says who writes to whom, and what fails.
type scenario struct {
	what     string
	failures []failure
	people   func(w *world) []*stream

	// fail has something fail and returns the streams that it concerns.
	fail func(w *world, streams []*stream, f failure) []*stream
}

const (
	pace   = 20 * time.Millisecond
	before = 3 * time.Second // of a failure: ways and direct connections stand
	after  = 5 * time.Second
	count  = 2 * time.Second        // messages sent so long after a failure count
	flight = 300 * time.Millisecond // and so long before
)

// A message in flight through a failure takes at most so much longer, and none
// is lost, unless the test says otherwise. (docs/benchmarks.md)
const maxExtra = 400 * time.Millisecond

func (sc *scenario) run(t *testing.T) {
	for i, f := range sc.failures {
		if !*figuresFlag && i != 1 {
			continue // one of each kind is enough for a test
		}
		what := sc.what + " " + f.name
		t.Run(what, func(t *testing.T) {
			var extra, tick delay
			lost := 0
			for i := range *worldsFlag {
				inWorld(t, *seedFlag+uint64(i), func(w *world) {
					w.grow(*serversFlag)
					e, s, l := w.meet(sc.people(w), func(streams []*stream) []*stream { return sc.fail(w, streams, f) })
					extra, tick, lost = append(extra, e...), append(tick, s...), lost+l
				})
			}
			extra.sort()
			tick.sort()
			fig := note(what, extra, lost)
			fig.StoredP50, fig.StoredP99 = msf(tick.at(.5)), msf(tick.at(.99))
			if extra.at(.99) > maxExtra || lost > 0 || len(extra) == 0 {
				t.Errorf("extra: %v; %d lost", extra, lost)
			}
		})
	}
}

// meet has the streams run and something fail, and tells what it cost those
// concerned.
func (w *world) meet(streams []*stream, fail func([]*stream) []*stream) (extra, tick delay, lost int) {
	w.t.Helper()
	var concerned []*stream
	var at time.Time
	time.AfterFunc(before, func() { at, concerned = time.Now(), fail(streams) })
	w.run(streams, pace, before+after, 20*time.Second)
	return sum(concerned, at.Add(-flight), at.Add(count))
}

// way is who is on the way between two servers, both included, by the first
// one's view.
func (w *world) way(from, to *server) []*server {
	way := []*server{from}
	for _, h := range from.part.Trace(to.id).Hops {
		way = append(way, w.server(h.Server))
	}
	return way
}

func (w *world) server(fp omega.Fingerprint) *server {
	return w.servers[slices.IndexFunc(w.servers, func(s *server) bool { return s.id == fp })]
}

// busiest are the streams that share the most used of something that a way has.
func busiest[K comparable](w *world, streams []*stream, of func(way []*server) []K) (most K, concerned []*stream) {
	by := map[K][]*stream{}
	for _, s := range streams {
		for _, k := range of(w.way(s.from.proxy, s.to.homes[0])) {
			if by[k] = append(by[k], s); len(by[k]) > len(concerned) {
				most, concerned = k, by[k]
			}
		}
	}
	return most, concerned
}

// strangers are two servers without a link between them, nil where all are linked.
// They may have a connection that carries packets.
func (w *world) strangers() (a, b *server) {
	linked := map[mesh.LinkID]bool{}
	for _, s := range w.servers {
		for _, l := range s.part.Topology().Links {
			linked[mesh.LinkBetween(l.A, l.B)] = true
		}
	}
	return w.pair(func(a, b *server) bool { return !linked[mesh.LinkBetween(a.id, b.id)] })
}

// unmet are two servers without a connection between them, nil where there are none.
func (w *world) unmet() (a, b *server) {
	return w.pair(func(a, b *server) bool { return !a.direct(b) && !b.direct(a) })
}

// direct reports whether a server has a connection of its own to another.
func (s *server) direct(to *server) bool { return s.part.Trace(to.id).Direct }

// pair is one of the pairs that are as wanted, nil where there are none.
func (w *world) pair(wanted func(a, b *server) bool) (a, b *server) {
	var pairs [][2]*server
	for _, a := range w.servers {
		for _, b := range w.servers {
			if a != b && wanted(a, b) {
				pairs = append(pairs, [2]*server{a, b})
			}
		}
	}
	if len(pairs) == 0 {
		return nil, nil
	}
	p := pairs[w.rng.IntN(len(pairs))]
	return p[0], p[1]
}

// pairs is how many write to each other: few where it is only a test.
func pairs() int {
	if *figuresFlag {
		return 64
	}
	return 4
}

// apart are people at pairs of servers that cannot reach each other.
func apart(w *world) (streams []*stream) {
	for range min(len(w.servers), pairs()) {
		a, b := w.strangers()
		if a == nil {
			break
		}
		w.net.Cut(a.host, b.host)
		w.until("they have no connection", 10*time.Second, 50*time.Millisecond, func() bool { return !a.direct(b) && !b.direct(a) })
		streams = append(streams, &stream{from: w.join(a, a), to: w.join(b, b)})
	}
	return streams
}

// TestTransitFails has one of the servers fail that carry messages between
// servers which cannot reach each other.
func TestTransitFails(t *testing.T) {
	sc := scenario{what: "a server on the way", failures: []failure{crash, silent, deaf}, people: apart}
	sc.fail = func(w *world, streams []*stream, f failure) []*stream {
		victim, concerned := busiest(w, streams, func(way []*server) []*server { return way[1 : len(way)-1] })
		f.server(victim)
		return slices.DeleteFunc(concerned, func(s *stream) bool { return s.from.proxy == victim || s.to.proxy == victim })
	}
	sc.run(t)
}

// TestLinkFails has a link fail that carries messages between servers which
// cannot reach each other.
func TestLinkFails(t *testing.T) {
	sc := scenario{what: "a link on the way", failures: []failure{cut, oneWay, reset}, people: apart}
	sc.fail = func(w *world, streams []*stream, f failure) []*stream {
		type link struct{ a, b *server }
		l, concerned := busiest(w, streams, func(way []*server) (links []link) {
			for i := 1; i < len(way); i++ {
				links = append(links, link{way[i-1], way[i]})
			}
			return links
		})
		f.link(w, l.a.host, l.b.host)
		return concerned
	}
	sc.run(t)
}

// TestDirectFails has the connection fail between the sender's server and the
// recipient's only home.
func TestDirectFails(t *testing.T) {
	sc := scenario{what: "the direct connection to the home", failures: []failure{cut, oneWay, reset}}
	sc.people = func(w *world) (streams []*stream) {
		for range 6 {
			a, b := w.strangers()
			if a == nil {
				break
			}
			streams = append(streams, &stream{from: w.join(a, a), to: w.join(b, b)})
		}
		return streams
	}
	sc.fail = func(w *world, streams []*stream, f failure) []*stream {
		for _, s := range streams {
			f.link(w, s.from.proxy.host, s.to.proxy.host)
		}
		return streams
	}
	sc.run(t)
}

// TestHomeFails has the first of three homes fail. The recipient is attached to
// another server.
func TestHomeFails(t *testing.T) {
	sc := scenario{what: "the first of three homes", failures: []failure{crash, silent, deaf}}
	sc.people = func(w *world) (streams []*stream) {
		victim := w.servers[0]
		for i := range 6 {
			s := w.servers[1+2*i%(len(w.servers)-4):]
			streams = append(streams, &stream{from: w.join(s[0], s[0]), to: w.join(s[1], victim, s[2], s[3])})
		}
		return streams
	}
	sc.fail = func(w *world, streams []*stream, f failure) []*stream {
		f.server(w.servers[0])
		return streams
	}
	sc.run(t)
}

package churn

import (
	"math/rand/v2"
	"time"

	"github.com/omega-im/omega/mesh"
)

// epoch is the wall clock of simulated servers when a run begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A world is a cloud at one instant. One goroutine owns it.
type world struct {
	cfg     *Config
	pop     *population
	rng     *rand.Rand // of what befalls the cloud; servers have their own
	now     time.Duration
	queue   queue
	servers []server
	living  int      // servers that are alive
	lives   []uint32 // by server: its life while it is alive, else 0; close together for floods
	streams []*stream
	side    []bool // while the cloud is split: by server, which side; else nil
	flood   *flooder
	tally   tally
	linkID  uint32

	watch *watch      // nil: nobody looks at the true graph
	post  *post       // nil: no messages are under way
	turns *turns      // nil: events do not wait for each other
	stop  func() bool // whether the run was given up
}

// A server is what one simulated server knows and does, apart from its
// database: that is a position in a stream (see stream).
type server struct {
	alive  bool
	silent bool // its last end was not noticed by a reset
	life   uint32
	born   time.Duration // when it started last
	ready  time.Duration // when it has its database

	links  []link
	making []int32 // dials for links under way
	past   map[int32]*past
	rng    *rand.Rand

	own       *record // its last announcement; nil before the first
	sequence  uint64
	announced time.Duration
	allowance float64 // announcements that may go now
	pending   bool    // an announcement is on the timer
	loss      bool    // the next one tells of a link that was lost

	former   []mesh.Link             // when it ended last
	regains  time.Duration           // until when it looks for those
	join     *joining                // while it looks for its first links
	accepts  []time.Duration         // of offers within acceptWindow
	promised map[int32]time.Duration // offers that were not taken yet, and until when they stand
	gaveUp   time.Duration           // when it looked last whether there is a link too many

	planned  time.Duration // last plan
	planning bool          // a plan is on the timer
	inbound  []time.Duration

	stream int
	since  time.Duration // what was flooded earlier came by comparison of databases
	stuck  int           // position in the stream that it cannot get beyond; -1: none
	full   bool          // has had enough links since it started
	joined time.Duration // cold start, until it is a full member; 0: not new

	cause       time.Duration // of the announcement to come: when a peer ended; 0: none
	silentCause bool
}

// A link is one end of a link: what this end knows of it.
type link struct {
	peer      int32
	life      uint32 // of the peer, when the link was made
	id        uint32 // the same at both ends
	delay     uint32 // one way, in ticks of floods
	announced bool
}

// past is what is remembered of a server that there is no link to: the
// neighbour of package cloud.
type past struct {
	failures int
	until    time.Duration // not to be dialled before: it failed, or declined
	losses   int
	lost     time.Duration
}

func newWorld(cfg *Config) *world {
	return &world{
		cfg: cfg, pop: newPopulation(*cfg), rng: rand.New(rand.NewPCG(cfg.Seed, 0x77)),
		streams: []*stream{newStream(0)}, flood: newFlooder(),
		tally: newTally(), stop: func() bool { return false },
	}
}

// addServer makes room for one more server, not yet alive.
func (w *world) addServer() int32 {
	i := w.pop.add()
	w.lives = append(w.lives, 0)
	w.servers = append(w.servers, server{
		life: 1, stuck: -1, gaveUp: -time.Hour, allowance: mesh.AnnounceBurst,
		rng: rand.New(rand.NewPCG(w.cfg.Seed, 0x5e<<32|uint64(i))),
	})
	w.flood.fit(len(w.servers))
	return i
}

// setAlive starts or ends a server.
func (w *world) setAlive(i int32, alive bool) {
	s := &w.servers[i]
	switch {
	case alive && !s.alive:
		w.living++
	case !alive && s.alive:
		w.living--
	}
	s.alive, w.lives[i] = alive, 0
	w.flood.all = true
	if alive {
		w.lives[i] = s.life
	}
}

// clone returns a world that begins where w is. Nothing may be under way in w.
// Announcements and facts are shared: they never change. Populations are not,
// because they grow.
func (w *world) clone(seed uint64) *world {
	c := newWorld(w.cfg)
	c.rng = rand.New(rand.NewPCG(w.cfg.Seed, seed))
	for range w.servers {
		c.pop.add()
	}
	c.now, c.linkID, c.stop = w.now, w.linkID, w.stop
	c.servers = make([]server, len(w.servers))
	c.living, c.lives = w.living, append([]uint32(nil), w.lives...)
	base := make([]*record, len(w.servers))
	for i := range w.servers {
		s := w.servers[i]
		s.links = append([]link(nil), s.links...)
		s.making, s.past, s.inbound, s.join, s.accepts, s.promised = nil, nil, nil, nil, nil, nil
		s.gaveUp = -time.Hour
		s.rng = rand.New(rand.NewPCG(w.cfg.Seed^seed<<40, 0x5e<<32|uint64(i)))
		s.pending, s.loss, s.planning, s.stream, s.stuck = false, false, false, 0, -1
		c.servers[i] = s
		base[i] = s.own
	}
	c.streams[0].base = base
	c.flood.fit(len(c.servers))
	return c
}

// clock is the simulated wall clock.
func (w *world) clock() time.Time { return epoch.Add(w.now) }

func (w *world) after(d time.Duration, do func()) { w.queue.put(w.now+d, do) }

// afterLife is after, unless the server has ended or restarted by then.
func (w *world) afterLife(i int32, d time.Duration, do func()) {
	life := w.servers[i].life
	w.after(d, func() {
		if s := &w.servers[i]; s.alive && s.life == life {
			do()
		}
	})
}

// runUntil lets everything happen that is due before the end.
func (w *world) runUntil(end time.Duration) {
	for w.queue.due(end) && !w.stop() {
		e, _ := w.queue.next()
		w.now = e.at
		e.do()
	}
	w.now = end
}

// cut reports whether nothing gets from a to b.
func (w *world) cut(a, b int32) bool {
	return w.side != nil && w.side[a] != w.side[b] || w.turns != nil && w.turns.severed.has(a, b)
}

// carries reports whether what server i sends over l arrives.
func (w *world) carries(i int32, l *link) bool {
	return w.lives[l.peer] == l.life && (w.side == nil && w.turns == nil || !w.cut(i, l.peer))
}

func (s *server) linkTo(peer int32) *link {
	for k := range s.links {
		if s.links[k].peer == peer {
			return &s.links[k]
		}
	}
	return nil
}

// transit reports whether a server forwards for others.
func (w *world) transit(i int32) bool { return !w.pop.all[i].nat }

// memberLinks counts links to servers that transit, of those up and, if asked
// for, those being made.
func (w *world) memberLinks(i int32, making bool) int {
	s, n := &w.servers[i], 0
	for k := range s.links {
		if w.transit(s.links[k].peer) {
			n++
		}
	}
	if making {
		for _, p := range s.making {
			if w.transit(p) {
				n++
			}
		}
	}
	return n
}

// jitter is a random time up to d either way.
func (w *world) jitter(rng *rand.Rand, d time.Duration) time.Duration {
	return time.Duration((2*rng.Float64() - 1) * float64(d))
}

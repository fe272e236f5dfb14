package directory

import (
	"crypto/sha256"
	"encoding/binary"
	"html/template"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// A status is how a server does, in one word of the map and the table.
type status string

const (
	statusOK        status = "ok"        // users can attach
	statusBlocked   status = "blocked"   // linked, but most probers could not attach
	statusDegraded  status = "degraded"  // too few links
	statusProbation status = "probation" // no member yet
	statusDraining  status = "draining"  // going away
	statusLost      status = "lost"      // no way to it
)

func statusOf(r *mesh.Record, s mesh.ServerState, o opinion) status {
	up, known := o.up()
	switch {
	case s == mesh.Unreachable:
		return statusLost
	case s == mesh.Probationary:
		return statusProbation
	case r.Flags&mesh.FlagDraining != 0:
		return statusDraining
	case known && !up:
		return statusBlocked
	case s == mesh.Degraded:
		return statusDegraded
	}
	return statusOK
}

// usable reports whether users can attach to a server that does so.
func (s status) usable() bool { return s == statusOK || s == statusDegraded }

// A view is one server as pages show it.
type view struct {
	*mesh.Record
	web      string // Record.HTTP, if a browser may be led there
	state    mesh.ServerState
	status   status
	opinion  opinion
	uptime   uptime
	since    time.Time // first seen by this server; zero: just now
	degree   int       // links that count
	at       point
	spare    bool // its loss leaves the others connected; false: it is a cut vertex
	outdated bool // an older version than that of the server that shows the page
	inTable  bool // users are told of it
	connect  bool // the front page may measure the time to it; set by openConnections
}

// A scene is everything that pages show, at one moment. Immutable, apart from
// what was rendered of it.
type scene struct {
	made      time.Time
	version   uint64 // of what the watch knows
	topology  *mesh.Topology
	self      omega.Fingerprint
	clock     time.Duration             // how far this server's clock is ahead; 0: it is right
	views     []view                    // ascending by fingerprint, as in topology
	index     map[omega.Fingerprint]int // of views
	order     []int                     // of the table, shuffled
	usable    int                       // servers of the table that users can attach to
	users     int
	operators []loss
	more      int // operators that were not worked out
	changes   []change
	connect   string // origins of the servers to measure, each after a space

	rows map[words][]template.HTML // of the table, by place in views; made by site.rows, guarded by its mu
}

// shownChanges is how many changes the front page lists, feedChanges the feed.
const (
	shownChanges = 8
	feedChanges  = 100
)

// newScene puts together what t and the watch know.
func (d *Directory) newScene(t *mesh.Topology, l *layout, now time.Time) *scene {
	w := d.watch
	said := d.opinions(t, now)
	s := &scene{made: now, topology: t, self: d.cfg.Identity.Account(), clock: d.clockOff(), index: make(map[omega.Fingerprint]int, len(t.Servers)), rows: map[words][]template.HTML{}}
	places := l.update(t, now)
	degrees := map[omega.Fingerprint]int{}
	for _, e := range t.Links {
		degrees[e.A]++
		degrees[e.B]++
	}
	w.mu.Lock()
	s.version = w.version
	for i, r := range t.Servers {
		v := view{
			Record: r, state: t.States[r.Server], opinion: said[r.Server], degree: degrees[r.Server],
			web: webURL(r.HTTP, d.cfg.Private), at: places[r.Server], spare: !slices.Contains(t.Vertices, r.Server),
		}
		v.status = statusOf(r, v.state, v.opinion)
		if p := w.past[r.Server]; p != nil {
			v.uptime, v.since = p.uptime(now), p.since
		}
		v.inTable = r.Client != "" && v.state != mesh.Probationary
		s.views = append(s.views, v)
		s.index[r.Server] = i
	}
	w.mu.Unlock()
	s.markOutdated()
	s.count(d.shuffleSeed(now))
	s.openConnections()
	s.operators, s.more = losses(t, rand.New(rand.NewPCG(1, 2)).Uint64)
	s.changes = w.recent(feedChanges)
	return s
}

// shuffleSeed changes every hour and differs between servers, so that no
// server is always the first.
func (d *Directory) shuffleSeed(now time.Time) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(d.cfg.Identity.Account().Wire(), hourOf(now)))
	return binary.BigEndian.Uint64(sum[:])
}

func (s *scene) count(seed uint64) {
	for i := range s.views {
		v := &s.views[i]
		if listed(v.state) {
			s.users += int(v.Users)
		}
		if !v.inTable {
			continue
		}
		s.order = append(s.order, i)
		if v.status.usable() {
			s.usable++
		}
	}
	rng := rand.New(rand.NewPCG(seed, seed))
	rng.Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
}

// markOutdated compares with this server's own version: what others claim to
// run must not make everybody look old.
func (s *scene) markOutdated() {
	i, known := s.index[s.self]
	if !known {
		return
	}
	own, ok := parseVersion(s.views[i].Version)
	if !ok {
		return
	}
	for i := range s.views {
		v, ok := parseVersion(s.views[i].Version)
		s.views[i].outdated = ok && slices.Compare(v, own) < 0
	}
}

// parseVersion reads v1.2.3, and what follows a hyphen or plus is left out.
func parseVersion(text string) (v []int, ok bool) {
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "v"), "+")
	text, _, _ = strings.Cut(text, "-")
	for _, f := range strings.Split(text, ".") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 {
			return nil, false
		}
		v = append(v, n)
	}
	return v, true
}

// find returns the view of a server, nil when there is none.
func (s *scene) find(fp omega.Fingerprint) *view {
	if i, ok := s.index[fp]; ok {
		return &s.views[i]
	}
	return nil
}

// bridges tells the links that are bridges, by both ends.
func (s *scene) bridges() map[[2]omega.Fingerprint]bool {
	out := make(map[[2]omega.Fingerprint]bool, len(s.topology.Bridges))
	for _, e := range s.topology.Bridges {
		out[[2]omega.Fingerprint{e.A, e.B}] = true
	}
	return out
}

// Package directory is what a server tells the world about the cloud: a web
// site with the servers that users can attach to and a picture of the cloud, the
// same for programs, and the signed list. It measures how other servers answer
// clients and remembers how they did (spec/directory.md). It knows no other part
// of a server; package node gives it what it shows.
//
// The way of a page:
//
//	watch     probes, opinions of all probers, uptime, journal   (watch.go, opinion.go, uptime.go)
//	scene     everything pages show, once per change             (scene.go, layout.go, operators.go)
//	page      the scene in words, rendered once and kept         (page.go, site.go, web/)
//
// Goroutines: Run is one and starts another for rounds of probes, which start
// up to eight for the probes themselves.
package directory

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
)

// Config says what a Directory shows.
type Config struct {
	Identity *pgp.Identity                              // signs the list; required
	Topology func() *mesh.Topology                      // the cloud as this server sees it, another one when it has changed; required
	RTT      func() map[omega.Fingerprint]time.Duration // round trips from this server; nil: unknown
	Clock    func() time.Time                           // nil is time.Now
	Logger   *slog.Logger                               // nil discards

	// Private says that the cloud is on a private network or on one machine, so
	// that its pages lead there.
	Private bool

	// Probe does what a client does first and returns how long the answer to one
	// request took. It ends with its context. Nil probes nobody.
	// (spec/directory.md, DIR-2)
	Probe         func(context.Context, *mesh.Record) (time.Duration, error)
	ProbeInterval time.Duration // between two probes of a server; zero: DefaultProbeInterval

	// Announce puts a report of probes into this server's next announcement, as
	// the extension. Nil tells nobody.
	Announce func(ctx context.Context, extension []byte) error

	// Where tells which proxy a user who wants that to be known is on, nil for one
	// who is on none. Everybody else is ErrNobody; another error says that it cannot
	// be told just now. Nil knows nobody. (spec/directory.md, DIR-8)
	Where func(context.Context, omega.Fingerprint) (proxy *omega.Fingerprint, err error)

	// Refused returns why the cloud gives this server no link; nil: it has links, or
	// was not refused. (spec/cloud.md, CLOUD-41)
	Refused func() *Refusal

	// ClockOff returns how far this server's clock is ahead of the others' (less than
	// nothing: behind), in whole seconds; 0: it is right. Nil is always right.
	// (spec/cloud.md, CLOUD-52)
	ClockOff func() time.Duration

	// Load returns what Save stored last, or an error that is fs.ErrNotExist.
	// Nil remembers nothing.
	Load func() ([]byte, error)
	Save func([]byte) error
}

// A Refusal is why a server has no link to its cloud.
type Refusal struct {
	By     omega.Fingerprint `json:"by"`
	Reason string            `json:"reason"`
	Text   string            `json:"text"`
}

// A Directory is a server's web site. Its methods may be called concurrently.
type Directory struct {
	cfg   Config
	watch *watch
	site  site

	mu   sync.Mutex
	list signedList // guarded by mu

	mapMu  sync.Mutex
	shown  *mesh.Topology // what cloud shows; guarded by mapMu
	barred Refusal        // what it says of refusals; zero: of none; guarded by mapMu
	off    time.Duration  // what it says of this server's clock; guarded by mapMu
	cloud  *page          // of /api/v1/topology; guarded by mapMu
}

// New checks cfg.
func New(cfg Config) (*Directory, error) {
	if cfg.Identity == nil || cfg.Topology == nil {
		return nil, errors.New("directory: Config needs Identity and Topology")
	}
	if cfg.RTT == nil {
		cfg.RTT = func() map[omega.Fingerprint]time.Duration { return nil }
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.ProbeInterval <= 0 {
		cfg.ProbeInterval = DefaultProbeInterval
	}
	d := &Directory{cfg: cfg, watch: newWatch(&cfg)}
	if err := d.load(); err != nil {
		return nil, err
	}
	return d, d.site.init()
}

// A Router is what paths are registered with, as *http.ServeMux is.
type Router interface {
	HandleFunc(pattern string, serve func(http.ResponseWriter, *http.Request))
}

// Register adds the directory's pages to mux.
func (d *Directory) Register(mux Router) {
	mux.HandleFunc("GET /api/v1/topology", d.serveTopology)
	mux.HandleFunc("GET /api/v1/proxies", d.serveProxies)
	mux.HandleFunc("GET /api/v1/proxies.sig", d.serveSignature)
	mux.HandleFunc("GET /api/v1/server.asc", d.serveCertificate)
	d.registerSite(mux)
}

// serveCertificate gives out this server's certificate, armoured: who imports it
// after comparing the fingerprint can verify proxies.sig with plain gpg.
func (d *Directory) serveCertificate(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/pgp-keys")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write([]byte(d.cfg.Identity.Certificate.Armor()))
}

// The JSON of /api/v1/topology.
type (
	topology struct {
		State        string              `json:"state"`
		Servers      []server            `json:"servers"`
		Links        []link              `json:"links"`
		Bridges      []pair              `json:"bridges"`
		CutVertices  []omega.Fingerprint `json:"cut_vertices"`
		TwoCuts      int                 `json:"two_cuts"`
		MinDegree    int                 `json:"min_degree"`
		Connectivity int                 `json:"connectivity"`
		Refused      *Refusal            `json:"refused,omitempty"`
		ClockAhead   float64             `json:"clock_ahead_s,omitempty"` // of this server, if it is wrong
	}
	server struct {
		Fingerprint omega.Fingerprint `json:"fingerprint"`
		Name        string            `json:"name"`
		Operator    string            `json:"operator"`
		Site        string            `json:"site"`
		State       string            `json:"state"`
		Addresses   []string          `json:"addresses"`
	}
	link struct {
		A   omega.Fingerprint `json:"a"`
		B   omega.Fingerprint `json:"b"`
		RTT float64           `json:"rtt_ms"`
	}
	pair struct {
		A omega.Fingerprint `json:"a"`
		B omega.Fingerprint `json:"b"`
	}
)

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (d *Directory) serveTopology(w http.ResponseWriter, r *http.Request) {
	p, err := d.topology()
	if err != nil {
		http.Error(w, "the topology cannot be shown now", http.StatusInternalServerError)
		return
	}
	p.serve(w, r)
}

// topology returns the page of the topology, made anew when that has changed.
func (d *Directory) topology() (*page, error) {
	t, barred := d.cfg.Topology(), Refusal{}
	if d.cfg.Refused != nil {
		if r := d.cfg.Refused(); r != nil {
			barred = *r
		}
	}
	off := d.clockOff()
	d.mapMu.Lock()
	defer d.mapMu.Unlock()
	if d.cloud != nil && d.shown == t && d.barred == barred && d.off == off {
		return d.cloud, nil
	}
	shown := describe(t)
	shown.ClockAhead = off.Seconds()
	if barred != (Refusal{}) {
		shown.bar(d.cfg.Identity.Account(), barred)
	}
	b, err := json.Marshal(shown)
	if err != nil {
		return nil, err
	}
	d.shown, d.barred, d.off, d.cloud = t, barred, off, newPage("application/json", append(b, '\n'))
	return d.cloud, nil
}

func (d *Directory) clockOff() time.Duration {
	if d.cfg.ClockOff == nil {
		return 0
	}
	return d.cfg.ClockOff()
}

// bar shows a server that its cloud refuses as what it is: it sees itself as a
// full member of a cloud of one.
func (t *topology) bar(self omega.Fingerprint, r Refusal) {
	t.State, t.Refused = stateRefused, &r
	for i := range t.Servers {
		if t.Servers[i].Fingerprint == self {
			t.Servers[i].State = stateRefused
		}
	}
}

const stateRefused = "refused"

// describe is t as it is shown.
func describe(t *mesh.Topology) topology {
	out := topology{
		State: t.State.String(), Servers: []server{}, Links: []link{}, Bridges: []pair{}, CutVertices: []omega.Fingerprint{},
		TwoCuts: t.TwoCuts, MinDegree: t.MinDegree, Connectivity: t.Connectivity,
	}
	for _, r := range t.Servers {
		s := server{r.Server, r.Name, r.Operator, r.Site, t.States[r.Server].String(), []string{}}
		for _, a := range []string{r.Client, r.Peer, r.HTTP} {
			if a != "" {
				s.Addresses = append(s.Addresses, a)
			}
		}
		out.Servers = append(out.Servers, s)
	}
	for _, e := range t.Links {
		out.Links = append(out.Links, link{e.A, e.B, ms(e.RTT)})
	}
	for _, e := range t.Bridges {
		out.Bridges = append(out.Bridges, pair{e.A, e.B})
	}
	out.CutVertices = append(out.CutVertices, t.Vertices...)
	return out
}

// The JSON of /api/v1/proxies.
type (
	proxies struct {
		Issued  time.Time         `json:"issued"`
		Expires time.Time         `json:"expires"`
		Signer  omega.Fingerprint `json:"signer"`
		Proxies []proxy           `json:"proxies"`
	}
	proxy struct {
		Fingerprint  omega.Fingerprint `json:"fingerprint"`
		Name         string            `json:"name"`
		Operator     string            `json:"operator"`
		Site         string            `json:"site"`
		Client       string            `json:"client"`
		HTTP         string            `json:"http"`
		Registration string            `json:"registration"`
		State        string            `json:"state"`
		Users        uint32            `json:"users_about"`
		RTT          *float64          `json:"rtt_ms"` // median of the probers, else from the server that signs; null: not measured
		Uptime       *float64          `json:"uptime"` // share of the last 30 days; null: no data yet
		Version      string            `json:"version"`
		Announcement string            `json:"announcement"` // that server's own, signed; base64
	}
)

// listInterval is how long one signed list stands: the list and its signature
// change together, at most once a minute.
const listInterval = time.Minute

// listLifetime is how long readers may rely on a list.
const listLifetime = time.Hour

// A signedList is the list in the bytes that are signed.
type signedList struct {
	made time.Time
	list *page // nil before the first
	sig  *page // detached OpenPGP signature over list's body, binary
}

// current returns the list, made anew when it is a minute old.
func (d *Directory) current(ctx context.Context) (signedList, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.cfg.Clock()
	if d.list.list != nil && now.Sub(d.list.made) < listInterval {
		return d.list, nil
	}
	body, err := json.Marshal(d.proxies(now))
	if err != nil {
		return signedList{}, err
	}
	signer := d.cfg.Identity.Signer
	sig, err := pgp.SignCompact(ctx, signer, body, now)
	if err != nil {
		return signedList{}, err
	}
	d.list = signedList{
		now, newPage("application/json", body),
		newPage("application/pgp-signature", pgp.DetachedSignature(signer.Public(), body, now, sig)),
	}
	return d.list, nil
}

// proxies lists the full members that clients can attach to.
func (d *Directory) proxies(now time.Time) proxies {
	t, rtts := d.cfg.Topology(), d.cfg.RTT()
	out := proxies{
		Issued: now.UTC().Truncate(time.Second), Expires: now.UTC().Add(listLifetime).Truncate(time.Second),
		Signer: d.cfg.Identity.Account(), Proxies: []proxy{},
	}
	said, shares := d.opinions(t, now), d.watch.shares(now)
	for _, r := range t.Servers {
		if r.Client == "" || !listed(t.States[r.Server]) {
			continue
		}
		p := proxy{
			Fingerprint: r.Server, Name: r.Name, Operator: r.Operator, Site: r.Site,
			Client: r.Client + "#" + r.Server.String(), HTTP: r.HTTP, Registration: r.Registration.String(),
			State: t.States[r.Server].String(), Users: r.Users, Version: r.Version,
			Announcement: base64.StdEncoding.EncodeToString(r.Bytes),
		}
		if rtt := cmp.Or(said[r.Server].rtt, rtts[r.Server]); rtt > 0 {
			v := ms(rtt)
			p.RTT = &v
		}
		if v, ok := shares[r.Server]; ok {
			p.Uptime = &v
		}
		out.Proxies = append(out.Proxies, p)
	}
	slices.SortFunc(out.Proxies, func(a, b proxy) int { return a.Fingerprint.Compare(b.Fingerprint) })
	return out
}

// listed reports whether a server in this state is one that users can rely on.
func listed(s mesh.ServerState) bool { return s == mesh.Full || s == mesh.Leaf || s == mesh.Degraded }

func (d *Directory) serveProxies(w http.ResponseWriter, r *http.Request) {
	l, err := d.current(r.Context())
	if err != nil {
		http.Error(w, "the list cannot be signed now", http.StatusInternalServerError)
		return
	}
	l.list.serve(w, r)
}

func (d *Directory) serveSignature(w http.ResponseWriter, r *http.Request) {
	l, err := d.current(r.Context())
	if err != nil {
		http.Error(w, "the list cannot be signed now", http.StatusInternalServerError)
		return
	}
	l.sig.serve(w, r)
}

// header sets what every answer has: other web sites may show the data.
func header(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
}

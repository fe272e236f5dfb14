package directory

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/mesh"
)

// A visit is one answer of a web site.
type visit struct {
	*http.Response
	text string
}

// visitor shows pages of a cloud.
type visitor struct {
	t   testing.TB
	mux *http.ServeMux
	d   *Directory
}

func newVisitor(t testing.TB, top *mesh.Topology, edit func(*Config)) *visitor {
	t.Helper()
	cfg := Config{Identity: testIdentity(t), Topology: func() *mesh.Topology { return top }, Clock: func() time.Time { return noon }}
	if edit != nil {
		edit(&cfg)
	}
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t, http.NewServeMux(), d}
	d.Register(v.mux)
	return v
}

func (v *visitor) get(path string, headers ...string) visit {
	v.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	v.mux.ServeHTTP(w, r)
	var body io.Reader = w.Body
	if w.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			v.t.Fatal(err)
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		v.t.Fatal(err)
	}
	return visit{w.Result(), string(b)}
}

// key finds keys of the catalogue that were not put into words, or arguments.
var key = regexp.MustCompile(`\b(site|issue)\.[a-z]+(\.[a-z]+)*\b|\{\d`)

// TestPagesHaveWords: every page says everything in both languages, also when
// everything that can be wrong with a server is.
func TestPagesHaveWords(t *testing.T) {
	top := cloudOf(8)
	self := top.Servers[0].Server
	for i, r := range top.Servers {
		switch i {
		case 1:
			top.States[r.Server] = mesh.Unreachable
		case 2:
			top.States[r.Server], r.Flags = mesh.Leaf, mesh.FlagNAT
		case 3:
			top.States[r.Server], r.Name, r.Operator, r.Site, r.HTTP = mesh.Degraded, "", "", "", ""
		case 4:
			top.States[r.Server] = mesh.Probationary
		case 5:
			r.Flags, r.Registration, r.Load = mesh.FlagDraining, mesh.RegistrationInvite, 900
		case 6:
			r.Flags, r.Version, r.Registration, r.Issued = 0, "v1.0.0", mesh.RegistrationClosed, noon.Add(-20*time.Hour)
			top.States[r.Server] = mesh.Leaf
		case 7:
			says(top, 1, 7, 0, hourOf(noon))
			says(top, 2, 7, 0, hourOf(noon))
		}
	}
	top.Bridges = []mesh.Edge{{A: top.Servers[3].Server, B: top.Servers[5].Server}}
	top.Vertices = []omega.Fingerprint{top.Servers[3].Server}
	proxy := self
	v := newVisitor(t, top, func(c *Config) {
		c.Where = func(context.Context, omega.Fingerprint) (*omega.Fingerprint, error) { return &proxy, nil }
	})
	v.d.look()
	v.d.watch.past[self].sample(noon, false)
	paths := []string{"/", "/?q=nothing+like+it", "/?q=server&sort=rtt", "/embed", "/user", "/user?fpr=12", "/user?fpr=" + self.String(), "/server/12", "/nowhere", "/feed.xml"}
	for _, r := range top.Servers {
		paths = append(paths, "/server/"+r.Server.String(), "/badge/"+r.Server.String()+".svg")
	}
	for _, lang := range []string{"zh", "en"} {
		for _, path := range paths {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			got := v.get(path + sep + "lang=" + lang)
			want := http.StatusOK
			if path == "/server/12" || path == "/nowhere" {
				want = http.StatusNotFound
			}
			if got.StatusCode != want {
				t.Errorf("%s: %s, want %d", path, got.Status, want)
			}
			if bad := key.FindString(regexp.MustCompile(`site\.(css|js)`).ReplaceAllString(words0.ReplaceAllString(got.text, ""), "")); bad != "" {
				t.Errorf("%s in %s shows %q", path, lang, bad)
			}
			if lang == "en" && strings.Contains(got.text, "text/html") && regexp.MustCompile(`\p{Han}`).MatchString(strings.ReplaceAll(got.text, "中文", "")) {
				t.Errorf("%s in English has Chinese in it", path)
			}
		}
	}
	seven := v.get("/server/" + top.Servers[7].Server.String() + "?lang=en").text
	if !strings.Contains(seven, "Clients cannot get in") {
		t.Error("a server that nobody can attach to is shown as up")
	}
}

// TestHowToUse: a server's page says how to register there, and where one cannot.
func TestHowToUse(t *testing.T) {
	top := cloudOf(3)
	top.Servers[0].Registration, top.Servers[1].Registration, top.Servers[2].Registration = mesh.RegistrationOpen, mesh.RegistrationInvite, mesh.RegistrationClosed
	v := newVisitor(t, top, nil)
	v.d.look()
	for i, want := range []string{"omega init --name NAME --server [^ ]+</code>", "--invite INVITE</code>", "takes no new accounts"} {
		text := v.get("/server/" + top.Servers[i].Server.String() + "?lang=en").text
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("page of server %d lacks %q", i, want)
		}
		if closed := i == 2; closed == strings.Contains(text, "omega init") {
			t.Errorf("page of server %d: a command %v", i, !closed)
		}
	}
}

// words0 are texts for scripts, which fill in numbers themselves.
var words0 = regexp.MustCompile(`data-(minutes|hours|days)="[^"]*"`)

func TestHeadersOfPages(t *testing.T) {
	v := newVisitor(t, cloudOf(4), nil)
	for _, path := range []string{"/", "/embed", "/server/" + serverNumber(0).String(), "/user", "/nowhere"} {
		h := v.get(path).Header
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("Set-Cookie") != "" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	// The front page may connect to the servers that it lists, and to no others.
	if csp := v.get("/").Header.Get("Content-Security-Policy"); strings.Count(csp, " http") != 4 || strings.Contains(csp, " http:;") || strings.Contains(csp, " https: ") {
		t.Errorf("policy of the front page %q", csp)
	}
	text := v.get("/").text
	for _, bad := range []string{"<style", " style=", "onclick", "<script>"} {
		if strings.Contains(text, bad) {
			t.Errorf("the front page has %s", bad)
		}
	}
	ping := v.get("/ping")
	if ping.StatusCode != http.StatusNoContent || ping.Header.Get("Timing-Allow-Origin") != "*" || ping.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("/ping: %v %v", ping.Status, ping.Header)
	}
}

// TestPagesAreKept: a page is rendered once, and not sent to who has it.
func TestPagesAreKept(t *testing.T) {
	top, now := cloudOf(4), noon
	current := top
	v := newVisitor(t, nil, func(c *Config) {
		c.Topology = func() *mesh.Topology { return current }
		c.Clock = func() time.Time { return now }
	})
	first := v.get("/", "Accept-Encoding", "gzip")
	again := v.get("/", "Accept-Encoding", "gzip", "If-None-Match", first.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified || again.text != "" {
		t.Errorf("again: %s", again.Status)
	}
	s := v.d.sceneNow()
	now = now.Add(30 * time.Second)
	if v.d.sceneNow() != s {
		t.Error("nothing changed, and everything is made anew")
	}
	current = cloudOf(5)
	if got := v.get("/", "If-None-Match", first.Header.Get("ETag")); got.StatusCode != http.StatusOK || strings.Count(got.text, `<tr id="s`) != 5 {
		t.Errorf("after a change: %s", got.Status)
	}
	for i := range 100 {
		v.get("/server/" + serverNumber(1000+i).String())
		v.get(fmt.Sprint("/?q=", i))
	}
	if n := len(v.d.site.pages); n > 5 {
		t.Errorf("%d pages are kept, of strangers and of searches as well", n)
	}
}

// TestHostileAnnouncement: nothing that a server says about itself becomes
// markup, a link to a script, or a formula.
// What visitors can make up is not kept: it would push out what everybody asks
// for.
func TestPagesOfNobody(t *testing.T) {
	v := newVisitor(t, cloudOf(4), nil)
	v.get("/")
	before := len(v.d.site.pages)
	for i := range 3 {
		nobody := serverNumber(1000 + i).String()
		v.get("/badge/" + nobody + ".svg")
		v.get("/server/" + nobody)
		v.get("/?q=" + nobody)
	}
	if n := len(v.d.site.pages); before == 0 || n != before {
		t.Errorf("%d pages are kept, then %d", before, n)
	}
}

func TestHostileAnnouncement(t *testing.T) {
	top := cloudOf(4)
	a := top.Servers[1].Announcement
	a.Name, a.Operator, a.Site, a.Version = `<script>alert(1)</script>`, `=HYPERLINK("x")`, `"><img src=x>`, `@SUM(1)`
	a.HTTP, a.Client = "javascript:alert(1)", `x"><b>:1`
	v := newVisitor(t, top, nil)
	for _, path := range []string{"/", "/server/" + a.Server.String(), "/badge/" + a.Server.String() + ".svg", "/feed.xml"} {
		text := v.get(path).text
		for _, bad := range []string{"<script>alert", "<img src=x", `"javascript:`, "><b>"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %s", path, bad)
			}
		}
	}
	rows, err := csv.NewReader(strings.NewReader(v.get("/proxies.csv").text)).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, cell := range slices.Concat(rows[1:]...) {
		if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
			t.Errorf("a spreadsheet takes %q for a formula", cell)
		}
	}
	a.HTTP, a.Client, a.Site = "=1+1", "=1+1:1", "＝1+1"
	for _, line := range strings.Split(newVisitor(t, top, nil).get("/proxies.csv").text, "\n") {
		if strings.Contains(line, ",=1+1") || strings.Contains(line, ",＝") {
			t.Errorf("a spreadsheet takes a text for a formula: %s", line)
		}
	}
	var m mapJSON
	if err := json.Unmarshal([]byte(v.get("/api/v1/map").text), &m); err != nil {
		t.Fatal(err)
	}
	for _, s := range m.Servers {
		if strings.HasPrefix(s.HTTP, "javascript") {
			t.Error("the map leads to a script")
		}
	}
}

func TestSortAndSearch(t *testing.T) {
	top := cloudOf(30)
	for i, r := range top.Servers {
		r.Load, r.Users = uint16(i*10), uint32(i)
	}
	v := newVisitor(t, top, nil)
	row := regexp.MustCompile(`<tr id="s[0-9A-F]{16}"[^>]*>\s*<th scope="row"><a href="[^"]*">([^<]*)</a>`)
	names := func(path string) (out []string) {
		for _, m := range row.FindAllStringSubmatch(v.get(path).text, -1) {
			out = append(out, m[1])
		}
		return out
	}
	shuffled := names("/")
	if len(shuffled) != 30 || shuffled[0] == "server 0" && shuffled[1] == "server 1" {
		t.Errorf("not shuffled: %q", shuffled)
	}
	if got := names("/"); !slices.Equal(got, shuffled) {
		t.Error("reloading shuffles again")
	}
	if got := names("/?sort=load"); got[0] != "server 0" || got[29] != "server 29" {
		t.Errorf("by load: %q", got)
	}
	if got := names("/?sort=users"); got[0] != "server 29" {
		t.Errorf("by users: %q", got)
	}
	if got := names("/?q=OPERATOR+S7.example"); len(got) != 1 || got[0] != "server 7" {
		t.Errorf("by operator and address: %q", got)
	}
	if got := names("/?q=" + top.Servers[7].Server.String()); len(got) != 1 || got[0] != "server 7" {
		t.Errorf("by fingerprint: %q", got)
	}
	if got := names("/?q=" + strings.Repeat("x", 5000)); len(got) != 0 {
		t.Errorf("a long search finds %q", got)
	}
}

func TestFormats(t *testing.T) {
	top := cloudOf(5)
	v := newVisitor(t, top, nil)
	v.d.look()
	var feed struct {
		Entries []struct {
			ID    string `xml:"id"`
			Title string `xml:"title"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal([]byte(v.get("/feed.xml", "Accept-Language", "en").text), &feed); err != nil || len(feed.Entries) != 5 {
		t.Errorf("feed of %d entries, %v", len(feed.Entries), err)
	} else if got := feed.Entries[4].Title; got != "server 0 joined" {
		t.Errorf("oldest entry %q", got)
	}
	for _, fp := range []omega.Fingerprint{top.Servers[0].Server, serverNumber(77)} {
		b := v.get("/badge/" + fp.String() + ".svg")
		if err := xml.Unmarshal([]byte(b.text), new(struct{})); err != nil || b.Header.Get("Content-Type") != "image/svg+xml" {
			t.Errorf("badge: %v %s", err, b.Header.Get("Content-Type"))
		}
	}
	if got := v.get("/badge/nobody.svg").StatusCode; got != http.StatusNotFound {
		t.Errorf("badge of nobody: %d", got)
	}
	var list proxies
	if err := json.Unmarshal([]byte(v.get("/api/v1/proxies").text), &list); err != nil || len(list.Proxies) != 5 {
		t.Errorf("%d proxies, %v", len(list.Proxies), err)
	}
}

func TestUsers(t *testing.T) {
	at, shown, away, asked := serverNumber(1), serverNumber(50), serverNumber(51), serverNumber(52)
	v := newVisitor(t, cloudOf(4), func(c *Config) {
		c.Where = func(_ context.Context, fp omega.Fingerprint) (*omega.Fingerprint, error) {
			switch fp {
			case shown:
				return &at, nil
			case away:
				return nil, nil
			case asked:
				return nil, errors.New("too many")
			}
			return nil, ErrNobody
		}
	})
	for path, want := range map[string]string{
		"/api/v1/users/" + shown.String():                  `200 {"proxy":"` + at.String() + `"}`,
		"/api/v1/users/" + strings.ToLower(shown.String()): `200 {"proxy":"` + at.String() + `"}`,
		"/api/v1/users/" + away.String():                   `200 {"proxy":null}`,
		"/api/v1/users/" + asked.String():                  `429 {"error":"too many want to know where somebody is; try again in a second"}`,
		"/api/v1/users/" + serverNumber(9).String():        `404 {"error":"nobody of this fingerprint wants to be found"}`,
		"/api/v1/users/" + shown.String()[:16]:             `404 {"error":"nobody of this fingerprint wants to be found"}`,
		"/api/v1/users/" + strings.Repeat("A", 10_000):     `404 {"error":"nobody of this fingerprint wants to be found"}`,
	} {
		got := v.get(path)
		if text := fmt.Sprint(got.StatusCode, " ", strings.TrimSpace(got.text)); text != want {
			t.Errorf("%.80s: %s, want %s", path, text, want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for header, want := range map[string]i18n.Lang{
		"": i18n.Chinese, "en": i18n.English, "zh-TW,zh;q=0.9,en;q=0.8": i18n.Chinese, "en-US,en;q=0.9,zh;q=0.1": i18n.English,
		"ja,en;q=0.5": i18n.English, "fr": i18n.Chinese, "en;q=0.2, zh-Hant;q=0.3": i18n.Chinese, "en;q=x": i18n.Chinese,
	} {
		if got := preferred(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
	for chosen, want := range map[string]words{
		"zh": {i18n.Chinese, true}, "zh-TW": {i18n.Chinese, true}, "zh-Hant-TW": {i18n.Chinese, true}, "EN-gb": {i18n.English, true},
		"fr": {i18n.English, false}, "": {i18n.English, false},
	} {
		r := httptest.NewRequest("GET", "/?lang="+chosen, nil)
		r.Header.Set("Accept-Language", "en")
		if got := languageOf(r); got != want {
			t.Errorf("?lang=%s: %v, want %v", chosen, got, want)
		}
	}
}

// TestLayout: the picture is the same for the same cloud, changes little with
// it, and keeps servers apart.
func TestLayout(t *testing.T) {
	top := cloudOf(60)
	var l, other layout
	at := l.update(top, noon)
	if again := other.update(cloudOf(60), noon); farthest(at, again) != 0 {
		t.Error("two servers draw one cloud differently")
	}
	if again := l.update(cloudOf(60), noon); farthest(at, again) != 0 {
		t.Error("the picture moves though nothing changed")
	}
	near := math.Inf(1)
	for a, p := range at {
		if p.X < 0 || p.X > 1 || p.Y < 0 || p.Y > 1 {
			t.Errorf("%v stands at %v", a, p)
		}
		for b, q := range at {
			if a != b {
				near = min(near, math.Hypot(p.X-q.X, p.Y-q.Y))
			}
		}
	}
	if near < 0.01 {
		t.Errorf("two servers are %v apart", near)
	}
	more := cloudOf(60)
	x := serverNumber(900)
	more.Servers = append(more.Servers, &mesh.Record{Announcement: &mesh.Announcement{Server: x}})
	for _, r := range more.Servers[:3] {
		more.Links = append(more.Links, mesh.Edge{A: r.Server, B: x, RTT: time.Millisecond})
	}
	after := l.update(more, noon)
	if farthest(at, after) > 0.15 {
		t.Errorf("one more server moves another by %v", farthest(at, after))
	}
	if _, ok := after[x]; !ok {
		t.Error("the newcomer has no place")
	}
	for n := range 4 { // degenerate clouds have places too
		var small layout
		for fp, p := range small.update(cloudOf(n), noon) {
			if math.IsNaN(p.X + p.Y) {
				t.Errorf("%d servers: %v stands at %v", n, fp, p)
			}
		}
	}
}

// farthest is how far a server of a is from where it stands in b, at most.
func farthest(a, b map[omega.Fingerprint]point) (far float64) {
	for fp, p := range a {
		q, ok := b[fp]
		if !ok {
			return math.Inf(1)
		}
		far = max(far, math.Hypot(p.X-q.X, p.Y-q.Y))
	}
	return far
}

// TestLosses compares with the graph without the operator, by hand.
func TestLosses(t *testing.T) {
	// a1 - a2 are of one operator; x and y hang on them, z on y.
	names := []string{"a1", "a2", "x", "y", "z"}
	top := &mesh.Topology{States: map[omega.Fingerprint]mesh.ServerState{}}
	fp := map[string]omega.Fingerprint{}
	for i, name := range names {
		fp[name] = serverNumber(i)
		top.Servers = append(top.Servers, &mesh.Record{Announcement: &mesh.Announcement{Server: fp[name], Operator: name[:1], Users: 100}})
		top.States[fp[name]] = mesh.Full
	}
	for _, l := range []string{"a1 a2", "a1 x", "a2 x", "a1 y", "a2 y", "y z", "a1 z"} {
		a, b, _ := strings.Cut(l, " ")
		top.Links = append(top.Links, mesh.Edge{A: fp[a], B: fp[b]})
	}
	got, more := losses(top, func() uint64 { return 4 })
	want := loss{operator: "a", servers: 2, users: 200, left: 3, giant: 2, bridges: 1}
	if len(got) != 4 || got[0] != want || more != 0 {
		t.Errorf("losses %v, want first %v", got, want)
	}
}

func TestVersions(t *testing.T) {
	top := cloudOf(3)
	for i, v := range []string{"v1.10.0", "v1.9.3", "dev"} {
		top.Servers[i].Version = v
	}
	v := newVisitor(t, top, nil)
	s := v.d.newScene(top, &layout{}, noon)
	s.self = top.Servers[0].Server
	s.markOutdated()
	if s.views[0].outdated || !s.views[1].outdated || s.views[2].outdated {
		t.Errorf("outdated: %v %v %v, want only 1.9.3", s.views[0].outdated, s.views[1].outdated, s.views[2].outdated)
	}
}

func BenchmarkFrontPage1000(b *testing.B) {
	top := cloudOf(1000)
	v := newVisitor(b, top, nil)
	v.d.sceneNow()
	b.ResetTimer()
	size := 0
	for b.Loop() {
		size = len(v.get("/?q=server", "Accept-Encoding", "gzip").text) // a search is not kept
	}
	b.ReportMetric(float64(size), "octets")
}

// TestLayoutOverRestart: after a restart the picture is the one that was, also
// while links come back one after another, and those that went and come again
// have their places. (spec/directory.md, DIR-9)
func TestLayoutOverRestart(t *testing.T) {
	for _, n := range []int{5, 60} {
		var before layout
		top := cloudOf(n)
		before.update(top, noon)
		after := cloudOf(n)
		after.Links = after.Links[1:]
		want := before.update(after, noon)
		m, err := decodeMemory((&memory{sketch: before.remembered()}).encode(), mesh.MaxServers)
		if err != nil {
			t.Fatal(err)
		}
		l := layout{sketch: m.sketch, still: noon.Add(settling)}
		for links := range after.Links {
			part := cloudOf(n)
			part.Servers, part.Links = part.Servers[:1+links%n], nil
			if links > len(after.Links)/2 {
				part.Servers, part.Links = after.Servers, after.Links[:links]
			}
			if moved := farthest(l.update(part, noon), want); moved > 1e-4 {
				t.Fatalf("%d servers, with %d links: moved by %v", n, links, moved)
			}
		}
		if moved := farthest(l.update(after, noon), want); moved > 1e-4 {
			t.Errorf("%d servers: moved by %v", n, moved)
		}
		if moved := farthest(l.update(after, noon.Add(2*settling)), want); moved > 1e-4 {
			t.Errorf("%d servers: moved by %v though nothing changed", n, moved)
		}
		l.update(top, noon.Add(2*settling))
		l.at = nil
		l.forget(book{top.Servers[0].Server: {}})
		if len(l.raw) != 1 {
			t.Errorf("%d places are kept of servers that nobody knows", len(l.raw))
		}
	}
}

func BenchmarkScene1000(b *testing.B) {
	top := cloudOf(1000)
	v := newVisitor(b, top, nil)
	var l layout
	l.update(top, noon)
	b.ResetTimer()
	for b.Loop() {
		v.d.newScene(top, &l, noon)
	}
}

func BenchmarkLayout1000(b *testing.B) {
	top := cloudOf(1000)
	for b.Loop() {
		var l layout
		l.update(top, noon)
	}
}

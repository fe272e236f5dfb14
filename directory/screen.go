package directory

import (
	"cmp"
	"fmt"
	"html/template"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// A screen is what every template gets; each uses some of it.
type screen struct {
	words
	template      string
	missing       bool   // what was asked for is not there
	Tag, OtherTag string // of the languages, for browsers
	Other         string // this page in the other language
	Heading       string
	Self          string // name of the server that made it
	Base, Hex     string // its URL and fingerprint
	Made          time.Time
	Poll          int // seconds between looks for something new
	Lamp          string

	// The front page:
	Sentence, Promise, Warning, Source string
	Facts                              []fact
	Picture                            template.HTML
	Changes                            []changeLine
	Query                              string
	Sorts                              []choice
	Rows                               []template.HTML
	Losses                             []lossRow
	MoreLosses                         int

	// A server's page:
	Row     tableRow
	Full    string
	Use     string
	UseHint string
	Issues  []issue
	Details []detail
	Links   []linkRow

	// The page about a user:
	Fingerprint string
	Answer      string
	Where       *tableRow
}

type (
	fact       struct{ Label, Value, Class string }
	changeLine struct {
		Class, Text string
		At          time.Time
	}
	choice struct {
		Key, Label string
		Chosen     bool
	}
	tableRow struct {
		Link, Short, Grouped, HTTP, Name, Where     string
		Status                                      status
		State, Registration, RTT, Seen, Load, Users string
		Links                                       int
		Version                                     string
		Outdated                                    bool
		Spans                                       []strip
	}
	lossRow struct {
		Operator       string
		Servers        int
		Left           string
		Split          bool
		Bridges, Users int
	}
	linkRow struct {
		Link, Name, Operator, State, RTT string
		Status                           status
		Bridge                           bool
	}
)

// newScreen begins one in the language of w.
func (s *scene) newScreen(w words, template, path string) *screen {
	p := &screen{words: w, template: template, Made: s.made, Hex: s.self.String(), Poll: pollSeconds(len(s.order))}
	p.Tag, p.OtherTag = "zh-Hant-TW", "en"
	other := "en"
	if w.lang == i18n.English {
		p.Tag, p.OtherTag, other = "en", "zh-Hant-TW", "zh"
	}
	p.Other = path + "?lang=" + other
	p.Self = w.t("site.unnamed")
	if v := s.find(s.self); v != nil {
		p.Self, p.Base = w.name(v), v.HTTP
	}
	return p
}

// pollSeconds spares the wires where pages are large.
func pollSeconds(servers int) int { return min(max(5, servers/8), 60) }

// frontScreen is the list of servers with everything around it. rows are the
// rows of the table, by place in views.
func (s *scene) frontScreen(w words, query, sort string, rows []template.HTML) *screen {
	p := s.newScreen(w, "front.html", "/")
	if query != "" {
		p.Other += "&q=" + url.QueryEscape(query)
	}
	if sort != "" {
		p.Other += "&sort=" + sort
	}
	p.Query = query
	s.summarise(p)
	p.Picture = s.picture(w)
	p.Changes = changeLines(w, s.changes[:min(len(s.changes), shownChanges)])
	for _, o := range sortOrders {
		p.Sorts = append(p.Sorts, choice{o, "site.sort." + o, o == sort || o == sortOrders[0] && sort == ""})
	}
	for _, i := range s.sorted(sort) {
		if v := &s.views[i]; v.matches(query) {
			p.Rows = append(p.Rows, rows[i])
		}
	}
	for _, l := range s.operators {
		p.Losses = append(p.Losses, lossRow{
			l.operator, l.servers, fmt.Sprintf("%d / %d", l.giant, l.left), l.giant < l.left, l.bridges, l.users,
		})
	}
	p.MoreLosses = s.more
	return p
}

// wellFrom is the percentage of usable servers from which the cloud as a whole
// does well: among many, a few are always away.
const wellFrom = 95

// summarise fills in the first screen.
func (s *scene) summarise(p *screen) {
	n, t := len(s.order), s.topology
	p.Lamp = "ok"
	switch {
	case s.usable == 0:
		p.Lamp, p.Sentence = "bad", p.t("site.none")
	case s.usable < n:
		p.Sentence = p.t("site.some", n, s.usable)
		if 100*s.usable < wellFrom*n {
			p.Lamp = "warn"
		}
	case n == 1:
		p.Sentence = p.t("site.one")
	default:
		p.Sentence = p.t("site.all", n)
	}
	spare := max(t.Connectivity-1, 0)
	switch {
	case t.State != mesh.StateStrict:
		p.Promise = p.t("site.state." + t.State.String())
	case spare == 0:
		p.Promise = p.t("site.state.weak")
	default:
		p.Promise = p.t("site.state.strict", spare)
	}
	bridges := fact{Label: "site.fact.bridges", Value: strconv.Itoa(len(t.Bridges))}
	if len(t.Bridges) > 0 && t.State != mesh.StateProvisional {
		p.Lamp = cmp.Or(map[string]string{"ok": "warn"}[p.Lamp], p.Lamp)
		p.Warning, bridges.Class = p.t("site.bridges", len(t.Bridges)), "bad"
	}
	p.Source = p.t("site.made", p.Self)
	p.Facts = []fact{
		{Label: "site.fact.servers", Value: strconv.Itoa(n)}, {Label: "site.fact.users", Value: grouped(s.users)},
		{Label: "site.fact.links", Value: grouped(len(t.Links))}, bridges, {Label: "site.fact.spare", Value: strconv.Itoa(spare)},
	}
}

// sortOrders are the choices of the table; the first is the usual one.
var sortOrders = []string{"shuffle", "name", "rtt", "uptime", "load", "users", "version"}

// sorted returns the table in an order. Whoever is equal stays shuffled; what is
// not known comes last.
func (s *scene) sorted(order string) []int {
	out := slices.Clone(s.order)
	by := func(f func(a, b *view) int) {
		slices.SortStableFunc(out, func(i, j int) int { return f(&s.views[i], &s.views[j]) })
	}
	switch order {
	case "name":
		by(func(a, b *view) int { return cmp.Compare(a.Name, b.Name) })
	case "rtt":
		known := func(v *view) time.Duration { return cmp.Or(v.opinion.rtt, time.Hour) }
		by(func(a, b *view) int { return cmp.Compare(known(a), known(b)) })
	case "uptime":
		by(func(a, b *view) int { return cmp.Compare(b.uptime.rank(), a.uptime.rank()) })
	case "load":
		by(func(a, b *view) int { return cmp.Compare(a.Load, b.Load) })
	case "users":
		by(func(a, b *view) int { return cmp.Compare(b.Users, a.Users) })
	case "version":
		by(func(a, b *view) int { return cmp.Compare(b.Version, a.Version) })
	}
	return out
}

// rank is the share of the longest span that is known, -1 for none.
func (u uptime) rank() float64 {
	for _, s := range []span{u.quarter, u.month, u.day} {
		if v, ok := s.share(); ok {
			return v
		}
	}
	return -1
}

// matches reports whether every word of the query stands in what the table
// tells of the server.
func (v *view) matches(query string) bool {
	text := strings.ToLower(v.Name + "\n" + v.Operator + "\n" + v.Site + "\n" + v.Server.String() + "\n" + v.Client)
	for _, word := range strings.Fields(strings.ToLower(query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// row puts one server into words.
func (w words) row(v *view) tableRow {
	hex := v.Server.String()
	r := tableRow{
		Link: w.link("/server/" + hex), Short: hex[:16], Grouped: hex[:4] + " " + hex[4:8] + " " + hex[8:12] + " " + hex[12:16] + " …",
		Name: w.name(v), Where: w.where(v), Status: v.status, State: w.t("site.status." + string(v.status)),
		Registration: w.t("site.reg." + v.Registration.String()), RTT: "–", Seen: w.t("site.seen.nobody"),
		Load: fmt.Sprintf("%d%%", (v.Load+5)/10), Users: w.t("site.users", grouped(int(v.Users))), Links: v.degree,
		Version: cmp.Or(v.Version, "–"), Outdated: v.outdated, Spans: strips(v.uptime),
	}
	if v.connect {
		r.HTTP = v.web
	}
	if v.opinion.of > 0 {
		r.Seen = w.t("site.seen", v.opinion.seen, v.opinion.of)
	}
	if v.opinion.rtt > 0 {
		r.RTT = milliseconds(v.opinion.rtt)
	}
	return r
}

func (w words) name(v *view) string {
	if strings.TrimSpace(v.Name) == "" {
		return w.t("site.unnamed") + " " + v.Server.String()[:8]
	}
	return v.Name
}

func (w words) where(v *view) string {
	operator := cmp.Or(v.Operator, w.t("site.operator.none"))
	if v.Site == "" {
		return operator
	}
	return operator + " · " + v.Site
}

// webURL is an announced URL that a browser may be led to, "" for others: not to
// the reader's own machine or network. private: the cloud is there itself.
// (spec/cloud.md, CLOUD-42)
func webURL(text string, private bool) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	port := u.Port()
	if port == "" || port == "80" {
		port = "443" // the web's own
	}
	if transport.CheckAnnounced(net.JoinHostPort(u.Hostname(), port), private) != nil {
		return ""
	}
	return strings.TrimRight(u.String(), "/")
}

func milliseconds(d time.Duration) string {
	v := ms(d)
	if v < 10 {
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.0f ms", v)
}

// grouped writes 12345 as 12,345.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// changeLines puts changes into words.
func changeLines(w words, list []change) (out []changeLine) {
	for _, c := range list {
		out = append(out, changeLine{c.kind.String(), w.change(c), c.at})
	}
	return out
}

func (w words) change(c change) string {
	called := func(name string, fp omega.Fingerprint) string {
		if name == "" && !fp.IsZero() {
			return fp.String()[:8]
		}
		return name
	}
	name := called(c.name, c.server)
	if c.far.IsZero() {
		return w.t("site.change."+c.kind.String(), name)
	}
	return w.t("site.change."+c.kind.String(), name, called(c.other, c.far))
}

// missingScreen says that something is not there.
func (s *scene) missingScreen(w words, key, what string) *screen {
	p := s.newScreen(w, "missing.html", "/")
	p.missing, p.Heading = true, w.t(key)
	if what != "" {
		p.Answer = w.t(key+".hint", what)
	}
	return p
}

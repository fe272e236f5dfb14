package directory

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// An issue is what is wrong with a server, and what its operator can do.
type issue struct{ Class, What, Do string }

// A detail is one line about a server.
type detail struct {
	Label, Value string
	Href, Time   string
	Code         bool
}

// staleAfter is when an announcement is older than its refreshes allow.
const staleAfter = mesh.RefreshAfter + time.Hour

// serverScreen tells everything about one server.
func (s *scene) serverScreen(w words, v *view) *screen {
	p := s.newScreen(w, "server.html", "/server/"+v.Server.String())
	p.Hex, p.Row = v.Server.String(), w.row(v)
	p.Heading = p.Row.Name
	p.Full = spaced(v.Server)
	p.Lamp = map[bool]string{true: "ok", false: "warn"}[v.status == statusOK]
	if v.status == statusLost {
		p.Lamp = "bad"
	}
	if v.status.usable() && v.Client != "" {
		p.Use = fmt.Sprintf("omega init --name %s --server %s#%s", w.t("site.server.name"), v.Client, v.Server)
		p.UseHint = w.t("site.server.use.hint")
		switch v.Registration {
		case mesh.RegistrationInvite:
			p.Use += " --invite " + w.t("site.server.invite")
			p.UseHint = w.t("site.server.use.invite")
		case mesh.RegistrationClosed:
			p.Use, p.UseHint = "", w.t("site.server.use.closed")
		}
	}
	p.Issues = s.issues(w, v)
	p.Details = s.details(w, v, p.Row)
	bridges := s.bridges()
	for _, e := range s.topology.Links {
		far := otherEnd(e, v.Server)
		if far.IsZero() {
			continue
		}
		o := s.find(far)
		p.Links = append(p.Links, linkRow{
			w.link("/server/" + far.String()), w.name(o), cmp.Or(o.Operator, "–"), w.t("site.status." + string(o.status)),
			milliseconds(e.RTT), o.status, bridges[[2]omega.Fingerprint{e.A, e.B}],
		})
	}
	slices.SortFunc(p.Links, func(a, b linkRow) int { return cmp.Compare(a.Name, b.Name) })
	return p
}

// spaced writes a fingerprint in groups of four, as people compare it.
func spaced(fp omega.Fingerprint) string {
	text := fp.String()
	out := text[:4]
	for i := 4; i+4 <= len(text); i += 4 {
		out += " " + text[i:i+4]
	}
	return out
}

func (s *scene) details(w words, v *view, r tableRow) []detail {
	list := []detail{
		{Label: "site.server.operator", Value: cmp.Or(v.Operator, "–")},
		{Label: "site.server.site", Value: cmp.Or(v.Site, "–")},
		{Label: "site.server.registration", Value: r.Registration},
		{Label: "site.server.rtt", Value: r.RTT},
		{Label: "site.server.seen", Value: r.Seen},
		{Label: "site.server.users", Value: r.Users},
		{Label: "site.server.load", Value: r.Load},
		{Label: "site.server.version", Value: r.Version},
		{Label: "site.server.client", Value: cmp.Or(v.Client, "–"), Code: true},
		{Label: "site.server.peer", Value: cmp.Or(v.Peer, "–"), Code: true},
		{Label: "site.server.http", Value: cmp.Or(v.HTTP, "–"), Href: r.HTTP},
		{Label: "site.server.announced", Value: w.clock(v.Issued), Time: stamp(v.Issued)},
	}
	if !v.since.IsZero() {
		list = append(list, detail{Label: "site.server.since", Value: w.clock(v.since), Time: stamp(v.since)})
	}
	return list
}

// issues lists what is wrong, the worst first.
func (s *scene) issues(w words, v *view) (out []issue) {
	add := func(class, key string, what []any, do ...any) {
		out = append(out, issue{class, w.t("issue."+key, what...), w.t("issue."+key+".do", do...)})
	}
	if s.clock != 0 && v.Server == s.self {
		add("bad", "clock", []any{s.clock.Abs()})
	}
	switch v.status {
	case statusLost:
		add("bad", "lost", nil, cmp.Or(v.Peer, "announce.peer"))
	case statusBlocked:
		add("bad", "blocked", nil, cmp.Or(v.Client, "announce.client"))
	case statusProbation:
		add("warn", "probation", nil)
	case statusDraining:
		add("warn", "draining", nil)
	case statusDegraded:
		add("warn", "degraded", nil)
	}
	if missed := v.opinion.of - v.opinion.seen; missed > 0 && v.status != statusBlocked && v.status != statusLost {
		add("warn", "seen", []any{missed})
	}
	if !v.spare {
		add("warn", "cut", nil)
	}
	for _, e := range s.topology.Bridges {
		if far := otherEnd(e, v.Server); !far.IsZero() && s.topology.State != mesh.StateProvisional {
			add("warn", "bridge", []any{w.name(s.find(far))})
		}
	}
	if age := s.made.Sub(v.Issued); age > staleAfter && v.Server != s.self {
		add("warn", "silent", []any{int(age.Hours())})
	}
	if share, ok := v.uptime.day.share(); ok && share < 0.99 && v.status != statusLost {
		add("warn", "uptime", []any{percent(v.uptime.day)})
	}
	if v.Load >= 800 {
		add("warn", "load", []any{(v.Load + 5) / 10})
	}
	if v.outdated {
		add("warn", "outdated", []any{v.Version})
	}
	s.advise(v, func(key string) { add("note", key, nil) })
	return out
}

// advise lists what is not wrong and could be better.
func (s *scene) advise(v *view, add func(key string)) {
	if v.Flags&mesh.FlagNAT != 0 {
		add("nat")
	} else if v.Flags&mesh.FlagTransit == 0 {
		add("leaf")
	}
	if v.Operator == "" {
		add("operator")
	}
	if v.web == "" {
		add("http")
	}
}

// otherEnd returns the far end of a link of fp, zero when it is none of its.
func otherEnd(e mesh.Edge, fp omega.Fingerprint) omega.Fingerprint {
	switch fp {
	case e.A:
		return e.B
	case e.B:
		return e.A
	}
	return omega.Fingerprint{}
}

package node

import (
	"context"
	"net/http"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/mesh"
)

// A Status is how a server stands, for its operator.
type Status struct {
	Server       omega.Fingerprint `json:"server"`
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Cloud        string            `json:"cloud"`   // seed, provisional, triangle, strict, refused or apart
	State        string            `json:"state"`   // this server's own: full, probationary, …, refused or apart
	Links        int               `json:"links"`   // that it announces
	Members      int               `json:"members"` // full ones that it sees, itself included
	Registration string            `json:"registration"`
	Joining      bool              `json:"joining"` // it takes no new accounts until it is a member
	Entries      int64             `json:"entries"` // of accounts and servers that its key server keeps
	Sessions     int64             `json:"sessions"`
	Refused      *Refusal          `json:"refused,omitempty"`
	Unmet        []Entry           `json:"unmet,omitempty"` // the configured members, while it is apart
	Clock        *ClockOff         `json:"clock,omitempty"` // its clock is wrong
}

// A Refusal is why a server has no link to its cloud.
type Refusal struct {
	By     omega.Fingerprint `json:"by"`
	Reason string            `json:"reason"` // a word of mesh.Refusal
	Text   string            `json:"text"`   // of By
	Again  time.Time         `json:"again"`
}

// States of a server that is no part of its cloud: it gets no link, or has met
// nobody of it. (spec/cloud.md, CLOUD-41)
const (
	stateRefused = "refused"
	stateApart   = "apart"
)

// refused returns why this server is no part of its cloud; nil: it is, or waits
// for answers.
func (n *Node) refused() *cloud.Refused {
	if r, refused := n.cloud.Refused(); refused {
		return &r
	}
	return nil
}

// Status tells how this server stands.
func (n *Node) Status() Status {
	s := Status{
		Server: n.Fingerprint(), Name: n.cfg.Name, Version: Version, State: "starting", Cloud: n.cloud.Topology().State.String(),
		Registration: n.cfg.Registration, Joining: n.joining(), Entries: n.keys.Metrics().Accounts, Sessions: n.proxy.Metrics().Sessions,
	}
	for _, x := range n.cloud.Servers() {
		if x.State == mesh.Full {
			s.Members++
		}
		if x.Server == s.Server {
			s.State, s.Links = x.State.String(), len(x.Links)
		}
	}
	s.Clock = n.clockOff()
	if n.apart() {
		s.Cloud, s.State, s.Members = stateApart, stateApart, 0
		for _, u := range n.cloud.Unmet() {
			s.Unmet = append(s.Unmet, entryOf(u))
		}
	}
	if r := n.refused(); r != nil {
		s.Cloud, s.State, s.Unmet = stateRefused, stateRefused, nil
		s.Refused = &Refusal{By: r.By, Reason: r.Why.String(), Text: r.Text, Again: r.Again.UTC()}
	}
	return s
}

// serveStatus is GET /status of the admin listener.
func (n *Node) serveStatus(w http.ResponseWriter, _ *http.Request) { n.answer(w, n.Status()) }

// FetchStatus asks the server at an admin listener how it stands.
func FetchStatus(ctx context.Context, admin string) (s Status, err error) {
	err = ask(ctx, admin, http.MethodGet, "/status", nil, &s)
	return s, err
}

// serveHealth is GET /healthz: ok, or what keeps this server from being of use.
func (n *Node) serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	text := "ok\n"
	if r := n.refused(); r != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = "refused: " + r.Why.String() + " (" + r.Text + "), by " + r.By.String() + "; omegad status tells what to do\n"
	}
	if off := n.clockOff(); off != nil {
		if text == "ok\n" {
			w.WriteHeader(http.StatusServiceUnavailable)
			text = ""
		}
		text += "clock: " + off.Off().String() + " " + off.Direction() + "; omegad status tells what to do\n"
	}
	w.Write([]byte(text))
}

// refusedFor is how long a server is refused for reasons of the moment before that
// is worth a warning: one that joins together with others asks again within seconds.
const refusedFor = 10 * time.Second

// A lamp logs when a server begins to be refused, or to be let in. It belongs to
// one goroutine.
type lamp struct {
	last  mesh.Refusal // that was logged
	since time.Time    // when the refusals began; zero: there are none
}

func (l *lamp) look(n *Node) {
	r := n.refused()
	switch now := time.Now(); {
	case r == nil:
		l.since = time.Time{}
		if l.last != mesh.RefusalNone {
			n.log.Info("the cloud takes this server now")
		}
		l.last = mesh.RefusalNone
		return
	case l.since.IsZero() && passing(r.Why):
		l.since = now
		return
	case r.Why == l.last, passing(r.Why) && now.Sub(l.since) < refusedFor:
		return
	}
	l.last = r.Why
	n.log.Warn("the cloud refuses this server: it is no member and takes no new accounts; omegad status tells what to do",
		"why", r.Why, "text", r.Text, "by", r.By, "again", r.Again)
}

// passing reports whether a refusal may be over in seconds.
func passing(why mesh.Refusal) bool { return why == mesh.RefusalBusy || why == mesh.RefusalLinks }

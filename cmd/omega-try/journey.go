package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// journey shows who is there and one text on its way, from the person to the
// echo and back, and checks its signature on the other side.
func (t *trial) journey(ctx context.Context) error {
	top, err := t.cloud.topology(ctx)
	if err != nil {
		return err
	}
	t.people(top)
	text := t.text("try.again")
	if t.me.made {
		text = t.text("try.first")
	}
	t.out.println("")
	t.out.println(t.text("try.yousay", t.out.bold(text)))
	t.out.println("")
	id, err := t.travel(ctx, top, text)
	if err != nil {
		return err
	}
	if err := t.awaitReply(ctx, text); err != nil {
		return err
	}
	return t.verify(ctx, id)
}

// people shows the cloud and the two accounts.
func (t *trial) people(top *topology) {
	var names []string
	for _, s := range t.cloud.servers {
		names = append(names, s.Name)
	}
	o := t.out
	o.field(t.text("try.cloud"), o.bold(strings.Join(names, " ")))
	o.field("", t.text("try.shape", len(t.cloud.servers), len(top.Links)))
	if len(top.Bridges) == 0 && len(top.Links) > 2 {
		o.field("", t.text("try.bridgeless"))
	}
	o.field("", o.dim(t.text("try.ready", fmt.Sprintf("%.1f", t.cloud.took.Seconds()), filepath.Join(t.dir, "cloud"))))
	for _, p := range []struct {
		*person
		name string
	}{{t.me, t.text("try.you")}, {t.echo, t.text("try.echo")}} {
		o.field(p.name, o.bold(short(p.fp))+"  "+t.text("try.livesat", t.cloud.server(p.homes[0]).Name))
		home := p.home
		if p.made {
			home = t.text("try.made", home)
		}
		o.field("", o.dim(home))
	}
	o.field("", t.text("try.ordinary"))
}

// travel sends text and prints every stop of its way when it is known to have
// got there.
func (t *trial) travel(ctx context.Context, top *topology, text string) (omega.ID, error) {
	o := t.out
	proxy, home := t.cloud.server(t.me.proxy), t.cloud.server(t.echo.homes[0])
	id, start := newID(), time.Now()
	reach := func(state string) (string, error) {
		r, err := send(ctx, t.me.conn, id, t.echo.fp, text, state, replyTimeout)
		if err == nil && rank(r.State) < rank(state) {
			err = &clientrpc.Error{Code: clientrpc.CodeTimeout, Doing: i18n.T("doing.sending"), Why: i18n.T("state." + r.State)}
			if r.Why != nil {
				err = r.Why
			}
		}
		return millis(time.Since(start)), err
	}

	o.stop(t.text("try.you"), short(t.me.fp), "", "")
	o.note(t.text("try.sealed"))
	stored, err := reach(clientrpc.StateStored)
	if err != nil {
		return id, err
	}
	if proxy.Fingerprint != home.Fingerprint {
		o.stop(proxy.Name, short(proxy.Fingerprint), "", "")
		o.note(t.text("try.proxy"))
		t.hops(top, proxy, home)
	}
	o.stop(home.Name, short(home.Fingerprint), o.good("✓"), stored)
	o.note(t.text("try.home"))
	delivered, err := reach(clientrpc.StateDelivered)
	if err != nil {
		return id, err
	}
	o.stop(t.text("try.echo"), short(t.echo.fp), o.good("✓✓"), delivered)
	read, err := reach(clientrpc.StateRead)
	if err != nil {
		return id, err
	}
	o.last(t.text("try.opened"), o.good(t.text("state.read")), read)
	return id, nil
}

// hops shows how one server reaches another.
func (t *trial) hops(top *topology, from, to server) {
	way, rtt := top.way(from.Fingerprint, to.Fingerprint)
	switch {
	case len(way) == 0:
	case len(way) == 1:
		t.out.note(t.text("try.direct", to.Name, millis(rtt)))
	default:
		for _, fp := range way[:len(way)-1] {
			s := t.cloud.server(fp)
			t.out.stop(s.Name, short(fp), "", "")
		}
		t.out.note(t.text("try.forwarded", to.Name, millis(rtt)))
	}
}

// awaitReply shows the echo's answer to text.
func (t *trial) awaitReply(ctx context.Context, text string) error {
	deadline := time.Now().Add(replyTimeout)
	for time.Now().Before(deadline) {
		r, err := clientrpc.Receive.Call(ctx, t.me.conn, clientrpc.ReceiveParams{Timeout: time.Until(deadline)})
		if err != nil {
			return err
		}
		for _, m := range r.Messages {
			if m.From != t.echo.fp || m.Text != text {
				continue // the prompt shows it, and says then that it was read
			}
			t.out.println("")
			t.out.println(t.text("try.echosays", t.out.bold(clean(m.Text)), t.judgement(m)))
			_, err := clientrpc.Confirm.Call(ctx, t.me.conn, clientrpc.ConfirmParams{IDs: []omega.ID{m.ID}})
			return err
		}
	}
	return &clientrpc.Error{Code: clientrpc.CodeTimeout, Doing: i18n.T("doing.receive"), Why: i18n.T("why.timeout")}
}

// judgement says whether a message verified.
func (t *trial) judgement(m clientrpc.Message) string {
	if m.Verified {
		return t.out.good(t.text("try.verified"))
	}
	return t.out.bad(t.text("problem." + m.Problem))
}

// rank orders the states of a message.
func rank(state string) int {
	switch state {
	case clientrpc.StateStored:
		return 1
	case clientrpc.StateDelivered:
		return 2
	case clientrpc.StateRead:
		return 3
	}
	return 0
}

// short is how a fingerprint is named where a whole one has no room.
func short(fp omega.Fingerprint) string {
	s := fp.String()
	return s[:4] + " " + s[4:8] + "…"
}

// millis writes a duration in ms, with a fraction where that matters.
func millis[T time.Duration | float64](d T) string {
	ms := float64(d)
	if v, ok := any(d).(time.Duration); ok {
		ms = float64(v.Microseconds()) / 1000
	}
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

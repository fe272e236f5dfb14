package client

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// The ways to all homes are measured at once; what goes wrong with one is told
// for that one.
func TestTrace(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	c := p.newCore(t)
	c.at(t, p)
	own := p.id.Account()
	far, silent, refused := newFakeProxy(t).id.Account(), newFakeProxy(t).id.Account(), newFakeProxy(t).id.Account()
	middle := newFakeProxy(t)
	between := middle.id.Account()
	announced := middle.announcement(t, func(a *mesh.Announcement) { a.Name = "Between" })
	p.mu.Lock()
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		switch f.Type {
		case wire.TypeServers: // nothing is known of it unless it is asked for
			if bytes.Contains(f.Body, between.Wire()) {
				return wire.TypeServerList, wire.AppendBlobs(nil, [][]byte{announced})
			}
			return 0, nil
		case wire.TypeWay:
		default:
			return 0, nil
		}
		to, _, err := omega.DecodeFingerprint(f.Body)
		w := &wire.Way{Flags: wire.WayArrived}
		switch {
		case err != nil || to == refused:
			return wire.TypeError, wire.AppendStatus(nil, omega.CodeRateLimited, "")
		case to == far:
			w.Hops = []wire.Hop{{Server: between, RTT: time.Second}, {Server: far, RTT: 2 * time.Second}}
		case to == silent:
			w = &wire.Way{}
		}
		return wire.TypeHops, wire.AppendWay(nil, w)
	}
	p.mu.Unlock()
	homes := []omega.Fingerprint{own, far, silent, refused}
	c.mu.Lock()
	c.record.Homes = homes
	c.mu.Unlock()
	r, err := c.trace(t.Context(), clientrpc.TraceParams{Fingerprint: c.acc.Fingerprint, All: true})
	must(t, err)
	for i, want := range []struct {
		hops   []omega.Fingerprint
		direct bool
		code   string
	}{
		{[]omega.Fingerprint{own}, true, ""},
		{[]omega.Fingerprint{own, between, far}, false, ""},
		{[]omega.Fingerprint{own}, false, clientrpc.CodeOffline},
		{nil, false, clientrpc.CodeRefused},
	} {
		w := r.Ways[i]
		var hops []omega.Fingerprint
		for _, h := range w.Hops {
			hops = append(hops, h.Server)
		}
		code := ""
		if w.Problem != nil {
			code = w.Problem.Code
		}
		if w.Home != homes[i] || !slices.Equal(hops, want.hops) || w.Direct != want.direct || code != want.code {
			t.Errorf("way %d: %+v with code %q, want %+v", i, w, code, want)
		}
	}
	if name := r.Ways[1].Hops[1].Name; name != "Between" {
		t.Errorf("a server on the way is called %q", name)
	}
	if total := r.Ways[1].TotalMS; total < 2000 || total > 2000+float64(time.Minute.Milliseconds()) {
		t.Errorf("%v ms to the far one", total)
	}
	for _, one := range []struct {
		homes []omega.Fingerprint
		want  omega.Fingerprint
		code  string
	}{
		{homes, own, ""},
		{[]omega.Fingerprint{silent, refused, far}, far, ""}, // as a message does
		{[]omega.Fingerprint{silent, refused}, silent, clientrpc.CodeOffline},
	} {
		c.mu.Lock()
		c.record.Homes = one.homes
		c.mu.Unlock()
		r, err = c.trace(t.Context(), clientrpc.TraceParams{Fingerprint: c.acc.Fingerprint})
		must(t, err)
		code := ""
		if len(r.Ways) == 1 && r.Ways[0].Problem != nil {
			code = r.Ways[0].Problem.Code
		}
		if len(r.Ways) != 1 || r.Ways[0].Home != one.want || code != one.code {
			t.Errorf("the way to the first of %v: %+v", one.homes, r.Ways)
		}
	}
}

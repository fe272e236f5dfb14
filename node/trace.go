package node

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// A Trace is the way to a server as its hops answered, for operators and their
// scripts. (spec/cloud.md, CLOUD-31)
type Trace struct {
	Hops    []TraceHop `json:"hops"`   // in the order of the way; those that did not answer are left out
	Direct  bool       `json:"direct"` // over a connection of its own
	Arrived bool       `json:"arrived"`
	TotalMS float64    `json:"total_ms"` // round trip to the last that answered
}

// A TraceHop is one server on the way.
type TraceHop struct {
	Server omega.Fingerprint `json:"server"`
	Name   string            `json:"name,omitempty"`
	RTTMS  float64           `json:"rtt_ms"` // from the tracing server and back
}

// serveTrace is GET /trace?to=FPR of the admin listener.
func (n *Node) serveTrace(w http.ResponseWriter, r *http.Request) {
	to, err := omega.ParseFingerprint(r.FormValue("to"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	tr, err := n.Trace(r.Context(), to)
	switch {
	case errors.Is(err, ErrUnknownServer), errors.Is(err, ErrIsAccount):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	n.answer(w, tr)
}

// Errors of traces that callers put into words.
var (
	ErrUnknownServer = errors.New("no server of this cloud has that fingerprint, as far as is known here")
	ErrIsAccount     = errors.New("that is an account, not a server")
	ErrNoWay         = errors.New("no way leads there now")
)

// Trace sends a packet to a server that everybody on its way answers.
func (n *Node) Trace(ctx context.Context, to omega.Fingerprint) (Trace, error) {
	if err := n.traceable(ctx, to); err != nil {
		return Trace{}, err
	}
	tr, err := n.cloud.Probe(ctx, to)
	if err != nil {
		return Trace{}, err
	}
	names := map[omega.Fingerprint]string{}
	for _, s := range n.cloud.Servers() {
		names[s.Server] = s.Name
	}
	out := Trace{Hops: []TraceHop{}, Direct: tr.Direct, Arrived: tr.Arrived}
	for _, h := range tr.Hops {
		out.Hops = append(out.Hops, TraceHop{Server: h.Server, Name: names[h.Server], RTTMS: milliseconds(h.RTT)})
		out.TotalMS = milliseconds(h.RTT)
	}
	return out, nil
}

// traceable says what to is if it is no server that a trace could go to.
func (n *Node) traceable(ctx context.Context, to omega.Fingerprint) error {
	for _, s := range n.cloud.Servers() {
		switch {
		case s.Server != to:
		case s.State == mesh.Unreachable && !s.Connected && to != n.Fingerprint():
			return ErrNoWay
		default:
			return nil
		}
	}
	if e, err := n.keys.Find(ctx, to); err == nil && e.Record != nil {
		return ErrIsAccount
	}
	return ErrUnknownServer
}

// way is Trace for clients.
func (n *Node) way(ctx context.Context, to omega.Fingerprint) (*wire.Way, error) {
	tr, err := n.cloud.Probe(ctx, to)
	if err != nil {
		return nil, err
	}
	w := &wire.Way{}
	if tr.Direct {
		w.Flags |= wire.WayDirect
	}
	if tr.Arrived {
		w.Flags |= wire.WayArrived
	}
	for _, h := range tr.Hops[:min(len(tr.Hops), wire.MaxHops)] {
		w.Hops = append(w.Hops, wire.Hop{Server: h.Server, RTT: h.RTT.Truncate(time.Microsecond)})
	}
	return w, nil
}

// milliseconds has three digits behind the point.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// FetchTrace asks the server whose admin listener is at an address for a trace.
func FetchTrace(ctx context.Context, admin string, to omega.Fingerprint) (tr Trace, err error) {
	err = ask(ctx, admin, http.MethodGet, "/trace?"+url.Values{"to": {to.String()}}.Encode(), nil, &tr)
	return tr, err
}

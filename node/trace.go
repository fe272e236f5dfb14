package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/omega-im/omega"
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

// maxTraceAnswer bounds what FetchTrace reads, in octets.
const maxTraceAnswer = 64 << 10

// serveTrace is GET /trace?to=FPR of the admin listener.
func (n *Node) serveTrace(w http.ResponseWriter, r *http.Request) {
	to, err := omega.ParseFingerprint(r.FormValue("to"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	tr, err := n.Trace(r.Context(), to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(tr); err != nil {
		n.log.Debug("trace not answered", "err", err)
	}
}

// Trace sends a packet to a server that everybody on its way answers.
func (n *Node) Trace(ctx context.Context, to omega.Fingerprint) (Trace, error) {
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

// ErrNoAdmin is returned by AdminAddress for a configuration without an admin
// listener.
var ErrNoAdmin = errors.New("listen.admin is off in this configuration")

// AdminAddress is where a tool on the same machine reaches the admin listener
// of a running server: host:port.
func (c *Config) AdminAddress() (string, error) {
	if c.Listen.Admin == "" {
		return "", ErrNoAdmin
	}
	return c.Listen.Admin, nil
}

// FetchTrace asks the server whose admin listener is at an address for a trace.
func FetchTrace(ctx context.Context, admin string, to omega.Fingerprint) (Trace, error) {
	u := url.URL{Scheme: "http", Host: admin, Path: "/trace", RawQuery: url.Values{"to": {to.String()}}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Trace{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Trace{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxTraceAnswer))
	if err != nil {
		return Trace{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return Trace{}, fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(b[:min(len(b), 200)]))
	}
	var tr Trace
	if err := json.Unmarshal(b, &tr); err != nil {
		return Trace{}, fmt.Errorf("trace from %s: %w", admin, err)
	}
	return tr, nil
}

package wire

import (
	"encoding/binary"
	"time"

	"github.com/omega-im/omega"
)

// MaxHops is how many servers one Way names.
const MaxHops = HopLimit + 1

// WayFlags say how a way was. Unknown bits are kept.
type WayFlags uint8

const (
	WayDirect  WayFlags = 1 << 0 // over a connection of the proxy's own
	WayArrived WayFlags = 1 << 1 // the server itself answered
)

// A Way is the way from a proxy to a server as those on it answered.
// (spec/delivery.md, DELIV-22)
//
//	u8 flags | n × { fp server | u32 round trip from the proxy, µs }
type Way struct {
	Flags WayFlags
	Hops  []Hop
}

// A Hop is one server on a way.
type Hop struct {
	Server omega.Fingerprint
	RTT    time.Duration // whole microseconds
}

// AppendWay appends the body of TypeHops.
func AppendWay(b []byte, w *Way) []byte {
	b = append(b, byte(w.Flags))
	for _, h := range w.Hops {
		b = h.Server.AppendTo(b)
		b = binary.BigEndian.AppendUint32(b, uint32(min(max(h.RTT.Microseconds(), 0), 1<<32-1)))
	}
	return b
}

// DecodeWay reads the body of TypeHops.
func DecodeWay(b []byte) (*Way, error) {
	r := reader{b: b}
	w := &Way{Flags: WayFlags(r.u8())}
	for len(r.b) > 0 && !r.bad {
		if len(w.Hops) == MaxHops {
			return nil, malformed("way: more than %d servers", MaxHops)
		}
		w.Hops = append(w.Hops, Hop{r.fp(), time.Duration(r.u32()) * time.Microsecond})
	}
	return w, r.end("way")
}

package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/omega-im/omega"
)

// PacketVersion is the version octet that this code writes.
const PacketVersion = 1

// HopLimit is how many servers may carry a packet (spec/cloud.md, CLOUD-8).
const HopLimit = 32

// MaxDestinations is how many servers one packet may name.
const MaxDestinations = 64

// maxAvoid is how many dead links a packet may carry.
const maxAvoid = 8

// packetFixed is the length of the fixed part of a packet header in octets.
// The whole layout (spec/wire.md, WIRE-7):
//
//	 0  u8   version (1)
//	 1  u8   class
//	 2  u8   hop limit, decremented in place by every server that forwards
//	 3  u8   number of dead links to avoid, ≤ 8
//	 4  u16  number of destinations, 1 to 64
//	 6  u16  header length: everything before the payload
//	 8  16   id, for traces
//	24  fp   source server (21 or 33 octets)
//	    fp*  destination servers
//	    u64* dead links: the first 8 octets of SHA-256 over both ends in order
//	    ...  payload: one frame
const packetFixed = 24

// A Packet is used to build a hop header; servers on the way read the bytes
// in place with a PacketView.
type Packet struct {
	Class        Class
	ID           omega.ID
	Source       omega.Fingerprint
	Destinations []omega.Fingerprint
	Avoid        []uint64
}

// AppendTo appends the header for p to b; the payload follows it.
func (p *Packet) AppendTo(b []byte) ([]byte, error) {
	start := len(b)
	if len(p.Destinations) == 0 || len(p.Destinations) > MaxDestinations || len(p.Avoid) > maxAvoid {
		return nil, malformed("packet: %d destinations, %d links to avoid", len(p.Destinations), len(p.Avoid))
	}
	b = append(b, PacketVersion, byte(p.Class), HopLimit, byte(len(p.Avoid)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Destinations)))
	b = append(b, 0, 0) // header length, below
	b = append(b, p.ID[:]...)
	b = p.Source.AppendTo(b)
	for _, d := range p.Destinations {
		b = d.AppendTo(b)
	}
	for _, a := range p.Avoid {
		b = binary.BigEndian.AppendUint64(b, a)
	}
	binary.BigEndian.PutUint16(b[start+6:], uint16(len(b)-start))
	return b, nil
}

// A PacketView reads a packet's bytes where they lie, without allocating.
type PacketView []byte

// ParsePacket checks that b is one well-formed packet.
func ParsePacket(b []byte) (PacketView, error) {
	if len(b) < packetFixed || len(b) > omega.MaxPeerFrame {
		return nil, malformed("packet: %d octets", len(b))
	}
	if b[0] != PacketVersion {
		return nil, malformed("packet: version %d", b[0])
	}
	v := PacketView(b)
	n, head, avoid := v.NumDestinations(), v.headerSize(), int(b[3])
	if !Class(b[1]).Valid() || n == 0 || n > MaxDestinations || avoid > maxAvoid || head > len(b) {
		return nil, malformed("packet header: class %d, %d destinations, %d avoided, %d octets", b[1], n, avoid, head)
	}
	off := packetFixed
	for range n + 1 {
		if off >= head {
			return nil, malformed("packet: addresses end early")
		}
		size := omega.FingerprintSize(b[off])
		if size == 0 || off+size > head {
			return nil, malformed("packet: address")
		}
		off += size
	}
	if off+8*avoid != head {
		return nil, malformed("packet: header length")
	}
	return v, nil
}

func (v PacketView) headerSize() int { return int(binary.BigEndian.Uint16(v[6:])) }

// Class returns the traffic class.
func (v PacketView) Class() Class { return Class(v[1]) }

// HopLimit returns how many more servers may carry the packet.
func (v PacketView) HopLimit() int { return int(v[2]) }

// Hop takes one from the hop limit, in place, and reports whether the packet
// may go on.
func (v PacketView) Hop() bool {
	if v[2] == 0 {
		return false
	}
	v[2]--
	return true
}

// ID returns the packet's id.
func (v PacketView) ID() omega.ID { return omega.ID(v[8:24]) }

// Source returns the server that made the packet.
func (v PacketView) Source() omega.Fingerprint {
	f, _, _ := omega.DecodeFingerprint(v[packetFixed:])
	return f
}

// NumDestinations returns the number of destinations.
func (v PacketView) NumDestinations() int { return int(binary.BigEndian.Uint16(v[4:])) }

// Destination returns the first destination.
func (v PacketView) Destination() omega.Fingerprint {
	f, _, _ := omega.DecodeFingerprint(v[packetFixed+omega.FingerprintSize(v[packetFixed]):])
	return f
}

// Destinations yields every destination.
func (v PacketView) Destinations(yield func(omega.Fingerprint) bool) {
	off := packetFixed + omega.FingerprintSize(v[packetFixed])
	for range v.NumDestinations() {
		f, n, _ := omega.DecodeFingerprint(v[off:])
		if !yield(f) {
			return
		}
		off += n
	}
}

// avoided returns the dead links that the packet carries.
func (v PacketView) avoided() (links []uint64) {
	head := v.headerSize()
	for off := head - 8*int(v[3]); off < head; off += 8 {
		links = append(links, binary.BigEndian.Uint64(v[off:]))
	}
	return links
}

// Payload returns the frame inside, in place.
func (v PacketView) Payload() []byte { return v[v.headerSize():] }

// String says where a packet goes, for logs.
func (v PacketView) String() string {
	return fmt.Sprintf("packet %s from %s to %s", v.ID(), v.Source(), v.Destination())
}

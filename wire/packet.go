package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// PacketVersion is the version octet that this code writes.
const PacketVersion = 2

// HopLimit is how many servers may carry a packet (spec/cloud.md, CLOUD-8).
const HopLimit = 32

// MaxDestinations is how many servers one packet may name.
const MaxDestinations = 64

// MaxAvoid is how many dead links a packet may carry (spec/cloud.md, CLOUD-22).
const MaxAvoid = 8

// PacketMACSize is the length of the code that proves a packet to one of its
// destinations, in octets (spec/cloud.md, CLOUD-25).
const PacketMACSize = 16

// Flags of a packet. Unknown ones are carried.
const (
	PacketMACs    = 1 << 0 // a MAC stands behind each destination
	PacketReceipt = 1 << 1 // the source wants a receipt
)

// packetFixed is the length of the fixed part of a packet header in octets.
// The whole layout (spec/wire.md, WIRE-7):
//
//	 0  u8   version (2)
//	 1  u8   class
//	 2  u8   hop limit, decremented in place by every server that forwards
//	 3  u8   number of dead links to avoid, ≤ 8
//	 4  u8   flags
//	 5  u8   number of destinations, 1 to 64
//	 6  u16  header length: everything before the payload
//	 8  16   id
//	24  fp   source server (21 or 33 octets)
//	    { fp destination server, none twice | 16 MAC, if flag 1 }*
//	    u64* dead links: the first 8 octets of SHA-256 over both ends in order
//	    ...  payload: one frame
const packetFixed = 24

// MaxPacketHeader is the length of the longest packet header in octets.
const MaxPacketHeader = packetFixed + omega.MaxFingerprintSize + MaxDestinations*(omega.MaxFingerprintSize+PacketMACSize) + 8*MaxAvoid

// A LinkHash names a link between two servers in a packet.
type LinkHash uint64

// HashLink names the link between two servers, whichever comes first.
func HashLink(a, b omega.Fingerprint) LinkHash {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	var buf [2 * omega.MaxFingerprintSize]byte
	sum := sha256.Sum256(b.AppendTo(a.AppendTo(buf[:0])))
	return LinkHash(binary.BigEndian.Uint64(sum[:]))
}

// A Packet is used to build a hop header; servers on the way read the bytes
// in place with a PacketView.
type Packet struct {
	Class        Class
	Flags        uint8 // PacketMACs is set by MACs
	HopsUsed     uint8 // of HopLimit
	ID           omega.ID
	Source       omega.Fingerprint
	Destinations []omega.Fingerprint
	MACs         [][PacketMACSize]byte // of Destinations; empty: none
	Avoid        []LinkHash
}

// AppendTo appends the header for p to b; the payload follows it.
func (p *Packet) AppendTo(b []byte) ([]byte, error) {
	start, macs := len(b), len(p.MACs) > 0
	if n := len(p.Destinations); n == 0 || n > MaxDestinations || len(p.Avoid) > MaxAvoid || macs && len(p.MACs) != n || p.HopsUsed > HopLimit {
		return nil, malformed("packet: %d destinations, %d codes, %d links to avoid", n, len(p.MACs), len(p.Avoid))
	}
	for i, d := range p.Destinations {
		if slices.Contains(p.Destinations[:i], d) {
			return nil, malformed("packet: destination %v twice", d)
		}
	}
	flags := p.Flags &^ PacketMACs
	if macs {
		flags |= PacketMACs
	}
	b = append(b, PacketVersion, byte(p.Class), HopLimit-p.HopsUsed, byte(len(p.Avoid)), flags, byte(len(p.Destinations)))
	b = append(b, 0, 0) // header length, below
	b = append(b, p.ID[:]...)
	b = p.Source.AppendTo(b)
	for i, d := range p.Destinations {
		b = d.AppendTo(b)
		if macs {
			b = append(b, p.MACs[i][:]...)
		}
	}
	for _, a := range p.Avoid {
		b = binary.BigEndian.AppendUint64(b, uint64(a))
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
	if Class(b[1]) > ClassBulk || n == 0 || n > MaxDestinations || avoid > MaxAvoid || head > len(b) || b[2] > HopLimit {
		return nil, malformed("packet header: class %d, %d destinations, %d avoided, %d octets", b[1], n, avoid, head)
	}
	var at [MaxDestinations + 1]uint16 // where each address begins
	off := packetFixed
	for i := range n + 1 {
		if off >= head {
			return nil, malformed("packet: addresses end early")
		}
		size := omega.FingerprintSize(b[off])
		if size == 0 || off+size > head {
			return nil, malformed("packet: address")
		}
		at[i] = uint16(off)
		off += size
		if i > 0 {
			off += v.macSize()
		}
	}
	if off+8*avoid != head {
		return nil, malformed("packet: header length")
	}
	if n > 1 && v.repeats(at[1:n+1]) {
		return nil, malformed("packet: a destination twice")
	}
	return v, nil
}

// repeats reports whether two of the destinations, which begin at these places,
// are one: whoever forwards would make a copy for each.
func (v PacketView) repeats(at []uint16) bool {
	var keys [MaxDestinations]uint64 // they are hashes: the first octets tell nearly all apart
	for i, a := range at {
		keys[i] = binary.BigEndian.Uint64(v[a+1:])
		for j, key := range keys[:i] {
			if key == keys[i] && bytes.HasPrefix(v[at[j]:], v[a:int(a)+omega.FingerprintSize(v[a])]) {
				return true
			}
		}
	}
	return false
}

func (v PacketView) headerSize() int { return int(binary.BigEndian.Uint16(v[6:])) }

func (v PacketView) macSize() int {
	if v.Flags()&PacketMACs != 0 {
		return PacketMACSize
	}
	return 0
}

// Class returns the traffic class.
func (v PacketView) Class() Class { return Class(v[1]) }

// HopLimit returns how many more servers may carry the packet.
func (v PacketView) HopLimit() int { return int(v[2]) }

// Flags returns the flags.
func (v PacketView) Flags() uint8 { return v[4] }

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
func (v PacketView) NumDestinations() int { return int(v[5]) }

// Destination returns the first destination.
func (v PacketView) Destination() omega.Fingerprint {
	f, _, _ := omega.DecodeFingerprint(v[packetFixed+omega.FingerprintSize(v[packetFixed]):])
	return f
}

// Destinations yields every destination with its MAC, in place; nil where there
// is none.
func (v PacketView) Destinations(yield func(to omega.Fingerprint, mac []byte) bool) {
	off := packetFixed + omega.FingerprintSize(v[packetFixed])
	size := v.macSize()
	for range v.NumDestinations() {
		f, n, _ := omega.DecodeFingerprint(v[off:])
		off += n
		var mac []byte
		if size > 0 {
			mac = v[off : off+size : off+size]
		}
		if !yield(f, mac) {
			return
		}
		off += size
	}
}

// NumAvoid returns how many dead links the packet carries.
func (v PacketView) NumAvoid() int { return int(v[3]) }

// Avoid appends the dead links that the packet carries to links.
func (v PacketView) Avoid(links []LinkHash) []LinkHash {
	head := v.headerSize()
	for off := head - 8*v.NumAvoid(); off < head; off += 8 {
		links = append(links, LinkHash(binary.BigEndian.Uint64(v[off:])))
	}
	return links
}

// Avoids reports whether the packet carries a dead link.
func (v PacketView) Avoids(link LinkHash) bool {
	head := v.headerSize()
	for off := head - 8*v.NumAvoid(); off < head; off += 8 {
		if binary.BigEndian.Uint64(v[off:]) == uint64(link) {
			return true
		}
	}
	return false
}

// AppendAvoiding appends a copy of the packet that carries one more dead link.
// There must be room for it.
func (v PacketView) AppendAvoiding(b []byte, link LinkHash) []byte {
	start, head := len(b), v.headerSize()
	b = append(b, v[:head]...)
	b = binary.BigEndian.AppendUint64(b, uint64(link))
	b[start+3]++
	binary.BigEndian.PutUint16(b[start+6:], uint16(head+8))
	return append(b, v[head:]...)
}

// AppendFor appends a copy of the packet that names some of its destinations
// only and carries the dead links of avoid. The destinations must be in the
// packet's order, and avoid no longer than MaxAvoid.
func (v PacketView) AppendFor(b []byte, to []omega.Fingerprint, avoid []LinkHash) []byte {
	start := len(b)
	b = append(b, v[:packetFixed+omega.FingerprintSize(v[packetFixed])]...)
	i := 0
	for f, mac := range v.Destinations {
		if i < len(to) && f == to[i] {
			i++
			b = append(f.AppendTo(b), mac...)
		}
	}
	for _, a := range avoid {
		b = binary.BigEndian.AppendUint64(b, uint64(a))
	}
	b[start+3], b[start+5] = byte(len(avoid)), byte(i)
	binary.BigEndian.PutUint16(b[start+6:], uint16(len(b)-start))
	return append(b, v.Payload()...)
}

// Payload returns the frame inside, in place.
func (v PacketView) Payload() []byte { return v[v.headerSize():] }

// PayloadType returns the type of the frame inside, 0 when there is none.
func (v PacketView) PayloadType() Type {
	if p := v.Payload(); len(p) >= HeaderSize {
		return Type(p[3])
	}
	return 0
}

// String says where a packet goes, for logs.
func (v PacketView) String() string {
	return fmt.Sprintf("packet %s from %s to %s", v.ID(), v.Source(), v.Destination())
}

// MarkAgain sets flags, in place, and gives the packet all its hops back: its
// source sends it once more.
func (v PacketView) MarkAgain(flags uint8) {
	v[2] = HopLimit
	v[4] |= flags
}

package wire

import (
	"encoding/binary"

	"github.com/omega-im/omega"
)

// A Reason says why a packet was refused (spec/cloud.md, CLOUD-21).
type Reason uint8

// Reasons of a refusal; 0 is none.
const (
	ReasonNoWay     Reason = 1 // or only back where it came from
	ReasonBusy      Reason = 2 // too much is kept, in all or for this origin
	ReasonHops      Reason = 3 // the hop limit is used up
	ReasonNoTransit Reason = 4 // the server forwards for nobody
	ReasonLoop      Reason = 5 // it came back to its origin
)

// String names the reason, for logs.
func (r Reason) String() string {
	names := [...]string{"taken", "no way", "busy", "hop limit", "no transit", "loop"}
	if int(r) < len(names) {
		return names[r]
	}
	return "unknown reason"
}

// MaxReceipt is how many packets one receipt may name.
const MaxReceipt = 64

// AppendReceipt appends the body of TypeReceipt.
func AppendReceipt(b []byte, ids []omega.ID) []byte {
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	return b
}

// Receipt yields the ids in the body of TypeReceipt. One that is malformed has
// none.
func Receipt(b []byte) func(yield func(omega.ID) bool) {
	return func(yield func(omega.ID) bool) {
		if len(b)%omega.IDSize != 0 || len(b) > MaxReceipt*omega.IDSize {
			return
		}
		for ; len(b) > 0; b = b[omega.IDSize:] {
			if !yield(omega.ID(b)) {
				return
			}
		}
	}
}

// A Bounce tells an origin that a packet does not arrive:
//
//	16 id | u8 reason | fp destination
type Bounce struct {
	ID     omega.ID
	Reason Reason
	To     omega.Fingerprint
}

// AppendBounce appends the body of TypeBounce.
func AppendBounce(b []byte, x *Bounce) []byte {
	b = append(append(b, x.ID[:]...), byte(x.Reason))
	return x.To.AppendTo(b)
}

// DecodeBounce reads the body of TypeBounce.
func DecodeBounce(b []byte) (x Bounce, err error) {
	r := reader{b: b}
	copy(x.ID[:], r.take(omega.IDSize))
	x.Reason, x.To = Reason(r.u8()), r.fp()
	return x, r.end("bounce")
}

// AppendTraced appends the body of TypeTraced; TypeTrace is its first 8 octets:
//
//	u64 nonce | u8 hop limit of the trace as it arrived
func AppendTraced(b []byte, nonce uint64, hops uint8) []byte {
	return append(binary.BigEndian.AppendUint64(b, nonce), hops)
}

// DecodeTrace reads the body of TypeTrace.
func DecodeTrace(b []byte) (nonce uint64, err error) {
	r := reader{b: b}
	nonce = r.u64()
	return nonce, r.end("trace")
}

// DecodeTraced reads the body of TypeTraced.
func DecodeTraced(b []byte) (nonce uint64, hops uint8, err error) {
	r := reader{b: b}
	nonce, hops = r.u64(), r.u8()
	return nonce, hops, r.end("trace answer")
}

// A Handle names a circuit at its relay. Who knows it may be one of its ends.
type Handle [16]byte

// AppendCircuitAsk appends the body of TypeCircuitAsk:
//
//	u64 nonce | fp the server to be reached
func AppendCircuitAsk(b []byte, nonce uint64, to omega.Fingerprint) []byte {
	return to.AppendTo(binary.BigEndian.AppendUint64(b, nonce))
}

// DecodeCircuitAsk reads the body of TypeCircuitAsk.
func DecodeCircuitAsk(b []byte) (nonce uint64, to omega.Fingerprint, err error) {
	r := reader{b: b}
	nonce, to = r.u64(), r.fp()
	return nonce, to, r.end("circuit request")
}

// AppendCircuitOffer appends the body of TypeCircuitOffer:
//
//	16 handle | fp the server that asks
func AppendCircuitOffer(b []byte, h Handle, from omega.Fingerprint) []byte {
	return from.AppendTo(append(b, h[:]...))
}

// DecodeCircuitOffer reads the body of TypeCircuitOffer.
func DecodeCircuitOffer(b []byte) (h Handle, from omega.Fingerprint, err error) {
	r := reader{b: b}
	copy(h[:], r.take(len(h)))
	from = r.fp()
	return h, from, r.end("circuit offer")
}

// AppendCircuitAnswer appends the body of TypeCircuitAnswer:
//
//	u64 nonce | u8 code | 16 handle (zeros unless the code is 0)
func AppendCircuitAnswer(b []byte, nonce uint64, code omega.Code, h Handle) []byte {
	b = append(binary.BigEndian.AppendUint64(b, nonce), byte(code))
	return append(b, h[:]...)
}

// DecodeCircuitAnswer reads the body of TypeCircuitAnswer.
func DecodeCircuitAnswer(b []byte) (nonce uint64, code omega.Code, h Handle, err error) {
	r := reader{b: b}
	nonce, code = r.u64(), omega.Code(r.u8())
	copy(h[:], r.take(len(h)))
	return nonce, code, h, r.end("circuit answer")
}

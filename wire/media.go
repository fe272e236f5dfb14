package wire

import (
	"encoding/binary"
	"time"

	"github.com/omega-im/omega"
)

// MaxBlobPart is how many octets of a blob one frame carries: media.MaxPart.
const MaxBlobPart = 64 << 10

// ClaimLabel starts what a BlobClaim's signature covers.
const ClaimLabel = "omega-im/blob/v1\n"

// A BlobClaim says that an account wants a blob kept at one home. (spec/media.md,
// MEDIA-2)
//
//	u8 version (1) | u8 flags | fp user | fp device | fp home | 32 name | u64 size
//	| u64 issued, ms | u64 until, ms | signature
type BlobClaim struct {
	Flags  uint8 // none so far
	User   omega.Fingerprint
	Device omega.Fingerprint // that signs
	Home   omega.Fingerprint
	Name   [32]byte // SHA-256 of the blob
	Size   uint64   // octets
	Issued time.Time
	Until  time.Time // not after Issued: taken back
	Sig    Signature
}

func (c *BlobClaim) appendFields(b []byte) []byte {
	b = append(b, 1, c.Flags)
	b = c.User.AppendTo(b)
	b = c.Device.AppendTo(b)
	b = c.Home.AppendTo(b)
	b = append(b, c.Name[:]...)
	b = binary.BigEndian.AppendUint64(b, c.Size)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Issued.UnixMilli()))
	return binary.BigEndian.AppendUint64(b, uint64(c.Until.UnixMilli()))
}

// Signed returns what the signature covers.
func (c *BlobClaim) Signed() []byte { return c.appendFields([]byte(ClaimLabel)) }

// Bytes returns the wire form.
func (c *BlobClaim) Bytes() []byte { return c.Sig.appendTo(c.appendFields(nil)) }

// DecodeBlobClaim reads the body of TypeBlobClaim. It does not judge the
// signature.
func DecodeBlobClaim(b []byte) (*BlobClaim, error) {
	r := reader{b: b}
	if v := r.u8(); v != 1 {
		return nil, malformed("claim of a blob: version %d", v)
	}
	c := &BlobClaim{Flags: r.u8(), User: r.fp(), Device: r.fp(), Home: r.fp()}
	copy(c.Name[:], r.take(32))
	c.Size, c.Issued, c.Until = r.u64(), r.ms(), r.ms()
	c.Sig = r.signature()
	return c, r.end("claim of a blob")
}

// BlobStored in BlobState.Flags says that the blob and the claim are on stable
// storage.
const BlobStored uint8 = 1 << 0

// A BlobState answers TypeBlobClaim and TypeBlobAppend. (spec/media.md, MEDIA-3)
//
//	u8 code | u8 flags | u64 offset
type BlobState struct {
	Code   omega.Code
	Flags  uint8
	Offset uint64 // octets that are there
}

// AppendBlobState appends the body of TypeBlobState.
func AppendBlobState(b []byte, s BlobState) []byte {
	return binary.BigEndian.AppendUint64(append(b, byte(s.Code), s.Flags), s.Offset)
}

// DecodeBlobState reads the body of TypeBlobState.
func DecodeBlobState(b []byte) (BlobState, error) {
	r := reader{b: b}
	s := BlobState{Code: omega.Code(r.u8()), Flags: r.u8(), Offset: r.u64()}
	return s, r.end("state of an upload")
}

// A BlobUsed answers TypeBlobUsage. (spec/media.md, MEDIA-24)
//
//	u8 code | u64 used | u64 most
type BlobUsed struct {
	Code omega.Code
	Used uint64 // octets that the account has claimed
	Most uint64 // that it may claim
}

// AppendBlobUsed appends the body of TypeBlobUsed.
func AppendBlobUsed(b []byte, u BlobUsed) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(append(b, byte(u.Code)), u.Used), u.Most)
}

// DecodeBlobUsed reads the body of TypeBlobUsed.
func DecodeBlobUsed(b []byte) (BlobUsed, error) {
	r := reader{b: b}
	u := BlobUsed{Code: omega.Code(r.u8()), Used: r.u64(), Most: r.u64()}
	return u, r.end("use of a quota")
}

// A BlobAppend is octets of an upload.
//
//	fp home | fp user | 32 name | u64 offset | octets
type BlobAppend struct {
	Home   omega.Fingerprint
	User   omega.Fingerprint
	Name   [32]byte
	Offset uint64
	Octets []byte // in place; 1 to MaxBlobPart
}

// AppendBlobAppend appends the body of TypeBlobAppend.
func AppendBlobAppend(b []byte, a *BlobAppend) []byte {
	b = a.User.AppendTo(a.Home.AppendTo(b))
	b = append(b, a.Name[:]...)
	b = binary.BigEndian.AppendUint64(b, a.Offset)
	return append(b, a.Octets...)
}

// DecodeBlobAppend reads the body of TypeBlobAppend in place.
func DecodeBlobAppend(b []byte) (BlobAppend, error) {
	r := reader{b: b}
	a := BlobAppend{Home: r.fp(), User: r.fp()}
	copy(a.Name[:], r.take(32))
	a.Offset = r.u64()
	a.Octets = r.take(len(r.b))
	if len(a.Octets) == 0 || len(a.Octets) > MaxBlobPart {
		r.bad = true
	}
	return a, r.end("part of an upload")
}

// What a BlobGet asks for.
const (
	BlobOctets uint8 = 0
	BlobLeaves uint8 = 1 // of its chunks
)

// A BlobGet asks for a part of a blob. (spec/media.md, MEDIA-6)
//
//	fp server | u8 what | 32 name | u64 offset | u32 length
type BlobGet struct {
	Server omega.Fingerprint
	What   uint8
	Name   [32]byte
	Offset uint64
	Length uint32 // 1 to MaxBlobPart
}

// AppendBlobGet appends the body of TypeBlobGet.
func AppendBlobGet(b []byte, g *BlobGet) []byte {
	b = append(g.Server.AppendTo(b), g.What)
	b = append(b, g.Name[:]...)
	b = binary.BigEndian.AppendUint64(b, g.Offset)
	return binary.BigEndian.AppendUint32(b, g.Length)
}

// DecodeBlobGet reads the body of TypeBlobGet.
func DecodeBlobGet(b []byte) (BlobGet, error) {
	r := reader{b: b}
	g := BlobGet{Server: r.fp(), What: r.u8()}
	copy(g.Name[:], r.take(32))
	g.Offset, g.Length = r.u64(), r.u32()
	if g.Length == 0 || g.Length > MaxBlobPart {
		r.bad = true
	}
	return g, r.end("question for a blob")
}

// A BlobPart answers TypeBlobGet.
//
//	u8 code | u64 size | octets
type BlobPart struct {
	Code   omega.Code
	Size   uint64 // of the whole blob
	Octets []byte // in place
}

// BlobPartHead is how many octets stand before those of the blob.
const BlobPartHead = 9

// AppendBlobPart appends the body of TypeBlobPart.
func AppendBlobPart(b []byte, p *BlobPart) []byte {
	b = binary.BigEndian.AppendUint64(append(b, byte(p.Code)), p.Size)
	return append(b, p.Octets...)
}

// DecodeBlobPart reads the body of TypeBlobPart in place.
func DecodeBlobPart(b []byte) (BlobPart, error) {
	r := reader{b: b}
	p := BlobPart{Code: omega.Code(r.u8()), Size: r.u64()}
	p.Octets = r.take(len(r.b))
	if len(p.Octets) > MaxBlobPart {
		r.bad = true
	}
	return p, r.end("part of a blob")
}

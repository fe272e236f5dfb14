// Package wire turns bytes into the protocol's structures and back, and does
// nothing else: frames, envelopes, hop headers and everything that is signed
// between machines. Layouts are fixed and drawn beside their types; all
// numbers are big endian. The normative text is spec/wire.md.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/omega-im/omega"
)

// ErrMalformed is wrapped by every decoding error of this package.
var ErrMalformed = errors.New("malformed")

// ErrVersion is wrapped, beside ErrMalformed, where only the version octet is not
// known and something can be said to who sent it.
var ErrVersion = errors.New("version not known")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// A Type says what a frame is. The same types travel between a client and its
// proxy, and, inside packets, between servers. (spec/wire.md, WIRE-4)
type Type uint8

// Frame types. C is the client (or the dialling server), S the server; H is a
// home and P a proxy, which may be the same server.
const (
	TypeServerHello Type = 1 // S→C first frame of a connection; package transport
	TypeAuth        Type = 2 // C→S account, device, proof
	TypeResume      Type = 3 // C→S ticket, MAC
	TypeCert        Type = 4 // C→S Cert: an Entry, and maybe an invite, after NeedCert
	TypeWelcome     Type = 5 // S→C version, session, ticket, proof
	TypeError       Type = 6 // S→C u8 code | text; tag of the request, 0 = the connection
	TypeDrop        Type = 7 // C→S handle 16 | blob ≤ 8 KiB: rendezvous for linking devices
	TypePick        Type = 8 // C→S handle 16; answer TypeBlob
	TypeBlob        Type = 9 // S→C blob, or TypeError not_found

	TypeSend       Type = 16 // C→P→H envelope
	TypeSent       Type = 17 // H→P→C Results, when the envelope is on stable storage; between servers with the request's hash
	TypeAttach     Type = 18 // C→P→H Lease
	TypeAttached   Type = 19 // H→P→C Attached
	TypeMail       Type = 20 // H→P→C Mail
	TypeAck        Type = 21 // C→P→H Ack
	TypeRewind     Type = 22 // C→P→H Ack with a zero MAC: send again after Seq
	TypeLookup     Type = 23 // C→S, S→S fingerprint: account, server or signing subkey
	TypeEntry      Type = 24 // answer to TypeLookup: Entry; P→C with tag 0 the account's own new one
	TypePublish    Type = 25 // C→S, S→S Entry: certificate and location record
	TypeDone       Type = 26 // answer: u8 code | text
	TypePing       Type = 27 // either way: ≤ 64 octets
	TypePong       Type = 28 // either way: the same octets
	TypeBye        Type = 29 // S→C u8 code | text: the server is draining, attach elsewhere
	TypeServers    Type = 30 // C→S empty: which servers are there
	TypeServerList Type = 31 // S→C list of announcements (blobs)
	TypeDigest     Type = 32 // S→S empty: asks; 256 × u64: key server buckets
	TypeBucket     Type = 33 // S→S u8 bucket: list what is in it
	TypeSummary    Type = 34 // S→S u8 bucket | { fingerprint, sequence u64, hash 32 }*
	TypeDetach     Type = 35 // P→H Ack with a zero MAC, Seq the lease's epoch: the device left, newer leases stay

	TypeHomes    Type = 36 // C→S fingerprint of the account: which servers could be its homes
	TypeHomeList Type = 37 // S→C HomeOffers
	TypeHint     Type = 38 // P→S home fingerprint | envelope: keep it until that home has it; answer TypeSent
	TypeHave     Type = 39 // H→H Have: what waits for one account
	TypeLack     Type = 40 // H→H Have: which of them are wanted
	TypeWaiting  Type = 41 // H→P→C Waiting: up to where mail waits for a device

	TypeLeases    Type = 42 // P→H Tally of the leases it holds for that home; answer u64: buckets in which the home differs
	TypeLeaseList Type = 43 // P→H LeaseList: the leases of one bucket; answer LeaseList: those that the home lacks

	TypeWay  Type = 44 // C→S fingerprint of a server: the way to it, measured
	TypeHops Type = 45 // S→C Way

	TypePublic    Type = 46 // C→P fingerprint: of no account; do public key servers know it (spec/keys.md, KEYS-16)
	TypePublicKey Type = 47 // P→C PublicKey

	TypeWhere Type = 48 // S→H fingerprint of an account: which proxy is it on (spec/directory.md, DIR-8)
	TypeThere Type = 49 // H→S There

	TypePrekeyPut   Type = 50 // C→P→H PrekeyStock: keep it; answer TypePrekeyCount (spec/secure.md, SEC-8)
	TypePrekeyLook  Type = 51 // C→P→H PrekeyLook: what is left of it; answer TypePrekeyCount
	TypePrekeyCount Type = 52 // H→P→C PrekeyCount
	TypePrekeyTake  Type = 53 // C→P→H PrekeyTake: one for each device of an account (spec/secure.md, SEC-9)
	TypePrekeys     Type = 54 // H→P→C prekeys

	TypeHello       Type = 64 // link keepalive: u64 ns stamp | u8 flags, 1: counted as a link; answered by TypeHelloAck
	TypeHelloAck    Type = 65 // the same octets
	TypeLSA         Type = 66 // link-state announcement (package mesh)
	TypeLSDigest    Type = 67 // 256 × u64 digest of the link-state database
	TypeLSRequest   Type = 68 // u8 buckets*, at most 16: send what you have in them, then your digest
	TypePacket      Type = 69 // Packet: a frame under way between servers
	TypeServerCert  Type = 70 // certificate of a server, to go with its announcement
	TypeCertRequest Type = 71 // fingerprint of the server whose certificate is wanted
	TypeLinkRequest Type = 72 // LinkRequest: may there be a link
	TypeLinkOffer   Type = 73 // LinkOffer: yes
	TypeLinkRefusal Type = 74 // LinkRefusal: no, and why
	TypeEvidence    Type = 75 // two announcements of one server and sequence (package mesh)
	TypeLSNews      Type = 76 // u64 sequence | fingerprint: this announcement is here (spec/cloud.md, CLOUD-38)
	TypeLSWant      Type = 77 // fingerprint of the server whose announcement is wanted

	TypePacketAck  Type = 78 // empty; tag: every packet up to it was dealt with (spec/cloud.md, CLOUD-20)
	TypePacketNack Type = 79 // u8 reason; tag: of the packet that is refused (spec/cloud.md, CLOUD-21)

	TypeReceipt       Type = 80 // 16 id*: packets that arrived. This and all below only inside packets
	TypeBounce        Type = 81 // 16 id | u8 reason | fp destination: a packet that does not arrive
	TypeTrace         Type = 82 // u64 nonce: whoever carries this answers
	TypeTraced        Type = 83 // u64 nonce | u8 hop limit as it arrived
	TypeCircuitAsk    Type = 84 // u64 nonce | fp server behind NAT
	TypeCircuitOffer  Type = 85 // 16 handle | fp asking server
	TypeCircuitAnswer Type = 86 // u64 nonce | u8 code | 16 handle

	TypeLSBatch Type = 87 // announcements and certificates, compressed: Batch; on links, as 64–79 (spec/cloud.md, CLOUD-51)

	TypeBlobClaim  Type = 91 // C→P→H BlobClaim: keep this blob; opens its upload (spec/media.md, MEDIA-3); this and the four below travel as 16–54 do
	TypeBlobAppend Type = 92 // C→P→H BlobAppend: octets of an upload
	TypeBlobState  Type = 93 // H→P→C BlobState: answer to both
	TypeBlobGet    Type = 94 // C→P→S BlobGet: a part of a blob (spec/media.md, MEDIA-6)
	TypeBlobPart   Type = 95 // S→P→C BlobPart

	TypeCompare  Type = 96  // Scope: what the asking key server keeps (package keyserver; spec/keys.md, KEYS-9). This and all below only inside packets
	TypeCompared Type = 97  // answer: Scope | 256 × u64 over what both keep
	TypeBranch   Type = 98  // u8 depth | u8 first octet*: ask for the leaves below
	TypeLeaves   Type = 99  // answer: u8 depth | { u8 first octet | 256 × u64 }*
	TypeList     Type = 100 // u8 depth | u16 leaf*: ask what is in them
	TypeListed   Type = 101 // answers: u8 more | { fingerprint, sequence u64, hash 32 }*
	TypeFetch    Type = 102 // fingerprint of an account or server
	TypeFetched  Type = 103 // answer: Placed
	TypePlace    Type = 104 // Placed: keep it, if it is for you to keep; answer TypeDone
	TypeHold     Type = 105 // { fingerprint, sequence u64, hash 32 }*: do you keep these
	TypeHeld     Type = 106 // answer: u8 for each, see keyserver.Holding

	TypeTokenPut   Type = 107 // C→P→H TokenList: whose mail is no stranger's; answer TypeTokenState (spec/delivery.md, DELIV-45); travels as 16–54 do
	TypeTokenLook  Type = 108 // C→P→H TokenLook: which list is in force; answer TypeTokenState
	TypeTokenState Type = 109 // H→P→C TokenState
	TypeBlobUsage  Type = 110 // C→P→H BlobClaim of nothing: how much of its quota the account uses (spec/media.md, MEDIA-24)
	TypeBlobUsed   Type = 111 // H→P→C BlobUsed

	TypeContest Type = 114 // C→S fp account | key block ≤ 8 KiB, by a guest: what its owner, or a device of it, says of its devices; answer TypeDone (spec/keys.md, KEYS-39)
)

// HeaderSize is the length of a frame header in octets:
//
//	0  u24  length of the whole frame, header included
//	3  u8   type
//	4  u32  tag: names a request and its answer; 0 where none is expected
const HeaderSize = 8

// A Frame is one frame. Body is only valid as long as its buffer is: readers
// that keep it copy it.
type Frame struct {
	Type Type
	Tag  uint32
	Body []byte
}

// AppendFrame appends a whole frame to b.
func AppendFrame(b []byte, t Type, tag uint32, body []byte) []byte {
	b = AppendHeader(b, t, tag, len(body))
	return append(b, body...)
}

// AppendHeader appends the header of a frame whose body has n octets.
func AppendHeader(b []byte, t Type, tag uint32, n int) []byte {
	l := HeaderSize + n
	b = append(b, byte(l>>16), byte(l>>8), byte(l), byte(t))
	return binary.BigEndian.AppendUint32(b, tag)
}

// DecodeHeader reads a header: the type, tag and the length of the body that
// follows. A frame longer than max is an error, before any memory is taken.
func DecodeHeader(h []byte, max int) (t Type, tag uint32, body int, err error) {
	if len(h) < HeaderSize {
		return 0, 0, 0, malformed("frame header: %d octets", len(h))
	}
	l := int(h[0])<<16 | int(h[1])<<8 | int(h[2])
	if l < HeaderSize {
		return 0, 0, 0, malformed("frame: length %d", l)
	}
	if l > max {
		return 0, 0, 0, fmt.Errorf("%w frame of type %d: %d octets, at most %d", ErrMalformed, h[3], l, max)
	}
	return Type(h[3]), binary.BigEndian.Uint32(h[4:]), l - HeaderSize, nil
}

// ParseFrame splits the first frame off b without copying.
func ParseFrame(b []byte, max int) (f Frame, rest []byte, err error) {
	t, tag, n, err := DecodeHeader(b, max)
	if err != nil {
		return Frame{}, nil, err
	}
	if len(b) < HeaderSize+n {
		return Frame{}, nil, malformed("frame: %d of %d octets", len(b), HeaderSize+n)
	}
	return Frame{t, tag, b[HeaderSize : HeaderSize+n : HeaderSize+n]}, b[HeaderSize+n:], nil
}

// AppendStatus appends the body of TypeError, TypeDone and TypeBye. Text over
// 255 octets is cut.
func AppendStatus(b []byte, code omega.Code, text string) []byte {
	if len(text) > 255 {
		text = text[:255]
	}
	b = append(b, byte(code))
	return append(b, text...)
}

// DecodeStatus reads what AppendStatus wrote: nil for CodeOK, otherwise an
// *omega.Error.
func DecodeStatus(b []byte) error {
	if len(b) < 1 || len(b) > 256 {
		return malformed("status: %d octets", len(b))
	}
	if omega.Code(b[0]) == omega.CodeOK {
		return nil
	}
	return &omega.Error{Code: omega.Code(b[0]), Text: printable(b[1:])}
}

// printable keeps a text from the other side harmless on a terminal.
func printable(b []byte) string {
	out := make([]rune, 0, len(b))
	for _, r := range string(b) {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			r = '?'
		}
		out = append(out, r)
	}
	return string(out)
}

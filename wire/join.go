package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// OfferLabel starts what the signature of a link offer covers.
const OfferLabel = "omega-im/link-offer/v1\n"

// Limits of link requests.
const (
	maxPlan     = 16       // servers in a plan; a server keeps at most 12 links
	maxVouches  = 16       // certifications in a request
	maxVouch    = 1 << 10  // octets of one; an Ed25519 one takes about 120
	maxJoinText = 64       // octets of an operator or site, as in announcements
	maxRetry    = 86400000 // ms: a day
)

// RequestExplain in the flags of a link request asks for the answer only: the
// candidate judges and answers as it would, and keeps nothing. RequestLeaf says
// that the asker forwards for nobody.
const (
	RequestExplain uint8 = 1 << 0
	RequestLeaf    uint8 = 1 << 1
)

// A LinkRequest asks a server for a link of the mesh. It goes over a connection
// between the two, which proves who asks. (spec/cloud.md, CLOUD-12)
//
//	u8 version (1) | u8 purpose | u8 flags | 16 nonce | u64 issued, ms | 32 database
//	| fp asker | fp candidate | u8 length | operator | u8 length | site
//	| u8 n ≤ 16 | n × fp plan | u8 m ≤ 16 | m × { u16 length ≤ 1024 | certification }
type LinkRequest struct {
	Purpose   uint8 // a mesh.Reason
	Flags     uint8 // RequestExplain, RequestLeaf; others are ignored
	Nonce     [16]byte
	Issued    time.Time // milliseconds, on the asker's clock
	Database  [32]byte  // SHA-256 of the asker's link-state digest
	Asker     omega.Fingerprint
	Candidate omega.Fingerprint
	Operator  string // of the asker, as in its announcement
	Site      string

	// Plan are the servers that the asker has links to or asks for links now,
	// the candidate among them, ascending.
	Plan []omega.Fingerprint

	// Vouches are OpenPGP certifications of the asker's certificate by members
	// of the cloud (spec/identity.md, IDENT-12).
	Vouches [][]byte
}

// AppendTo appends the wire form to b.
func (q *LinkRequest) AppendTo(b []byte) ([]byte, error) {
	if len(q.Plan) > maxPlan || len(q.Vouches) > maxVouches || len(q.Operator) > maxJoinText || len(q.Site) > maxJoinText {
		return nil, malformed("link request: %d servers in the plan, %d certifications", len(q.Plan), len(q.Vouches))
	}
	b = append(b, 1, q.Purpose, q.Flags)
	b = append(b, q.Nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(q.Issued.UnixMilli()))
	b = append(b, q.Database[:]...)
	b = q.Asker.AppendTo(b)
	b = q.Candidate.AppendTo(b)
	for _, s := range []string{q.Operator, q.Site} {
		b = append(b, byte(len(s)))
		b = append(b, s...)
	}
	b = append(b, byte(len(q.Plan)))
	for _, fp := range q.Plan {
		b = fp.AppendTo(b)
	}
	b = append(b, byte(len(q.Vouches)))
	for _, v := range q.Vouches {
		if len(v) > maxVouch {
			return nil, malformed("link request: a certification of %d octets, at most %d", len(v), maxVouch)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
		b = append(b, v...)
	}
	return b, nil
}

// DecodeLinkRequest reads a link request. The certifications stay in b. Purpose,
// flags and nonce stand in the same place in all versions: with ErrVersion they
// are returned, for the refusal.
func DecodeLinkRequest(b []byte) (*LinkRequest, error) {
	r := reader{b: b}
	v := r.u8()
	q := &LinkRequest{Purpose: r.u8(), Flags: r.u8(), Nonce: r.nonce()}
	if v != 1 {
		if v == 0 || r.bad {
			return nil, malformed("link request: version %d", v)
		}
		return q, fmt.Errorf("%w link request: %w: %d, at most 1", ErrMalformed, ErrVersion, v)
	}
	q.Issued, q.Database, q.Asker, q.Candidate = r.ms(), r.hash(), r.fp(), r.fp()
	q.Operator, q.Site = r.text(), r.text()
	n := int(r.u8())
	if n > maxPlan {
		return nil, malformed("link request: %d servers in the plan, at most %d", n, maxPlan)
	}
	for i := range n {
		q.Plan = append(q.Plan, r.fp())
		if i > 0 && q.Plan[i-1].Compare(q.Plan[i]) >= 0 {
			r.bad = true
		}
	}
	if n = int(r.u8()); n > maxVouches {
		return nil, malformed("link request: %d certifications, at most %d", n, maxVouches)
	}
	for range n {
		l := int(r.u16())
		if l > maxVouch {
			return nil, malformed("link request: a certification of %d octets, at most %d", l, maxVouch)
		}
		q.Vouches = append(q.Vouches, r.take(l))
	}
	return q, r.end("link request")
}

// A LinkOffer says that its candidate takes a link with the asker, if the asker
// counts the connection as a link before the offer expires. It is signed by the
// candidate's device. (spec/cloud.md, CLOUD-13)
//
//	u8 version (1) | u8 flags | 16 nonce | u64 issued, ms | u64 expires, ms
//	| 32 database | fp asker | fp candidate | signature
type LinkOffer struct {
	Flags     uint8     // of the request
	Nonce     [16]byte  // of the request
	Issued    time.Time // milliseconds, on the candidate's clock
	Expires   time.Time
	Database  [32]byte // SHA-256 of the candidate's link-state digest
	Asker     omega.Fingerprint
	Candidate omega.Fingerprint
	Sig       Signature
}

func (o *LinkOffer) appendFields(b []byte) []byte {
	b = append(b, 1, o.Flags)
	b = append(b, o.Nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(o.Issued.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(o.Expires.UnixMilli()))
	b = append(b, o.Database[:]...)
	b = o.Asker.AppendTo(b)
	return o.Candidate.AppendTo(b)
}

// Signed returns what the signature covers.
func (o *LinkOffer) Signed() []byte { return o.appendFields([]byte(OfferLabel)) }

// Bytes returns the wire form.
func (o *LinkOffer) Bytes() []byte { return o.Sig.appendTo(o.appendFields(nil)) }

// DecodeLinkOffer reads an offer. It does not judge the signature.
func DecodeLinkOffer(b []byte) (*LinkOffer, error) {
	r := reader{b: b}
	if v := r.u8(); v != 1 {
		return nil, malformed("link offer: version %d", v)
	}
	o := &LinkOffer{Flags: r.u8(), Nonce: r.nonce(), Issued: r.ms(), Expires: r.ms(), Database: r.hash(), Asker: r.fp(), Candidate: r.fp()}
	o.Sig = r.signature()
	return o, r.end("link offer")
}

// A LinkRefusal says why a candidate takes no link. (spec/cloud.md, CLOUD-14)
//
//	16 nonce | u8 reason | u32 retry, ms | text, at most 255 octets
type LinkRefusal struct {
	Nonce  [16]byte      // of the request
	Reason uint8         // a mesh.Refusal
	Retry  time.Duration // whole milliseconds, at most a day: not to be asked again before
	Text   string        // for people, in English
}

// AppendTo appends the wire form to b. A text over 255 octets is cut.
func (f *LinkRefusal) AppendTo(b []byte) []byte {
	b = append(b, f.Nonce[:]...)
	b = append(b, f.Reason)
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(f.Retry.Milliseconds(), 0), maxRetry)))
	return append(b, f.Text[:min(len(f.Text), 255)]...)
}

// DecodeLinkRefusal reads what AppendTo wrote. The text is harmless on a
// terminal.
func DecodeLinkRefusal(b []byte) (*LinkRefusal, error) {
	r := reader{b: b}
	f := &LinkRefusal{Nonce: r.nonce(), Reason: r.u8()}
	retry := r.u32()
	text := r.rest()
	if r.bad || retry > maxRetry || len(text) > 255 {
		return nil, malformed("link refusal: %d octets", len(b))
	}
	f.Retry, f.Text = time.Duration(retry)*time.Millisecond, printable(text)
	return f, nil
}

func (r *reader) nonce() (n [16]byte) {
	copy(n[:], r.take(len(n)))
	return n
}

func (r *reader) hash() (h [32]byte) {
	copy(h[:], r.take(len(h)))
	return h
}

// text reads an octet of length and that many octets.
func (r *reader) text() string {
	n := int(r.u8())
	if n > maxJoinText {
		r.bad = true
		return ""
	}
	return string(r.take(n))
}

package wire

import (
	"encoding/binary"

	"github.com/omega-im/omega"
)

// SponsorLabel starts what a sponsor signs. (spec/identity.md, IDENT-8)
const SponsorLabel = "omega-im/sponsor/v1\n"

// MaxSponsorship is more than the longest receipt of a sponsor, in octets.
const MaxSponsorship = 192

// A Sponsorship is the receipt of the server at which an account came into the
// cloud: it counts against that server's budget of the day. (spec/keys.md,
// KEYS-11)
//
//	u8 version (1) | u32 day | u32 number | fp account | fp sponsor | signature
type Sponsorship struct {
	Day     uint32 // since 1970 (UTC), of the signature
	Number  uint32 // of the sponsor's receipts of that day, from 1
	Account omega.Fingerprint
	Sponsor omega.Fingerprint // the server's primary key
	Sig     Signature         // by the server's device
}

func (s *Sponsorship) appendFields(b []byte) []byte {
	b = append(b, 1)
	b = binary.BigEndian.AppendUint32(b, s.Day)
	b = binary.BigEndian.AppendUint32(b, s.Number)
	return s.Sponsor.AppendTo(s.Account.AppendTo(b))
}

// Signed returns what the signature covers.
func (s *Sponsorship) Signed() []byte { return s.appendFields([]byte(SponsorLabel)) }

// Bytes returns the wire form.
func (s *Sponsorship) Bytes() []byte { return s.Sig.appendTo(s.appendFields(nil)) }

// DecodeSponsorship reads a receipt. It does not judge the signature.
func DecodeSponsorship(b []byte) (*Sponsorship, error) {
	r := reader{b: b}
	if v := r.u8(); v != 1 {
		return nil, malformed("receipt of a sponsor: version %d", v)
	}
	s := &Sponsorship{Day: r.u32(), Number: r.u32(), Account: r.fp(), Sponsor: r.fp()}
	s.Sig = r.signature()
	if s.Number == 0 || s.Sig.Time/(24*60*60) != int64(s.Day) {
		r.bad = true
	}
	return s, r.end("receipt of a sponsor")
}

// A Placed is an entry as it travels between key servers, with the receipt of
// its sponsor.
//
//	u16 length | receipt (0 octets: none) | Entry
type Placed struct {
	Receipt []byte // Sponsorship
	Entry   Entry
}

// AppendPlaced appends the body of TypePlace and TypeFetched.
func AppendPlaced(b []byte, p *Placed) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Receipt)))
	return AppendEntry(append(b, p.Receipt...), &p.Entry)
}

// DecodePlaced reads an entry with its receipt in place.
func DecodePlaced(b []byte) (p Placed, err error) {
	r := reader{b: b}
	n := r.u16()
	if n > MaxSponsorship {
		return Placed{}, malformed("receipt of %d octets, at most %d", n, MaxSponsorship)
	}
	p.Receipt = r.take(int(n))
	if r.bad {
		return Placed{}, malformed("entry with receipt")
	}
	p.Entry, err = DecodeEntry(r.b)
	return p, err
}

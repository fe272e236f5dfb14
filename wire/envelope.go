package wire

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// A Class orders traffic: lower goes first. (spec/wire.md, WIRE-5)
type Class uint8

const (
	ClassControl   Class = 0 // leases, acknowledgements, look-ups
	ClassText      Class = 1 // messages of people
	ClassMedia     Class = 2 // notices about media
	ClassEphemeral Class = 3 // typing, presence: never stored
	ClassBulk      Class = 4 // media and comparisons: of packets only
)

// Valid reports whether c is a class of this version.
func (c Class) Valid() bool { return c <= ClassEphemeral }

// Flags of an envelope. Reserved ones are carried untouched.
const (
	FlagSealedSender uint16 = 1 << 0 // reserved: sender is inside the payload
	FlagListHandle   uint16 = 1 << 1 // reserved: recipients by list handle
	FlagToken        uint16 = 1 << 2 // delivery tokens are in the extensions
	FlagRecordHead   uint16 = 1 << 3 // reserved: the sender's record head is in the extensions
	FlagSilent       uint16 = 1 << 4 // reserved: do not notify
)

// EnvelopeVersion is the version octet that this code writes.
const EnvelopeVersion = 1

// envelopeFixed is the length of the fixed part of an envelope header in
// octets. The whole layout (spec/wire.md, WIRE-6):
//
//	 0  u8   version (1)
//	 1  u8   class
//	 2  u16  flags
//	 4  u16  header length: everything before the payload
//	 6  u16  number of recipients, 1 to 256
//	 8  16   id
//	24  u32  lifetime in seconds, counted from when a home takes it
//	28  u32  payload length
//	32  fp   sender account (21 or 33 octets)
//	    fp*  recipient accounts
//	    ext* extensions to the end of the header: u8 type | u8 length | octets
//	    ...  payload, opaque to servers
const envelopeFixed = 32

// MaxEnvelopeHeader is the longest header in octets: 256 v6 recipients with their
// tokens and 512 octets of other extensions.
const MaxEnvelopeHeader = envelopeFixed + (1+omega.MaxRecipients)*omega.MaxFingerprintSize + maxTokensSize + 512

// tokensInOne is how many tokens one extension holds, and maxTokensSize what those
// of all recipients take in octets.
const (
	tokensInOne   = 255 / omega.TokenSize
	maxTokensSize = omega.MaxRecipients*omega.TokenSize + 2*((omega.MaxRecipients+tokensInOne-1)/tokensInOne)
)

// Extension types. Servers carry unknown ones untouched.
const (
	ExtToken      uint8 = 1 // delivery tokens, 16 octets each: see Tokens
	ExtListHandle uint8 = 2 // reserved: 16-octet handle of a recipient list
	ExtRecordHead uint8 = 3 // reserved: u64 sequence | 32-octet hash of the sender's record
)

// An Envelope is what a sender hands to servers. It is used to build one;
// servers read the bytes in place with an EnvelopeView.
type Envelope struct {
	Class      Class
	Flags      uint16
	ID         omega.ID
	Lifetime   time.Duration // whole seconds, at most omega.MaxLifetime
	Sender     omega.Fingerprint
	Recipients []omega.Fingerprint
	Tokens     []omega.Token // by recipient, zero where there is none; nil for none at all
	Extensions []byte        // encoded, but tokens; nil for none
	Payload    []byte
}

// AppendTo appends the wire form of e to b.
func (e *Envelope) AppendTo(b []byte) ([]byte, error) {
	start := len(b)
	if len(e.Recipients) == 0 || len(e.Recipients) > omega.MaxRecipients {
		return nil, malformed("envelope: %d recipients, want 1 to %d", len(e.Recipients), omega.MaxRecipients)
	}
	b = append(b, EnvelopeVersion, byte(e.Class))
	tokens := e.tokens()
	flags := e.Flags
	if len(tokens) > 0 {
		flags |= FlagToken
	}
	b = binary.BigEndian.AppendUint16(b, flags)
	b = append(b, 0, 0) // header length, below
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Recipients)))
	b = append(b, e.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(e.Lifetime/time.Second))
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Payload)))
	b = e.Sender.AppendTo(b)
	for _, r := range e.Recipients {
		b = r.AppendTo(b)
	}
	for part := range slices.Chunk(tokens, tokensInOne) {
		b = append(b, ExtToken, byte(len(part)*omega.TokenSize))
		for _, t := range part {
			b = append(b, t[:]...)
		}
	}
	b = append(b, e.Extensions...)
	binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start))
	b = append(b, e.Payload...)
	if _, err := ParseEnvelope(b[start:]); err != nil {
		return nil, err
	}
	return b, nil
}

// tokens returns those that stand in the envelope: none behind the last one that is
// there.
func (e *Envelope) tokens() []omega.Token {
	n := len(e.Tokens)
	for n > 0 && e.Tokens[n-1].IsZero() {
		n--
	}
	return e.Tokens[:n]
}

// An EnvelopeView reads an envelope's bytes where they lie. Making one and
// calling its methods allocates nothing. It is only valid as long as the bytes
// are.
type EnvelopeView []byte

// ParseEnvelope checks that b is exactly one well-formed envelope. Everything
// that the methods of the view rely on is checked here, once.
func ParseEnvelope(b []byte) (EnvelopeView, error) {
	if len(b) < envelopeFixed || len(b) > omega.MaxEnvelope {
		return nil, malformed("envelope: %d octets", len(b))
	}
	if b[0] != EnvelopeVersion {
		return nil, malformed("envelope: version %d", b[0])
	}
	if !Class(b[1]).Valid() {
		return nil, malformed("envelope: class %d", b[1])
	}
	v := EnvelopeView(b)
	head, n := v.headerSize(), v.NumRecipients()
	if n == 0 || n > omega.MaxRecipients || head > len(b) || head > MaxEnvelopeHeader {
		return nil, malformed("envelope: %d recipients, header of %d octets", n, head)
	}
	if uint64(len(b)-head) != uint64(binary.BigEndian.Uint32(b[28:])) {
		return nil, malformed("envelope: payload length")
	}
	if v.Lifetime() > omega.MaxLifetime {
		return nil, malformed("envelope: lifetime %v", v.Lifetime())
	}
	off := envelopeFixed
	for range n + 1 {
		if off >= head {
			return nil, malformed("envelope: addresses end early")
		}
		size := omega.FingerprintSize(b[off])
		if size == 0 || off+size > head {
			return nil, malformed("envelope: address")
		}
		off += size
	}
	tokens := 0
	for off < head {
		if off+2 > head || off+2+int(b[off+1]) > head {
			return nil, malformed("envelope: extension")
		}
		if b[off] == ExtToken {
			tokens += int(b[off+1])
			if b[off+1]%omega.TokenSize != 0 || tokens > n*omega.TokenSize {
				return nil, malformed("envelope: tokens")
			}
		}
		off += 2 + int(b[off+1])
	}
	if (tokens > 0) != (v.Flags()&FlagToken != 0) {
		return nil, malformed("envelope: flag of tokens")
	}
	return v, nil
}

func (v EnvelopeView) headerSize() int { return int(binary.BigEndian.Uint16(v[4:])) }

// Class returns the traffic class.
func (v EnvelopeView) Class() Class { return Class(v[1]) }

// Flags returns the flags.
func (v EnvelopeView) Flags() uint16 { return binary.BigEndian.Uint16(v[2:]) }

// ID returns the id that the sender chose.
func (v EnvelopeView) ID() omega.ID { return omega.ID(v[8:24]) }

// Lifetime is how long homes keep the envelope.
func (v EnvelopeView) Lifetime() time.Duration {
	return time.Duration(binary.BigEndian.Uint32(v[24:])) * time.Second
}

// Sender returns the sending account.
func (v EnvelopeView) Sender() omega.Fingerprint {
	f, _, _ := omega.DecodeFingerprint(v[envelopeFixed:])
	return f
}

// NumRecipients returns the number of recipients.
func (v EnvelopeView) NumRecipients() int { return int(binary.BigEndian.Uint16(v[6:])) }

// Recipients yields index and account of each recipient.
func (v EnvelopeView) Recipients(yield func(int, omega.Fingerprint) bool) {
	off := envelopeFixed + omega.FingerprintSize(v[envelopeFixed])
	for i := range v.NumRecipients() {
		f, n, _ := omega.DecodeFingerprint(v[off:])
		if !yield(i, f) {
			return
		}
		off += n
	}
}

// AppendTokens appends the delivery tokens of the first recipients, in their order,
// to tokens: there may be fewer than recipients, and some may be zero.
func (v EnvelopeView) AppendTokens(tokens []omega.Token) []omega.Token {
	if v.Flags()&FlagToken == 0 {
		return tokens
	}
	_, end := v.addresses()
	for off := end; off < v.headerSize(); off += 2 + int(v[off+1]) {
		if v[off] != ExtToken {
			continue
		}
		for at := off + 2; at < off+2+int(v[off+1]); at += omega.TokenSize {
			tokens = append(tokens, omega.Token(v[at:at+omega.TokenSize]))
		}
	}
	return tokens
}

// addresses returns where the recipients begin, and where they end.
func (v EnvelopeView) addresses() (from, end int) {
	from = envelopeFixed + omega.FingerprintSize(v[envelopeFixed])
	end = from
	for range v.NumRecipients() {
		end += omega.FingerprintSize(v[end])
	}
	return from, end
}

// AppendFor appends the envelope as it goes to the device of one recipient: with
// no other recipient in the header, and no token. (spec/delivery.md, DELIV-6)
func (v EnvelopeView) AppendFor(b []byte, to omega.Fingerprint) []byte {
	start := len(b)
	sender, end := v.addresses()
	b = to.AppendTo(append(b, v[:sender]...))
	binary.BigEndian.PutUint16(b[start+2:], v.Flags()&^FlagToken)
	for off := end; off < v.headerSize(); {
		size := 2 + int(v[off+1])
		if v[off] != ExtToken {
			b = append(b, v[off:off+size]...)
		}
		off += size
	}
	binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start))
	binary.BigEndian.PutUint16(b[start+6:], 1)
	return append(b, v.Payload()...)
}

// Payload returns the opaque payload, in place.
func (v EnvelopeView) Payload() []byte { return v[v.headerSize():] }

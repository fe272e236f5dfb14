package wire

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/omega-im/omega"
)

// A reader walks over a body. After the first error everything reads as zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) fp() omega.Fingerprint {
	if r.bad {
		return omega.Fingerprint{}
	}
	f, n, err := omega.DecodeFingerprint(r.b)
	if err != nil {
		r.bad = true
		return omega.Fingerprint{}
	}
	r.b = r.b[n:]
	return f
}

// rest returns everything that is left.
func (r *reader) rest() []byte { return r.take(len(r.b)) }

// end reports a body that was too short or too long.
func (r *reader) end(what string) error {
	if r.bad || len(r.b) != 0 {
		return malformed("%s", what)
	}
	return nil
}

// A Result is what became of an envelope at one recipient.
type Result struct {
	Index uint16 // of the recipient in the envelope
	Code  omega.Code
}

// AppendResults appends the body of TypeSent:
//
//	u8 code (the worst of all) | u16 n | n × { u16 recipient index | u8 code }
//
// Recipients that are not listed have the code CodeOK when the first octet is
// CodeOK or any result is listed, and that first code otherwise.
func AppendResults(b []byte, worst omega.Code, results []Result) []byte {
	b = append(b, byte(worst))
	b = binary.BigEndian.AppendUint16(b, uint16(len(results)))
	for _, r := range results {
		b = binary.BigEndian.AppendUint16(b, r.Index)
		b = append(b, byte(r.Code))
	}
	return b
}

// DecodeResults reads the body of TypeSent.
func DecodeResults(b []byte) (worst omega.Code, results []Result, err error) {
	r := reader{b: b}
	worst = omega.Code(r.u8())
	n := int(r.u16())
	if n > omega.MaxRecipients || len(r.b) != 3*n {
		return 0, nil, malformed("send results: %d results in %d octets", n, len(b))
	}
	for range n {
		results = append(results, Result{r.u16(), omega.Code(r.u8())})
	}
	return worst, results, r.end("send results")
}

// AnswerLabel starts what stands for a request in its answer.
const AnswerLabel = "omega-im/answer/v1\n"

// RequestHashSize is the length of what AppendRequestHash appends.
const RequestHashSize = 16

// AppendRequestHash appends what TypeSent between servers has after the results,
// so that it answers one request and no other (spec/delivery.md, DELIV-23): the
// first 16 octets of SHA-256 over AnswerLabel, the type of the request and its
// body.
func AppendRequestHash(b []byte, t Type, body []byte) []byte {
	h := sha256.New()
	var head [len(AnswerLabel) + 1]byte
	h.Write(append(append(head[:0], AnswerLabel...), byte(t)))
	h.Write(body)
	var sum [sha256.Size]byte
	return append(b, h.Sum(sum[:0])[:RequestHashSize]...)
}

// CutRequestHash splits the body of TypeSent between servers into the results,
// which are not judged, and the hash of the request. Without one, or if the
// length is wrong, hash is nil.
func CutRequestHash(b []byte) (results, hash []byte) {
	r := reader{b: b}
	r.u8()
	if n := 3 + 3*int(r.u16()); !r.bad && len(b) == n+RequestHashSize {
		return b[:n], b[n:]
	}
	return b, nil
}

// A Mail is one envelope on its way from a home to one device. The same bytes
// travel from home to proxy and from proxy to client:
//
//	fp home | fp device | u64 seq | u64 prev | u64 received, ms since 1970 | mac 16 | envelope
type Mail struct {
	Home     omega.Fingerprint
	Device   omega.Fingerprint
	Seq      uint64        // of this envelope in the home's store
	Prev     uint64        // of the mail before it in this mailbox, 0 if there is none: a gap shows
	Received uint64        // when the home took it, milliseconds since 1970
	MAC      [MACSize]byte // by the home, where the proxy is another server; else zero (spec/delivery.md, DELIV-21)
	Envelope []byte        // in place; not yet checked
}

// MailLabel starts what the MAC of a mail covers.
const MailLabel = "omega-im/mail/v1\n"

// Unsigned returns what the MAC covers, but for the envelope that follows.
func (m *Mail) Unsigned(b []byte, incarnation [8]byte) []byte {
	b = append(b, MailLabel...)
	b = append(b, incarnation[:]...)
	return m.appendFields(b)
}

func (m *Mail) appendFields(b []byte) []byte {
	b = m.Home.AppendTo(b)
	b = m.Device.AppendTo(b)
	b = binary.BigEndian.AppendUint64(b, m.Seq)
	b = binary.BigEndian.AppendUint64(b, m.Prev)
	return binary.BigEndian.AppendUint64(b, m.Received)
}

// AppendMail appends everything before the envelope, then the envelope.
func AppendMail(b []byte, m *Mail) []byte {
	b = m.appendFields(b)
	b = append(b, m.MAC[:]...)
	return append(b, m.Envelope...)
}

// DecodeMail reads the body of TypeMail in place.
func DecodeMail(b []byte) (m Mail, err error) {
	r := reader{b: b}
	m = Mail{Home: r.fp(), Device: r.fp(), Seq: r.u64(), Prev: r.u64(), Received: r.u64()}
	copy(m.MAC[:], r.take(MACSize))
	m.Envelope = r.rest()
	return m, r.end("mail")
}

// MACSize is the length of the code that proves an acknowledgement, in octets.
const MACSize = 16

// An Ack says that a device has everything of one home up to Seq, or, as
// TypeRewind, that it wants everything after Seq again:
//
//	fp home | fp device | u64 seq | mac 16
type Ack struct {
	Home   omega.Fingerprint
	Device omega.Fingerprint
	Seq    uint64
	MAC    [MACSize]byte // over AckLabel and all before it (spec/delivery.md, DELIV-9); zero for TypeRewind
}

// AckLabel starts what the MAC of an acknowledgement covers.
const AckLabel = "omega-im/ack/v1\n"

// Unsigned returns what the MAC covers.
func (a *Ack) Unsigned(b []byte) []byte {
	b = append(b, AckLabel...)
	return a.appendFields(b)
}

func (a *Ack) appendFields(b []byte) []byte {
	b = a.Home.AppendTo(b)
	b = a.Device.AppendTo(b)
	return binary.BigEndian.AppendUint64(b, a.Seq)
}

// AppendAck appends the body of TypeAck and TypeRewind.
func AppendAck(b []byte, a *Ack) []byte { return append(a.appendFields(b), a.MAC[:]...) }

// DecodeAck reads the body of TypeAck and TypeRewind.
func DecodeAck(b []byte) (a Ack, err error) {
	r := reader{b: b}
	a = Ack{Home: r.fp(), Device: r.fp(), Seq: r.u64()}
	copy(a.MAC[:], r.take(MACSize))
	return a, r.end("acknowledgement")
}

// Attached answers a lease, once per home:
//
//	fp home | u8 code | 8 incarnation | u64 cursor | mac 16
type Attached struct {
	Home        omega.Fingerprint
	Code        omega.Code
	Incarnation [8]byte       // of the home's store: a new one means that cursors of old ones are void
	Cursor      uint64        // the home sends what comes after it
	MAC         [MACSize]byte // of CodeOK by the home, where the proxy is another server; else zero (DELIV-21)
}

// AttachedLabel starts what the MAC of an Attached covers.
const AttachedLabel = "omega-im/attached/v1\n"

// Unsigned returns what the MAC covers: it names the device as well.
func (a *Attached) Unsigned(b []byte, device omega.Fingerprint) []byte {
	b = append(b, AttachedLabel...)
	b = device.AppendTo(b)
	return a.appendFields(b)
}

func (a *Attached) appendFields(b []byte) []byte {
	b = a.Home.AppendTo(b)
	b = append(b, byte(a.Code))
	b = append(b, a.Incarnation[:]...)
	return binary.BigEndian.AppendUint64(b, a.Cursor)
}

// AppendAttached appends the body of TypeAttached.
func AppendAttached(b []byte, a *Attached) []byte { return append(a.appendFields(b), a.MAC[:]...) }

// DecodeAttached reads the body of TypeAttached.
func DecodeAttached(b []byte) (a Attached, err error) {
	r := reader{b: b}
	a = Attached{Home: r.fp(), Code: omega.Code(r.u8())}
	copy(a.Incarnation[:], r.take(8))
	a.Cursor = r.u64()
	copy(a.MAC[:], r.take(MACSize))
	return a, r.end("attach answer")
}

// A Waiting says up to which sequence mail waits at a home for one device: when
// the device has that, it has everything that was there. A home sends it before
// its answer to a lease, and again with less when some of it expired. A frame
// of its own, so that proxies and devices that do not know it pass it over.
// (spec/delivery.md, DELIV-24)
//
//	fp home | fp device | 8 incarnation | u64 seq | mac 16
type Waiting struct {
	Home        omega.Fingerprint
	Device      omega.Fingerprint
	Incarnation [8]byte       // of the home's store
	Seq         uint64        // of the last mail that waits; 0: none
	MAC         [MACSize]byte // by the home, where the proxy is another server; else zero (DELIV-21)
}

// WaitingLabel starts what the MAC of a Waiting covers.
const WaitingLabel = "omega-im/waiting/v1\n"

// Unsigned returns what the MAC covers.
func (w *Waiting) Unsigned(b []byte) []byte { return w.appendFields(append(b, WaitingLabel...)) }

func (w *Waiting) appendFields(b []byte) []byte {
	b = w.Home.AppendTo(b)
	b = w.Device.AppendTo(b)
	b = append(b, w.Incarnation[:]...)
	return binary.BigEndian.AppendUint64(b, w.Seq)
}

// AppendWaiting appends the body of TypeWaiting.
func AppendWaiting(b []byte, w *Waiting) []byte { return append(w.appendFields(b), w.MAC[:]...) }

// DecodeWaiting reads the body of TypeWaiting.
func DecodeWaiting(b []byte) (w Waiting, err error) {
	r := reader{b: b}
	w = Waiting{Home: r.fp(), Device: r.fp()}
	copy(w.Incarnation[:], r.take(8))
	w.Seq = r.u64()
	copy(w.MAC[:], r.take(MACSize))
	return w, r.end("waiting mail")
}

package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/omega-im/omega"
)

// SignatureSize is the length of a compact signature in octets
// (spec/identity.md, IDENT-7).
const SignatureSize = 64

// A Signature is a compact OpenPGP signature with its creation time. On the
// wire: u64 seconds since 1970 | u8 length (64) | octets.
type Signature struct {
	Time  int64 // seconds since 1970
	Bytes [SignatureSize]byte
}

func (s *Signature) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(s.Time))
	b = append(b, SignatureSize)
	return append(b, s.Bytes[:]...)
}

func (r *reader) signature() (s Signature) {
	s.Time = int64(r.u64())
	if r.u8() != SignatureSize || s.Time < 0 {
		r.bad = true
	}
	copy(s.Bytes[:], r.take(SignatureSize))
	return s
}

// Labels start everything that is signed, so that a signature over one kind
// of thing is never one over another (spec/identity.md, IDENT-8).
const (
	RecordLabel = "omega-im/record/v1\n"
	LeaseLabel  = "omega-im/lease/v1\n"
)

// A Record says where an account lives: its location record. It is signed by
// one of the account's devices. (spec/delivery.md, DELIV-1)
//
//	u8 version (1) | u8 flags | u64 sequence | u64 issued, ms | u64 expires, ms
//	| 32 previous record's hash | 32 certificate hash | 32 device list hash
//	| fp user | fp device | u8 n | n × fp home | signature
type Record struct {
	Flags       uint8
	Sequence    uint64    // starts at 1; the highest valid one stands
	Issued      time.Time // milliseconds
	Expires     time.Time // freshness only: an expired record still delivers, with a warning
	Previous    [32]byte  // Hash of the record with Sequence-1; zero for the first
	Certificate [32]byte  // SHA-256 of the canonical certificate it goes with
	DeviceList  [32]byte  // hash of the active devices; reserved for the signed chain's head
	User        omega.Fingerprint
	Device      omega.Fingerprint // that signed
	Homes       []omega.Fingerprint
	Sig         Signature
}

// RecordShowProxy in Record.Flags lets anyone ask which proxy the user is on.
const RecordShowProxy uint8 = 1 << 0

// RecordHomesChosen in Record.Flags says that the owner chose the homes:
// clients neither add nor replace any by themselves. (spec/delivery.md,
// DELIV-12)
const RecordHomesChosen uint8 = 1 << 1

func (rec *Record) appendFields(b []byte) []byte {
	b = append(b, 1, rec.Flags)
	b = binary.BigEndian.AppendUint64(b, rec.Sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(rec.Issued.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(rec.Expires.UnixMilli()))
	b = append(b, rec.Previous[:]...)
	b = append(b, rec.Certificate[:]...)
	b = append(b, rec.DeviceList[:]...)
	b = rec.User.AppendTo(b)
	b = rec.Device.AppendTo(b)
	b = append(b, byte(len(rec.Homes)))
	for _, h := range rec.Homes {
		b = h.AppendTo(b)
	}
	return b
}

// Signed returns what the signature covers.
func (rec *Record) Signed() []byte { return rec.appendFields([]byte(RecordLabel)) }

// Bytes returns the wire form.
func (rec *Record) Bytes() []byte { return rec.Sig.appendTo(rec.appendFields(nil)) }

// Hash is SHA-256 of what is signed: two signatures over the same record are
// the same record.
func (rec *Record) Hash() [32]byte { return sha256.Sum256(rec.Signed()) }

// DecodeRecord reads a location record. It does not judge the signature.
func DecodeRecord(b []byte) (*Record, error) {
	r := reader{b: b}
	if v := r.u8(); v != 1 {
		return nil, malformed("location record: version %d", v)
	}
	rec := &Record{Flags: r.u8(), Sequence: r.u64(), Issued: r.ms(), Expires: r.ms()}
	copy(rec.Previous[:], r.take(32))
	copy(rec.Certificate[:], r.take(32))
	copy(rec.DeviceList[:], r.take(32))
	rec.User, rec.Device = r.fp(), r.fp()
	n := int(r.u8())
	if n == 0 || n > omega.MaxHomes {
		return nil, malformed("location record: %d homes", n)
	}
	for range n {
		rec.Homes = append(rec.Homes, r.fp())
	}
	rec.Sig = r.signature()
	if rec.Sequence == 0 {
		r.bad = true
	}
	return rec, r.end("location record")
}

// maxMilli is the last instant of the year 9999: later times are malformed.
const maxMilli = 253402300799999

func (r *reader) ms() time.Time {
	v := r.u64()
	if v > maxMilli {
		r.bad = true
		return time.Time{}
	}
	return time.UnixMilli(int64(v)).UTC()
}

// A Lease attaches one device to one proxy for a while. Homes serve a device
// only through the proxy of its newest lease. (spec/delivery.md, DELIV-7)
//
//	u8 version (1) | fp user | fp device | fp proxy | u64 epoch | u64 issued, ms
//	| u64 not after, ms | u8 n | n × { fp home | 8 incarnation | u64 cursor } | signature
type Lease struct {
	User     omega.Fingerprint
	Device   omega.Fingerprint // that attaches and signs
	Proxy    omega.Fingerprint
	Epoch    uint64 // rises with every attach of this device; the highest wins
	Issued   time.Time
	NotAfter time.Time
	Homes    []LeaseHome
	Sig      Signature
}

// A LeaseHome is one home in a lease and how far the device is there.
type LeaseHome struct {
	Home        omega.Fingerprint
	Incarnation [8]byte // zero: the device has never been there
	Cursor      uint64
}

func (l *Lease) appendFields(b []byte) []byte {
	b = append(b, 1)
	b = l.User.AppendTo(b)
	b = l.Device.AppendTo(b)
	b = l.Proxy.AppendTo(b)
	b = binary.BigEndian.AppendUint64(b, l.Epoch)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Issued.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(l.NotAfter.UnixMilli()))
	b = append(b, byte(len(l.Homes)))
	for _, h := range l.Homes {
		b = h.Home.AppendTo(b)
		b = append(b, h.Incarnation[:]...)
		b = binary.BigEndian.AppendUint64(b, h.Cursor)
	}
	return b
}

// Signed returns what the signature covers.
func (l *Lease) Signed() []byte { return l.appendFields([]byte(LeaseLabel)) }

// Bytes returns the wire form.
func (l *Lease) Bytes() []byte { return l.Sig.appendTo(l.appendFields(nil)) }

// DecodeLease reads a lease. It does not judge the signature.
func DecodeLease(b []byte) (*Lease, error) {
	r := reader{b: b}
	if v := r.u8(); v != 1 {
		return nil, malformed("lease: version %d", v)
	}
	l := &Lease{User: r.fp(), Device: r.fp(), Proxy: r.fp(), Epoch: r.u64(), Issued: r.ms(), NotAfter: r.ms()}
	n := int(r.u8())
	if n == 0 || n > omega.MaxHomes {
		return nil, malformed("lease: %d homes", n)
	}
	for range n {
		h := LeaseHome{Home: r.fp()}
		copy(h.Incarnation[:], r.take(8))
		h.Cursor = r.u64()
		l.Homes = append(l.Homes, h)
	}
	l.Sig = r.signature()
	return l, r.end("lease")
}

// An Entry is what key servers keep of an account or a server: its canonical
// certificate and, for accounts, its newest location record.
//
//	u32 length | certificate | u16 length | record (0 octets: none)
type Entry struct {
	Certificate []byte
	Record      []byte
}

// maxRecord is more than the longest record: 5 v6 homes.
const maxRecord = 1024

// AppendEntry appends the body of TypeEntry, TypePublish and, without an invite,
// TypeCert.
func AppendEntry(b []byte, e *Entry) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Certificate)))
	b = append(b, e.Certificate...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Record)))
	return append(b, e.Record...)
}

// DecodeEntry reads an entry in place.
func DecodeEntry(b []byte) (e Entry, err error) {
	r := reader{b: b}
	if e, err = r.entry(); err != nil {
		return Entry{}, err
	}
	return e, r.end("entry")
}

func (r *reader) entry() (e Entry, err error) {
	n := r.u32()
	if n > omega.MaxCertificate {
		return Entry{}, malformed("entry: certificate of %d octets, at most %d", n, omega.MaxCertificate)
	}
	e.Certificate = r.take(int(n))
	n16 := r.u16()
	if n16 > maxRecord {
		return Entry{}, malformed("entry: record of %d octets", n16)
	}
	e.Record = r.take(int(n16))
	return e, nil
}

// AppendCert appends the body of TypeCert: the entry, and behind it the invite of
// somebody who has one. (spec/handshake.md, SHAKE-6)
//
//	Entry | invite 10, or nothing
func AppendCert(b []byte, e *Entry, invite *omega.Invite) []byte {
	b = AppendEntry(b, e)
	if invite != nil {
		b = append(b, invite[:]...)
	}
	return b
}

// DecodeCert reads what AppendCert wrote, the entry in place.
func DecodeCert(b []byte) (e Entry, invite *omega.Invite, err error) {
	r := reader{b: b}
	if e, err = r.entry(); err != nil {
		return Entry{}, nil, err
	}
	if !r.bad && len(r.b) == omega.InviteSize {
		invite = new(omega.Invite(r.rest()))
	}
	return e, invite, r.end("certificate")
}

// AppendBlobs appends the body of TypeServerList: { u16 length | octets }*.
func AppendBlobs(b []byte, blobs [][]byte) []byte {
	for _, x := range blobs {
		b = binary.BigEndian.AppendUint16(b, uint16(len(x)))
		b = append(b, x...)
	}
	return b
}

// DecodeBlobs reads what AppendBlobs wrote, in place, at most max of them.
func DecodeBlobs(b []byte, max int) ([][]byte, error) {
	var out [][]byte
	r := reader{b: b}
	for len(r.b) > 0 {
		if len(out) == max {
			return nil, malformed("list: more than %d items", max)
		}
		x := r.take(int(r.u16()))
		if r.bad {
			return nil, malformed("list")
		}
		out = append(out, x)
	}
	return out, nil
}

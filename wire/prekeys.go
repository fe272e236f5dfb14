package wire

import (
	"encoding/binary"
	"time"

	"github.com/omega-im/omega"
)

const (
	// PrekeySize is the size of a signed prekey in octets (spec/secure.md, SEC-1).
	// Servers do not look inside.
	PrekeySize = 1302

	// MaxStock is how many prekeys for one wrap one stock has.
	MaxStock = 64

	// StockLabel starts what a PrekeyStock's signature covers.
	StockLabel = "omega-im/prekeys/v1\n"
)

// A PrekeyID tells one question for prekeys from another: asked again, it is
// answered the same.
type PrekeyID [16]byte

// A PrekeyStock is what a device puts at one home, in place of what it put there
// before. (spec/secure.md, SEC-8)
//
//	u8 version (1) | u8 n | fp home | fp user | fp device | u64 made, ms
//	| prekey, the one for a week | n × prekey, each for one wrap | signature
type PrekeyStock struct {
	Home   omega.Fingerprint
	User   omega.Fingerprint
	Device omega.Fingerprint // that signs
	Made   time.Time
	Week   []byte   // PrekeySize octets
	Once   [][]byte // the same each; at most MaxStock
	Sig    Signature
}

func (s *PrekeyStock) appendFields(b []byte) []byte {
	b = append(b, 1, byte(len(s.Once)))
	b = s.Device.AppendTo(s.User.AppendTo(s.Home.AppendTo(b)))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Made.UnixMilli()))
	b = append(b, s.Week...)
	for _, k := range s.Once {
		b = append(b, k...)
	}
	return b
}

// Signed returns what the signature covers.
func (s *PrekeyStock) Signed() []byte { return s.appendFields([]byte(StockLabel)) }

// Bytes returns the wire form.
func (s *PrekeyStock) Bytes() []byte { return s.Sig.appendTo(s.appendFields(nil)) }

// DecodePrekeyStock reads the body of TypePrekeyPut, the prekeys in place. It does
// not judge the signature.
func DecodePrekeyStock(b []byte) (*PrekeyStock, error) {
	r := reader{b: b}
	if v := r.u8(); v != 1 {
		return nil, malformed("stock of prekeys: version %d", v)
	}
	n := int(r.u8())
	if n > MaxStock {
		return nil, malformed("stock of %d prekeys, at most %d", n, MaxStock)
	}
	s := &PrekeyStock{Home: r.fp(), User: r.fp(), Device: r.fp(), Made: r.ms(), Week: r.take(PrekeySize)}
	for range n {
		s.Once = append(s.Once, r.take(PrekeySize))
	}
	s.Sig = r.signature()
	return s, r.end("stock of prekeys")
}

// A PrekeyLook asks a home what is left of a device's stock.
//
//	fp home | fp user | fp device
type PrekeyLook struct{ Home, User, Device omega.Fingerprint }

// AppendPrekeyLook appends the body of TypePrekeyLook.
func AppendPrekeyLook(b []byte, l PrekeyLook) []byte {
	return l.Device.AppendTo(l.User.AppendTo(l.Home.AppendTo(b)))
}

// DecodePrekeyLook reads the body of TypePrekeyLook.
func DecodePrekeyLook(b []byte) (PrekeyLook, error) {
	r := reader{b: b}
	l := PrekeyLook{r.fp(), r.fp(), r.fp()}
	return l, r.end("question about prekeys")
}

// A PrekeyCount is what is left of a device's stock at a home.
//
//	u64 made, ms; 0: there is none | u8 left
type PrekeyCount struct {
	Made time.Time // of the stock; the Unix epoch when there is none
	Left uint8     // prekeys for one wrap that nobody was given
}

// AppendPrekeyCount appends the body of TypePrekeyCount.
func AppendPrekeyCount(b []byte, c PrekeyCount) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(c.Made.UnixMilli())), c.Left)
}

// DecodePrekeyCount reads the body of TypePrekeyCount.
func DecodePrekeyCount(b []byte) (PrekeyCount, error) {
	r := reader{b: b}
	c := PrekeyCount{r.ms(), r.u8()}
	if c.Left > MaxStock {
		r.bad = true
	}
	return c, r.end("count of prekeys")
}

// A PrekeyTake asks a home for a prekey of each device of an account.
//
//	fp home | fp user | fp asker | 16 id
type PrekeyTake struct {
	Home  omega.Fingerprint
	User  omega.Fingerprint // whose devices
	Asker omega.Fingerprint // the account that the asking proxy has a session of
	ID    PrekeyID
}

// AppendPrekeyTake appends the body of TypePrekeyTake.
func AppendPrekeyTake(b []byte, t *PrekeyTake) []byte {
	b = t.Asker.AppendTo(t.User.AppendTo(t.Home.AppendTo(b)))
	return append(b, t.ID[:]...)
}

// DecodePrekeyTake reads the body of TypePrekeyTake.
func DecodePrekeyTake(b []byte) (*PrekeyTake, error) {
	r := reader{b: b}
	t := &PrekeyTake{Home: r.fp(), User: r.fp(), Asker: r.fp()}
	copy(t.ID[:], r.take(len(t.ID)))
	return t, r.end("question for prekeys")
}

// A DevicePrekey is a prekey of one device.
type DevicePrekey struct {
	Device omega.Fingerprint
	Prekey []byte // PrekeySize octets
}

// AppendPrekeys appends the body of TypePrekeys: { fp device | prekey }*, at most
// omega.MaxDevices. Devices without a stock at that home are not in it.
func AppendPrekeys(b []byte, list []DevicePrekey) []byte {
	for _, d := range list {
		b = append(d.Device.AppendTo(b), d.Prekey...)
	}
	return b
}

// DecodePrekeys reads the body of TypePrekeys, the prekeys in place.
func DecodePrekeys(b []byte) ([]DevicePrekey, error) {
	r := reader{b: b}
	var out []DevicePrekey
	for len(r.b) > 0 && !r.bad {
		if len(out) == omega.MaxDevices {
			return nil, malformed("prekeys of more than %d devices", omega.MaxDevices)
		}
		out = append(out, DevicePrekey{r.fp(), r.take(PrekeySize)})
	}
	return out, r.end("prekeys")
}

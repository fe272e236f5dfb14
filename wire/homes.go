package wire

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/omega-im/omega"
)

// MaxHomeOffers is how many servers a HomeList names, and MaxHave how many keys
// one Have carries.
const (
	MaxHomeOffers = 64
	MaxHave       = 4096
)

// HomeFlags say what the proxy knows of a server. Unknown bits are kept.
type HomeFlags uint8

const (
	HomeFull      HomeFlags = 1 << 0 // a full member of the cloud
	HomeEligible  HomeFlags = 1 << 1 // may be chosen without having been asked for (DELIV-11)
	HomeReachable HomeFlags = 1 << 2 // there is a way to it now
)

// A HomeOffer is one server that could be, or is, a home.
//
//	fp server | u8 flags
type HomeOffer struct {
	Server omega.Fingerprint
	Flags  HomeFlags
}

// AppendHomeOffers appends the body of TypeHomeList. (spec/delivery.md,
// DELIV-19)
func AppendHomeOffers(b []byte, offers []HomeOffer) []byte {
	for _, o := range offers {
		b = o.Server.AppendTo(b)
		b = append(b, byte(o.Flags))
	}
	return b
}

// DecodeHomeOffers reads the body of TypeHomeList.
func DecodeHomeOffers(b []byte) ([]HomeOffer, error) {
	r := reader{b: b}
	var out []HomeOffer
	for len(r.b) > 0 && !r.bad {
		if len(out) == MaxHomeOffers {
			return nil, malformed("home list: more than %d servers", MaxHomeOffers)
		}
		out = append(out, HomeOffer{r.fp(), HomeFlags(r.u8())})
	}
	return out, r.end("home list")
}

// HomesWithReasons stands behind the account in a TypeHomes that asks for
// HomeReasons. (spec/delivery.md, DELIV-19)
const HomesWithReasons = 1

// A HomeWhy says why a server may not become a home that nobody asked for.
type HomeWhy uint8

// Reasons; others are unknown ones.
const (
	HomeMay     HomeWhy = 0 // it may
	HomeYoung   HomeWhy = 1 // has not been a member for long enough
	HomeInvites HomeWhy = 2 // takes new accounts by invitation
	HomeClosed  HomeWhy = 3 // takes no new accounts
	HomeLeaving HomeWhy = 4 // is draining
	HomeNoLinks HomeWhy = 5 // is no full member
	HomeAway    HomeWhy = 6 // cannot be reached
)

// A HomeReason is an offer, or why there is none.
//
//	fp server | u8 flags | u8 why | u64 from then on, 0: not known
type HomeReason struct {
	HomeOffer
	Why   HomeWhy
	Until time.Time // when Why ends; zero: not known
}

// AppendHomeReasons appends the body of TypeHomeList that answers a question with
// HomesWithReasons.
func AppendHomeReasons(b []byte, list []HomeReason) []byte {
	for _, h := range list {
		b = AppendHomeOffers(b, []HomeOffer{h.HomeOffer})
		b = append(b, byte(h.Why))
		var until uint64
		if !h.Until.IsZero() {
			until = uint64(h.Until.UnixMilli())
		}
		b = binary.BigEndian.AppendUint64(b, until)
	}
	return b
}

// DecodeHomeReasons reads what AppendHomeReasons wrote.
func DecodeHomeReasons(b []byte) ([]HomeReason, error) {
	r := reader{b: b}
	var out []HomeReason
	for len(r.b) > 0 && !r.bad {
		if len(out) == MaxHomeOffers {
			return nil, malformed("home list: more than %d servers", MaxHomeOffers)
		}
		h := HomeReason{HomeOffer: HomeOffer{r.fp(), HomeFlags(r.u8())}, Why: HomeWhy(r.u8())}
		if ms := r.u64(); ms > maxMilli {
			r.bad = true
		} else if ms > 0 {
			h.Until = time.UnixMilli(int64(ms)).UTC()
		}
		out = append(out, h)
	}
	return out, r.end("home list")
}

// A Hint is an envelope for a home that is away.
//
//	fp home | envelope
type Hint struct {
	Home     omega.Fingerprint
	Envelope []byte // in place; not yet checked
}

// AppendHint appends the body of TypeHint.
func AppendHint(b []byte, h Hint) []byte { return append(h.Home.AppendTo(b), h.Envelope...) }

// DecodeHint reads the body of TypeHint.
func DecodeHint(b []byte) (Hint, error) {
	r := reader{b: b}
	h := Hint{Home: r.fp()}
	h.Envelope = r.take(len(r.b))
	return h, r.end("hint")
}

// A Key names an envelope for comparison: mailbox.Key. (DELIV-3)
type Key [16]byte

// A Have lists keys of mail that waits for one account at one home: all there
// are above After and up to the last, or to the end if there are fewer than
// MaxHave.
//
//	fp account | 16 after | n x 16 key, ascending
type Have struct {
	Account omega.Fingerprint
	After   Key
	Keys    []Key
}

// AppendHave appends the body of TypeHave and TypeLack. (DELIV-16)
func AppendHave(b []byte, h *Have) []byte {
	b = h.Account.AppendTo(b)
	b = append(b, h.After[:]...)
	for i := range h.Keys {
		b = append(b, h.Keys[i][:]...)
	}
	return b
}

// DecodeHave reads what AppendHave wrote.
func DecodeHave(b []byte) (*Have, error) {
	r := reader{b: b}
	h := &Have{Account: r.fp()}
	copy(h.After[:], r.take(len(h.After)))
	if r.bad || len(r.b)%len(Key{}) != 0 || len(r.b)/len(Key{}) > MaxHave {
		return nil, malformed("list of keys: %d octets", len(b))
	}
	h.Keys = make([]Key, 0, len(r.b)/len(Key{}))
	last := h.After
	for len(r.b) > 0 {
		k := Key(r.take(len(Key{})))
		if bytes.Compare(last[:], k[:]) >= 0 {
			return nil, malformed("list of keys: not ascending")
		}
		last = k
		h.Keys = append(h.Keys, k)
	}
	return h, r.end("list of keys")
}

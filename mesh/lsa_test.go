package mesh

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"pgregory.net/rapid"
)

func fullAnnouncement() Announcement {
	return Announcement{
		Server: fp("A"), Sequence: 7, Issued: t0.Truncate(time.Millisecond).Local(), Expires: t0.Truncate(time.Millisecond).Add(MaxAge).Local(),
		Certificate: [32]byte{1, 2, 3}, Flags: FlagTransit | 1<<9, Registration: RegistrationInvite,
		Load: 250, Users: 1200,
		Client: "a.example:4433", Peer: "[2001:db8::1]:4434", HTTP: "https://a.example/",
		Name: "甲伺服器", Operator: "Association A", Site: "TPE", Version: "0.1.0",
		Links:     []Link{{fp("B"), 1500 * time.Microsecond}, {fp("C"), 0}},
		Extension: []byte{9, 9},
	}
}

func TestAnnouncementRoundTrip(t *testing.T) {
	a := fullAnnouncement()
	b, err := a.Sign(signAs(a.Server))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(b, fakeVerify)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, a) {
		t.Errorf("got %+v\nwant %+v", *got, a)
	}
	if !strings.HasPrefix(string(b), Label) {
		t.Error("the label does not come first")
	}
}

func TestDecodeRefuses(t *testing.T) {
	sign := func(edit func(*Announcement)) []byte {
		a := fullAnnouncement()
		edit(&a)
		b := a.append(nil) // without the checks of Sign
		b = append(b, 0, 0, 0, 0)
		at := signedAt(&a)
		for i := range 4 {
			b[len(b)-4+i] = byte(uint32(at.Unix()) >> (24 - 8*i))
		}
		sig := fakeSignature(a.Server, b[:len(b)-4], at)
		return append(b, sig[:]...)
	}
	good := sign(func(*Announcement) {})
	if _, err := Open(good, fakeVerify); err != nil {
		t.Fatalf("the unedited announcement: %v", err)
	}
	rows := map[string][]byte{
		"empty":                    nil,
		"only a trailer":           make([]byte, trailer),
		"wrong label":              append([]byte("x"), good[1:]...),
		"one octet short":          good[:len(good)-1],
		"one octet more":           append(bytes.Clone(good), 0),
		"too long":                 make([]byte, MaxAnnouncement+1),
		"signed at":                func() []byte { b := bytes.Clone(good); b[len(b)-65]++; return b }(),
		"life of zero":             sign(func(a *Announcement) { a.Expires = a.Issued }),
		"life too long":            sign(func(a *Announcement) { a.Expires = a.Issued.Add(MaxAge + time.Millisecond) }),
		"load":                     sign(func(a *Announcement) { a.Load = 1001 }),
		"registration":             sign(func(a *Announcement) { a.Registration = 3 }),
		"links out of order":       sign(func(a *Announcement) { a.Links[0], a.Links[1] = a.Links[1], a.Links[0] }),
		"one link twice":           sign(func(a *Announcement) { a.Links[1] = a.Links[0] }),
		"a link to itself":         sign(func(a *Announcement) { a.Links[0].Peer = a.Server }),
		"a control character":      sign(func(a *Announcement) { a.Name = "a\nb" }),
		"a right-to-left override": sign(func(a *Announcement) { a.Name = "a\u202eb" }),
		"broken UTF-8":             sign(func(a *Announcement) { a.Site = "\xff" }),
		"a space in address":       sign(func(a *Announcement) { a.Client = "a b:1" }),
		"a long name":              sign(func(a *Announcement) { a.Name = strings.Repeat("x", maxText+1) }),
		"a long extension":         sign(func(a *Announcement) { a.Extension = make([]byte, maxExtension+1) }),
		"too many links": sign(func(a *Announcement) {
			a.Links = nil
			for i := range MaxLinks + 1 {
				a.Links = append(a.Links, Link{Peer: fp("L" + string(rune('a'+i)))})
			}
		}),
	}
	for name, b := range rows {
		if _, err := Decode(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want %v", name, err, ErrMalformed)
		}
	}
}

// Every octet of an announcement is under the signature or part of it.
func TestEveryOctetCounts(t *testing.T) {
	a := fullAnnouncement()
	b, err := a.Sign(signAs(a.Server))
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1
		if _, err := Open(c, fakeVerify); err == nil {
			t.Errorf("octet %d changed and the announcement still verifies", i)
		}
	}
}

func TestLargestAnnouncementFits(t *testing.T) {
	a := fullAnnouncement()
	for i, s := range a.strings() {
		*s = strings.Repeat("x", map[bool]int{true: maxAddress, false: maxText}[i < addresses])
	}
	a.Links = nil
	for i := range MaxLinks {
		v6, _ := omega.ParseFingerprint(strings.Repeat("0", 62) + "0" + string("0123456789ABCDEF"[i%16]))
		if i >= 16 {
			v6, _ = omega.ParseFingerprint(strings.Repeat("0", 62) + "1" + string("0123456789ABCDEF"[i%16]))
		}
		a.Links = append(a.Links, Link{Peer: v6})
	}
	a.Extension = make([]byte, maxExtension)
	b, err := a.Sign(signAs(a.Server))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d octets", len(b))
	if _, err := Decode(b); err != nil {
		t.Error(err)
	}
}

func drawAnnouncement(t *rapid.T) *Announcement {
	text := rapid.StringMatching(`[ -~]{0,40}`)
	address := rapid.StringMatching(`[!-~]{0,40}`)
	issued := rapid.Int64Range(0, 4_000_000_000_000).Draw(t, "issued")
	a := &Announcement{
		Server: fp("self"), Sequence: rapid.Uint64().Draw(t, "sequence"),
		Issued: time.UnixMilli(issued), Expires: time.UnixMilli(issued + rapid.Int64Range(1, MaxAge.Milliseconds()).Draw(t, "life")),
		Flags: Flags(rapid.Uint16().Draw(t, "flags")), Registration: Registration(rapid.IntRange(0, 2).Draw(t, "registration")),
		Load: rapid.Uint16Range(0, 1000).Draw(t, "load"), Users: rapid.Uint32().Draw(t, "users"),
		Client: address.Draw(t, "client"), Peer: address.Draw(t, "peer"), HTTP: address.Draw(t, "http"),
		Name: text.Draw(t, "name"), Operator: text.Draw(t, "operator"), Site: text.Draw(t, "site"), Version: text.Draw(t, "version"),
	}
	for i := range rapid.IntRange(0, MaxLinks).Draw(t, "links") {
		rtt := rapid.Uint32().Draw(t, "rtt")
		a.Links = append(a.Links, Link{fp("p" + string(rune('A'+i))), time.Duration(rtt) * time.Microsecond})
	}
	if n := rapid.IntRange(0, 8).Draw(t, "extension"); n > 0 {
		a.Extension = make([]byte, n)
	}
	return a
}

func TestAnnouncementRoundTripAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawAnnouncement(t)
		b, err := a.Sign(signAs(a.Server))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, a) {
			t.Fatalf("got %+v\nwant %+v", got, a)
		}
	})
}

func FuzzDecode(f *testing.F) {
	a := fullAnnouncement()
	b, err := a.Sign(signAs(a.Server))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Decode(b)
		if err != nil {
			return
		}
		if again := a.append(nil); !bytes.Equal(again, b[:len(b)-trailer]) {
			t.Errorf("decodes, but encodes to something else:\n%x\n%x", b, again)
		}
	})
}

func FuzzLoad(f *testing.F) {
	db := newTestDB("A")
	if _, err := db.Originate(t0, Announcement{}, signAs(fp("A"))); err != nil {
		f.Fatal(err)
	}
	f.Add(db.Snapshot())
	f.Fuzz(func(t *testing.T, b []byte) {
		newTestDB("B").Load(t0, b)
	})
}

package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/spec"
)

var update = flag.Bool("update", false, "write spec/vectors/wire.json anew")

func fp(t testing.TB, version int, fill byte) omega.Fingerprint {
	t.Helper()
	n := 40
	if version == 6 {
		n = 64
	}
	f, err := omega.ParseFingerprint(string(bytes.Repeat([]byte{"0123456789ABCDEF"[fill%16]}, n)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// samples are one of each structure; their bytes are the vectors.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	user, device, home, v6 := fp(t, 4, 1), fp(t, 4, 2), fp(t, 4, 3), fp(t, 6, 4)
	at := time.UnixMilli(1795000000123)
	sig := Signature{Time: 1795000000, Bytes: [64]byte{1, 2, 3}}
	env, err := (&Envelope{
		Class: ClassText, ID: omega.ID{9}, Lifetime: 24 * time.Hour, Sender: user,
		Recipients: []omega.Fingerprint{device, v6}, Extensions: []byte{ExtRecordHead, 2, 7, 7}, Payload: []byte("payload"),
	}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	pkt, err := (&Packet{
		Class: ClassControl, Flags: PacketReceipt, ID: omega.ID{8}, Source: home, Destinations: []omega.Fingerprint{v6, user},
		MACs: [][PacketMACSize]byte{{1}, {2}}, Avoid: []LinkHash{42, HashLink(user, home)},
	}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	rec := &Record{
		Flags: RecordShowProxy, Sequence: 7, Issued: at, Expires: at.Add(time.Hour), Previous: [32]byte{1}, Certificate: [32]byte{2},
		DeviceList: [32]byte{3}, User: user, Device: device, Homes: []omega.Fingerprint{home, v6}, Sig: sig,
	}
	lease := &Lease{
		User: user, Device: device, Proxy: home, Epoch: 5, Issued: at, NotAfter: at.Add(time.Hour),
		Homes: []LeaseHome{{Home: home, Incarnation: [8]byte{1}, Cursor: 77}}, Sig: sig,
	}
	request, err := (&LinkRequest{
		Purpose: 4, Flags: RequestExplain, Nonce: [16]byte{6}, Issued: at, Database: [32]byte{5}, Asker: home, Candidate: v6,
		Operator: "operator", Site: "Taipei", Plan: []omega.Fingerprint{user, v6}, Vouches: [][]byte{{1, 2}, {3}},
	}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	offer := &LinkOffer{
		Flags: RequestExplain, Nonce: [16]byte{6}, Issued: at, Expires: at.Add(30 * time.Second), Database: [32]byte{5},
		Asker: home, Candidate: v6, Sig: sig,
	}
	sponsored := &Sponsorship{Day: 20775, Number: 12, Account: user, Sponsor: home, Sig: sig}
	claim := &BlobClaim{User: user, Device: device, Home: home, Name: [32]byte{7}, Size: 65542, Issued: at, Until: at.Add(time.Hour), Sig: sig}
	tokens, err := (&Envelope{
		Class: ClassText, ID: omega.ID{2}, Lifetime: time.Hour, Sender: user, Recipients: []omega.Fingerprint{device, v6, home},
		Tokens: []omega.Token{{}, {7, 15: 9}, {}}, Extensions: []byte{ExtRecordHead, 2, 7, 7}, Payload: []byte("payload"),
	}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	prekey := func(n byte) []byte { return bytes.Repeat([]byte{n}, PrekeySize) }
	stock := &PrekeyStock{Home: home, User: user, Device: device, Made: at, Week: prekey(1), Once: [][]byte{prekey(2), prekey(3)}, Sig: sig}
	refusal := &LinkRefusal{Nonce: [16]byte{6}, Reason: 2, Retry: time.Minute, Text: "at the cap"}
	return map[string][]byte{
		"link request": request, "link offer": offer.Bytes(), "link refusal": refusal.AppendTo(nil),
		"receipt of a sponsor": sponsored.Bytes(),
		"placed":               AppendPlaced(nil, &Placed{Receipt: sponsored.Bytes(), Entry: Entry{Certificate: []byte("certificate"), Record: rec.Bytes()}}),
		"envelope":             env,
		"packet":               append(pkt, AppendFrame(nil, TypeSend, 3, env)...),
		"frame":                AppendFrame(nil, TypeDone, 0x01020304, AppendStatus(nil, omega.CodeRefused, "closed")),
		"results":              AppendResults(nil, omega.CodeMailboxFull, []Result{{1, omega.CodeMailboxFull}}),
		"sent":                 AppendRequestHash(AppendResults(nil, omega.CodeOK, nil), TypeSend, env),
		"mail":                 AppendMail(nil, &Mail{Home: home, Device: device, Seq: 9, Prev: 8, Received: 1795000000123, Envelope: env}),
		"ack":                  AppendAck(nil, &Ack{Home: home, Device: device, Seq: 9, MAC: [MACSize]byte{5}}),
		"attached":             AppendAttached(nil, &Attached{Home: home, Code: omega.CodeOK, Incarnation: [8]byte{2}, Cursor: 4}),
		"waiting":              AppendWaiting(nil, &Waiting{Home: home, Device: device, Incarnation: [8]byte{2}, Seq: 9, MAC: [MACSize]byte{6}}),
		"record":               rec.Bytes(),
		"lease":                lease.Bytes(),
		"entry":                AppendEntry(nil, &Entry{Certificate: []byte("certificate"), Record: rec.Bytes()}),
		"cert":                 AppendCert(nil, &Entry{Certificate: []byte("certificate"), Record: rec.Bytes()}, &omega.Invite{1, 2, 3}),
		"blobs":                AppendBlobs(nil, [][]byte{[]byte("a"), {}, []byte("bc")}),
		"homes":                AppendHomeOffers(nil, []HomeOffer{{home, HomeFull | HomeReachable}, {v6, HomeEligible}}),
		"home reasons":         AppendHomeReasons(nil, []HomeReason{{HomeOffer{home, HomeFull}, HomeYoung, time.UnixMilli(1795000000123)}, {HomeOffer: HomeOffer{v6, HomeEligible}}}),
		"servers":              AppendServersQuery(nil, &ServersQuery{Most: 96, Named: []omega.Fingerprint{home, v6}}),
		"way":                  AppendWay(nil, &Way{Flags: WayArrived, Hops: []Hop{{home, 1500 * time.Microsecond}, {v6, time.Second}}}),
		"hint":                 AppendHint(nil, Hint{Home: home, Envelope: env}),
		"have":                 AppendHave(nil, &Have{Account: user, After: Key{1}, Keys: []Key{{1, 1}, {2}}}),
		"tally":                AppendTally(nil, &Tally{0: 7, LeaseBuckets - 1: 9}),
		"leases":               AppendLeaseList(nil, &LeaseList{Bucket: 5, Answer: true, Keys: []LeaseKey{{5, 1}, {5 + LeaseBuckets, 2}}}),
		"receipt":              AppendReceipt(nil, []omega.ID{{1}, {2}}),
		"bounce":               AppendBounce(nil, &Bounce{ID: omega.ID{3}, Reason: ReasonBusy, To: v6}),
		"traced":               AppendTraced(nil, 7, HopLimit-1),
		"there":                AppendThere(nil, home),
		"nowhere":              AppendThere(nil, omega.Fingerprint{}),
		"public":               AppendPublicKey(nil, &PublicKey{Host: "keys.example.org", Key: []byte("key")}),
		"blob claim":           claim.Bytes(),
		"blob append":          AppendBlobAppend(nil, &BlobAppend{Home: home, User: user, Name: [32]byte{7}, Offset: 65536, Octets: []byte("octets")}),
		"blob state":           AppendBlobState(nil, BlobState{Code: omega.CodeOK, Flags: BlobStored, Offset: 65542}),
		"blob used":            AppendBlobUsed(nil, BlobUsed{Code: omega.CodeOK, Used: 65542, Most: 8 << 30}),
		"blob get":             AppendBlobGet(nil, &BlobGet{Server: v6, What: BlobLeaves, Name: [32]byte{7}, Offset: 32, Length: 64}),
		"blob part":            AppendBlobPart(nil, &BlobPart{Code: omega.CodeOK, Size: 65542, Octets: []byte("octets")}),
		"prekey stock":         stock.Bytes(),
		"token list":           (&TokenList{Home: home, User: user, Device: device, Made: at, Tokens: []omega.Token{{1}, {1, 2}}, Sig: sig}).Bytes(),
		"token look":           AppendTokenLook(nil, TokenLook{Home: home, User: user, Device: device}),
		"token state":          AppendTokenState(nil, TokenState{Made: at, Hash: HashTokens([]omega.Token{{1}, {1, 2}})}),
		"envelope with tokens": tokens,
		"prekey look":          AppendPrekeyLook(nil, PrekeyLook{Home: home, User: user, Device: device}),
		"prekey count":         AppendPrekeyCount(nil, PrekeyCount{Made: at, Left: MaxStock}),
		"prekey take":          AppendPrekeyTake(nil, &PrekeyTake{Home: home, User: user, Asker: v6, ID: PrekeyID{7}}),
		"prekeys":              AppendPrekeys(nil, []DevicePrekey{{device, prekey(2)}, {v6, prekey(1)}}),

		"circuit ask":    AppendCircuitAsk(nil, 7, home),
		"circuit offer":  AppendCircuitOffer(nil, Handle{4}, home),
		"circuit answer": AppendCircuitAnswer(nil, 7, omega.CodeOK, Handle{4}),
	}
}

// reencode decodes b as what name says and encodes it again.
func reencode(name string, b []byte) ([]byte, error) {
	switch name {
	case "envelope", "envelope with tokens":
		v, err := ParseEnvelope(b)
		if err != nil {
			return nil, err
		}
		e := Envelope{Class: v.Class(), Flags: v.Flags(), ID: v.ID(), Lifetime: v.Lifetime(), Sender: v.Sender(), Payload: v.Payload()}
		off := envelopeFixed + e.Sender.Size()
		for _, r := range v.Recipients {
			e.Recipients = append(e.Recipients, r)
			off += r.Size()
		}
		e.Extensions = v[off:v.headerSize()]
		return e.AppendTo(nil)
	case "packet":
		v, err := ParsePacket(b)
		if err != nil {
			return nil, err
		}
		p := Packet{
			Class: v.Class(), Flags: v.Flags(), HopsUsed: uint8(HopLimit - v.HopLimit()),
			ID: v.ID(), Source: v.Source(), Avoid: v.Avoid(nil),
		}
		for to, mac := range v.Destinations {
			p.Destinations = append(p.Destinations, to)
			if mac != nil {
				p.MACs = append(p.MACs, [PacketMACSize]byte(mac))
			}
		}
		out, err := p.AppendTo(nil)
		if err != nil {
			return nil, err
		}
		return append(out, v.Payload()...), nil
	case "frame":
		f, rest, err := ParseFrame(b, omega.MaxFrame)
		if err != nil {
			return nil, err
		}
		return append(AppendFrame(nil, f.Type, f.Tag, f.Body), rest...), nil
	case "results":
		worst, rs, err := DecodeResults(b)
		return AppendResults(nil, worst, rs), err
	case "sent":
		results, hash := CutRequestHash(b)
		worst, rs, err := DecodeResults(results)
		return append(AppendResults(nil, worst, rs), hash...), err
	case "mail":
		m, err := DecodeMail(b)
		if err != nil {
			return nil, err
		}
		return AppendMail(nil, &m), nil
	case "ack":
		a, err := DecodeAck(b)
		if err != nil {
			return nil, err
		}
		return AppendAck(nil, &a), nil
	case "attached":
		a, err := DecodeAttached(b)
		if err != nil {
			return nil, err
		}
		return AppendAttached(nil, &a), nil
	case "waiting":
		a, err := DecodeWaiting(b)
		if err != nil {
			return nil, err
		}
		return AppendWaiting(nil, &a), nil
	case "homes":
		offers, err := DecodeHomeOffers(b)
		if err != nil {
			return nil, err
		}
		return AppendHomeOffers(nil, offers), nil
	case "servers":
		q, err := DecodeServersQuery(b)
		if err != nil || len(b) == 0 { // which asks for as many as fit
			return b, err
		}
		return AppendServersQuery(nil, q), nil
	case "way":
		w, err := DecodeWay(b)
		if err != nil {
			return nil, err
		}
		return AppendWay(nil, w), nil
	case "hint":
		h, err := DecodeHint(b)
		if err != nil {
			return nil, err
		}
		return AppendHint(nil, h), nil
	case "have":
		h, err := DecodeHave(b)
		if err != nil {
			return nil, err
		}
		return AppendHave(nil, h), nil
	case "tally":
		t, err := DecodeTally(b)
		if err != nil {
			return nil, err
		}
		return AppendTally(nil, t), nil
	case "leases":
		l, err := DecodeLeaseList(b)
		if err != nil {
			return nil, err
		}
		return AppendLeaseList(nil, l), nil
	case "record":
		r, err := DecodeRecord(b)
		if err != nil {
			return nil, err
		}
		return r.Bytes(), nil
	case "lease":
		l, err := DecodeLease(b)
		if err != nil {
			return nil, err
		}
		return l.Bytes(), nil
	case "link request":
		q, err := DecodeLinkRequest(b)
		if err != nil {
			return nil, err
		}
		return q.AppendTo(nil)
	case "link offer":
		o, err := DecodeLinkOffer(b)
		if err != nil {
			return nil, err
		}
		return o.Bytes(), nil
	case "link refusal":
		f, err := DecodeLinkRefusal(b)
		if err != nil {
			return nil, err
		}
		if again := f.AppendTo(nil); string(again) != string(b) && printable(b[21:]) == string(b[21:]) {
			return again, nil
		}
		return b, nil // a text that is made harmless reads differently
	case "entry":
		e, err := DecodeEntry(b)
		return AppendEntry(nil, &e), err
	case "home reasons":
		list, err := DecodeHomeReasons(b)
		if err != nil {
			return nil, err
		}
		return AppendHomeReasons(nil, list), nil
	case "cert":
		e, invite, err := DecodeCert(b)
		return AppendCert(nil, &e, invite), err
	case "blobs":
		x, err := DecodeBlobs(b, 1000)
		return AppendBlobs(nil, x), err
	case "receipt":
		var ids []omega.ID
		Receipt(b)(func(id omega.ID) bool { ids = append(ids, id); return true })
		if len(ids)*omega.IDSize != len(b) {
			return nil, ErrMalformed
		}
		return AppendReceipt(nil, ids), nil
	case "bounce":
		x, err := DecodeBounce(b)
		if err != nil {
			return nil, err
		}
		return AppendBounce(nil, &x), nil
	case "traced":
		nonce, hops, err := DecodeTraced(b)
		return AppendTraced(nil, nonce, hops), err
	}
	return reencodeCircuit(name, b)
}

func reencodeCircuit(name string, b []byte) ([]byte, error) {
	switch name {
	case "circuit ask":
		nonce, to, err := DecodeCircuitAsk(b)
		if err != nil {
			return nil, err
		}
		return AppendCircuitAsk(nil, nonce, to), nil
	case "circuit offer":
		h, from, err := DecodeCircuitOffer(b)
		if err != nil {
			return nil, err
		}
		return AppendCircuitOffer(nil, h, from), nil
	case "there", "nowhere":
		proxy, err := DecodeThere(b)
		return AppendThere(nil, proxy), err
	case "public":
		k, err := DecodePublicKey(b)
		if err != nil {
			return nil, err
		}
		return AppendPublicKey(nil, k), nil
	case "circuit answer":
		nonce, code, h, err := DecodeCircuitAnswer(b)
		return AppendCircuitAnswer(nil, nonce, code, h), err
	}
	return reencodePlaced(name, b)
}

func reencodePlaced(name string, b []byte) ([]byte, error) {
	switch name {
	case "receipt of a sponsor":
		r, err := DecodeSponsorship(b)
		if err != nil {
			return nil, err
		}
		return r.Bytes(), nil
	case "placed":
		p, err := DecodePlaced(b)
		if err != nil {
			return nil, err
		}
		return AppendPlaced(nil, &p), nil
	}
	if strings.HasPrefix(name, "prekey") || strings.HasPrefix(name, "token") {
		return reencodePrekeys(name, b)
	}
	return reencodeBlob(name, b)
}

func reencodePrekeys(name string, b []byte) ([]byte, error) {
	switch name {
	case "prekey stock":
		s, err := DecodePrekeyStock(b)
		if err != nil {
			return nil, err
		}
		return s.Bytes(), nil
	case "token list":
		l, err := DecodeTokenList(b)
		if err != nil {
			return nil, err
		}
		return l.Bytes(), nil
	case "token look":
		l, err := DecodeTokenLook(b)
		if err != nil {
			return nil, err
		}
		return AppendTokenLook(nil, l), nil
	case "token state":
		s, err := DecodeTokenState(b)
		if err != nil {
			return nil, err
		}
		return AppendTokenState(nil, s), nil
	case "prekey look":
		l, err := DecodePrekeyLook(b)
		if err != nil {
			return nil, err
		}
		return AppendPrekeyLook(nil, l), nil
	case "prekey count":
		c, err := DecodePrekeyCount(b)
		return AppendPrekeyCount(nil, c), err
	case "prekey take":
		t, err := DecodePrekeyTake(b)
		if err != nil {
			return nil, err
		}
		return AppendPrekeyTake(nil, t), nil
	}
	list, err := DecodePrekeys(b)
	if err != nil {
		return nil, err
	}
	return AppendPrekeys(nil, list), nil
}

func reencodeBlob(name string, b []byte) ([]byte, error) {
	switch name {
	case "blob claim":
		c, err := DecodeBlobClaim(b)
		if err != nil {
			return nil, err
		}
		return c.Bytes(), nil
	case "blob append":
		a, err := DecodeBlobAppend(b)
		if err != nil {
			return nil, err
		}
		return AppendBlobAppend(nil, &a), nil
	case "blob state":
		s, err := DecodeBlobState(b)
		if err != nil {
			return nil, err
		}
		return AppendBlobState(nil, s), nil
	case "blob used":
		u, err := DecodeBlobUsed(b)
		if err != nil {
			return nil, err
		}
		return AppendBlobUsed(nil, u), nil
	case "blob get":
		g, err := DecodeBlobGet(b)
		if err != nil {
			return nil, err
		}
		return AppendBlobGet(nil, &g), nil
	case "blob part":
		p, err := DecodeBlobPart(b)
		if err != nil {
			return nil, err
		}
		return AppendBlobPart(nil, &p), nil
	}
	return nil, errors.New("no such structure: " + name)
}

func TestVectors(t *testing.T) {
	const file = "vectors/wire.json"
	got := map[string]string{}
	for name, b := range samples(t) {
		got[name] = hex.EncodeToString(b)
	}
	if *update {
		b, _ := json.MarshalIndent(got, "", "  ")
		if err := os.WriteFile("../spec/"+file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := spec.Vectors.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d structures, the vectors have %d", len(got), len(want))
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s encodes to\n%s, want\n%s", name, got[name], want[name])
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for name, b := range samples(t) {
		again, err := reencode(name, b)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: %x, %v; want %x", name, again, err, b)
		}
		for n := range len(b) {
			short, err := reencode(name, b[:n])
			if err == nil && !bytes.Equal(short, b[:n]) {
				t.Errorf("%s cut to %d octets was taken and reads differently", name, n)
			}
		}
		if name != "mail" && name != "hint" && name != "packet" && name != "frame" && name != "blobs" && name != "blob append" && name != "blob part" && name != "link refusal" && name != "receipt" { // those end in free octets
			if _, err := reencode(name, append(b[:len(b):len(b)], 0)); err == nil {
				t.Errorf("%s with an octet left over was taken", name)
			}
		}
	}
}

// Copies of a packet for other ways read as what they were made from.
func TestPacketCopies(t *testing.T) {
	whole, err := ParsePacket(samples(t)["packet"])
	if err != nil {
		t.Fatal(err)
	}
	more, err := ParsePacket(whole.AppendAvoiding(nil, 99))
	if err != nil || more.NumAvoid() != 3 || !more.Avoids(99) || !more.Avoids(42) || whole.Avoids(99) || !bytes.Equal(more.Payload(), whole.Payload()) {
		t.Errorf("one more dead link: %v, %v", more.Avoid(nil), err)
	}
	user := fp(t, 4, 1)
	one, err := ParsePacket(more.AppendFor(nil, []omega.Fingerprint{user}, []LinkHash{7}))
	if err != nil || one.NumDestinations() != 1 || one.Destination() != user || one.NumAvoid() != 1 || !one.Avoids(7) || !bytes.Equal(one.Payload(), whole.Payload()) {
		t.Fatalf("one destination: %v, %v", one, err)
	}
	for _, mac := range one.Destinations {
		if mac[0] != 2 {
			t.Errorf("its code is %x", mac)
		}
	}
	if one.Flags() != whole.Flags() || one.ID() != whole.ID() || one.Source() != whole.Source() || one.HopLimit() != whole.HopLimit() {
		t.Error("a copy differs in what must stay")
	}
	if a, b := fp(t, 4, 1), fp(t, 6, 2); HashLink(a, b) != HashLink(b, a) {
		t.Error("a link has two names")
	}
}

// One destination named 64 times would be 64 copies at the next server.
func TestPacketNamesDestinationsOnce(t *testing.T) {
	user, v6 := fp(t, 4, 1), fp(t, 6, 2)
	p := Packet{Source: user, Destinations: []omega.Fingerprint{user, v6, user}}
	if _, err := p.AppendTo(nil); err == nil {
		t.Error("a packet with one destination twice is made")
	}
	p.Destinations = nil
	for i := range MaxDestinations {
		b := v6.Wire()
		b[len(b)-1] = byte(i) // all the same but for the last octet
		fp, _, err := omega.DecodeFingerprint(b)
		if err != nil {
			t.Fatal(err)
		}
		p.Destinations = append(p.Destinations, fp)
		p.MACs = append(p.MACs, [PacketMACSize]byte{})
	}
	b, err := p.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParsePacket(b); err != nil {
		t.Fatalf("64 different destinations: %v", err)
	}
	size := len(p.Destinations[0].Wire()) + PacketMACSize
	first := len(b) - MaxDestinations*size
	for _, pair := range [][2]int{{0, 1}, {0, 63}, {62, 63}} {
		twice := bytes.Clone(b)
		copy(twice[first+pair[1]*size:], b[first+pair[0]*size:first+pair[0]*size+size-PacketMACSize])
		if _, err := ParsePacket(twice); err == nil {
			t.Errorf("destinations %v are one, and it is taken", pair)
		}
	}
}

func BenchmarkParsePacket64(b *testing.B) {
	v6 := fp(b, 6, 2)
	p := Packet{Source: v6}
	for i := range MaxDestinations {
		w := v6.Wire()
		w[1] = byte(i)
		fp, _, _ := omega.DecodeFingerprint(w)
		p.Destinations, p.MACs = append(p.Destinations, fp), append(p.MACs, [PacketMACSize]byte{})
	}
	packet, err := p.AppendTo(nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := ParsePacket(packet); err != nil {
			b.Fatal(err)
		}
	}
}

func TestForwardPathAllocatesNothing(t *testing.T) {
	s := samples(t)
	env, pkt := s["envelope"], s["packet"]
	n := testing.AllocsPerRun(100, func() {
		e, err := ParseEnvelope(env)
		if err != nil || e.Sender().IsZero() || len(e.Payload()) == 0 {
			t.Fatal(err)
		}
		for _, r := range e.Recipients {
			if r.IsZero() {
				t.Fatal("no recipient")
			}
		}
		p, err := ParsePacket(pkt)
		if err != nil || p.Destination().IsZero() || len(p.Payload()) == 0 {
			t.Fatal(err)
		}
		p[2] = HopLimit
		if !p.Hop() {
			t.Fatal("no hop left")
		}
		if _, _, err := ParseFrame(p.Payload(), omega.MaxFrame); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("reading an envelope and a packet in place allocates %v times, want 0", n)
	}
}

func TestLimitsComeBeforeMemory(t *testing.T) {
	header := AppendHeader(nil, TypeSend, 1, omega.MaxFrame)
	if _, _, _, err := DecodeHeader(header, omega.MaxFrame); err == nil {
		t.Error("a frame over the limit was taken")
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff}
	if _, err := DecodeEntry(huge); err == nil {
		t.Error("an entry of 4 GiB was taken")
	}
	if _, _, err := DecodeResults([]byte{0, 0xff, 0xff}); err == nil {
		t.Error("65535 results in 3 octets were taken")
	}
	many := make([]omega.Fingerprint, omega.MaxRecipients+1)
	for i := range many {
		many[i] = fp(t, 4, 1)
	}
	if _, err := (&Envelope{Sender: many[0], Recipients: many}).AppendTo(nil); err == nil {
		t.Error("257 recipients were taken")
	}
}

func TestStatusIsHarmless(t *testing.T) {
	err := DecodeStatus(AppendStatus(nil, omega.CodeRefused, "a\x1b[31mb\u202ec\xff"))
	var e *omega.Error
	if !errors.As(err, &e) || e.Code != omega.CodeRefused {
		t.Fatalf("DecodeStatus = %v", err)
	}
	if want := "a?[31mb?c?"; e.Text != want {
		t.Errorf("text = %q, want %q", e.Text, want)
	}
}

func FuzzDecode(f *testing.F) {
	for name, b := range samples(f) {
		f.Add(name, b)
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		again, err := reencode(name, b)
		if err != nil {
			return
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%s: %x reads as %x", name, b, again)
		}
	})
}

// What a device gets is the envelope without the other recipients.
func TestEnvelopeForOne(t *testing.T) {
	v4, v6 := omega.Fingerprint{}, omega.Fingerprint{}
	for _, r := range EnvelopeView(samples(t)["envelope"]).Recipients {
		if r.Size() == omega.FingerprintSizeV4 {
			v4 = r
		} else {
			v6 = r
		}
	}
	for _, sender := range []omega.Fingerprint{v4, v6} {
		e := Envelope{
			Class: ClassMedia, Flags: FlagSilent, ID: omega.ID{7}, Lifetime: time.Hour, Sender: sender,
			Recipients: []omega.Fingerprint{v6, v4, v6}, Extensions: []byte{200, 2, 1, 2}, Payload: []byte("payload"),
			Tokens: []omega.Token{{}, {5}},
		}
		many, err := e.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []omega.Fingerprint{v4, v6} {
			e.Recipients, e.Tokens = []omega.Fingerprint{to}, nil
			want, err := e.AppendTo([]byte("before"))
			if err != nil {
				t.Fatal(err)
			}
			if got := EnvelopeView(many).AppendFor([]byte("before"), to); !bytes.Equal(got, want) {
				t.Errorf("for %v: %x, want %x", to, got, want)
			}
		}
	}
}

func BenchmarkForward(b *testing.B) {
	pkt := samples(b)["packet"]
	for b.Loop() {
		p, err := ParsePacket(pkt)
		if err != nil {
			b.Fatal(err)
		}
		p[2] = HopLimit
		p.Hop()
		_ = p.Destination()
	}
}

// What each recipient's token is, however many there are, and that too many or too
// short ones are no envelope.
func TestEnvelopeTokens(t *testing.T) {
	sender := EnvelopeView(samples(t)["envelope"]).Sender()
	for _, n := range []int{1, 2, 15, 16, omega.MaxRecipients} {
		e := Envelope{Class: ClassText, Sender: sender, Recipients: slices.Repeat([]omega.Fingerprint{sender}, n), Extensions: []byte{200, 1, 3}}
		for i := range n {
			e.Tokens = append(e.Tokens, omega.Token{byte(i), byte(i >> 8), 1})
		}
		b, err := e.AppendTo(nil)
		if err != nil {
			t.Fatalf("%d tokens: %v", n, err)
		}
		if got := EnvelopeView(b).AppendTokens(nil); !slices.Equal(got, e.Tokens) {
			t.Errorf("%d tokens read as %v", n, got)
		}
		e.Tokens[n-1] = omega.Token{}
		if b, err = e.AppendTo(nil); err != nil {
			t.Fatal(err)
		}
		if got := EnvelopeView(b).AppendTokens(nil); len(got) != n-1 {
			t.Errorf("%d tokens, the last one zero: %d of them travel", n, len(got))
		}
	}
	bad := map[string]Envelope{
		"more tokens than recipients": {Tokens: []omega.Token{{1}, {2}}},
		"half a token":                {Flags: FlagToken, Extensions: []byte{ExtToken, 2, 7, 7}},
		"a flag without tokens":       {Flags: FlagToken},
		"tokens without a flag":       {Extensions: append([]byte{ExtToken, omega.TokenSize}, make([]byte, omega.TokenSize)...)},
	}
	for name, e := range bad {
		e.Sender, e.Recipients = sender, []omega.Fingerprint{sender}
		if _, err := e.AppendTo(nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

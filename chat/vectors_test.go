package chat

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/spec"
)

var update = flag.Bool("update", false, "write spec/vectors/chat-*.json anew")

// compareVectors fails unless v is what the file holds, or writes it.
func compareVectors(t *testing.T, name string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	must(t, err)
	b = append(b, '\n')
	if *update {
		must(t, os.WriteFile(filepath.Join("..", "spec", "vectors", name), b, 0o644))
		return
	}
	want, err := spec.Vectors.ReadFile("vectors/" + name)
	must(t, err)
	if !bytes.Equal(b, want) {
		t.Errorf("%s is not what the code makes; look at the difference, then run with -update", name)
	}
}

func readVectors(t *testing.T, name string, v any) {
	t.Helper()
	b, err := spec.Vectors.ReadFile("vectors/" + name)
	must(t, err)
	must(t, json.Unmarshal(b, v))
}

// deriveVector is one line of chat-keys.json (CHAT-1, CHAT-4, CHAT-5).
type deriveVector struct {
	SessionKey string   `json:"session_key"`
	Key        string   `json:"key"`
	Commitment string   `json:"commitment"`
	Sequence   uint32   `json:"sequence"`
	ID         omega.ID `json:"id"`
	MessageKey string   `json:"message_key"`
}

type keyVectors struct {
	Derive  []deriveVector `json:"derive"`
	Members struct {
		Lines string `json:"lines"`
		Hash  string `json:"hash"`
	} `json:"members"`
	Direct []struct {
		A, B omega.Fingerprint
		Chat omega.ChatID
	} `json:"direct"`
}

func TestKeyVectors(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 2), w.person(t, 2, 1)
	var v keyVectors
	for i := range 3 {
		s, id := SessionKey{}, omega.ID{}
		for j := range s {
			s[j] = byte(i * j)
		}
		id[i] = 0xff
		d, err := s.derive()
		must(t, err)
		key, err := d.messageKey(uint32(i+1), id)
		must(t, err)
		v.Derive = append(v.Derive, deriveVector{Hash(s).String(), Hash(d.chain).String(), d.commitment.String(), uint32(i + 1), id, Hash(key).String()})
	}
	roster := alice.roster(t, bob)
	v.Members.Lines, v.Members.Hash = string(appendMembers(nil, roster.members)), roster.hash.String()
	for _, pair := range [][2]*person{{alice, bob}, {bob, alice}, {alice, alice}} {
		v.Direct = append(v.Direct, struct {
			A, B omega.Fingerprint
			Chat omega.ChatID
		}{pair[0].fp(), pair[1].fp(), omega.DirectChat(pair[0].fp(), pair[1].fp())})
	}
	compareVectors(t, "chat-keys.json", v)
}

// messageVectors are accounts, and what a device of the reader makes of what
// arrives, in order.
type messageVectors struct {
	Now      time.Time       `json:"now"`
	Accounts []accountVector `json:"accounts"`
	Reader   secretsVector   `json:"reader"`
	Arrivals []arrivalVector `json:"arrivals"`
}

type accountVector struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Certificate string            `json:"certificate"` // armored
}

type secretsVector struct {
	Account omega.Fingerprint `json:"account"`
	Device  omega.Fingerprint `json:"device"`
	Secrets []byte            `json:"secrets"`    // base64; spec/identity.md
	SecretK string            `json:"secret_key"` // armored, for gpg --import
}

type arrivalVector struct {
	Note       string   `json:"note"`
	ID         omega.ID `json:"id"`
	Payload    []byte   `json:"payload"` // base64
	Verdict    string   `json:"verdict"`
	Problem    Problem  `json:"problem,omitempty"`
	Record     string   `json:"record,omitempty"`     // of a key record: what gpg -d shows
	Armored    string   `json:"armored,omitempty"`    // of a key record: what gpg -d takes
	Transcript string   `json:"transcript,omitempty"` // of a message
	Signature  string   `json:"signature,omitempty"`  // of a verified message: what gpg --verify takes
	View       string   `json:"view,omitempty"`       // of a verified message: sequence and hash of the own record, and of the peer's
}

// A noted is an arrival and what it is there to show.
type noted struct {
	note string
	a    *Arrival
}

// script is how the vectors are made: an honest start, then one row per problem.
func script(t *testing.T, w world, alice, bob *person) (out []noted) {
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	add := func(note string, a *Arrival) { out = append(out, noted{note, a}) }
	one := s.text(t, roster, "你好\n\nHello: world\r\n")
	a := one.arrivals(testTime)
	add("message before its key record", a[1])
	add("key record", a[0])
	add("the message again", a[1])
	add("and once more", a[1])
	device := bob.devices[0].id.Device()
	for _, c := range []*Content{
		{Kind: KindText, Text: "with everything", Seen: omega.ID{1}, Lines: []string{"Media: 00 12 image/png"}},
		{Kind: KindDelivered, Receipt: &Receipt{Device: device, UpTo: 3, IDs: []omega.ID{{2}}}},
		{Kind: KindRead, Receipt: &Receipt{Device: device, UpTo: 3}},
		{Kind: KindResend, Resend: &ResendRequest{Device: device, Sequences: []uint32{1, 2}}},
		{Kind: "unheard-of", Text: "a kind of a later version"},
	} {
		add("kind "+string(c.Kind), s.at(t, testTime, roster, c).arrivals(testTime)[0])
	}
	again, err := one.Message.Again(roster.Chat)
	must(t, err)
	add("sent again", s.at(t, testTime, roster, again).arrivals(testTime)[0])
	view := View{Own: ref(7), Peer: ref(3)}
	s.Tell(view)
	add("with a view", s.text(t, roster, "told").arrivals(testTime)[0])
	next := s.text(t, roster, "next")
	for _, tt := range []struct {
		note   string
		change func(f *forgery)
	}{
		{"another text under the signature", func(f *forgery) { f.signature, f.content = &next.Message.Signature, NewText("NEXT") }},
		{"signed by another device of the account", func(f *forgery) { f.signer = alice.devices[1] }},
		{"an old message under a new id", func(f *forgery) { *f = *rebuilt(one, nil); f.signature, f.id = &one.Message.Signature, omega.ID{9} }},
		{"another content for an old sequence", func(f *forgery) { f.sequence, f.previous = 1, Link{} }},
		{"another past", func(f *forgery) { f.previous[0]++ }},
		{"three minutes ahead", func(f *forgery) { f.time = testTime.Add(3 * time.Minute) }},
	} {
		f := rebuilt(next, alice.devices[0])
		tt.change(f)
		add(tt.note, f.seal(t))
	}
	carol := w.person(t, 3, 1)
	private := alice.sender(t, carol)
	private.rand = seeded(201)
	secret := private.text(t, alice.roster(t, carol), "for Carol only")
	add("Carol passes on her key", resigned(t, secret.Key, alice.devices[0], bob.devices[0]))
	add("and what Alice wrote to her", secret.arrivals(testTime)[1])
	add("cut", &Arrival{ID: omega.ID{3}, Payload: next.Payload[:len(next.Payload)-1], Now: testTime})
	return out
}

func TestMessageVectors(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 2), w.person(t, 2, 1)
	v := messageVectors{Now: testTime, Reader: bob.secretsVector(t, 0)}
	for _, p := range []*person{alice, bob} {
		v.Accounts = append(v.Accounts, accountVector{p.fp(), p.cert.Armor()})
	}
	for _, step := range script(t, w, alice, bob) {
		r := bob.devices[0].open(t, step.a)
		v.Arrivals = append(v.Arrivals, describe(step.note, step.a, r, alice))
	}
	compareVectors(t, "chat-messages.json", v)
}

func describe(note string, a *Arrival, r *Result, sender *person) arrivalVector {
	out := arrivalVector{Note: note, ID: a.ID, Payload: a.Payload, Verdict: r.Verdict.String()}
	if r.Verdict == VerdictKey {
		out.Problem, out.Record = r.Key.Problem, string(r.Key.Text())
		out.Armored = pgp.Armor("PGP MESSAGE", a.Payload[keyHeader:])
	}
	if m := r.Message; m != nil {
		out.Problem, out.Transcript = m.Problem, string(m.Transcript)
		if m.Verified {
			if v := m.Content.View; v != nil {
				out.View = fmt.Sprintf("%d %x, %d %x", v.Own.Sequence, v.Own.Hash, v.Peer.Sequence, v.Peer.Hash)
			}
			d, _ := sender.cert.Device(m.Device)
			out.Signature = pgp.Armor("PGP SIGNATURE", pgp.DetachedSignature(d.Signing, m.Transcript, m.SignatureTime(), m.Signature))
		}
	}
	return out
}

// TestReadMessageVectors knows nothing but the file.
func TestReadMessageVectors(t *testing.T) {
	var v messageVectors
	readVectors(t, "chat-messages.json", &v)
	w := world{}
	for _, a := range v.Accounts {
		cert, err := pgp.ParseCertificate([]byte(a.Certificate), v.Now)
		must(t, err)
		w[cert.Fingerprint()] = cert
	}
	d := v.Reader.device(t, w)
	for i, want := range v.Arrivals {
		r := d.open(t, &Arrival{ID: want.ID, Payload: want.Payload, Now: v.Now})
		got := describe(want.Note, &Arrival{ID: want.ID, Payload: want.Payload}, r, &person{cert: w[v.Accounts[0].Fingerprint]})
		if !equalVector(got, want) {
			t.Errorf("arrival %d (%s):\n%+v, want\n%+v", i, want.Note, got, want)
		}
	}
}

// device is the one whose secrets these are.
func (s secretsVector) device(t *testing.T, w world) *device {
	t.Helper()
	_, secrets, err := pgp.UnmarshalSecrets(s.Secrets, nil)
	must(t, err)
	id, err := pgp.NewIdentity(w[s.Account], secrets)
	must(t, err)
	recv, err := NewReceiver(id, w)
	must(t, err)
	return &device{id, secrets, recv, &MemoryStore{}}
}

func equalVector(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

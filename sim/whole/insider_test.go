package whole

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// An insider is an account whose owner wrote a client of their own: it has all
// its keys and sends whatever it likes.
type insider struct {
	*device
	primary *pgp.SecretKey
	secrets *pgp.DeviceSecrets
	id      *pgp.Identity
	conn    *transport.Conn
	tag     uint32
}

// secretsOf reads a home as its owner can.
func (d *device) secretsOf(t *testing.T) (*pgp.SecretKey, *pgp.DeviceSecrets, *pgp.Identity) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.cfg.Home, "secrets.pgp"))
	must(t, err)
	primary, secrets, err := pgp.UnmarshalSecrets(b, d.cfg.Passphrase)
	must(t, err)
	b, err = os.ReadFile(filepath.Join(d.cfg.Home, "certificate.pgp"))
	must(t, err)
	cert, err := pgp.ParseCertificate(b, time.Now())
	must(t, err)
	id, err := pgp.NewIdentity(cert, secrets)
	must(t, err)
	return primary, secrets, id
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newInsider makes an account with the real client and takes it over.
func newInsider(t *testing.T, name, address string) *insider {
	t.Helper()
	in := &insider{device: newPerson(t, name, address)}
	in.device.close(t)
	in.primary, in.secrets, in.id = in.secretsOf(t)
	in.conn = in.dial(t, address)
	return in
}

// dial connects with the device's keys alone.
func (d *device) dial(t *testing.T, address string) *transport.Conn {
	t.Helper()
	addr, err := transport.ParseAddress(address)
	must(t, err)
	_, _, id := d.secretsOf(t)
	conn, err := transport.Dial(t.Context(), transport.DialConfig{Address: addr, Identity: id})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ask sends a frame and waits for its answer.
func (in *insider) ask(t *testing.T, typ wire.Type, body []byte) wire.Frame {
	t.Helper()
	in.tag++
	must(t, in.conn.SendFrame(typ, in.tag, body))
	for {
		f, err := in.conn.ReadFrame()
		must(t, err)
		if f.Tag == in.tag {
			return f
		}
	}
}

// post sends one payload to somebody and wants it stored.
func (in *insider) post(t *testing.T, to omega.Fingerprint, id omega.ID, payload []byte) {
	t.Helper()
	env := wire.Envelope{
		Class: wire.ClassText, ID: id, Lifetime: omega.DefaultLifetime, Sender: in.account,
		Recipients: []omega.Fingerprint{to}, Payload: payload,
	}
	b, err := env.AppendTo(nil)
	must(t, err)
	f := in.ask(t, wire.TypeSend, b)
	if f.Type != wire.TypeSent {
		t.Fatalf("answer of type %d: %v", f.Type, wire.DecodeStatus(f.Body))
	}
	if code, _, err := wire.DecodeResults(f.Body); err != nil || code != omega.CodeOK {
		t.Fatalf("code %v, %v", code, err)
	}
}

// publish replaces the account's certificate in the cloud.
func (in *insider) publish(t *testing.T, cert *pgp.Certificate) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	f := in.ask(t, wire.TypeLookup, in.account.Wire())
	entry, err := wire.DecodeEntry(f.Body)
	must(t, err)
	old, err := wire.DecodeRecord(entry.Record)
	must(t, err)
	rec := &wire.Record{
		Sequence: old.Sequence + 1, Previous: old.Hash(), Homes: old.Homes, User: in.account, Device: in.fpr,
		Issued: now, Expires: now.Add(time.Hour), Certificate: cert.Hash(), DeviceList: cert.DeviceListHash(now),
	}
	sig, err := pgp.SignCompact(t.Context(), in.id.Signer, rec.Signed(), now)
	must(t, err)
	rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	f = in.ask(t, wire.TypePublish, wire.AppendEntry(nil, &wire.Entry{Certificate: cert.Bytes(), Record: rec.Bytes()}))
	if err := wire.DecodeStatus(f.Body); f.Type != wire.TypeDone || err != nil {
		t.Fatalf("publish: type %d, %v", f.Type, err)
	}
}

// A forgery is a message that somebody with the session key seals, after
// spec/chat.md and without package chat.
type forgery struct {
	key       *chat.Key
	id        omega.ID
	sequence  uint32
	previous  chat.Link
	time      time.Time
	text      string
	signer    pgp.Signer
	signature *pgp.Compact // nil: a good one
}

// forge takes an honest message apart, to be changed.
func forge(s *chat.Sealed, signer pgp.Signer) *forgery {
	t, _ := chat.ParseTranscript(s.Message.Transcript)
	return &forgery{key: s.Key, id: t.ID, sequence: t.Sequence, previous: t.Previous, time: t.Time, text: t.Text, signer: signer}
}

func (f *forgery) payload(t *testing.T) []byte {
	t.Helper()
	content, err := chat.NewText(f.text).Raw()
	must(t, err)
	k := f.key
	tr := chat.Transcript{
		ID: f.id, Chat: k.Chat, Members: k.MembersHash(), Epoch: k.Epoch, Commitment: k.Commitment, From: k.From, Device: k.Device,
		Sequence: f.sequence, Previous: f.previous, Time: f.time, Kind: chat.KindText, Text: f.text,
	}
	sig, err := pgp.SignCompact(t.Context(), f.signer, tr.Bytes(), f.time)
	must(t, err)
	if f.signature != nil {
		sig = *f.signature
	}
	inner := append([]byte{pgp.CompactSize}, sig[:]...)
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(f.time.UnixMilli()))
	inner = append(append(append(inner, ms[2:]...), f.previous[:]...), content...)

	chain, err := hkdf.Key(sha256.New, k.Secret[:], nil, "omega-im/chat/key/v1\n", 32)
	must(t, err)
	info := binary.BigEndian.AppendUint32([]byte("omega-im/chat/message-key/v1\n"), f.sequence)
	key, err := hkdf.Expand(sha256.New, chain, string(append(info, f.id[:]...)), 32)
	must(t, err)
	block, err := aes.NewCipher(key)
	must(t, err)
	gcm, err := cipher.NewGCM(block)
	must(t, err)

	aad := append([]byte{1, byte(chat.PayloadMessage)}, k.Chat[:]...)
	aad = k.Device.AppendTo(binary.BigEndian.AppendUint32(aad, k.Epoch))
	aad = binary.BigEndian.AppendUint32(append(aad, k.Locator[:]...), f.sequence)
	head := append([]byte{byte(chat.PayloadMessage)}, k.Locator[:]...)
	head = binary.BigEndian.AppendUint32(head, f.sequence)
	return gcm.Seal(head, make([]byte, 12), inner, aad)
}

// wrap makes a key record for one reader, whoever its list names.
func wrap(t *testing.T, k *chat.Key, signer pgp.Signer, reader *pgp.PublicKey) []byte {
	t.Helper()
	msg, err := pgp.SealRecord(t.Context(), rand.Reader, signer, []*pgp.PublicKey{reader}, k.Secret[:], k.Text(), k.Time)
	must(t, err)
	return append(append([]byte{byte(chat.PayloadKey)}, k.Locator[:]...), msg...)
}

// attachAgain attaches the device with nothing but its keys and no cursor. It
// returns where its home stands and how many mails it sends first.
func (d *device) attachAgain(t *testing.T, home omega.Fingerprint, address string) (cursor uint64, mails int) {
	t.Helper()
	conn := d.dial(t, address)
	_, _, id := d.secretsOf(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	l := &wire.Lease{
		User: d.account, Device: d.fpr, Proxy: conn.Peer().Account, Epoch: uint64(now.UnixMilli()),
		Issued: now, NotAfter: now.Add(time.Hour), Homes: []wire.LeaseHome{{Home: home}},
	}
	sig, err := pgp.SignCompact(t.Context(), id.Signer, l.Signed(), now)
	must(t, err)
	l.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	must(t, conn.SendFrame(wire.TypeAttach, 0, l.Bytes()))
	for {
		f, err := conn.ReadFrame()
		must(t, err)
		switch f.Type {
		case wire.TypeAttached:
			a, err := wire.DecodeAttached(f.Body)
			must(t, err)
			if a.Code != omega.CodeOK {
				t.Fatalf("attach: %v", a.Code)
			}
			// What comes before the answer to a look-up came because of it.
			cursor = a.Cursor
			must(t, conn.SendFrame(wire.TypeLookup, 7, home.Wire()))
		case wire.TypeMail:
			mails++
		case wire.TypeEntry:
			return cursor, mails
		}
	}
}

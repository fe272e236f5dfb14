package whole

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A later is an account whose next record is made and signed, and not published:
// what servers do that withhold it.
type later struct {
	*insider
	stolen omega.Fingerprint // device that the next certificate revokes
	cert   *pgp.Certificate  // the next
	rec    *wire.Record
}

// newLater makes an account with a second device, lets v know both, and prepares
// the record under which the second is revoked.
func newLater(t *testing.T, v *device, name string) *later {
	t.Helper()
	l := &later{insider: newInsider(t, name, cloud[0].address())}
	past := time.Now().Add(-time.Second)
	secrets, err := pgp.GenerateDevice(rand.Reader, "phone", past)
	must(t, err)
	req, err := secrets.Request(t.Context(), l.id.Certificate.Primary(), past)
	must(t, err)
	cert, err := pgp.AddDevice(t.Context(), l.primary, l.id.Certificate, req, past)
	must(t, err)
	l.publish(t, cert)
	l.id, err = pgp.NewIdentity(cert, l.secrets)
	must(t, err)
	l.stolen = secrets.Signing.Public().Fingerprint()
	until(t, "both devices are known", func() bool {
		r, err := clientrpc.Lookup.Call(t.Context(), v.conn, clientrpc.LookupParams{Fingerprint: l.account})
		return err == nil && len(r.Devices) == 2
	})
	l.cert, err = pgp.RevokeDevice(t.Context(), l.primary, cert, l.stolen, pgp.ReasonCompromised, time.Now())
	must(t, err)
	l.rec = l.next(t, l.cert, 0)
	return l
}

// next makes the record that follows the one in the cloud.
func (l *later) next(t *testing.T, cert *pgp.Certificate, flags uint8) *wire.Record {
	t.Helper()
	f := l.ask(t, wire.TypeLookup, l.account.Wire())
	entry, err := wire.DecodeEntry(f.Body)
	must(t, err)
	old, err := wire.DecodeRecord(entry.Record)
	must(t, err)
	now := time.Now().UTC().Truncate(time.Millisecond)
	rec := &wire.Record{
		Flags: flags, Sequence: old.Sequence + 1, Previous: old.Hash(), Homes: old.Homes, User: l.account, Device: l.fpr,
		Issued: now, Expires: now.Add(time.Hour), Certificate: cert.Hash(), DeviceList: cert.DeviceListHash(now),
	}
	sig, err := pgp.SignCompact(t.Context(), l.id.Signer, rec.Signed(), now)
	must(t, err)
	rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return rec
}

// release publishes a record at last.
func (l *later) release(t *testing.T, cert *pgp.Certificate, rec *wire.Record) {
	t.Helper()
	f := l.ask(t, wire.TypePublish, wire.AppendEntry(nil, &wire.Entry{Certificate: cert.Bytes(), Record: rec.Bytes()}))
	if err := wire.DecodeStatus(f.Body); f.Type != wire.TypeDone || err != nil {
		t.Fatalf("publish: type %d, %v", f.Type, err)
	}
}

// say sends a text that tells of a record.
func (l *later) say(t *testing.T, v *device, text string, rec *wire.Record) {
	t.Helper()
	_, _, victim := v.secretsOf(t)
	s, roster := l.sender(t, l.id, victim.Certificate)
	s.Tell(chat.View{Own: chat.RefOf(rec.Sequence, rec.Hash())})
	sealed := l.text(t, s, roster, v.account, time.Now(), text)
	l.post(t, v.account, sealed.Message.ID, sealed.Payload)
}

func (d *device) lookup(t *testing.T, who omega.Fingerprint) clientrpc.LookupResult {
	t.Helper()
	r, err := clientrpc.Lookup.Call(t.Context(), d.conn, clientrpc.LookupParams{Fingerprint: who})
	must(t, err)
	return r
}

// TestWithheldRecord has every server show a record that still names a device
// that was revoked, while a message tells of the later one. The reader notices,
// says so, and writes nothing for the old list of devices; when the record
// comes, what waited goes out, not for the revoked device.
func TestWithheldRecord(t *testing.T) {
	t.Parallel()
	v := newPerson(t, "victim", cloud[3].address())
	l := newLater(t, v, "bob")
	l.say(t, v, "I lost my phone", l.rec)
	wantVerified(t, v.receive(t, 1), "I lost my phone")

	n := v.awaitNotice(t, l.device, clientrpc.NoticeWithheld)
	if n.Sequence != l.rec.Sequence || len(n.Served) == 0 || !bytes.Contains(n.Other, []byte("I lost my phone")) {
		t.Errorf("notice %+v", n)
	}
	id := newID()
	r := v.sendAs(t, id, &device{account: l.account}, "the secret", "none")
	if r.State != clientrpc.StateQueued || r.Why == nil || r.Why.Code != clientrpc.CodeVerify {
		t.Errorf("a text to an account whose record is withheld: %+v", r)
	}
	if st := v.status(t); len(st.Notices) != 1 || st.Outbox == 0 {
		t.Errorf("status %+v", st)
	}
	if got := v.lookup(t, l.account); got.Stated != l.rec.Sequence || got.Sequence >= l.rec.Sequence || len(got.Notices) != 1 {
		t.Errorf("look-up %+v", got)
	}
	v.close(t) // it is no matter of one run
	v.open(t)
	v.online(t)
	if r := v.sendAs(t, id, &device{account: l.account}, "the secret", "none"); r.State != clientrpc.StateQueued {
		t.Errorf("after a start: %+v", r)
	}

	l.release(t, l.cert, l.rec)
	until(t, "the text is sent", func() bool {
		return v.sendAs(t, id, &device{account: l.account}, "the secret", "stored").State == clientrpc.StateStored
	})
	until(t, "the warning is over", func() bool { return len(v.notices(t)) == 0 })
	got := v.lookup(t, l.account)
	if got.Sequence != l.rec.Sequence || !slices.ContainsFunc(got.Devices, func(d clientrpc.Device) bool { return d.Fingerprint == l.stolen && d.Status == "revoked" }) {
		t.Errorf("look-up %+v", got)
	}
	// The key of the text names its readers.
	v.close(t)
	v.database(t, func(tx *history.Tx) error {
		s, err := tx.Sender(omega.DirectChat(v.account, l.account))
		if err != nil {
			return err
		}
		for _, m := range s.Key.Members {
			if slices.Contains(m.Devices, l.stolen) {
				t.Error("the text was sealed for the revoked device")
			}
		}
		return nil
	})
}

// TestThiefCannotStopMail: what a device says counts no longer once it is
// revoked, so that a thief cannot keep people from writing to the owner.
func TestThiefCannotStopMail(t *testing.T) {
	t.Parallel()
	v := newPerson(t, "victim", cloud[2].address())
	l := newLater(t, v, "owner")
	far := *l.rec
	far.Sequence += 1000
	l.say(t, v, "nobody can write to me", &far)
	v.awaitNotice(t, l.device, clientrpc.NoticeWithheld)
	// The device that spoke is the one that is revoked, by a new one.
	secrets, err := pgp.GenerateDevice(rand.Reader, "new", time.Now())
	must(t, err)
	req, err := secrets.Request(t.Context(), l.id.Certificate.Primary(), time.Now())
	must(t, err)
	cert, err := pgp.AddDevice(t.Context(), l.primary, l.id.Certificate, req, time.Now())
	must(t, err)
	if cert, err = pgp.RevokeDevice(t.Context(), l.primary, cert, l.fpr, pgp.ReasonCompromised, time.Now()); err != nil {
		t.Fatal(err)
	}
	id, err := pgp.NewIdentity(cert, secrets)
	must(t, err)
	rec := l.next(t, cert, 0)
	rec.Device = id.Device()
	sig, err := pgp.SignCompact(t.Context(), id.Signer, rec.Signed(), rec.Issued)
	must(t, err)
	rec.Sig = wire.Signature{Time: rec.Issued.Unix(), Bytes: sig}
	addr, err := transport.ParseAddress(cloud[0].address())
	must(t, err)
	conn, err := transport.Dial(t.Context(), transport.DialConfig{Address: addr, Identity: id, Register: func(context.Context) (wire.Entry, error) {
		return wire.Entry{Certificate: cert.Bytes(), Record: rec.Bytes()}, nil
	}})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	text := newID()
	until(t, "a text goes out", func() bool {
		return v.sendAs(t, text, &device{account: l.account}, "I can", "stored").State == clientrpc.StateStored
	})
	until(t, "the warning is over", func() bool { return len(v.notices(t)) == 0 })
}

// TestTwoRecords shows one record to the servers and tells somebody of another
// under the same number: both are kept, and shown.
func TestTwoRecords(t *testing.T) {
	t.Parallel()
	v := newPerson(t, "victim", cloud[1].address())
	l := newLater(t, v, "two faces")
	shown, told := l.rec, l.next(t, l.cert, wire.RecordHomesChosen)
	l.release(t, l.cert, shown)
	until(t, "the record is known", func() bool { return v.lookup(t, l.account).Sequence == shown.Sequence })
	l.say(t, v, "one thing to you", told)
	wantVerified(t, v.receive(t, 1), "one thing to you")
	n := v.awaitNotice(t, l.device, clientrpc.NoticeConflict)
	rec, err := wire.DecodeRecord(n.Served)
	must(t, err)
	if n.Sequence != shown.Sequence || rec.Hash() != shown.Hash() {
		t.Errorf("notice %+v", n)
	}
	// The other side of the evidence verifies by itself.
	transcript, err := chat.ParseTranscript(n.Other[64:])
	must(t, err)
	d, _ := l.id.Certificate.Device(l.fpr)
	must(t, pgp.VerifyCompact(d.Signing, n.Other[64:], transcript.Time.Truncate(time.Second), pgp.Compact(n.Other[:64])))
	view := chat.View{Own: chat.RefOf(told.Sequence, told.Hash())}
	c := chat.NewText("one thing to you")
	c.View = &view
	raw, err := c.Raw()
	must(t, err)
	if rest := raw[len(raw)-viewSize(t, raw):]; sha256.Sum256(rest) != [32]byte(transcript.ContentHash) {
		t.Error("the transcript does not name what was told")
	}
}

// viewSize is how much of an encoded content is not text.
func viewSize(t *testing.T, raw []byte) int {
	t.Helper()
	plain, err := chat.NewText("one thing to you").Raw()
	must(t, err)
	return len(raw) - len(plain)
}

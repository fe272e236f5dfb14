package chat

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// testTime is the now of all tests.
var testTime = time.Date(2026, 11, 1, 13, 20, 0, 123e6, time.UTC)

// seeded returns random octets that are the same in every run.
func seeded(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// A person is an account with devices.
type person struct {
	primary *pgp.SecretKey
	cert    *pgp.Certificate
	devices []*device
}

// A device can send and receive.
type device struct {
	id      *pgp.Identity
	secrets *pgp.DeviceSecrets
	recv    *Receiver
	store   *MemoryStore
}

// A world is who can be found. It answers like what a client has stored.
type world map[omega.Fingerprint]*pgp.Certificate

func (w world) FindCertificate(_ context.Context, fp omega.Fingerprint) (*pgp.Certificate, error) {
	if c := w[fp]; c != nil {
		return c, nil
	}
	return nil, omega.Errorf(omega.CodeNotFound, "certificate %s", fp)
}

// person makes an account with n devices, the same for the same seed.
func (w world) person(tb testing.TB, seed byte, n int) *person {
	tb.Helper()
	rnd, made := seeded(seed), testTime.Add(-30*24*time.Hour)
	primary, err := pgp.GenerateSigning(rnd, made)
	must(tb, err)
	p := &person{primary: primary}
	p.cert, err = pgp.NewCertificate(tb.Context(), primary, time.Time{}, made)
	must(tb, err)
	var secrets []*pgp.DeviceSecrets
	for i := range n {
		s, err := pgp.GenerateDevice(rnd, fmt.Sprintf("device %d", i+1), made)
		must(tb, err)
		p.bind(tb, s, made)
		secrets = append(secrets, s)
	}
	for _, s := range secrets {
		p.devices = append(p.devices, w.device(tb, p, s))
	}
	w[p.cert.Fingerprint()] = p.cert
	return p
}

func (p *person) bind(tb testing.TB, s *pgp.DeviceSecrets, at time.Time) {
	tb.Helper()
	req, err := s.Request(tb.Context(), p.cert.Primary(), at)
	must(tb, err)
	p.cert, err = pgp.AddDevice(tb.Context(), p.primary, p.cert, req, at)
	must(tb, err)
}

func (w world) device(tb testing.TB, p *person, s *pgp.DeviceSecrets) *device {
	tb.Helper()
	id, err := pgp.NewIdentity(p.cert, s)
	must(tb, err)
	recv, err := NewReceiver(id, w)
	must(tb, err)
	return &device{id: id, secrets: s, recv: recv, store: &MemoryStore{}}
}

func (p *person) fp() omega.Fingerprint { return p.cert.Fingerprint() }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// roster is what p's first device wraps for when it writes to peer.
func (p *person) roster(tb testing.TB, peer *person) *Roster {
	tb.Helper()
	r, err := NewRoster(p.cert, p.devices[0].id.Device(), peer.cert, testTime)
	must(tb, err)
	return r
}

// sender makes p's first device ready to write to peer.
func (p *person) sender(tb testing.TB, peer *person) *Sender {
	tb.Helper()
	state := SenderState{Chat: omega.DirectChat(p.fp(), peer.fp())}
	s, err := NewSender(p.devices[0].id, seeded(200), "小明", state)
	must(tb, err)
	return s
}

// arrivals are what a sealed message puts into envelopes, in order.
func (s *Sealed) arrivals(at time.Time) []*Arrival {
	var out []*Arrival
	if s.KeyRecord != nil {
		out = append(out, &Arrival{ID: s.KeyID, Payload: s.KeyRecord, Now: at})
	}
	return append(out, &Arrival{ID: s.Message.ID, Payload: s.Payload, Now: at})
}

// open gives one arrival to d.
func (d *device) open(tb testing.TB, a *Arrival) *Result {
	tb.Helper()
	r, err := d.recv.Open(tb.Context(), d.store, a)
	must(tb, err)
	return r
}

// receive gives a sealed message to d and returns what became of it.
func (d *device) receive(tb testing.TB, s *Sealed, at time.Time) *Result {
	tb.Helper()
	var r *Result
	for _, a := range s.arrivals(at) {
		r = d.open(tb, a)
	}
	return r
}

// text seals a text now.
func (s *Sender) text(tb testing.TB, roster *Roster, text string) *Sealed {
	tb.Helper()
	return s.at(tb, testTime, roster, NewText(text))
}

func (s *Sender) at(tb testing.TB, now time.Time, roster *Roster, c *Content) *Sealed {
	tb.Helper()
	sealed, err := s.Seal(tb.Context(), now, roster, c)
	must(tb, err)
	return sealed
}

// wantMessage fails unless r is a message with this problem.
func wantMessage(tb testing.TB, r *Result, problem Problem) *Message {
	tb.Helper()
	if r.Verdict != VerdictMessage {
		tb.Fatalf("verdict %v (%v), want a message", r.Verdict, r.Reason)
	}
	if r.Message.Problem != problem || r.Message.Verified != (problem == ProblemNone) {
		tb.Fatalf("problem %q, verified %v, want problem %q", r.Message.Problem, r.Message.Verified, problem)
	}
	return r.Message
}

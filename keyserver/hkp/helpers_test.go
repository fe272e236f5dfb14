package hkp_test

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/keyserver/hkp"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/pgp/gpgagent"
	"github.com/omega-im/omega/wire"
)

// An answer is one request and what came of it.
type answer struct {
	method, url string
	status      int
}

// A server listens on loopback and notes what is asked.
type server struct {
	t    *testing.T
	host string
	url  string

	mu      sync.Mutex
	answers []answer // guarded by mu
}

func newServer(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{t: t}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note := &noting{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			s.mu.Lock()
			s.answers = append(s.answers, answer{r.Method, r.URL.String(), note.status})
			s.mu.Unlock()
		}()
		h(note, r)
	}))
	t.Cleanup(web.Close)
	s.url, s.host = web.URL, strings.TrimPrefix(web.URL, "http://")
	return s
}

type noting struct {
	http.ResponseWriter
	status int
}

func (n *noting) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

func (s *server) seen() []answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.answers)
}

// count says how many answers match.
func (s *server) count(match func(answer) bool) (n int) {
	for _, a := range s.seen() {
		if match(a) {
			n++
		}
	}
	return n
}

// A service is a key server that answers over HTTP, with the machine's clock.
type service struct {
	*server
	keys  *keyserver.Server
	clock func() time.Time
}

func newService(t *testing.T) *service { return newServiceAt(t, time.Now) }

func newServiceAt(t *testing.T, clock func() time.Time) *service {
	t.Helper()
	keys, err := keyserver.New(keyserver.Config{Store: keyserver.NewMem(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	s := &service{keys: keys, clock: clock}
	h, err := hkp.New(hkp.Config{
		Find: keys.Find, Plain: keys.Plain, Changed: keys.Changed, Metrics: keys.Metrics, Clock: clock,
		Update: func(ctx context.Context, fp omega.Fingerprint, own []byte) (bool, error) {
			_, changed, err := keys.Update(ctx, fp, own)
			return changed, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.Register(mux)
	s.server = newServer(t, mux.ServeHTTP)
	return s
}

// now is the time in whole seconds, as OpenPGP knows it.
func (s *service) now() time.Time { return s.clock().Truncate(time.Second) }

// made is when keys of tests were made: before anything that is signed now.
func (s *service) made() time.Time { return s.now().Add(-time.Hour) }

// An account has the secrets of its primary key and its devices.
type account struct {
	s       *service
	primary pgp.Signer
	cert    *pgp.Certificate
	devices []*pgp.DeviceSecrets
}

func (a *account) fp() omega.Fingerprint { return a.cert.Fingerprint() }

// register makes an account and registers it as a client does.
func (s *service) register(devices int) *account {
	s.t.Helper()
	primary, err := pgp.GenerateSigning(rand.Reader, s.made())
	if err != nil {
		s.t.Fatal(err)
	}
	return s.enter(primary, devices)
}

// enter makes the account of a primary key.
func (s *service) enter(primary pgp.Signer, devices int) *account {
	s.t.Helper()
	at := primary.Public().Created()
	cert, err := pgp.NewCertificate(s.t.Context(), primary, time.Time{}, at)
	if err != nil {
		s.t.Fatal(err)
	}
	a := &account{s: s, primary: primary, cert: cert}
	for range devices {
		dev, err := pgp.GenerateDevice(rand.Reader, "device", at)
		if err != nil {
			s.t.Fatal(err)
		}
		a.devices = append(a.devices, dev)
		a.bind(dev, at)
	}
	s.accept(a, keyserver.FromSession, a.record(1))
	return a
}

// bind adds a device, or gives it another name.
func (a *account) bind(dev *pgp.DeviceSecrets, at time.Time) {
	a.s.t.Helper()
	req, err := dev.Request(a.s.t.Context(), a.primary.Public(), at)
	if err != nil {
		a.s.t.Fatal(err)
	}
	if a.cert, err = pgp.AddDevice(a.s.t.Context(), a.primary, a.cert, req, at); err != nil {
		a.s.t.Fatal(err)
	}
}

func (a *account) renamed(name string) *account {
	a.devices[0].Name = name
	a.bind(a.devices[0], a.s.now())
	return a
}

func (a *account) deleted() *account {
	a.s.t.Helper()
	cert, err := pgp.Delete(a.s.t.Context(), a.primary, a.cert, a.s.now())
	if err != nil {
		a.s.t.Fatal(err)
	}
	a.cert = cert
	return a
}

func (a *account) record(seq uint64) *wire.Record {
	a.s.t.Helper()
	rec := &wire.Record{
		Sequence: seq, Issued: a.s.now(), Expires: a.s.now().Add(7 * 24 * time.Hour),
		Certificate: a.cert.Hash(), User: a.fp(), Device: a.devices[0].Signing.Public().Fingerprint(), Homes: []omega.Fingerprint{a.fp()},
	}
	sig, err := pgp.SignCompact(a.s.t.Context(), a.devices[0].Signing, rec.Signed(), a.s.now())
	if err != nil {
		a.s.t.Fatal(err)
	}
	rec.Sig = wire.Signature{Time: a.s.now().Unix(), Bytes: sig}
	return rec
}

// publish gives the present certificate to the key server.
func (s *service) publish(a *account) {
	s.t.Helper()
	s.accept(a, keyserver.FromServer, nil)
}

func (s *service) accept(a *account, src keyserver.Source, rec *wire.Record) {
	s.t.Helper()
	e := keyserver.Entry{Certificate: a.cert, Record: rec}
	if _, _, err := s.keys.Accept(s.t.Context(), src, e.Wire()); err != nil {
		s.t.Fatal(err)
	}
}

// adopt makes an account of a key in somebody's gpg, as omega init --gpg does.
func (s *service) adopt(g *gnupg, fp string) *account {
	s.t.Helper()
	agent, err := gpgagent.Open(s.t.Context(), gpgagent.Config{Home: g.home, Passphrase: func(context.Context) ([]byte, error) { return nil, nil }})
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := agent.Key(s.t.Context(), fp)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.enter(key, 1)
}

func mustFP(t *testing.T, s string) omega.Fingerprint {
	t.Helper()
	fp, err := omega.ParseFingerprint(s)
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

// dial opens a plain connection.
func (s *server) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

package pgp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	cryptorand "crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// testTime is the now of all tests.
var testTime = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// seeded returns random octets that are the same in every run.
func seeded(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// testKey is a signing key of its own for every seed.
func testKey(tb testing.TB, seed byte) *SecretKey {
	tb.Helper()
	k, err := GenerateSigning(seeded(seed), testTime)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func testDevice(tb testing.TB, seed byte, name string) *DeviceSecrets {
	tb.Helper()
	d, err := GenerateDevice(seeded(seed), name, testTime)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// testAccount is a certificate with the given number of devices.
type testAccount struct {
	primary Signer
	cert    *Certificate
	devices []*DeviceSecrets
}

func newAccount(tb testing.TB, seed byte, devices int) *testAccount {
	return adopt(tb, testKey(tb, seed), seed, devices)
}

func adopt(tb testing.TB, primary Signer, seed byte, devices int) *testAccount {
	tb.Helper()
	cert, err := NewCertificate(tb.Context(), primary, time.Time{}, testTime)
	if err != nil {
		tb.Fatal(err)
	}
	a := &testAccount{primary: primary, cert: cert}
	for i := range devices {
		d := testDevice(tb, seed+100+byte(i), fmt.Sprintf("device %d", i))
		a.cert = a.add(tb, a.cert, d, testTime)
		a.devices = append(a.devices, d)
	}
	return a
}

// add binds d to cert.
func (a *testAccount) add(tb testing.TB, cert *Certificate, d *DeviceSecrets, now time.Time) *Certificate {
	tb.Helper()
	req, err := d.Request(tb.Context(), cert.Primary(), now)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := AddDevice(tb.Context(), a.primary, cert, req, now)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// A libSigner is a Signer over a key of another kind, made by the library: it
// stands for a key in gpg-agent.
type libSigner struct {
	pub  *PublicKey
	priv any
}

func (s *libSigner) Public() *PublicKey { return s.pub }

func (s *libSigner) SignDigest(_ context.Context, hash crypto.Hash, digest []byte) ([]byte, error) {
	switch k := s.priv.(type) {
	case *rsa.PrivateKey:
		sig, err := rsa.SignPKCS1v15(nil, k, hash, digest)
		return appendMPI(nil, sig), err
	case *ecdsa.PrivateKey:
		r, t, err := ecdsa.Sign(cryptorand.Reader, k, digest)
		if err != nil {
			return nil, err
		}
		return appendMPI(appendMPI(nil, r.Bytes()), t.Bytes()), nil
	}
	return nil, fmt.Errorf("key of type %T", s.priv)
}

// libEntity makes a key with the library.
func libEntity(tb testing.TB, c packet.Config) *openpgp.Entity {
	tb.Helper()
	c.Time = func() time.Time { return testTime }
	e, err := openpgp.NewEntity("Somebody", "", "somebody@example.org", &c)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// libKey returns the primary key packet of the entity as we read it.
func libKey(tb testing.TB, e *openpgp.Entity) (*PublicKey, error) {
	tb.Helper()
	var b bytes.Buffer
	if err := e.PrimaryKey.Serialize(&b); err != nil {
		tb.Fatal(err)
	}
	return ParsePublicKey(b.Bytes())
}

// libSigners caches a key of every kind: some take long to make.
var libSigners sync.Map

// newLibSigner returns the signer of an adoptable kind.
func newLibSigner(tb testing.TB, name string) *libSigner {
	tb.Helper()
	if s, ok := libSigners.Load(name); ok {
		return s.(*libSigner)
	}
	i := slices.IndexFunc(adoptable, func(k kind) bool { return k.name == name })
	e := libEntity(tb, adoptable[i].config)
	pub, err := libKey(tb, e)
	if err != nil {
		tb.Fatal(err)
	}
	s := &libSigner{pub: pub, priv: e.PrivateKey.PrivateKey}
	libSigners.Store(name, s)
	return s
}

type kind struct {
	name   string
	config packet.Config
}

// adoptable lists the kinds of primary keys that users bring from gpg.
var adoptable = []kind{
	{"rsa2048", packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048}},
	{"nistp256", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256}},
	{"nistp384", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP384}},
	{"nistp521", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP521}},
	{"brainpoolP256r1", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP256}},
	{"brainpoolP384r1", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP384}},
	{"brainpoolP512r1", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP512}},
}

// packets splits b into whole packets.
func packets(tb testing.TB, b []byte) [][]byte {
	tb.Helper()
	var list [][]byte
	for len(b) > 0 {
		_, _, rest, err := nextPacket(b)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, b[:len(b)-len(rest)])
		b = rest
	}
	return list
}

// join puts packets together.
func join(list ...[]byte) []byte { return bytes.Join(list, nil) }

// mustParse reads a certificate.
func mustParse(tb testing.TB, b []byte) *Certificate {
	tb.Helper()
	c, err := ParseCertificate(b, testTime)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// edSign signs a digest of any length.
func edSign(k *SecretKey, digest []byte) []byte {
	return edToMPIs((*[64]byte)(ed25519.Sign(k.ed, digest)))
}

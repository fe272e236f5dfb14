package gpgagent

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/omega-im/omega/pgp"
)

// bind does what omega init --gpg does: a certificate with one device.
func bind(t *testing.T, key *Key, now time.Time) (*pgp.Certificate, *pgp.Identity) {
	t.Helper()
	ctx := t.Context()
	cert, err := pgp.NewCertificate(ctx, key, key.Expires(), now)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := pgp.GenerateDevice(rand.Reader, "laptop", now)
	if err != nil {
		t.Fatal(err)
	}
	req, err := dev.Request(ctx, key.Public(), now)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = pgp.AddDevice(ctx, key, cert, req, now); err != nil {
		t.Fatal(err)
	}
	id, err := pgp.NewIdentity(cert, dev)
	if err != nil {
		t.Fatal(err)
	}
	return cert, id
}

// importTestKey imports a key of testdata, which has no passphrase, with one.
func (h *home) importTestKey(name, passphrase string) string {
	h.t.Helper()
	file, err := os.Open(filepath.Join("testdata", name+".asc"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer file.Close()
	ring, err := openpgp.ReadArmoredKeyRing(file)
	if err != nil {
		h.t.Fatal(err)
	}
	key := ring[0]
	if passphrase != "" {
		if err := key.EncryptPrivateKeys([]byte(passphrase), nil); err != nil {
			h.t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := key.SerializePrivateWithoutSigning(&b, nil); err != nil {
		h.t.Fatal(err)
	}
	h.gpg(b.String(), "--import")
	// The first use of an imported key makes the agent write it in its own form.
	h.owner(passphrase, "--local-user", name, "--sign", "--output", filepath.Join(h.side, "signed"), os.DevNull)
	return h.list(name).fingerprint
}

func TestAdopt(t *testing.T) {
	for _, alg := range []string{"ed25519", "nistp256", "nistp384", "nistp521", "brainpoolP256r1", "rsa3072", "rsa4096"} {
		for _, passphrase := range []string{"", "correct horse"} {
			name := alg
			if passphrase != "" {
				name += " with passphrase"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				testAdopt(t, alg, passphrase)
			})
		}
	}
}

func testAdopt(t *testing.T, alg, passphrase string) {
	h := newHome(t)
	var fpr string
	if strings.HasPrefix(alg, "rsa") {
		fpr = h.importTestKey(alg, passphrase)
	} else {
		fpr = h.generate(passphrase, "Owner <owner@example.org>", alg)
	}
	h.pinentry("ok " + passphrase)
	h.gpg("", "-K", "--with-colons") // settles the trust database
	h.forget()
	listing, state := h.gpg("", "-K", "--with-colons", "--with-keygrip", "--with-sig-list"), h.state()

	key := h.key(fpr)
	cert, id := bind(t, key, time.Now())

	want := 0
	if passphrase != "" {
		want = 1
	}
	if got := h.prompts(); got != want {
		t.Errorf("owner was asked %d times for the passphrase, want %d", got, want)
	}
	if got := h.state(); got != state {
		t.Errorf("the home changed:\n%s\nwas:\n%s", got, state)
	}
	if got := h.gpg("", "-K", "--with-colons", "--with-keygrip", "--with-sig-list"); got != listing {
		t.Errorf("gpg -K = %s\nwas:\n%s", got, listing)
	}
	if got := cert.Fingerprint().String(); got != fpr {
		t.Errorf("certificate of %s, want %s", got, fpr)
	}
	checkWithGnuPG(t, cert, id)
}

// checkWithGnuPG imports the certificate into a new home and verifies a message
// of the device there.
func checkWithGnuPG(t *testing.T, cert *pgp.Certificate, id *pgp.Identity) {
	t.Helper()
	h := newHome(t)
	h.gpg(string(cert.Bytes()), "--import")
	good := 0
	for line := range strings.Lines(h.gpg("", "--check-sigs", "--with-colons", cert.Fingerprint().String())) {
		if f := strings.Split(line, ":"); f[0] == "sig" {
			if good++; f[1] != "!" {
				t.Errorf("gpg --check-sigs: %s", line)
			}
		}
	}
	if good != 3 {
		t.Errorf("gpg --check-sigs shows %d signatures, want 3", good)
	}
	text, now := []byte("omega-im/test/v1\nhello"), time.Now()
	sig, err := pgp.SignCompact(t.Context(), id.Signer, text, now)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.side, "message")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	detached := pgp.DetachedSignature(id.Signer.Public(), text, now, sig)
	status := h.gpg(string(detached), "--status-fd", "1", "--verify", "-", path)
	if !strings.Contains(status, "VALIDSIG "+id.Device().String()) || !strings.Contains(status, cert.Fingerprint().String()+"\n") {
		t.Errorf("gpg --verify: %s", status)
	}
}

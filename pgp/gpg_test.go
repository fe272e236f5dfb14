package pgp

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A gnupg is plain gpg with a home of its own.
type gnupg struct {
	t    *testing.T
	home string
}

// program skips the test if the program is missing, but not where everything
// must be checked.
func program(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

func newGPG(t *testing.T) *gnupg {
	t.Helper()
	program(t, "gpg")
	home, err := os.MkdirTemp(os.TempDir(), "og") // short: a socket's path has at most 107 octets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("gpgconf", "--homedir", home, "--kill", "all").CombinedOutput(); err != nil {
			t.Logf("stop gpg-agent: %v: %s", err, out)
		}
		_ = os.RemoveAll(home)
	})
	return &gnupg{t: t, home: home}
}

// file writes b into the home and returns its path.
func (g *gnupg) file(name string, b []byte) string {
	g.t.Helper()
	path := filepath.Join(g.home, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// run runs gpg. Standard output has the status lines and then the data.
func (g *gnupg) run(args ...string) string {
	g.t.Helper()
	out, err := g.try("", args...)
	if err != nil {
		g.t.Fatalf("gpg %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func (g *gnupg) try(input string, args ...string) (string, error) {
	args = append([]string{"--homedir", g.home, "--batch", "--no-tty", "--status-fd", "1", "--pinentry-mode", "loopback", "--passphrase", "",
		"--trust-model", "always"}, args...)
	cmd := exec.Command("gpg", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "GNUPGHOME="+g.home)
	cmd.Stdin = strings.NewReader(input)
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w\n%s%s", err, out.String(), text.String())
	}
	return out.String(), err
}

// status wants a status line that begins with the given words.
func (g *gnupg) status(out string, words ...string) {
	g.t.Helper()
	line := "[GNUPG:] " + strings.Join(words, " ")
	if !strings.Contains("\n"+out, "\n"+line) {
		g.t.Errorf("gpg did not say %q:\n%s", line, out)
	}
}

// colons returns the records of the given types in a listing, each as its
// fields.
func colons(listing string, types ...string) (records [][]string) {
	for line := range strings.Lines(listing) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if slices.Contains(types, fields[0]) {
			records = append(records, fields)
		}
	}
	return records
}

// transferable is the secret certificate that gpg --import takes (RFC 9580,
// section 10.2).
func transferable(t *testing.T, c *Certificate, secrets ...*SecretKey) []byte {
	t.Helper()
	var b []byte
	for _, p := range packets(t, c.Bytes()) {
		tag, body, _, _ := nextPacket(p)
		i := slices.IndexFunc(secrets, func(k *SecretKey) bool { return bytes.Equal(k.pub.body, body) })
		if i < 0 {
			b = append(b, p...)
		} else if tag == tagPublicKey {
			b = appendPacket(b, tagSecretKey, secrets[i].secretBody())
		} else {
			b = appendPacket(b, tagSecretSubkey, secrets[i].secretBody())
		}
	}
	return b
}

// liveAccount is made now: gpg looks at the clock.
func liveAccount(t *testing.T, primary Signer, names ...string) *testAccount {
	t.Helper()
	now := time.Now()
	cert, err := NewCertificate(t.Context(), primary, now.AddDate(2, 0, 0), now)
	if err != nil {
		t.Fatal(err)
	}
	a := &testAccount{primary: primary, cert: cert}
	for _, name := range names {
		d, err := GenerateDevice(rand.Reader, name, now)
		if err != nil {
			t.Fatal(err)
		}
		a.cert = a.add(t, a.cert, d, now)
		a.devices = append(a.devices, d)
	}
	return a
}

func livePrimary(t *testing.T) *SecretKey {
	t.Helper()
	k, err := GenerateSigning(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestGPGImports shows every kind of certificate to gpg.
func TestGPGImports(t *testing.T) {
	g := newGPG(t)
	then := "--faked-system-time=" + testTime.AddDate(0, 0, 1).Format("20060102T150405") + "!"
	files := adoptedFiles(t)
	files["ed25519"] = newAccount(t, 1, 1).cert.Bytes()
	for i, b := range files {
		cert := mustParse(t, b)
		fp := cert.Fingerprint().String()
		g.status(g.run(then, "--import", g.file("cert.asc", []byte(cert.Armor()))), "IMPORT_OK", "1", fp)
		list := colons(g.run(then, "-k", "--with-colons", fp), "pub", "sub", "uid")
		var got []string
		for _, r := range list {
			got = append(got, r[0]+":"+r[11])
		}
		if want := "pub:cESCA uid: sub:sa sub:e"; strings.Join(got, " ") != want {
			t.Errorf("%s: gpg shows %v, want %s", i, got, want)
		}
		if uid := list[1][9]; uid != cert.UserID() {
			t.Errorf("%s: gpg shows User ID %q", i, uid)
		}
		sigs := colons(g.run(then, "--check-sigs", "--with-colons", fp), "sig")
		if len(sigs) != 3 {
			t.Errorf("%s: gpg shows %d signatures, want 3", i, len(sigs))
		}
		for _, r := range sigs {
			if r[1] != "!" {
				t.Errorf("%s: gpg says %q of signature %v", i, r[1], r)
			}
		}
	}
}

func TestGPGVerifiesCompactSignatures(t *testing.T) {
	g := newGPG(t)
	a := liveAccount(t, livePrimary(t), "laptop", "phone")
	g.run("--import", g.file("cert.asc", []byte(a.cert.Armor())))
	data := []byte("Omega-Message: 1\n\nsalut\n")
	d := a.devices[0].Signing
	now := time.Now()
	sig, err := SignCompact(t.Context(), d, data, now)
	if err != nil {
		t.Fatal(err)
	}
	packet := DetachedSignature(d.Public(), data, now, sig)
	for name, b := range map[string][]byte{"a.sig": packet, "a.asc": []byte(Armor("PGP SIGNATURE", packet))} {
		out := g.run("--verify", g.file(name, b), g.file("a.txt", data))
		g.status(out, "GOODSIG", fmt.Sprintf("%X", d.pub.id))
		g.status(out, "VALIDSIG", d.Public().Fingerprint().String())
		if !strings.Contains(out, a.cert.Fingerprint().String()) {
			t.Errorf("%s: gpg names no primary key", name)
		}
	}
	out, err := g.try("", "--verify", filepath.Join(g.home, "a.sig"), g.file("b.txt", append(data, '!')))
	if err == nil {
		t.Error("gpg accepts other data")
	}
	g.status(out+err.Error(), "BADSIG")
}

func TestGPGOpensRecords(t *testing.T) {
	g := newGPG(t)
	from, to := liveAccount(t, livePrimary(t), "laptop"), liveAccount(t, livePrimary(t), "phone", "tablet")
	g.run("--import", g.file("from.asc", []byte(from.cert.Armor())))
	d := to.devices[1]
	g.run("--import", g.file("to.gpg", transferable(t, to.cert, to.primary.(*SecretKey), d.Signing, d.Encryption)))
	var keys []*PublicKey
	for _, d := range to.cert.Active(time.Now()) {
		keys = append(keys, d.Encryption)
	}
	s := from.devices[0].Signing
	for _, size := range []int{0, 5, 300, 70000} {
		text := []byte(strings.Repeat("x", size))
		msg, err := SealRecord(t.Context(), rand.Reader, s, keys, testSessionKey, text, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		out := g.run("-o", filepath.Join(g.home, "out"), "--yes", "-d", g.file("record.asc", []byte(Armor("PGP MESSAGE", msg))))
		g.status(out, "GOODSIG", fmt.Sprintf("%X", s.pub.id))
		g.status(out, "VALIDSIG", s.Public().Fingerprint().String())
		g.status(out, "GOODMDC")
		if got, err := os.ReadFile(filepath.Join(g.home, "out")); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d octets: gpg wrote %d octets: %v", size, len(got), err)
		}
	}
}

// TestGPGOpensProofs peels the two layers of a proof.
func TestGPGOpensProofs(t *testing.T) {
	g := newGPG(t)
	user, server := liveAccount(t, livePrimary(t), "laptop"), liveAccount(t, livePrimary(t), "server")
	g.run("--import", g.file("user.asc", []byte(user.cert.Armor())))
	e := server.devices[0]
	g.run("--import", g.file("server.gpg", transferable(t, server.cert, server.primary.(*SecretKey), e.Signing, e.Encryption)))
	s := user.devices[0].Signing
	proof, err := SealProof(t.Context(), rand.Reader, s, e.Encryption.Public(), []byte("magic"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(g.home, "inner")
	out := g.run("-o", inner, "-d", g.file("proof", proof))
	g.status(out, "VALIDSIG", s.Public().Fingerprint().String())
	if out = g.run("-d", inner); !strings.Contains(out, "magic") {
		t.Errorf("gpg decrypted:\n%s", out)
	}
}

// TestGPGEncryptsToDevice: the PKESK packet of gpg opens with ours.
func TestGPGEncryptsToDevice(t *testing.T) {
	g := newGPG(t)
	a := liveAccount(t, livePrimary(t), "laptop", "phone")
	g.run("--import", g.file("cert.asc", []byte(a.cert.Armor())))
	for _, d := range a.devices {
		out := filepath.Join(g.home, "out")
		g.run("-o", out, "--yes", "-r", d.Encryption.Public().Fingerprint().String()+"!", "-e", g.file("text", []byte("hello")))
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		list := packets(t, b)
		key, err := d.Encryption.OpenSessionKey(t.Context(), list[0])
		if err != nil {
			t.Fatal(err)
		}
		_, sealed, _, _ := nextPacket(list[1])
		plain, err := openSEIPD(key, sealed)
		if err != nil || !bytes.Contains(plain, []byte("hello")) {
			t.Errorf("decrypted %q: %v", plain, err)
		}
	}
}

// TestGPGKeepsOwnersKey: with our certificate in the owner's keyring gpg still
// lists, signs, adds and changes. What it exports then is read back, without
// what is not ours.
func TestGPGKeepsOwnersKey(t *testing.T) {
	g := newGPG(t)
	a := liveAccount(t, livePrimary(t), "laptop", "phone")
	fp := a.cert.Fingerprint().String()
	g.run("--import", g.file("secret.gpg", transferable(t, a.cert, a.primary.(*SecretKey))))
	if got := len(colons(g.run("-K", "--with-colons"), "sec")); got != 1 {
		t.Fatalf("gpg -K lists %d keys, want 1", got)
	}
	read := func() *Certificate {
		t.Helper()
		out := filepath.Join(g.home, "export")
		g.run("-o", out, "--yes", "--export", fp)
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCertificate(b, time.Now())
		if err != nil {
			t.Fatalf("read what gpg exports: %v", err)
		}
		return c
	}
	if read().Hash() != a.cert.Hash() {
		t.Error("the certificate changed on its way through gpg")
	}
	g.run("--quick-add-uid", fp, "Alice <alice@example.org>")
	g.run("--quick-add-key", fp, "cv25519", "encr", "1y")
	g.run("--quick-add-key", fp, "rsa2048", "sign", "1y")
	if got := read(); len(got.Devices()) != 2 || got.UserID() != a.cert.UserID() {
		t.Errorf("after gpg added things: %d devices, %s", len(got.Devices()), got.UserID())
	}
	sub := a.devices[1].Signing.Public().Fingerprint()
	answers := "y\n0\n\ny\n" // really; no reason; no text; okay
	if _, err := g.try(answers, "--command-fd", "0", "--edit-key", fp, "key "+sub.String(), "revkey", "save"); err != nil {
		t.Fatalf("revoke a subkey with gpg: %v", err)
	}
	c := read()
	if d, ok := c.Device(sub); !ok || !d.Revoked || len(c.Active(time.Now())) != 1 {
		t.Errorf("device that gpg revoked: %+v", d)
	}
	merged, err := Merge(a.cert, c, time.Now())
	if err != nil || merged.Hash() != c.Hash() {
		t.Errorf("merge with what gpg made: %v", err)
	}
}

// TestSequoiaAgrees asks a second implementation.
func TestSequoiaAgrees(t *testing.T) {
	program(t, "sq")
	dir := t.TempDir()
	a := liveAccount(t, livePrimary(t), "laptop", "phone")
	d, now, data := a.devices[1].Signing, time.Now(), []byte("salut\n")
	sig, err := SignCompact(t.Context(), d, data, now)
	if err != nil {
		t.Fatal(err)
	}
	cert, text, detached := filepath.Join(dir, "cert.asc"), filepath.Join(dir, "a.txt"), filepath.Join(dir, "a.sig")
	for path, b := range map[string][]byte{cert: []byte(a.cert.Armor()), text: data, detached: DetachedSignature(d.Public(), data, now, sig)} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("sq", "verify", "--signer-cert", cert, "--detached", detached, text).CombinedOutput(); err != nil {
		t.Errorf("sq verify: %v\n%s", err, out)
	}
	out, err := exec.Command("sq", "inspect", cert).CombinedOutput()
	if err != nil || strings.Count(string(out), "Subkey:") != 4 || strings.Contains(string(out), "Invalid") {
		t.Errorf("sq inspect: %v\n%s", err, out)
	}
}

package chat

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/pgp"
)

// secretsVector is what the nth device of p has, in our form and as a key that
// gpg imports.
func (p *person) secretsVector(t *testing.T, n int) secretsVector {
	t.Helper()
	ours, err := pgp.MarshalSecrets(nil, p.devices[n].secrets, nil)
	must(t, err)
	all, err := pgp.MarshalSecrets(p.primary, p.devices[n].secrets, nil)
	must(t, err)
	_, all, _ = bytes.Cut(all, []byte("\n"))
	return secretsVector{
		Account: p.fp(), Device: p.devices[n].id.Device(), Secrets: ours,
		SecretK: pgp.Armor("PGP PRIVATE KEY BLOCK", transferable(t, p.cert.Bytes(), all)),
	}
}

// A packet is an OpenPGP packet as it stands.
type packet struct {
	tag         byte
	whole, body []byte
}

// packets splits OpenPGP data (RFC 9580, section 4.2) with lengths of one and
// two octets, which is all that keys of this size have.
func packets(t *testing.T, b []byte) (out []packet) {
	t.Helper()
	for len(b) > 0 {
		var tag byte
		head, n := 2, int(b[1])
		switch {
		case b[0]&0x40 != 0:
			tag = b[0] & 0x3f
			if n >= 192 {
				head, n = 3, (n-192)<<8+int(b[2])+192
			}
		default:
			tag = b[0] >> 2 & 0xf
			if b[0]&3 == 1 {
				head, n = 3, n<<8+int(b[2])
			}
		}
		out = append(out, packet{tag, b[:head+n], b[head : head+n]})
		b = b[head+n:]
	}
	return out
}

// transferable puts the secret keys where the certificate has the public ones.
func transferable(t *testing.T, cert, secrets []byte) (out []byte) {
	t.Helper()
	for _, p := range packets(t, cert) {
		whole := p.whole
		for _, s := range packets(t, secrets) {
			if (p.tag == 6 || p.tag == 14) && bytes.HasPrefix(s.body, p.body) {
				whole = s.whole
			}
		}
		out = append(out, whole...)
	}
	return out
}

// gnupg is a home of its own for gpg, with an agent that ends with the test.
type gnupg struct{ home string }

func newGnuPG(t *testing.T) *gnupg {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed")
	}
	home, err := os.MkdirTemp("", "gpg") // the path of its socket must be short
	must(t, err)
	g := &gnupg{home}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		os.RemoveAll(home)
	})
	return g
}

// run returns standard output and what gpg says to machines.
func (g *gnupg) run(t *testing.T, stdin string, args ...string) (stdout, status string) {
	t.Helper()
	cmd := exec.Command("gpg", append([]string{"--homedir", g.home, "--batch", "--no-tty", "--status-fd", "2", "--faked-system-time", "20261101T140000!"}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil {
		t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), e, err.String())
	}
	return out.String(), err.String()
}

// TestGnuPG gives the vectors to gpg: it opens the key record, and finds the
// signatures of record and messages good.
func TestGnuPG(t *testing.T) {
	g := newGnuPG(t)
	var v messageVectors
	readVectors(t, "chat-messages.json", &v)
	for _, a := range v.Accounts {
		g.run(t, a.Certificate, "--import")
	}
	g.run(t, v.Reader.SecretK, "--import")
	records, messages := 0, 0
	for _, a := range v.Arrivals {
		switch {
		case a.Record != "":
			records++
			text, status := g.run(t, a.Armored, "--decrypt")
			if text != a.Record {
				t.Errorf("%s: gpg shows\n%s", a.Note, text)
			}
			wantStatus(t, status, "DECRYPTION_OKAY", "GOODSIG", "VALIDSIG "+signerOf(a.Record))
		case a.Signature != "":
			messages++
			file := filepath.Join(t.TempDir(), "message.txt")
			must(t, os.WriteFile(file, []byte(a.Transcript), 0o600))
			must(t, os.WriteFile(file+".sig", []byte(a.Signature), 0o600))
			_, status := g.run(t, "", "--verify", file+".sig", file)
			wantStatus(t, status, "GOODSIG", "VALIDSIG "+signerOf(a.Transcript))
		}
	}
	if records != 2 || messages < 5 {
		t.Errorf("%d records and %d messages", records, messages)
	}
}

// signerOf is the device that a record or transcript names.
func signerOf(text string) string {
	_, rest, _ := strings.Cut(text, "\nDevice: ")
	device, _, _ := strings.Cut(rest, "\n")
	return device
}

func wantStatus(t *testing.T, status string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(status, "[GNUPG:] "+w) {
			t.Errorf("gpg did not say %s:\n%s", w, status)
		}
	}
	for _, bad := range []string{"BADSIG", "ERRSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG"} {
		if strings.Contains(status, "[GNUPG:] "+bad) {
			t.Errorf("gpg said %s:\n%s", bad, status)
		}
	}
}

// TestSequoia does the same with another implementation.
func TestSequoia(t *testing.T) {
	if _, err := exec.LookPath("sq"); err != nil {
		t.Skip("sq is not installed")
	}
	var v messageVectors
	readVectors(t, "chat-messages.json", &v)
	if time.Now().Before(v.Now) {
		t.Skip("the clock of this machine is before the vectors, and sq cannot be told the time")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	cert, key := write("cert.asc", v.Accounts[0].Certificate), write("key.asc", v.Reader.SecretK)
	for _, a := range v.Arrivals {
		var args []string
		want := a.Record
		switch {
		case a.Record != "":
			args = []string{"decrypt", "--recipient-key", key, "--signer-cert", cert, write("record.asc", a.Armored)}
		case a.Signature != "":
			args = []string{"verify", "--signer-cert", cert, "--detached", write("message.sig", a.Signature), write("message.txt", a.Transcript)}
		default:
			continue
		}
		cmd := exec.Command("sq", args...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil || out.String() != want || !strings.Contains(errs.String(), "ood signature") {
			t.Errorf("%s: sq %s: %v\n%s", a.Note, args[0], err, errs.String())
		}
	}
}

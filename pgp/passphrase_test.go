package pgp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// cheapCount is the least that a test's files have hashed.
const cheapCount = 1024

// encrypted is a file under a passphrase that took little work to make a key of.
func encrypted(tb testing.TB, text []byte) []byte {
	tb.Helper()
	return encryptedBy(tb, text, func(w io.Writer, passphrase []byte, rand io.Reader) (io.WriteCloser, error) {
		return encryptFile(w, passphrase, rand, cheapCount)
	})
}

func encryptedBy(tb testing.TB, text []byte, encrypt func(io.Writer, []byte, io.Reader) (io.WriteCloser, error)) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := encrypt(&b, []byte("a passphrase"), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func decrypted(file []byte, passphrase string) (out []byte, err error) {
	err = DecryptFile(bytes.NewReader(file), []byte(passphrase), func(r io.Reader) (err error) {
		out, err = io.ReadAll(r)
		return err
	})
	return out, err
}

func TestEncryptFile(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 100_000)
	file := encrypted(t, text)
	if got, err := decrypted(file, "a passphrase"); !bytes.Equal(got, text) || err != nil {
		t.Errorf("%d octets, %v", len(got), err)
	}
	if _, err := decrypted(file, "another"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	for at := 0; at < len(file); at += 1 + len(file)/6 {
		bad := bytes.Clone(file)
		bad[at] ^= 1
		if _, err := decrypted(bad, "a passphrase"); err == nil {
			t.Errorf("octet %d changed, and nobody saw it", at)
		}
		if _, err := decrypted(file[:at], "a passphrase"); err == nil {
			t.Errorf("cut off at %d, and nobody saw it", at)
		}
	}
	if _, err := decrypted(append(bytes.Clone(file), 0), "a passphrase"); !errors.Is(err, ErrTampered) {
		t.Errorf("something behind it: %v", err)
	}
	// Real files have as much hashed as there can be: the octet says 65,011,712 (RFC 9580, 3.7.1.3).
	if dear := encryptedBy(t, nil, EncryptFile); dear[14] != 0xff {
		t.Errorf("the work is coded as %#x, want 0xff", dear[14])
	} else if _, err := decrypted(dear, "a passphrase"); err != nil {
		t.Errorf("with all the work: %v", err)
	}
	stop := errors.New("stop")
	if err := DecryptFile(bytes.NewReader(file), []byte("a passphrase"), func(io.Reader) error { return stop }); err != stop {
		t.Errorf("the error of fn: %v", err)
	}
}

// TestEncryptFileGPG has plain gpg read it.
func TestEncryptFileGPG(t *testing.T) {
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Skip("needs gpg")
	}
	text := bytes.Repeat([]byte("哈囉"), 50_000)
	dir := t.TempDir()
	path := filepath.Join(dir, "file.gpg")
	if err := os.WriteFile(path, encryptedBy(t, text, EncryptFile), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(gpg, "--homedir", dir, "--batch", "--pinentry-mode", "loopback", "--passphrase", "a passphrase", "-d", path)
	out, err := cmd.Output()
	if !bytes.Equal(out, text) || err != nil {
		t.Errorf("gpg: %d octets, %v", len(out), err)
	}
	exec.Command("gpgconf", "--homedir", dir, "--kill", "gpg-agent").Run()
}

func FuzzDecryptFile(f *testing.F) {
	f.Add(encrypted(f, []byte("x")))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 13 {
			file[13] = 0 // the count: thousands of slow hashes find nothing
		}
		decrypted(file, "a passphrase")
	})
}

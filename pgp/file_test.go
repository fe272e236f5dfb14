package pgp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"time"
)

// What is encrypted for a device is read by that device only, and not at all when an
// octet of it was changed or the end is missing.
func TestEncryptTo(t *testing.T) {
	dev, err := GenerateDevice(rand.Reader, "phone", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := GenerateDevice(rand.Reader, "other", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("history "), 40_000)
	var sealed bytes.Buffer
	w, err := EncryptTo(&sealed, dev.Encryption.Public(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	open := func(b []byte, d Decrypter) (got []byte, err error) {
		err = DecryptTo(t.Context(), bytes.NewReader(b), d, func(r io.Reader) (err error) {
			got, err = io.ReadAll(r)
			return err
		})
		return got, err
	}
	if got, err := open(sealed.Bytes(), dev.Encryption); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("%d octets, %v", len(got), err)
	}
	if _, err := open(sealed.Bytes(), other.Encryption); !errors.Is(err, ErrDecrypt) {
		t.Errorf("another device: %v", err)
	}
	for _, at := range []int{20, 120, sealed.Len() / 2, sealed.Len() - 5} {
		b := bytes.Clone(sealed.Bytes())
		b[at] ^= 1
		if _, err := open(b, dev.Encryption); err == nil {
			t.Errorf("with octet %d changed it opens", at)
		}
	}
	for _, n := range []int{0, 50, pkeskSize, pkeskSize + 30, sealed.Len() - 1} {
		if _, err := open(sealed.Bytes()[:n], dev.Encryption); err == nil {
			t.Errorf("the first %d octets open", n)
		}
	}
	if _, err := open(append(bytes.Clone(sealed.Bytes()), 0), dev.Encryption); err == nil {
		t.Error("with an octet behind it opens")
	}
	enough := errors.New("enough")
	if err := DecryptTo(t.Context(), bytes.NewReader(sealed.Bytes()), dev.Encryption, func(io.Reader) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the reader's own error became %v", err)
	}
}

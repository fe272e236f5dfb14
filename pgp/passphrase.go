package pgp

import (
	"bufio"
	"crypto"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
)

// What is wrong with a file under a passphrase.
var (
	ErrNotOurs    = errors.New("not a file that this program encrypted")
	ErrPassphrase = errors.New("the passphrase is another one")
	ErrTampered   = errors.New("the file is damaged or was changed")
)

// passphraseCount is the largest that iterated S2K has, in octets that are hashed.
const passphraseCount = 65_011_712

// EncryptFile encrypts what is written to it under a passphrase, in the form that
// GnuPG 2.2 reads. Closing it ends the file; w is not closed. (spec/archive.md, ARCH-5)
func EncryptFile(w io.Writer, passphrase []byte, rand io.Reader) (io.WriteCloser, error) {
	return encryptFile(w, passphrase, rand, passphraseCount)
}

// encryptFile is EncryptFile with as much work to guess the passphrase as a test can wait for.
func encryptFile(w io.Writer, passphrase []byte, rand io.Reader, count int) (io.WriteCloser, error) {
	out, err := openpgp.SymmetricallyEncrypt(w, passphrase, &openpgp.FileHints{IsBinary: true}, &packet.Config{
		Rand: rand, DefaultCipher: packet.CipherAES256, DefaultCompressionAlgo: packet.CompressionNone,
		S2KConfig: &s2k.Config{S2KMode: s2k.IteratedSaltedS2K, Hash: crypto.SHA512, S2KCount: count},
	})
	if err != nil {
		return nil, fmt.Errorf("encrypt under a passphrase: %w", err)
	}
	return out, nil
}

// DecryptFile calls fn with what EncryptFile encrypted, and then checks that
// nothing was changed or cut off: until it returns nil, what fn read is not to
// be trusted. An error of fn is returned as it is, unless the file is at fault.
func DecryptFile(r io.Reader, passphrase []byte, fn func(io.Reader) error) error {
	in := bufio.NewReader(r)
	// Another S2K could ask for any amount of memory.
	head, err := in.Peek(5)
	if err != nil || head[0] != 0xc3 || head[2] != 4 || head[3] != cipherAES256 || head[4] != byte(s2k.IteratedSaltedS2K) {
		return ErrNotOurs
	}
	p, err := packet.Read(in)
	key, ok := p.(*packet.SymmetricKeyEncrypted)
	if err != nil || !ok {
		return ErrNotOurs
	}
	secret, cipher, err := key.Decrypt(passphrase)
	if err != nil {
		return ErrPassphrase
	}
	p, err = packet.Read(in)
	sealed, ok := p.(*packet.SymmetricallyEncrypted)
	if err != nil || !ok || sealed.Version != 1 {
		return ErrNotOurs
	}
	body, err := sealed.Decrypt(cipher, secret)
	if err != nil {
		return ErrPassphrase // a key that is none, by its check octets
	}
	p, err = packet.Read(body)
	literal, ok := p.(*packet.LiteralData)
	if err != nil || !ok {
		return ErrPassphrase
	}
	failed := fn(literal.Body)
	if _, err := io.Copy(io.Discard, literal.Body); err != nil {
		return ErrTampered
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return ErrTampered
	}
	if err := body.Close(); err != nil {
		return ErrTampered
	}
	if _, err := in.ReadByte(); err == nil {
		return ErrTampered
	}
	return failed
}

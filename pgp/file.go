package pgp

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// EncryptTo encrypts what is written to it for one encryption key: an OpenPGP
// message of a PKESK and a SEIPD packet, version 1, with one literal packet. Closing
// it ends the message; w is not closed. (spec/chat.md, CHAT-44)
func EncryptTo(w io.Writer, to *PublicKey, rand io.Reader) (io.WriteCloser, error) {
	key := make([]byte, sessionKeySize)
	if _, err := io.ReadFull(rand, key); err != nil {
		return nil, fmt.Errorf("encrypt for %s: %w", to.fp, err)
	}
	wrapped, err := SealSessionKey(rand, to, key)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(wrapped); err != nil {
		return nil, err
	}
	cfg := &packet.Config{Rand: rand, DefaultCipher: packet.CipherAES256}
	sealed, err := packet.SerializeSymmetricallyEncrypted(w, packet.CipherAES256, false, packet.CipherSuite{}, key, cfg)
	if err != nil {
		return nil, fmt.Errorf("encrypt for %s: %w", to.fp, err)
	}
	literal, err := packet.SerializeLiteral(sealed, true, "", 0)
	if err != nil {
		return nil, fmt.Errorf("encrypt for %s: %w", to.fp, err)
	}
	return literal, nil
}

// DecryptTo calls fn with what EncryptTo encrypted for the key of d. That nothing was
// changed is known when it returns nil, and not before: a caller that acts upon what
// fn reads has checked r's octets by their hash. Every failure but fn's is ErrDecrypt.
func DecryptTo(ctx context.Context, r io.Reader, d Decrypter, fn func(io.Reader) error) error {
	in := bufio.NewReader(r)
	wrapped := make([]byte, pkeskSize)
	if _, err := io.ReadFull(in, wrapped); err != nil {
		return ErrDecrypt
	}
	key, err := d.OpenSessionKey(ctx, wrapped)
	if err != nil {
		return err
	}
	p, err := packet.Read(in)
	sealed, ok := p.(*packet.SymmetricallyEncrypted)
	if err != nil || !ok || sealed.Version != 1 {
		return ErrDecrypt
	}
	body, err := sealed.Decrypt(packet.CipherAES256, key)
	if err != nil {
		return ErrDecrypt
	}
	p, err = packet.Read(body)
	literal, ok := p.(*packet.LiteralData)
	if err != nil || !ok {
		return ErrDecrypt
	}
	if err := fn(literal.Body); err != nil {
		return err
	}
	for _, rest := range []io.Reader{literal.Body, body} {
		if n, err := io.Copy(io.Discard, rest); err != nil || n > 0 {
			return ErrDecrypt
		}
	}
	if err := body.Close(); err != nil {
		return ErrDecrypt
	}
	if _, err := in.ReadByte(); err == nil {
		return ErrDecrypt
	}
	return nil
}

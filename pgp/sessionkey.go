package pgp

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/aes/keywrap"
)

// sessionKeySize is the length of an AES-256 session key in octets.
const sessionKeySize = 32

const cipherAES256 = 9 // RFC 9580, section 9.3

// kdfParams are the key derivation parameters of our encryption keys: SHA-256
// and AES-128, which RFC 9580 (section 11.5.1) prescribes for Curve25519 and
// GnuPG uses.
var kdfParams = []byte{3, 1, 8, 7}

// pkeskSize is the size of the one form of PKESK packet that we make and read:
// header, version, key id, algorithm, 33-octet point, wrapped 40 octets.
const pkeskSize = 2 + 1 + 8 + 1 + 2 + 33 + 1 + 48

// SealSessionKey wraps a 32-octet AES-256 session key for one Curve25519
// encryption key and returns a whole PKESK packet, version 3 (RFC 9580,
// sections 5.1.1 and 11.5), which is 96 octets long. It reads 32 octets of
// rand. The library's own function is not used because it takes no raw keys
// and drops the error of a degenerate point when it opens.
func SealSessionKey(rand io.Reader, to *PublicKey, key []byte) ([]byte, error) {
	if to.x == nil || len(key) != sessionKeySize {
		return nil, fmt.Errorf("wrap session key of %d octets for %s %s: %w", len(key), to.alg, to.fp, ErrPolicy)
	}
	var scalar [32]byte
	if _, err := io.ReadFull(rand, scalar[:]); err != nil {
		return nil, fmt.Errorf("wrap session key for %s: %w", to.fp, err)
	}
	ephemeral, err := ecdh.X25519().NewPrivateKey(scalar[:])
	if err != nil {
		return nil, fmt.Errorf("wrap session key for %s: %w", to.fp, err)
	}
	shared, err := ephemeral.ECDH(to.x)
	if err != nil {
		return nil, fmt.Errorf("wrap session key for %s: %w: degenerate point", to.fp, ErrPolicy)
	}
	wrapped, err := keywrap.Wrap(wrappingKey(to, shared), padSessionKey(key))
	if err != nil {
		return nil, fmt.Errorf("wrap session key for %s: %w", to.fp, err)
	}
	b := make([]byte, 0, pkeskSize)
	b = append(b, 0xC0|tagPKESK, pkeskSize-2, 3)
	b = append(b, to.id[:]...)
	b = append(b, byte(ECDH), 0x01, 0x07, 0x40)
	b = append(b, ephemeral.PublicKey().Bytes()...)
	b = append(b, byte(len(wrapped)))
	return append(b, wrapped...), nil
}

// openSessionKey opens what SealSessionKey and gpg make.
func openSessionKey(k *SecretKey, pkesk []byte) ([]byte, error) {
	tag, body, rest, err := nextPacket(pkesk)
	if err != nil || tag != tagPKESK || len(rest) != 0 || len(body) != pkeskSize-2 {
		return nil, ErrDecrypt
	}
	head := append([]byte{3}, k.pub.id[:]...)
	head = append(head, byte(ECDH), 0x01, 0x07, 0x40)
	point, ok := bytes.CutPrefix(body, head)
	if !ok || point[31]&0x80 != 0 || point[32] != 48 { // X25519 ignores that bit: one form only
		return nil, ErrDecrypt
	}
	ephemeral, err := ecdh.X25519().NewPublicKey(point[:32])
	if err != nil {
		return nil, ErrDecrypt
	}
	shared, err := k.x.ECDH(ephemeral)
	if err != nil {
		return nil, ErrDecrypt
	}
	padded, err := keywrap.Unwrap(wrappingKey(k.pub, shared), point[33:])
	if err != nil || len(padded) != 40 {
		return nil, ErrDecrypt
	}
	key := padded[1 : 1+sessionKeySize]
	if subtle.ConstantTimeCompare(padded, padSessionKey(key)) != 1 {
		return nil, ErrDecrypt
	}
	return bytes.Clone(key), nil
}

// padSessionKey returns cipher, key, checksum and padding: 40 octets.
func padSessionKey(key []byte) []byte {
	var sum uint16
	for _, b := range key {
		sum += uint16(b)
	}
	m := append(make([]byte, 0, 40), cipherAES256)
	m = append(m, key...)
	return append(m, byte(sum>>8), byte(sum), 5, 5, 5, 5, 5)
}

// wrappingKey derives the AES-128 key that wraps a session key (RFC 9580,
// section 11.5).
func wrappingKey(k *PublicKey, shared []byte) []byte {
	h := sha256.New()
	h.Write([]byte{0, 0, 0, 1})
	h.Write(shared)
	h.Write(x25519Prefix[:11]) // length and OID of the curve
	h.Write([]byte{byte(ECDH)})
	h.Write(kdfParams)
	h.Write([]byte("Anonymous Sender    "))
	h.Write(k.fp.Digest())
	return h.Sum(nil)[:16]
}

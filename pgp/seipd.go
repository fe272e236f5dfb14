package pgp

import (
	"crypto/aes"
	"crypto/sha1" // #nosec: the MDC of SEIPD version 1 is SHA-1 by definition
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// seipdOverhead is what encryption adds to the packets inside, in octets,
// without the header: version, random prefix, and the MDC packet.
const seipdOverhead = 1 + prefixSize + mdcSize

const (
	prefixSize = aes.BlockSize + 2
	mdcSize    = 2 + sha1.Size
)

// sealSEIPD appends a SEIPD packet, version 1 (RFC 9580, section 5.13.1): the
// newest form that GnuPG 2.2 reads. Its length is definite.
func sealSEIPD(dst []byte, rand io.Reader, key, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	var prefix [prefixSize]byte
	if _, err := io.ReadFull(rand, prefix[:aes.BlockSize]); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	copy(prefix[aes.BlockSize:], prefix[aes.BlockSize-2:])
	stream, head := packet.NewOCFBEncrypter(block, prefix[:aes.BlockSize], packet.OCFBNoResync)

	dst = append(dst, 0xC0|tagSEIPD)
	dst = appendLength(dst, len(plain)+seipdOverhead)
	dst = append(dst, 1)
	dst = append(dst, head...)
	at := len(dst)
	dst = append(dst, plain...)
	dst = append(dst, 0xC0|19, sha1.Size)
	mdc := mdc(prefix[:], dst[at:])
	dst = append(dst, mdc[:]...)
	stream.XORKeyStream(dst[at:], dst[at:])
	return dst, nil
}

// openSEIPD decrypts the body of a SEIPD packet and returns what is inside
// after the MDC was found right. Every failure is ErrDecrypt.
func openSEIPD(key, body []byte) ([]byte, error) {
	if len(body) < seipdOverhead || body[0] != 1 || len(key) != sessionKeySize {
		return nil, ErrDecrypt
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, ErrDecrypt
	}
	prefix := [prefixSize]byte(body[1:])
	stream := packet.NewOCFBDecrypter(block, prefix[:], packet.OCFBNoResync)
	plain := make([]byte, len(body)-1-prefixSize)
	stream.XORKeyStream(plain, body[1+prefixSize:])

	n := len(plain) - mdcSize
	want := mdc(prefix[:], plain[:n+2])
	ok := subtle.ConstantTimeCompare(want[:], plain[n+2:])
	ok &= subtle.ConstantTimeCompare(plain[n:n+2], []byte{0xC0 | 19, sha1.Size})
	ok &= subtle.ConstantTimeCompare(prefix[aes.BlockSize-2:aes.BlockSize], prefix[aes.BlockSize:])
	if ok != 1 {
		return nil, ErrDecrypt
	}
	return plain[:n:n], nil
}

// mdc hashes the clear prefix and the clear packets, the header of the MDC
// packet included.
func mdc(prefix, plain []byte) (sum [sha1.Size]byte) {
	h := sha1.New() // #nosec
	h.Write(prefix)
	h.Write(plain)
	h.Sum(sum[:0])
	return sum
}

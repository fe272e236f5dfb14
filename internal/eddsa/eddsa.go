// Package eddsa signs and verifies with Ed25519 (RFC 8032), as crypto/ed25519
// does and with its results, octet for octet and verdict for verdict; on amd64
// with AVX2 in half of its time. Elsewhere it is crypto/ed25519.
// (docs/decisions/0086)
package eddsa

import "crypto/ed25519"

// Sign returns the signature, 64 octets, of message by key. It panics if key
// does not have ed25519.PrivateKeySize octets.
func Sign(key ed25519.PrivateKey, message []byte) [ed25519.SignatureSize]byte {
	return [ed25519.SignatureSize]byte(sign(key, message))
}

// Verify says whether signature is key's of message: the equation without the
// cofactor, with points of small order and their encodings judged as
// crypto/ed25519 judges them. It panics if key does not have
// ed25519.PublicKeySize octets.
func Verify(key ed25519.PublicKey, message, signature []byte) bool {
	return verify(key, message, signature)
}

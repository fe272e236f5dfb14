//go:build !purego

package eddsa

import (
	"crypto/ed25519"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"golang.org/x/sys/cpu"
)

var (
	vector   = cpu.X86.HasAVX2
	standard = &voi.Options{Verify: voi.VerifyOptionsStdLib}
)

func sign(key ed25519.PrivateKey, message []byte) []byte {
	if !vector {
		return ed25519.Sign(key, message)
	}
	return voi.Sign(voi.PrivateKey(key), message)
}

func verify(key ed25519.PublicKey, message, signature []byte) bool {
	if !vector {
		return ed25519.Verify(key, message, signature)
	}
	return len(signature) == ed25519.SignatureSize && voi.VerifyWithOptions(voi.PublicKey(key), message, signature, standard)
}

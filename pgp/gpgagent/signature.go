package gpgagent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/omega-im/omega/pgp"
)

// maxInteger is the longest integer in a signature, in octets: RSA-16384.
const maxInteger = 2048

// signatureForms says how gpg-agent names the integers of a signature, in the
// order in which they stand in a signature packet (RFC 9580, section 5.2.3).
var signatureForms = map[pgp.Algorithm]struct {
	name     string
	integers []string
}{
	pgp.RSA:   {"rsa", []string{"s"}},
	pgp.ECDSA: {"ecdsa", []string{"r", "s"}},
	pgp.EdDSA: {"eddsa", []string{"r", "s"}},
}

// signatureMPIs reads gpg-agent's (sig-val (ALGO (NAME INTEGER) ...)) and
// returns the integers as multiprecision integers (RFC 9580, section 3.2).
func signatureMPIs(alg pgp.Algorithm, sexp []byte) ([]byte, error) {
	form, ok := signatureForms[alg]
	if !ok {
		return nil, fmt.Errorf("read signature of gpg-agent: no form for %s", alg)
	}
	root, err := parseSexp(sexp)
	if err != nil {
		return nil, fmt.Errorf("read signature of gpg-agent: %w", err)
	}
	args, ok := root.named("sig-val")
	if !ok || len(args) == 0 {
		return nil, fmt.Errorf("read signature of gpg-agent: %w: no sig-val", errSexp)
	}
	integers, ok := args[0].named(form.name)
	if !ok {
		return nil, fmt.Errorf("read signature of gpg-agent: %w: not made with %s", errSexp, form.name)
	}
	var mpis []byte
	for _, name := range form.integers {
		v, err := value(integers, name)
		if err != nil {
			return nil, fmt.Errorf("read signature of gpg-agent: %w", err)
		}
		if mpis, err = appendMPI(mpis, v); err != nil {
			return nil, fmt.Errorf("read signature of gpg-agent: integer %s: %w", name, err)
		}
	}
	return mpis, nil
}

// appendMPI appends an unsigned integer, whose leading zero octets do not
// count, with its length in bits.
func appendMPI(dst, v []byte) ([]byte, error) {
	v = bytes.TrimLeft(v, "\x00")
	if len(v) == 0 || len(v) > maxInteger {
		return nil, fmt.Errorf("%w: integer of %d octets", errSexp, len(v))
	}
	n := 8*(len(v)-1) + bits.Len8(v[0])
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	return append(dst, v...), nil
}

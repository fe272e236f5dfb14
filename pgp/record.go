package pgp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/omega-im/omega"
)

// Limits of a record. The size is an envelope's.
const (
	maxRecord      = omega.MaxEnvelope
	maxRecordWraps = 256
	maxWrapTries   = 2 // a key id is 64 bits and can be forged: more would be free work
)

// A Record is an opened record: a signed text that is encrypted to devices.
// Its signature was not judged yet; see Verify. It hides its key from logs.
type Record struct {
	Key       []byte            // session key, 32 octets
	Plaintext []byte            // what was signed
	Signer    omega.Fingerprint // signing subkey that the signature names
	Time      time.Time         // when it says that it was made, in seconds
	Sig       Compact
	Sealed    []byte // the packet that Key opens, as WrapRecord takes it
}

// SealRecord signs plaintext with an EdDSA key at time t and encrypts both
// under the 32-octet session key, which it wraps for every key in to: 256 at
// most, and the whole is omega.MaxEnvelope octets at most. gpg -d opens the
// result and verifies it. (spec/chat.md, CHAT-3)
func SealRecord(ctx context.Context, rand io.Reader, s Signer, to []*PublicKey, key, plaintext []byte, t time.Time) ([]byte, error) {
	wraps, err := wrapKey(rand, to, key)
	if err != nil {
		return nil, err
	}
	sealed, err := SignRecord(ctx, rand, s, key, plaintext, t)
	if err != nil {
		return nil, err
	}
	return joinRecord(wraps, sealed)
}

// SignRecord makes the part of a record that is the same for all who can read
// it: the packet with the signed text, under the session key. WrapRecord puts
// the wraps before it, as often as there are new readers.
func SignRecord(ctx context.Context, rand io.Reader, s Signer, key, plaintext []byte, t time.Time) ([]byte, error) {
	if s.Public().alg != EdDSA {
		return nil, fmt.Errorf("seal record: %w: signing key is %s", ErrPolicy, s.Public().alg)
	}
	inner, err := signMessage(ctx, s, plaintext, t)
	if err != nil {
		return nil, fmt.Errorf("seal record: %w", err)
	}
	sealed, err := sealSEIPD(nil, rand, key, inner)
	if err != nil {
		return nil, fmt.Errorf("seal record: %w", err)
	}
	return sealed, nil
}

// WrapRecord makes a record of the packet that SignRecord made, or that a Record
// came with, and its session key, wrapped for every key in to.
func WrapRecord(rand io.Reader, to []*PublicKey, key, sealed []byte) ([]byte, error) {
	wraps, err := wrapKey(rand, to, key)
	if err != nil {
		return nil, err
	}
	return joinRecord(wraps, sealed)
}

func wrapKey(rand io.Reader, to []*PublicKey, key []byte) ([]byte, error) {
	if len(to) > maxRecordWraps {
		return nil, fmt.Errorf("seal record: %w: %d recipients", ErrPolicy, len(to))
	}
	msg := make([]byte, 0, len(to)*pkeskSize+1024)
	for _, k := range to {
		wrap, err := SealSessionKey(rand, k, key)
		if err != nil {
			return nil, fmt.Errorf("seal record: %w", err)
		}
		msg = append(msg, wrap...)
	}
	return msg, nil
}

func joinRecord(wraps, sealed []byte) ([]byte, error) {
	msg := append(wraps, sealed...)
	if len(msg) > maxRecord {
		return nil, fmt.Errorf("seal record: %w: %d octets", ErrPolicy, len(msg))
	}
	return msg, nil
}

// OpenRecord decrypts a record with d. It does not judge the signature: a
// caller that shows or obeys the plaintext first calls Verify with the key of
// the device that Signer names. Failures are ErrMalformed for packets in the
// wrong order or over a limit, and ErrDecrypt.
func OpenRecord(ctx context.Context, d Decrypter, msg []byte) (*Record, error) {
	if len(msg) > maxRecord {
		return nil, fmt.Errorf("open record: %w: %d octets", ErrMalformed, len(msg))
	}
	wraps, sealed, err := splitEncrypted(msg, d.Public(), maxRecordWraps)
	if err != nil {
		return nil, fmt.Errorf("open record: %w", err)
	}
	for _, wrap := range wraps[:min(len(wraps), maxWrapTries)] {
		key, err := d.OpenSessionKey(ctx, wrap)
		if err != nil {
			continue
		}
		inner, err := openSEIPD(key, sealed)
		if err != nil {
			continue
		}
		r, err := readRecord(key, inner)
		if err == nil {
			r.Sealed = packetOf(msg, sealed)
		}
		return r, err
	}
	return nil, fmt.Errorf("open record: %w", ErrDecrypt)
}

// splitEncrypted takes an encrypted message apart: at most max PKESK packets
// and one SEIPD packet. It returns the packets that name k, and the body of
// the last.
func splitEncrypted(msg []byte, k *PublicKey, max int) (wraps [][]byte, sealed []byte, err error) {
	for n := 0; ; n++ {
		tag, body, rest, err := nextPacket(msg)
		switch {
		case err != nil:
			return nil, nil, err
		case tag == tagSEIPD && len(rest) == 0:
			return wraps, body, nil
		case tag != tagPKESK || n == max:
			return nil, nil, fmt.Errorf("%w: packet %d has type %d", ErrMalformed, n, tag)
		}
		if len(body) > 9 && body[0] == 3 && bytes.Equal(body[1:9], k.id[:]) {
			wraps = append(wraps, msg[:len(msg)-len(rest)])
		}
		msg = rest
	}
}

// packetOf returns the last packet of msg, of which body is the body.
func packetOf(msg, body []byte) []byte {
	head := appendLength([]byte{0xC0 | tagSEIPD}, len(body))
	if i := len(msg) - len(body) - len(head); i >= 0 && bytes.Equal(msg[i:i+len(head)], head) {
		return bytes.Clone(msg[i:])
	}
	return append(head, body...) // its length was written in another form
}

// readRecord reads what was encrypted.
func readRecord(key, inner []byte) (*Record, error) {
	plaintext, sig, err := splitSigned(inner)
	if err != nil {
		return nil, fmt.Errorf("open record: %w", err)
	}
	r := &Record{Key: key, Plaintext: plaintext, Signer: sig.issuer, Time: sig.created}
	if sig.alg != EdDSA || len(sig.hashed) != compactArea || hashID(sig.hash) != 8 ||
		sig.issuer.Version() != 4 || !edFromMPIs((*[64]byte)(&r.Sig), sig.mpis) {
		return nil, fmt.Errorf("open record: %w: signature is not of the compact form", ErrMalformed)
	}
	return r, nil
}

// Verify checks the record's signature by k: nil or ErrSignature. Whether k
// may speak for anyone is the caller's question.
func (r *Record) Verify(k *PublicKey) error {
	if k.fp != r.Signer {
		return fmt.Errorf("record of %s, checked with %s: %w", r.Signer, k.fp, ErrSignature)
	}
	return VerifyCompact(k, r.Plaintext, r.Time, r.Sig)
}

// String names the signer and hides the rest.
func (r Record) String() string { return "Record(by " + r.Signer.String() + ", hidden)" }

// Format keeps every verb away from the key and the text.
func (r Record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue keeps key and text out of logs.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.String()) }

package keyserver

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"log/slog"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// AckKeyLabel starts the info of the derivation of an AckKey.
const AckKeyLabel = "omega-im/ack-key/v1\n"

// An AckKey is what a device and one of its homes share without having talked:
// acknowledgements and mail under it cannot be made by the proxy between them. Both
// derive it from X25519 of their encryption subkeys, so each home can forge
// only what it is told itself. (spec/delivery.md, DELIV-9)
type AckKey [32]byte

// NewAckKey derives the key between a device and a home, at either end: own is
// one's own encryption subkey, peer the other's. Device is the fingerprint of
// the device's signing subkey, home of the server's primary key.
func NewAckKey(ctx context.Context, own pgp.Decrypter, peer *pgp.PublicKey, device, home omega.Fingerprint) (AckKey, error) {
	secret, err := own.SharedSecret(ctx, peer)
	if err != nil {
		return AckKey{}, fmt.Errorf("derive acknowledgement key of %s at %s: %w", device, home, err)
	}
	info := home.AppendTo(device.AppendTo([]byte(AckKeyLabel)))
	key, err := hkdf.Key(sha256.New, secret, nil, string(info), len(AckKey{}))
	if err != nil {
		return AckKey{}, fmt.Errorf("derive acknowledgement key of %s at %s: %w", device, home, err)
	}
	return AckKey(key), nil
}

// MAC returns the code that goes into the acknowledgement: HMAC-SHA-256, put
// together here (RFC 2104, section 2) because every mail has one and package
// hmac makes seven allocations and takes twice as long.
func (k *AckKey) MAC(a *wire.Ack) [wire.MACSize]byte {
	var buf [sha256.BlockSize + len(wire.AckLabel) + 2*omega.MaxFingerprintSize + 8]byte
	inner := sha256.Sum256(a.Unsigned(k.pad(buf[:0], 0x36)))
	outer := sha256.Sum256(append(k.pad(buf[:0], 0x5c), inner[:]...))
	return [wire.MACSize]byte(outer[:wire.MACSize])
}

// pad appends the key, filled up to a block with zeros, with every octet
// XORed.
func (k *AckKey) pad(b []byte, octet byte) []byte {
	for _, c := range k {
		b = append(b, c^octet)
	}
	for range sha256.BlockSize - len(k) {
		b = append(b, octet)
	}
	return b
}

// Check reports whether the acknowledgement was made under k.
func (k *AckKey) Check(a *wire.Ack) bool {
	mac := k.MAC(a)
	return hmac.Equal(mac[:], a.MAC[:])
}

// MailMAC returns the code of mail from the store of that incarnation.
// (spec/delivery.md, DELIV-21)
func (k *AckKey) MailMAC(m *wire.Mail, incarnation [8]byte) [wire.MACSize]byte {
	var buf [len(wire.MailLabel) + 2*omega.MaxFingerprintSize + 4*8]byte
	h := hmac.New(sha256.New, k[:])
	h.Write(m.Unsigned(buf[:0], incarnation))
	h.Write(m.Envelope)
	var sum [sha256.Size]byte
	return [wire.MACSize]byte(h.Sum(sum[:0])[:wire.MACSize])
}

// CheckMail reports whether the home sent m, from the store of that
// incarnation.
func (k *AckKey) CheckMail(m *wire.Mail, incarnation [8]byte) bool {
	mac := k.MailMAC(m, incarnation)
	return hmac.Equal(mac[:], m.MAC[:])
}

// AttachedMAC returns the code of a home's answer to a device's lease.
func (k *AckKey) AttachedMAC(a *wire.Attached, device omega.Fingerprint) [wire.MACSize]byte {
	var buf [len(wire.AttachedLabel) + 2*omega.MaxFingerprintSize + 3*8]byte
	h := hmac.New(sha256.New, k[:])
	h.Write(a.Unsigned(buf[:0], device))
	var sum [sha256.Size]byte
	return [wire.MACSize]byte(h.Sum(sum[:0])[:wire.MACSize])
}

// CheckAttached reports whether the home gave this answer to the device.
func (k *AckKey) CheckAttached(a *wire.Attached, device omega.Fingerprint) bool {
	mac := k.AttachedMAC(a, device)
	return hmac.Equal(mac[:], a.MAC[:])
}

// WaitingMAC returns the code of what a home says waits for a device.
// (spec/delivery.md, DELIV-24)
func (k *AckKey) WaitingMAC(w *wire.Waiting) [wire.MACSize]byte {
	var buf [len(wire.WaitingLabel) + 2*omega.MaxFingerprintSize + 2*8]byte
	h := hmac.New(sha256.New, k[:])
	h.Write(w.Unsigned(buf[:0]))
	var sum [sha256.Size]byte
	return [wire.MACSize]byte(h.Sum(sum[:0])[:wire.MACSize])
}

// CheckWaiting reports whether the home said this of the device.
func (k *AckKey) CheckWaiting(w *wire.Waiting) bool {
	mac := k.WaitingMAC(w)
	return hmac.Equal(mac[:], w.MAC[:])
}

// String hides the key.
func (AckKey) String() string { return "AckKey(hidden)" }

// LogValue keeps the key out of logs.
func (AckKey) LogValue() slog.Value { return slog.StringValue("AckKey(hidden)") }

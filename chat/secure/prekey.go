package secure

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

// A Use says how often a secret may be wrapped for a key.
type Use uint8

// The uses; Classic is no prekey but the device's encryption subkey.
const (
	UseOnce    Use = 1
	UseWeek    Use = 2
	UseChat    Use = 3
	UseClassic Use = 4
)

var useNames = map[Use]string{UseOnce: "once", UseWeek: "week", UseChat: "chat", UseClassic: "classic"}

// String returns the name that stands in texts.
func (u Use) String() string { return useNames[u] }

func parseUse(s string) (Use, bool) {
	for u, name := range useNames {
		if name == s {
			return u, true
		}
	}
	return 0, false
}

// MaxPrekeyAge is how long a prekey may be valid.
const MaxPrekeyAge = 60 * 24 * time.Hour

// PrekeySize is the size of a signed prekey in octets.
const PrekeySize = pgp.PrekeySize + 1 + 6 + 6 + pgp.CompactSize

// A Prekey is a public prekey with the signature of the device that keeps its
// secret. (spec/secure.md, SEC-1)
type Prekey struct {
	Key           *pgp.Prekey
	Use           Use
	Made, Expires time.Time // UTC, milliseconds
	Signature     pgp.Compact
}

// SignPrekey signs a prekey for the device that s signs for.
func SignPrekey(ctx context.Context, s pgp.Signer, account omega.Fingerprint, key *pgp.Prekey, use Use, made, expires time.Time) (*Prekey, error) {
	p := &Prekey{Key: key, Use: use, Made: milli(made), Expires: milli(expires)}
	if !p.valid() {
		return nil, fmt.Errorf("sign prekey: %w: %s from %s to %s", ErrMalformed, use, made, expires)
	}
	var err error
	p.Signature, err = pgp.SignCompact(ctx, s, p.text(account, s.Public().Fingerprint()), p.Made)
	if err != nil {
		return nil, fmt.Errorf("sign prekey: %w", err)
	}
	return p, nil
}

func milli(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func (p *Prekey) valid() bool {
	return p.Use >= UseOnce && p.Use <= UseChat && p.Made.UnixMilli() >= 0 &&
		p.Expires.After(p.Made) && p.Expires.Sub(p.Made) <= MaxPrekeyAge && p.Expires.UnixMilli() <= canon.MaxMilli
}

// Hash is the SHA-256 of the packet: what records name the prekey by.
func (p *Prekey) Hash() Hash { return HashPrekey(p.Key) }

// HashPrekey is the name of a prekey in records.
func HashPrekey(k *pgp.Prekey) Hash { return sha256.Sum256(k.Packet()) }

func (p *Prekey) text(account, device omega.Fingerprint) []byte {
	hash := p.Hash()
	b := canon.AppendLine(nil, "Omega-Prekey", "1")
	b = canon.AppendAddress(b, "Account", account)
	b = canon.AppendAddress(b, "Device", device)
	b = canon.AppendLine(b, "Use", p.Use.String())
	b = canon.AppendTime(b, "Made", p.Made)
	b = canon.AppendTime(b, "Expires", p.Expires)
	return canon.AppendHex(b, "Key-Hash", hash[:])
}

// Verify checks that the device, whose key is k, signed the prekey for account,
// and that it has not expired.
func (p *Prekey) Verify(k *pgp.PublicKey, account omega.Fingerprint, now time.Time) error {
	if !now.Before(p.Expires) {
		return fmt.Errorf("prekey of %s: %w at %s", k.Fingerprint(), pgp.ErrExpired, p.Expires)
	}
	return pgp.VerifyCompact(k, p.text(account, k.Fingerprint()), p.Made, p.Signature)
}

// Marshal writes what ParsePrekey reads.
func (p *Prekey) Marshal() []byte {
	b := make([]byte, 0, PrekeySize)
	b = append(append(b, p.Key.Packet()...), byte(p.Use))
	b = appendMilli(appendMilli(b, p.Made), p.Expires)
	return append(b, p.Signature[:]...)
}

// ParsePrekey reads a signed prekey; the signature is not looked at.
func ParsePrekey(b []byte) (*Prekey, error) {
	if len(b) != PrekeySize {
		return nil, malformed("prekey of %d octets", len(b))
	}
	key, err := pgp.ParsePrekey(b[:pgp.PrekeySize])
	if err != nil {
		return nil, malformed("%v", err)
	}
	b = b[pgp.PrekeySize:]
	p := &Prekey{Key: key, Use: Use(b[0]), Made: readMilli(b[1:]), Expires: readMilli(b[7:]), Signature: pgp.Compact(b[13:])}
	if !p.valid() {
		return nil, malformed("prekey for %d from %s to %s", b[0], p.Made, p.Expires)
	}
	return p, nil
}

func appendMilli(b []byte, t time.Time) []byte {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(t.UnixMilli()))
	return append(b, n[2:]...)
}

func readMilli(b []byte) time.Time {
	var n [8]byte
	copy(n[2:], b[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(n[:]))).UTC()
}

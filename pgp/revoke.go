package pgp

import (
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// A Reason says why a key is revoked (RFC 9580, section 5.2.3.31).
type Reason byte

// Reasons for revocation. Retired and superseded keys keep what they signed
// before; the other reasons void it in programs that judge by OpenPGP alone.
const (
	ReasonNone        Reason = 0
	ReasonSuperseded  Reason = 1
	ReasonCompromised Reason = 2
	ReasonRetired     Reason = 3
)

// RevokeDevice returns cert with both subkeys of a device revoked. Nothing
// takes that back; merging with an older copy keeps it.
func RevokeDevice(ctx context.Context, primary Signer, cert *Certificate, signing omega.Fingerprint, why Reason, now time.Time) (*Certificate, error) {
	return revokeDevice(ctx, primary, cert, signing, appendSub(nil, subReason, byte(why)), now)
}

// RevokeBefore makes the revocation of a device for the day when the primary key is
// not at hand: a key block of the primary key and the device's subkeys with their
// revocations, which Certificate.Update and gpg --import take. Whoever has it can
// revoke that device, and nothing else. (spec/keys.md, KEYS-23)
func RevokeBefore(ctx context.Context, primary Signer, cert *Certificate, signing omega.Fingerprint, now time.Time) ([]byte, error) {
	subs := appendSubNotation(appendSub(nil, subReason, byte(ReasonRetired)), notationBefore, "1")
	revoked, err := revokeDevice(ctx, primary, cert, signing, subs, now)
	if err != nil {
		return nil, err
	}
	block := cert.primary.Packet(false)
	for i := range revoked.subkeys {
		if s := &revoked.subkeys[i]; s.owner() == signing {
			block = append(block, s.key.Packet(true)...)
			block = appendSig(block, s.binding, cert.primary)
			block = appendSig(block, s.revocation, cert.primary)
		}
	}
	return block, nil
}

// RevokedBy returns cert with a device revoked by what RevokeBefore made. The error is
// ErrPolicy if that does not revoke this device.
func RevokedBy(cert *Certificate, signing omega.Fingerprint, block []byte, now time.Time) (*Certificate, error) {
	own, _, err := Own(block)
	if err != nil {
		return nil, err
	}
	revoked, err := cert.Update(own, now)
	if err != nil {
		return nil, err
	}
	if d, ok := revoked.Device(signing); !ok || !d.Revoked {
		return nil, fmt.Errorf("revoke device %s: %w: the revocation is of another one", signing, ErrPolicy)
	}
	return revoked, nil
}

func revokeDevice(ctx context.Context, primary Signer, cert *Certificate, signing omega.Fingerprint, subs []byte, now time.Time) (*Certificate, error) {
	if err := cert.checkSigner(primary); err != nil {
		return nil, fmt.Errorf("revoke device %s: %w", signing, err)
	}
	if _, ok := cert.Device(signing); !ok {
		return nil, fmt.Errorf("revoke device %s: %w: certificate %s does not list it", signing, ErrPolicy, cert.primary.fp)
	}
	c := cert.copy()
	for i := range c.subkeys {
		s := &c.subkeys[i]
		if s.owner() != signing {
			continue
		}
		t := latest(now, cert.primary.created, s.key.created)
		r, err := sign(ctx, primary, sigRevokeSubkey, t, subs, coverSubkey(c.primary, s.key))
		if err != nil {
			return nil, fmt.Errorf("revoke device %s: %w", signing, err)
		}
		s.revocation = worse(s.revocation, r)
	}
	return c.checked(now)
}

// Revoke returns cert with its primary key revoked: the end of the account.
func Revoke(ctx context.Context, primary Signer, cert *Certificate, why Reason, now time.Time) (*Certificate, error) {
	return revoke(ctx, primary, cert, appendSub(nil, subReason, byte(why)), now)
}

// Revocation makes the revocation of the primary key for the day when that is lost or
// stolen: armored, with the primary key in front, which Certificate.Update and gpg
// --import take. Whoever has it can end the account, and do nothing else. As gpg does, it
// gives no reason, so that it holds for a theft too. (spec/keys.md, KEYS-32)
func Revocation(ctx context.Context, primary Signer, cert *Certificate, now time.Time) (string, error) {
	revoked, err := Revoke(ctx, primary, cert, ReasonNone, now)
	if err != nil {
		return "", err
	}
	return Armor("PGP PUBLIC KEY BLOCK", appendSig(cert.primary.Packet(false), revoked.revocation, cert.primary)), nil
}

// Delete returns what is left of a deleted account: the revoked primary key and
// the neutral User ID. Whatever it is merged with, devices and their names do
// not come back. What the account signed before stays verifiable by those who
// kept its certificate. (spec/identity.md, IDENT-13)
func Delete(ctx context.Context, primary Signer, cert *Certificate, now time.Time) (*Certificate, error) {
	subs := appendSub(nil, subReason, byte(ReasonRetired))
	return revoke(ctx, primary, cert, appendSubNotation(subs, notationDeleted, "1"), now)
}

// revoke revokes the primary key; subs say why.
func revoke(ctx context.Context, primary Signer, cert *Certificate, subs []byte, now time.Time) (*Certificate, error) {
	if err := cert.checkSigner(primary); err != nil {
		return nil, fmt.Errorf("revoke %s: %w", cert.primary.fp, err)
	}
	t := latest(now, cert.primary.created)
	r, err := sign(ctx, primary, sigRevokeKey, t, subs, appendKeyForHash(nil, cert.primary))
	if err != nil {
		return nil, fmt.Errorf("revoke %s: %w", cert.primary.fp, err)
	}
	c := cert.copy()
	c.revocation = worse(c.revocation, r)
	return c.checked(now)
}

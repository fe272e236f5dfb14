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
// takes that back; merging with an older copy keeps it. Nothing that
// the device ever said of others counts from then on (see Word); what it had removed so
// that it stood is revoked with it where the reason is that it is retired or superseded,
// and is back where it is compromised. (spec/keys.md, KEYS-36)
func RevokeDevice(ctx context.Context, primary Signer, cert *Certificate, signing omega.Fingerprint, why Reason, now time.Time) (*Certificate, error) {
	if why == ReasonRetired || why == ReasonSuperseded {
		for _, w := range cert.Removals() {
			if w.By == signing && w.State == WordStands {
				var err error
				if cert, err = RevokeDevice(ctx, primary, cert, w.About, why, now); err != nil {
					return nil, err
				}
			}
		}
	}
	c, err := signRevocations(ctx, primary, cert, signing, appendSub(nil, subReason, byte(why)), now)
	if err != nil {
		return nil, err
	}
	return c.checked(now)
}

// RevokeBefore makes the revocation of a device for the day when the primary key is
// not at hand: a key block of the primary key and the device's subkeys with their
// revocations, which gpg --import takes. In ω IM it counts where a device of the account
// says in its own name that the other one is removed: see Remove. (spec/keys.md, KEYS-23,
// KEYS-35)
func RevokeBefore(ctx context.Context, primary Signer, cert *Certificate, signing omega.Fingerprint, now time.Time) ([]byte, error) {
	subs := appendSubNotation(appendSub(nil, subReason, byte(ReasonRetired)), notationBefore, "1")
	revoked, err := signRevocations(ctx, primary, cert, signing, subs, now)
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

// signRevocations returns what is in cert with both subkeys of a device revoked.
func signRevocations(ctx context.Context, primary Signer, cert *Certificate, signing omega.Fingerprint, subs []byte, now time.Time) (c core, err error) {
	if err := cert.checkSigner(primary); err != nil {
		return c, fmt.Errorf("revoke device %s: %w", signing, err)
	}
	if _, ok := cert.Device(signing); !ok {
		return c, fmt.Errorf("revoke device %s: %w: certificate %s does not list it", signing, ErrPolicy, cert.primary.fp)
	}
	c = cert.copy()
	for i := range c.subkeys {
		s := &c.subkeys[i]
		if s.owner() != signing {
			continue
		}
		t := latest(now, cert.primary.created, s.key.created)
		r, err := sign(ctx, primary, sigRevokeSubkey, t, subs, coverSubkey(c.primary, s.key))
		if err != nil {
			return c, fmt.Errorf("revoke device %s: %w", signing, err)
		}
		s.revocation = worse(s.revocation, r)
	}
	return c, nil
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

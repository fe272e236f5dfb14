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
		r, err := sign(ctx, primary, sigRevokeSubkey, t, appendSub(nil, subReason, byte(why)), coverSubkey(c.primary, s.key))
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

package pgp

import (
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// Withdraw makes the signature packet by which a primary key takes its certification of
// cert back, as gpg --edit-key revsig makes one. (spec/identity.md, IDENT-12)
func Withdraw(ctx context.Context, by Signer, cert *Certificate, now time.Time) ([]byte, error) {
	subs := appendSub(nil, subReason, 0) // without saying why
	s, err := sign(ctx, by, sigRevokeUserID, now, subs, coverUserID(cert.primary))
	if err != nil {
		return nil, fmt.Errorf("withdraw the certification of %s: %w", cert.primary.fp, err)
	}
	return s.packet(by.Public()), nil
}

// VerifyWithdrawal checks that b takes back what by certified of cert, and was made not
// in the future. It counts whatever became of the keys since.
func VerifyWithdrawal(b []byte, by, cert *Certificate, now time.Time) error {
	s, err := parseClaim(b)
	if err != nil {
		return err
	}
	if s.typ != sigRevokeUserID || !s.timely(by.primary.created, now) {
		return fmt.Errorf("%w: signature of type %#x of %s takes nothing back", ErrPolicy, s.typ, s.created.Format(time.RFC3339))
	}
	return s.verify(by.primary, coverUserID(cert.primary))
}

// A Claim is what a packet says that it is: a certification, or its withdrawal. Nothing
// is verified.
type Claim struct {
	Issuer    omega.Fingerprint // zero if it does not say
	Made      time.Time         // whole seconds
	Withdrawn bool
}

// ReadClaim reads a certification or its withdrawal.
func ReadClaim(b []byte) (Claim, error) {
	s, err := parseClaim(b)
	if err != nil {
		return Claim{}, err
	}
	return Claim{s.issuer, s.created, s.typ == sigRevokeUserID}, nil
}

// Outdates reports whether c counts and not d, which is by the same key about the same
// one: the later one, or of one second the withdrawal.
func (c Claim) Outdates(d Claim) bool {
	return c.Made.After(d.Made) || c.Made.Equal(d.Made) && c.Withdrawn && !d.Withdrawn
}

package keyserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// ErrClaim says that the times of a claim of a blob are not allowed.
var ErrClaim = errors.New("claim of a blob is over, or for too long")

// MaxClaimAge is how old a claim may be when it is shown to a home.
const MaxClaimAge = 24 * time.Hour

// VerifyClaim checks a claim of a blob against a certificate: the signature by a
// device that is active now, and its times. Whom it names as home is for the
// caller to compare. It is pure. (spec/media.md, MEDIA-2)
func VerifyClaim(cert *pgp.Certificate, c *wire.BlobClaim, now time.Time) error {
	if c.User != cert.Fingerprint() {
		return fmt.Errorf("claim of %s %w: the certificate is of %s", c.User, ErrNotOwner, cert.Fingerprint())
	}
	if err := cert.Check(now); errors.Is(err, pgp.ErrRevoked) {
		return fmt.Errorf("claim: %w", err)
	}
	latest, signed := now.Add(omega.ClockTolerance), time.Unix(c.Sig.Time, 0)
	if c.Issued.After(latest) || signed.After(latest) {
		return fmt.Errorf("claim of %s %w", c.Device, ErrFuture)
	}
	if now.Sub(c.Issued) > MaxClaimAge || c.Until.Sub(c.Issued) > media.MaxClaim {
		return fmt.Errorf("%w: issued %s, until %s", ErrClaim, c.Issued.Format(time.RFC3339), c.Until.Format(time.RFC3339))
	}
	dev, ok := cert.Device(c.Device)
	if !ok || !dev.Active(now) {
		return fmt.Errorf("claim of %s %w: %s", c.User, ErrDevice, c.Device)
	}
	if err := pgp.VerifyCompact(dev.Signing, c.Signed(), signed, pgp.Compact(c.Sig.Bytes)); err != nil {
		return fmt.Errorf("claim of %s: %w", c.Device, err)
	}
	return nil
}

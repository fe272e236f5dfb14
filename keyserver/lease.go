package keyserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// ErrLease says that a lease is over, or lasts longer than leases may.
var ErrLease = errors.New("lease is not in force")

// VerifyLease checks a lease against the certificate of its account: the
// signature by a device that is active now, and its time. Whom it names as
// proxy and home is for the caller to compare. It is pure.
// (spec/delivery.md, DELIV-7)
func VerifyLease(cert *pgp.Certificate, l *wire.Lease, now time.Time) (pgp.Device, error) {
	dev, err := CheckLease(cert, l, now)
	if err != nil {
		return dev, err
	}
	if err := pgp.VerifyCompact(dev.Signing, l.Signed(), time.Unix(l.Sig.Time, 0), pgp.Compact(l.Sig.Bytes)); err != nil {
		return pgp.Device{}, fmt.Errorf("lease of %s: %w", l.Device, err)
	}
	return dev, nil
}

// CheckLease is VerifyLease without the signature, for a lease that came
// through a session in which the device has just proved itself.
func CheckLease(cert *pgp.Certificate, l *wire.Lease, now time.Time) (pgp.Device, error) {
	var none pgp.Device
	if l.User != cert.Fingerprint() {
		return none, fmt.Errorf("lease of %s %w: the certificate is of %s", l.User, ErrNotOwner, cert.Fingerprint())
	}
	// An expired key receives, so that its owner can renew it.
	if err := cert.Check(now); errors.Is(err, pgp.ErrRevoked) {
		return none, fmt.Errorf("lease: %w", err)
	}
	latest := now.Add(omega.ClockTolerance)
	signed := time.Unix(l.Sig.Time, 0)
	if l.Issued.After(latest) || signed.After(latest) {
		return none, fmt.Errorf("lease of %s %w", l.Device, ErrFuture)
	}
	if !now.Before(l.NotAfter) || l.NotAfter.Sub(l.Issued) > omega.MaxLease {
		return none, fmt.Errorf("%w: issued %s, not after %s", ErrLease, l.Issued.Format(time.RFC3339), l.NotAfter.Format(time.RFC3339))
	}
	dev, ok := cert.Device(l.Device)
	if !ok || !dev.Active(now) {
		return none, fmt.Errorf("lease of %s %w: %s", l.User, ErrDevice, l.Device)
	}
	return dev, nil
}

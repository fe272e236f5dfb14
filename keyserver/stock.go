package keyserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// MaxStockAge is how old a stock of prekeys may be when it is put at a home.
const MaxStockAge = 24 * time.Hour

// ErrStock says that a stock of prekeys was made too long ago.
var ErrStock = errors.New("stock of prekeys is too old")

// VerifyStock checks a stock of prekeys against a certificate: the signature by a
// device that is active now, and its time. Whom it names as home is for the caller
// to compare. It is pure. (spec/secure.md, SEC-8)
func VerifyStock(cert *pgp.Certificate, s *wire.PrekeyStock, now time.Time) error {
	if s.User != cert.Fingerprint() {
		return fmt.Errorf("prekeys of %s %w: the certificate is of %s", s.User, ErrNotOwner, cert.Fingerprint())
	}
	if err := cert.Check(now); errors.Is(err, pgp.ErrRevoked) {
		return fmt.Errorf("prekeys: %w", err)
	}
	latest, signed := now.Add(omega.ClockTolerance), time.Unix(s.Sig.Time, 0)
	if s.Made.After(latest) || signed.After(latest) {
		return fmt.Errorf("prekeys of %s %w", s.Device, ErrFuture)
	}
	if now.Sub(s.Made) > MaxStockAge {
		return fmt.Errorf("%w: made %s", ErrStock, s.Made.Format(time.RFC3339))
	}
	dev, ok := cert.Device(s.Device)
	if !ok || !dev.Active(now) {
		return fmt.Errorf("prekeys of %s %w: %s", s.User, ErrDevice, s.Device)
	}
	if err := pgp.VerifyCompact(dev.Signing, s.Signed(), signed, pgp.Compact(s.Sig.Bytes)); err != nil {
		return fmt.Errorf("prekeys of %s: %w", s.Device, err)
	}
	return nil
}

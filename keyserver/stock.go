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
	if now.Sub(s.Made) > MaxStockAge {
		return fmt.Errorf("%w: made %s", ErrStock, s.Made.Format(time.RFC3339))
	}
	return told{"prekeys", s.User, s.Device, s.Made, s.Sig}.verify(cert, s.Signed(), now)
}

// VerifyTokens checks a list of delivery tokens against a certificate, as VerifyStock
// does; it does not become too old. It is pure. (spec/delivery.md, DELIV-45)
func VerifyTokens(cert *pgp.Certificate, l *wire.TokenList, now time.Time) error {
	return told{"tokens", l.User, l.Device, l.Made, l.Sig}.verify(cert, l.Signed(), now)
}

// told is what a device tells a home under its signature.
type told struct {
	what         string
	user, device omega.Fingerprint
	made         time.Time
	sig          wire.Signature
}

func (s told) verify(cert *pgp.Certificate, signed []byte, now time.Time) error {
	if s.user != cert.Fingerprint() {
		return fmt.Errorf("%s of %s %w: the certificate is of %s", s.what, s.user, ErrNotOwner, cert.Fingerprint())
	}
	if err := cert.Check(now); errors.Is(err, pgp.ErrRevoked) {
		return fmt.Errorf("%s: %w", s.what, err)
	}
	latest, at := now.Add(omega.ClockTolerance), time.Unix(s.sig.Time, 0)
	if s.made.After(latest) || at.After(latest) {
		return fmt.Errorf("%s of %s %w", s.what, s.device, ErrFuture)
	}
	dev, ok := cert.Device(s.device)
	if !ok || !dev.Active(now) {
		return fmt.Errorf("%s of %s %w: %s", s.what, s.user, ErrDevice, s.device)
	}
	if err := pgp.VerifyCompact(dev.Signing, signed, at, pgp.Compact(s.sig.Bytes)); err != nil {
		return fmt.Errorf("%s of %s: %w", s.what, s.device, err)
	}
	return nil
}

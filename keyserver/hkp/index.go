package hkp

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/omega-im/omega/pgp"
)

// indexMachine is a certificate in the machine-readable index of HKP:
//
//	info:1:1
//	pub:fingerprint:algorithm:bits:created:expires:flags
//	uid:escaped user id:created:expires:flags
//
// Times are seconds since 1970, flags r for revoked and e for expired.
func indexMachine(c *pgp.Certificate, now time.Time) string {
	k, flags := c.Primary(), ""
	if c.Revoked() {
		flags += "r"
	}
	if e := c.Expires(); !e.IsZero() && !now.Before(e) {
		flags += "e"
	}
	expires := ""
	if e := c.Expires(); !e.IsZero() {
		expires = fmt.Sprint(e.Unix())
	}
	return fmt.Sprintf("info:1:1\npub:%s:%d:%d:%d:%s:%s\nuid:%s:%d:%s:%s\n",
		k.Fingerprint(), k.Algorithm(), k.Bits(), k.Created().Unix(), expires, flags,
		url.PathEscape(c.UserID()), k.Created().Unix(), expires, flags)
}

// indexText says the same to people.
func indexText(c *pgp.Certificate, now time.Time) string {
	var b strings.Builder
	k := c.Primary()
	fmt.Fprintf(&b, "%s\n  %s %d, %s\n  made %s, %s\n", c.UserID(), k.Algorithm(), k.Bits(), k.Fingerprint(),
		k.Created().Format(time.DateOnly), state(c, now))
	for _, d := range c.Devices() {
		fmt.Fprintf(&b, "  device %q, added %s, %s\n    signs with     %s\n    encrypted to   %s\n", d.Name, d.Added.Format(time.DateOnly),
			deviceState(&d, now), d.Signing.Fingerprint(), d.Encryption.Fingerprint())
	}
	return b.String()
}

// state is what can be said of a certificate in one word.
func state(c *pgp.Certificate, now time.Time) string {
	e := c.Expires()
	switch {
	case c.Deleted():
		return "deleted"
	case c.Revoked():
		return "revoked"
	case !e.IsZero() && !now.Before(e):
		return "expired"
	}
	return "valid"
}

func deviceState(d *pgp.Device, now time.Time) string {
	switch {
	case d.Revoked:
		return "revoked"
	case !d.Active(now):
		return "expired"
	}
	return "active"
}

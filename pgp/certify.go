package pgp

import (
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// maxCertification is the largest certification that is read, in octets: an
// RSA signature of 4096 bits with room for subpackets.
const maxCertification = 1 << 10

// Certify makes a certification of cert by another primary key: a signature
// packet that says "this key and this User ID belong together", as gpg
// --sign-key makes one. Certifications never go into the certificate or to a
// key server; a server that joins the cloud shows those that it has.
// (spec/identity.md, IDENT-12)
func Certify(ctx context.Context, by Signer, cert *Certificate, now time.Time) ([]byte, error) {
	if by.Public().fp == cert.primary.fp {
		return nil, fmt.Errorf("certify %s: %w: a key cannot vouch for itself", cert.primary.fp, ErrPolicy)
	}
	s, err := sign(ctx, by, sigCertification, now, nil, coverUserID(cert.primary))
	if err != nil {
		return nil, fmt.Errorf("certify %s: %w", cert.primary.fp, err)
	}
	return s.packet(by.Public()), nil
}

// CertificationIssuer returns who claims to have made a certification, so that
// the certificate to check it with can be found. Nothing is verified.
func CertificationIssuer(b []byte) (omega.Fingerprint, error) {
	s, err := parseCertification(b)
	if err != nil {
		return omega.Fingerprint{}, err
	}
	return s.issuer, nil
}

// VerifyCertification checks that b is a certification of cert by the primary
// key of by, of any of the four types, made not in the future, and that
// neither key has expired or is revoked.
func VerifyCertification(b []byte, by, cert *Certificate, now time.Time) error {
	s, err := parseCertification(b)
	if err != nil {
		return err
	}
	for _, c := range []*Certificate{by, cert} {
		if err := c.Check(now); err != nil {
			return err
		}
	}
	switch {
	case by.primary.fp == cert.primary.fp:
		return fmt.Errorf("%w: a key cannot vouch for itself", ErrPolicy)
	case !s.timely(by.primary.created, now):
		return fmt.Errorf("%w: certification made at %s", ErrPolicy, s.created.Format(time.RFC3339))
	}
	return s.verify(by.primary, coverUserID(cert.primary))
}

// parseCertification reads exactly one certification packet.
func parseCertification(b []byte) (*signature, error) {
	s, err := parseClaim(b)
	if err == nil && s.typ == sigRevokeUserID {
		return nil, fmt.Errorf("%w: a certification that was taken back", ErrPolicy)
	}
	return s, err
}

// parseClaim reads exactly one packet of a certification or its withdrawal.
func parseClaim(b []byte) (*signature, error) {
	if len(b) > maxCertification {
		return nil, fmt.Errorf("%w: certification of %d octets, at most %d", ErrMalformed, len(b), maxCertification)
	}
	tag, body, rest, err := nextPacket(b)
	if err != nil {
		return nil, err
	}
	if tag != tagSignature || len(rest) != 0 {
		return nil, fmt.Errorf("%w: not one signature packet", ErrMalformed)
	}
	s, err := parseSignature(body)
	if err != nil {
		return nil, err
	}
	if (s.typ < 0x10 || s.typ > sigCertification) && s.typ != sigRevokeUserID {
		return nil, fmt.Errorf("%w: signature of type %#x is no certification", ErrPolicy, s.typ)
	}
	return s, nil
}

// ParseCertifications reads certifications from a file: armored or binary, one
// signature packet after the other, at most max of them. Keys and User IDs
// between them are skipped, so that what gpg --export wrote can be read too.
func ParseCertifications(b []byte, max int) ([][]byte, error) {
	b, err := dearmor(b, omega.MaxCertificate)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for len(b) > 0 {
		tag, body, rest, err := nextPacket(b)
		if err != nil {
			return nil, err
		}
		b = rest
		packet := appendPacket(nil, tag, body)
		if _, err := parseCertification(packet); err != nil {
			continue // a binding or a self-signature of an unknown kind
		}
		if len(out) == max {
			return nil, fmt.Errorf("%w: more than %d certifications", ErrPolicy, max)
		}
		out = append(out, packet)
	}
	return out, nil
}

package pgp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"
)

// Notations of certifications by which one key goes on as another. They are not
// critical. (spec/keys.md, KEYS-25, KEYS-26)
const (
	notationSuccessor   = "successor@omega-im.github.io"
	notationPredecessor = "predecessor@omega-im.github.io"
)

// Succeed makes the statement of an old primary key that the account goes on as
// another one. (spec/keys.md, KEYS-25)
func Succeed(ctx context.Context, old Signer, successor *Certificate, now time.Time) ([]byte, error) {
	return certifyAs(ctx, old, successor, notationSuccessor, now)
}

// Inherit makes the answer of the new primary key: that it is the one which goes on.
// (spec/keys.md, KEYS-26)
func Inherit(ctx context.Context, successor Signer, old *Certificate, now time.Time) ([]byte, error) {
	return certifyAs(ctx, successor, old, notationPredecessor, now)
}

func certifyAs(ctx context.Context, by Signer, cert *Certificate, notation string, now time.Time) ([]byte, error) {
	if by.Public().fp == cert.primary.fp {
		return nil, fmt.Errorf("succession of %s: %w: a key cannot follow itself", cert.primary.fp, ErrPolicy)
	}
	s, err := sign(ctx, by, sigCertification, now, appendSubNotation(nil, notation, cert.primary.fp.String()), coverUserID(cert.primary))
	if err != nil {
		return nil, fmt.Errorf("succession of %s: %w", cert.primary.fp, err)
	}
	return s.packet(by.Public()), nil
}

// VerifyStatement checks that b is the statement of old that it goes on as successor.
// Old may have expired since, or have been retired, but not have been compromised.
func VerifyStatement(b []byte, old, successor *Certificate, now time.Time) error {
	if err := successor.Check(now); err != nil {
		return err
	}
	s, err := verifyAs(b, old, successor, notationSuccessor, now)
	if err != nil {
		return err
	}
	switch r, e := old.revocation, old.Expires(); {
	case r != nil && (r.hard() || !s.created.Before(r.created)):
		return fmt.Errorf("%s: %w", old.primary.fp, ErrRevoked)
	case !e.IsZero() && !s.created.Before(e):
		return fmt.Errorf("%s: %w", old.primary.fp, ErrExpired)
	}
	return nil
}

// VerifyAnswer checks that b is the word of successor that it is the one which goes on.
func VerifyAnswer(b []byte, old, successor *Certificate, now time.Time) error {
	if err := successor.Check(now); err != nil {
		return err
	}
	_, err := verifyAs(b, successor, old, notationPredecessor, now)
	return err
}

func verifyAs(b []byte, by, cert *Certificate, notation string, now time.Time) (*signature, error) {
	s, err := parseCertification(b)
	if err != nil {
		return nil, err
	}
	value, ok := s.notation(notation)
	switch {
	case by.primary.fp == cert.primary.fp:
		return nil, fmt.Errorf("%w: a key cannot follow itself", ErrPolicy)
	case !ok || value != cert.primary.fp.String():
		return nil, fmt.Errorf("%w: no notation %s for %s", ErrPolicy, notation, cert.primary.fp)
	case !s.timely(by.primary.created, now):
		return nil, fmt.Errorf("%w: made at %s", ErrPolicy, s.created.Format(time.RFC3339))
	}
	return s, s.verify(by.primary, coverUserID(cert.primary))
}

// notation returns the value of the one notation with a name in the hashed area, of
// which parseFacts has read the lengths.
func (s *signature) notation(name string) (value string, ok bool) {
	for area := s.hashed; len(area) > 0; {
		n, head, err := subLength(area)
		if err != nil || n < 1 || n > len(area)-head {
			return "", false
		}
		sub := area[head : head+n]
		area = area[head+n:]
		if sub[0]&0x7f != subNotation || len(sub) < 9 {
			continue
		}
		split := 9 + int(binary.BigEndian.Uint16(sub[5:]))
		if split > len(sub) || string(sub[9:split]) != name {
			continue
		}
		if ok {
			return "", false // two
		}
		value, ok = string(bytes.Clone(sub[split:])), true
	}
	return value, ok
}

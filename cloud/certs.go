package cloud

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
)

// certs are the certificates of servers. Whoever holds the secrets of a
// certificate is that server: none needs to be vouched for by another.
type certs struct {
	own   omega.Fingerprint
	clock func() time.Time

	mu sync.RWMutex
	m  map[omega.Fingerprint]*pgp.Certificate // guarded by mu
}

func newCerts(own *pgp.Certificate, clock func() time.Time) *certs {
	return &certs{
		own: own.Fingerprint(), clock: clock,
		m: map[omega.Fingerprint]*pgp.Certificate{own.Fingerprint(): own},
	}
}

func (s *certs) get(fp omega.Fingerprint) *pgp.Certificate {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[fp]
}

// learn keeps a certificate, merged with what is known. It reports whether
// that changed anything.
func (s *certs) learn(cert *pgp.Certificate) (changed bool, err error) {
	fp := cert.Fingerprint()
	if fp == s.own {
		return false, nil // this server knows best
	}
	if n := len(cert.Bytes()); n > maxCertificate {
		return false, fmt.Errorf("certificate of server %v has %d octets, at most %d", fp, n, maxCertificate)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.m[fp]
	if old != nil && old.Hash() != cert.Hash() {
		if cert, err = pgp.Merge(old, cert, s.clock()); err != nil {
			return false, fmt.Errorf("merge certificate of server %v: %w", fp, err)
		}
	}
	s.m[fp] = cert
	return old == nil || old.Hash() != cert.Hash(), nil
}

// parse reads and learns a certificate that a neighbour sent or the disk kept.
func (s *certs) parse(b []byte) (*pgp.Certificate, bool, error) {
	if len(b) > maxCertificate {
		return nil, false, fmt.Errorf("certificate of %d octets, at most %d", len(b), maxCertificate)
	}
	cert, err := pgp.ParseCertificate(b, s.clock())
	if err != nil {
		return nil, false, err
	}
	changed, err := s.learn(cert)
	return cert, changed, err
}

// keep forgets the certificates of servers for which wanted is false.
func (s *certs) keep(wanted func(omega.Fingerprint) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for fp := range s.m {
		if fp != s.own && !wanted(fp) {
			delete(s.m, fp)
		}
	}
}

func (s *certs) all() []*pgp.Certificate {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*pgp.Certificate, 0, len(s.m))
	for _, cert := range s.m {
		out = append(out, cert)
	}
	return out
}

// verify is the mesh.VerifyFunc. A signature counts when one of the server's
// active devices made it. When the certificate at hand does not carry the key,
// a newer one may: that is ErrUnknownServer too.
func (s *certs) verify(server omega.Fingerprint, data []byte, at time.Time, sig mesh.Signature) error {
	cert := s.get(server)
	if cert == nil {
		return mesh.ErrUnknownServer
	}
	now := s.clock()
	if err := cert.Check(now); err != nil {
		return err
	}
	for _, d := range cert.Active(now) {
		if pgp.VerifyCompact(d.Signing, data, at, pgp.Compact(sig)) == nil {
			return nil
		}
	}
	return pgp.ErrSignature
}

// FindCertificate returns the certificate of a server in the cloud. A server
// that is not known is omega.CodeNotFound. It makes Cloud a pgp.Finder.
func (c *Cloud) FindCertificate(_ context.Context, fp omega.Fingerprint) (*pgp.Certificate, error) {
	if cert := c.certs.get(fp); cert != nil {
		return cert, nil
	}
	return nil, omega.Errorf(omega.CodeNotFound, "server %v is not known here", fp)
}

package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// peerAge is how old what is known of a peer may be when a message is sealed
// for it while connected: a device that was added since asks for what it
// cannot read, so this bounds a detour and not a loss.
const peerAge = time.Minute

// maxCerts bounds the parsed certificates in memory.
const maxCerts = 4096

// finder answers from memory only, because it is asked inside transactions; who
// is missing is fetched outside and asked for again.
type finder struct{ c *Client }

func (f finder) FindCertificate(_ context.Context, fp omega.Fingerprint) (*pgp.Certificate, error) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	if fp == f.c.acc.Fingerprint {
		return f.c.id.Certificate, nil
	}
	cert, unsure := f.c.unsure[fp]
	if !unsure {
		cert = f.c.certs[fp]
	}
	if cert != nil {
		return cert, nil
	}
	return nil, omega.Errorf(omega.CodeNotFound, "certificate of %s is not at hand", fp)
}

func (c *Client) keepCert(cert *pgp.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.certs) >= maxCerts {
		clear(c.certs)
	}
	c.certs[cert.Fingerprint()] = cert
}

// checkRecord judges a location record as key servers do.
func checkRecord(cert *pgp.Certificate, rec *wire.Record, now time.Time) error {
	return keyserver.VerifyRecord(cert, rec, now)
}

// storedPeer returns what the database has of an account, and nil if it has
// nothing.
func (c *Client) storedPeer(ctx context.Context, fp omega.Fingerprint) (p *history.Peer, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		p, err = tx.Peer(fp)
		if errors.Is(err, history.ErrNotFound) || err == nil && len(p.Certificate) == 0 {
			p, err = nil, nil // or nothing but the name
		}
		return err
	})
	return p, err
}

// peer returns the certificate of an account: from memory or the database if
// that is young enough or nobody can be asked, else from the cloud. It reports
// whether the cloud was asked just now.
func (c *Client) peer(ctx context.Context, fp omega.Fingerprint, maxAge time.Duration) (cert *pgp.Certificate, fresh bool, err error) {
	s, offline := c.online()
	if offline != nil {
		s = nil
	}
	if cert, fresh, err = c.peerBy(ctx, s, fp, maxAge); errors.Is(err, errOffline) {
		err = offline
	}
	return cert, fresh, err
}

// peerBy is peer by a session; nil: nobody can be asked, and the error is
// errOffline where somebody had to be.
func (c *Client) peerBy(ctx context.Context, s *session, fp omega.Fingerprint, maxAge time.Duration) (cert *pgp.Certificate, fresh bool, err error) {
	if fp == c.acc.Fingerprint {
		return c.certificate(), false, nil
	}
	stored, err := c.storedPeer(ctx, fp)
	if err != nil {
		return nil, false, err
	}
	if stored != nil && !stored.Deleted.IsZero() {
		if _, err := c.parsePeer(stored); err != nil { // for what came before
			return nil, false, err
		}
		return nil, false, fmt.Errorf("%s: %w", fp, errPeerDeleted)
	}
	if stored != nil && (s == nil || young(c.cfg.now(), stored.Checked, maxAge)) {
		cert, err := c.parsePeer(stored)
		return cert, false, err
	}
	if s == nil {
		return nil, false, errOffline
	}
	cert, err = c.fetchPeer(ctx, s, fp, stored)
	return cert, err == nil, err
}

// young reports whether something was looked at less than maxAge ago. What was
// looked at in the future, before the clock was set back, was not.
func young(now, checked time.Time, maxAge time.Duration) bool {
	age := now.Sub(checked)
	return age >= 0 && age < maxAge
}

// knownPeer returns a certificate for messages between clients and for what was
// verified before: what is stored will do if the cloud does not answer.
func (c *Client) knownPeer(ctx context.Context, fp omega.Fingerprint) (*pgp.Certificate, error) {
	cert, _, err := c.peer(ctx, fp, 10*peerAge)
	if err == nil || ctx.Err() != nil {
		return cert, err
	}
	stored, storeErr := c.storedPeer(ctx, fp)
	if storeErr != nil || stored == nil {
		return nil, err
	}
	return c.parsePeer(stored)
}

func (c *Client) parsePeer(p *history.Peer) (*pgp.Certificate, error) {
	c.mu.Lock()
	cert := c.certs[p.Fingerprint]
	c.mu.Unlock()
	if cert != nil {
		return cert, nil
	}
	cert, err := pgp.ParseCertificate(p.Certificate, c.cfg.now())
	if err != nil {
		return nil, fmt.Errorf("stored certificate of %s: %w", p.Fingerprint, err)
	}
	c.keepCert(cert)
	return cert, nil
}

// ackKey returns the key for acknowledgements to a home.
func (c *Client) ackKey(ctx context.Context, s *session, home omega.Fingerprint) (*keyserver.AckKey, error) {
	c.mu.Lock()
	key, cert := c.acks[home], c.certs[home]
	c.mu.Unlock()
	if key != nil {
		return key, nil
	}
	if cert == nil && home == s.conn.Peer().Account {
		cert = s.conn.Peer().Certificate
	}
	if cert == nil {
		entry, err := s.lookup(ctx, home)
		if err != nil {
			return nil, fmt.Errorf("look up home %s: %w", home, err)
		}
		if cert, err = pgp.ParseCertificate(entry.Certificate, c.cfg.now()); err != nil {
			return nil, fmt.Errorf("certificate of home %s: %w", home, err)
		}
		if cert.Fingerprint() != home {
			return nil, fmt.Errorf("certificate of home %s: %w", home, pgp.ErrMalformed)
		}
	}
	active := cert.Active(c.cfg.now())
	if len(active) == 0 {
		return nil, fmt.Errorf("certificate of home %s: %w: no active subkeys", home, pgp.ErrPolicy)
	}
	k, err := keyserver.NewAckKey(ctx, c.identity().Decrypter, active[0].Encryption, c.acc.Device, home)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acks[home] = &k
	return &k, nil
}

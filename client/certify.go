package client

import (
	"context"
	"errors"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// Certifications that are kept: of another's key, and of the own one, which everybody
// may make. (spec/chat.md, CHAT-51)
const (
	maxOfOthers = 32
	maxOfOwn    = 1024
)

// certifyContact says by the primary key that an account is who this account's owner
// thinks, and tells it so. It must have been verified.
func (c *Client) certifyContact(ctx context.Context, p clientrpc.ContactRef) (*clientrpc.Contact, error) {
	doing := i18n.T("doing.contactcertify")
	fp, err := c.contactRef(ctx, doing, p.Account)
	if err != nil {
		return nil, err
	}
	now, err := c.contactNow(ctx, fp)
	if err != nil {
		return nil, err
	}
	if now.Blocked {
		return nil, errBlocked
	}
	if now.Verified != clientrpc.VerifiedYes {
		return nil, fail(clientrpc.CodeVerify, doing, i18n.T("why.notverified"), i18n.T("next.verify"), nil)
	}
	cert, _, err := c.peer(ctx, fp, 10*peerAge)
	if err != nil {
		return nil, err
	}
	primary, err := c.primary(ctx)
	if err != nil {
		return nil, err
	}
	packet, err := pgp.Certify(ctx, primary, cert, c.signingTime())
	if err != nil {
		return nil, err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		made := &history.Certification{Subject: fp, Issuer: c.acc.Fingerprint, Packet: packet, Time: c.cfg.now()}
		if _, err := tx.PutCertification(made, maxOfOthers+1); err != nil {
			return err
		}
		return c.tellKeys(ctx, tx, cert, &chat.Content{Kind: chat.KindCertification, Certifications: []chat.Certification{{Key: fp, Packet: packet}}})
	})
	if err != nil {
		return nil, err
	}
	c.queued.notify()
	c.changed.notify()
	return c.contactNow(ctx, fp)
}

// tellKeys sends a message about keys, in a transaction.
func (c *Client) tellKeys(ctx context.Context, tx *history.Tx, to *pgp.Certificate, content *chat.Content) error {
	var id omega.ID
	if _, err := c.cfg.rand().Read(id[:]); err != nil {
		return err
	}
	return c.seal(ctx, tx, to, id, content)
}

// vouch shows an account that became a contact who certified this account's key. An
// account that cannot be written to is shown nothing.
func (c *Client) vouch(ctx context.Context, tx *history.Tx, to omega.Fingerprint) error {
	list, err := tx.Certifications(c.acc.Fingerprint)
	if err != nil || len(list) == 0 {
		return err
	}
	peer, err := tx.Peer(to)
	if err != nil {
		return ignoreNotFound(err)
	}
	cert, err := c.parsePeer(peer)
	if err != nil {
		return nil
	}
	content := &chat.Content{Kind: chat.KindCertification}
	for _, k := range list {
		if k.Issuer != to && len(content.Certifications) < chat.MaxCertifications {
			content.Certifications = append(content.Certifications, chat.Certification{Key: c.acc.Fingerprint, Packet: k.Packet})
		}
	}
	if len(content.Certifications) == 0 {
		return nil
	}
	err = c.tellKeys(ctx, tx, cert, content)
	for _, mute := range []error{errPeerDeleted, errWithheld, chat.ErrNoReaders, pgp.ErrRevoked} {
		if errors.Is(err, mute) {
			return nil
		}
	}
	return err
}

// takeCertifications keeps those of a verified message that are its sender's to tell.
func (t *taken) takeCertifications(tx *history.Tx, m *chat.Message) error {
	me := t.c.acc.Fingerprint
	for _, k := range m.Content.Certifications {
		issuer, err := pgp.CertificationIssuer(k.Packet)
		if err != nil || issuer.IsZero() {
			continue
		}
		max := maxOfOthers
		switch {
		case k.Key == me && issuer == m.From && m.From != me:
			if !t.certifies(tx, &k, issuer) {
				continue
			}
			max = maxOfOwn
		case k.Key == m.From && issuer != m.From && m.From != me:
		case m.From == me && k.Key == m.Peer && issuer == me: // by another device of this account
			max = maxOfOthers + 1
		default:
			continue
		}
		if _, err := tx.PutCertification(&history.Certification{Subject: k.Key, Issuer: issuer, Packet: k.Packet, Time: t.c.cfg.now()}, max); err != nil {
			return err
		}
	}
	return nil
}

// certifies reports whether somebody certified this account's key.
func (t *taken) certifies(tx *history.Tx, k *chat.Certification, issuer omega.Fingerprint) bool {
	peer, err := tx.Peer(issuer)
	if err != nil {
		return false
	}
	by, err := t.c.parsePeer(peer)
	return err == nil && pgp.VerifyCertification(k.Packet, by, t.c.certificate(), t.c.cfg.now()) == nil
}

// certifiedBy lists the contacts, and this account, that certified a key, as far as
// their certifications verify now.
func (c *Client) certifiedBy(tx *history.Tx, cert *pgp.Certificate) (out []clientrpc.NamedAccount, err error) {
	list, err := tx.Certifications(cert.Fingerprint())
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		by, name, err := c.certifier(tx, k.Issuer)
		if err != nil {
			return nil, err
		}
		if by != nil && pgp.VerifyCertification(k.Packet, by, cert, c.cfg.now()) == nil {
			out = append(out, clientrpc.NamedAccount{Account: k.Issuer, Name: name, This: k.Issuer == c.acc.Fingerprint})
		}
	}
	return out, nil
}

// certifier is the certificate and name of a contact or of this account; nil for
// everybody else.
func (c *Client) certifier(tx *history.Tx, fp omega.Fingerprint) (*pgp.Certificate, string, error) {
	if fp == c.acc.Fingerprint {
		return c.certificate(), c.acc.Name, nil
	}
	r, err := tx.Relation(fp)
	if err != nil || r.Contact != chat.Contact || r.Blocked {
		return nil, "", err
	}
	peer, err := tx.Peer(fp)
	if err != nil || !peer.Deleted.IsZero() {
		return nil, "", ignoreNotFound(err)
	}
	cert, err := c.parsePeer(peer)
	if err != nil {
		return nil, "", nil
	}
	name, err := c.nameOf(tx, fp)
	return cert, name, err
}

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
	err = c.issued(ctx, fp, packet, func(tx *history.Tx) error {
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
	if content.Certifications, err = c.toShow(tx, to, list); err != nil {
		return err
	}
	if len(content.Certifications) == 0 {
		return nil
	}
	return unlessMute(c.tellKeys(ctx, tx, cert, content))
}

// unlessMute is nil for accounts that cannot be written to now.
func unlessMute(err error) error {
	for _, mute := range []error{errPeerDeleted, errWithheld, chat.ErrNoReaders, pgp.ErrRevoked} {
		if errors.Is(err, mute) {
			return nil
		}
	}
	return err
}

// toShow are the certifications of the own key that another account is shown: of
// contacts first, and none of whom this account blocked, or that was taken back.
func (c *Client) toShow(tx *history.Tx, to omega.Fingerprint, list []history.Certification) (out []chat.Certification, err error) {
	var others []chat.Certification
	for _, k := range list {
		r, err := tx.Relation(k.Issuer)
		if err != nil {
			return nil, err
		}
		claim, err := pgp.ReadClaim(k.Packet)
		if err != nil || claim.Withdrawn || r.Blocked || k.Issuer == to {
			continue
		}
		if said := (chat.Certification{Key: c.acc.Fingerprint, Packet: k.Packet}); r.Contact == chat.Contact {
			out = append(out, said)
		} else {
			others = append(others, said)
		}
	}
	out = append(out, others...)
	return out[:min(len(out), chat.MaxCertifications)], nil
}

// uncertifyContact takes back by the primary key what this account certified, and tells
// who is concerned, and the contacts, who may have been shown it.
func (c *Client) uncertifyContact(ctx context.Context, p clientrpc.ContactRef) (*clientrpc.Contact, error) {
	doing := i18n.T("doing.contactuncertify")
	fp, err := c.contactRef(ctx, doing, p.Account)
	if err != nil {
		return nil, err
	}
	var said []byte
	var stored *history.Peer
	err = c.db.View(ctx, func(tx *history.Tx) (err error) {
		if said, err = tx.CertificationBy(fp, c.acc.Fingerprint); err == nil && said != nil {
			stored, err = tx.Peer(fp)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if claim, err := pgp.ReadClaim(said); said == nil || err != nil || claim.Withdrawn {
		return nil, fail(clientrpc.CodeNotFound, doing, i18n.T("why.notcertified"), i18n.T("next.notcertified"), nil)
	}
	cert, err := c.parsePeer(stored)
	if err != nil {
		return nil, err
	}
	primary, err := c.primary(ctx)
	if err != nil {
		return nil, err
	}
	packet, err := pgp.Withdraw(ctx, primary, cert, c.signingTime())
	if err != nil {
		return nil, err
	}
	err = c.issued(ctx, fp, packet, func(tx *history.Tx) error { return c.tellWithdrawn(ctx, tx, fp, packet) })
	if err != nil {
		return nil, err
	}
	c.queued.notify()
	c.changed.notify()
	return c.contactNow(ctx, fp)
}

// issued keeps what this account's primary key said of another key, and has tell tell it.
func (c *Client) issued(ctx context.Context, fp omega.Fingerprint, packet []byte, tell func(*history.Tx) error) error {
	return c.db.Update(ctx, func(tx *history.Tx) error {
		made := &history.Certification{Subject: fp, Issuer: c.acc.Fingerprint, Packet: packet, Time: c.cfg.now()}
		if _, err := tx.PutCertification(made, maxOfOthers+1); err != nil {
			return err
		}
		return tell(tx)
	})
}

// tellWithdrawn tells the account whose certification was taken back, and all contacts.
func (c *Client) tellWithdrawn(ctx context.Context, tx *history.Tx, fp omega.Fingerprint, packet []byte) error {
	people, err := tx.Relations()
	if err != nil {
		return err
	}
	to := []omega.Fingerprint{fp}
	for i := range people {
		if r := &people[i]; r.Contact == chat.Contact && !r.Blocked && r.Account != fp {
			to = append(to, r.Account)
		}
	}
	content := &chat.Content{Kind: chat.KindCertification, Certifications: []chat.Certification{{Key: fp, Packet: packet}}}
	for _, account := range to {
		if cert := c.certIn(tx, account); cert != nil {
			if err := unlessMute(c.tellKeys(ctx, tx, cert, content)); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeCertifications keeps those of a verified message that are its sender's to tell.
func (t *taken) takeCertifications(tx *history.Tx, m *chat.Message) error {
	me := t.c.acc.Fingerprint
	for _, k := range m.Content.Certifications {
		claim, err := pgp.ReadClaim(k.Packet)
		if err != nil || claim.Issuer.IsZero() {
			continue
		}
		max := maxOfOthers
		switch issuer := claim.Issuer; {
		case k.Key == me && issuer == m.From && m.From != me:
			if !t.certifies(tx, &k, claim) {
				continue
			}
			max = maxOfOwn
		case k.Key == m.From && issuer != m.From && m.From != me:
		case m.From == me && issuer == me && (k.Key == m.Peer || claim.Withdrawn): // by another device of this account
			max = maxOfOthers + 1
		case claim.Withdrawn && issuer == m.From && k.Key != me: // by who certified somebody else
			if _, err := tx.Peer(k.Key); err != nil {
				continue // of no concern here
			}
		default:
			continue
		}
		if err := t.keepCertification(tx, &k, claim, max); err != nil {
			return err
		}
	}
	return nil
}

// keepCertification keeps one, unless one by the same key that is here counts.
func (t *taken) keepCertification(tx *history.Tx, k *chat.Certification, claim pgp.Claim, max int) error {
	old, err := tx.CertificationBy(k.Key, claim.Issuer)
	if err != nil {
		return err
	}
	if had, err := pgp.ReadClaim(old); old != nil && err == nil && !claim.Outdates(had) && had != claim {
		return nil
	}
	_, err = tx.PutCertification(&history.Certification{Subject: k.Key, Issuer: claim.Issuer, Packet: k.Packet, Time: t.c.cfg.now()}, max)
	return err
}

// certifies reports whether somebody certified this account's key, or took that back.
func (t *taken) certifies(tx *history.Tx, k *chat.Certification, claim pgp.Claim) bool {
	peer, err := tx.Peer(claim.Issuer)
	if err != nil {
		return false
	}
	by, err := t.c.parsePeer(peer)
	if err != nil {
		return false
	}
	verify := pgp.VerifyCertification
	if claim.Withdrawn {
		verify = pgp.VerifyWithdrawal
	}
	return verify(k.Packet, by, t.c.certificate(), t.c.cfg.now()) == nil
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
		name, err := c.ownName(tx)
		return c.certificate(), name, err
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

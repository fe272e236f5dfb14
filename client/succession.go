package client

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// A succeededError says that an account goes on as another one. (spec/chat.md,
// CHAT-52)
type succeededError struct{ old, successor omega.Fingerprint }

func (e *succeededError) Error() string { return fmt.Sprintf("%s goes on as %s", e.old, e.successor) }

// successor is the account that another one goes on as; zero if that is not proven.
func successor(tx *history.Tx, old omega.Fingerprint) (omega.Fingerprint, error) {
	list, err := tx.Successions(old)
	if err != nil || len(list) == 0 || list[0].Proven.IsZero() {
		return omega.Fingerprint{}, err
	}
	return list[0].New, nil
}

// inherit says by this account's primary key that it is the one that another goes on
// as, and tells that one. (spec/keys.md, KEYS-26)
func (c *Client) inherit(ctx context.Context, p clientrpc.ContactRef) (*clientrpc.Contact, error) {
	doing := i18n.T("doing.inherit")
	old, cert, primary, err := c.parties(ctx, doing, p.Account)
	if err != nil {
		return nil, err
	}
	answer, err := pgp.Inherit(ctx, primary, cert, c.signingTime())
	if err != nil {
		return nil, err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		s := &history.Succession{Old: old, New: c.acc.Fingerprint, Answer: answer, Time: c.cfg.now()}
		if err := c.putSuccession(tx, s); err != nil {
			return err
		}
		return c.tellKeys(ctx, tx, cert, succession(s))
	})
	if err != nil {
		return nil, err
	}
	c.queued.notify()
	return c.contactNow(ctx, old)
}

// succeed says by this account's primary key that it goes on as another account, which
// must have said so too, and tells all contacts. (spec/keys.md, KEYS-25)
func (c *Client) succeed(ctx context.Context, p clientrpc.ContactRef) (*clientrpc.SucceedResult, error) {
	doing := i18n.T("doing.succeed")
	next, cert, primary, err := c.parties(ctx, doing, p.Account)
	if err != nil {
		return nil, err
	}
	s, err := c.answered(ctx, doing, next, cert)
	if err != nil {
		return nil, err
	}
	if s.Statement, err = pgp.Succeed(ctx, primary, cert, c.signingTime()); err != nil {
		return nil, err
	}
	s.Proven = c.cfg.now()
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if err := c.putSuccession(tx, s); err != nil {
			return err
		}
		return tx.SettleNotices(next, history.NoticeHeir, 0, s.Proven)
	})
	if err != nil {
		return nil, err
	}
	told, err := c.tellSuccession(ctx, s)
	c.queued.notify()
	c.changed.notify()
	return &clientrpc.SucceedResult{Old: s.Old, New: s.New, Told: told}, err
}

// parties finds the other account of a succession, its certificate, and the own key.
func (c *Client) parties(ctx context.Context, doing i18n.Text, who string) (fp omega.Fingerprint, cert *pgp.Certificate, primary pgp.Signer, err error) {
	if fp, err = c.contactRef(ctx, doing, who); err != nil {
		return fp, nil, nil, err
	}
	if err = c.exists(ctx, doing, fp); err != nil {
		return fp, nil, nil, err
	}
	if cert, _, err = c.peer(ctx, fp, 10*peerAge); err != nil {
		return fp, nil, nil, err
	}
	primary, err = c.primary(ctx)
	return fp, cert, primary, err
}

// answered is the succession of this account by one that said yes to it.
func (c *Client) answered(ctx context.Context, doing i18n.Text, next omega.Fingerprint, cert *pgp.Certificate) (out *history.Succession, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Successions(c.acc.Fingerprint)
		for i := range list {
			if list[i].New == next && pgp.VerifyAnswer(list[i].Answer, c.certificate(), cert, c.cfg.now()) == nil {
				out = &list[i]
			}
		}
		return err
	})
	if err == nil && out == nil {
		err = fail(clientrpc.CodeRefused, doing, i18n.T("why.noheir", next), i18n.T("next.inherit", c.acc.Fingerprint), nil)
	}
	return out, err
}

// tellSuccession tells the successor and all contacts. Whom it cannot tell is left
// out; telling again does no harm.
func (c *Client) tellSuccession(ctx context.Context, s *history.Succession) (told int, err error) {
	var to []omega.Fingerprint
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Relations()
		for _, r := range list {
			if r.Contact == chat.Contact && !r.Blocked && r.Account != s.New {
				to = append(to, r.Account)
			}
		}
		return err
	})
	for _, fp := range append(to, s.New) {
		if err != nil || ctx.Err() != nil {
			break
		}
		if err := c.sendControl(ctx, fp, succession(s)); err != nil {
			c.cfg.log().Warn("a contact was not told of the succession", "account", fp, "err", err)
			continue
		}
		told++
	}
	return told, err
}

func succession(s *history.Succession) *chat.Content {
	return &chat.Content{Kind: chat.KindSuccession, Succession: &chat.Succession{Old: s.Old, New: s.New, Statement: s.Statement, Answer: s.Answer}}
}

func (c *Client) putSuccession(tx *history.Tx, s *history.Succession) error {
	kept, err := tx.PutSuccession(s)
	if err == nil && !kept {
		c.cfg.log().Warn("succession not kept: there are too many", "old", s.Old, "successor", s.New)
	}
	return err
}

// takeSuccession keeps what one of the two accounts says, if it is to be heard. What is
// whole is verified once both certificates are here.
func (t *taken) takeSuccession(tx *history.Tx, m *chat.Message) error {
	s, me := m.Content.Succession, t.c.acc.Fingerprint
	heard, err := t.c.heeds(tx, m)
	if err != nil || !heard {
		return err
	}
	t.doubt = t.doubt || len(s.Statement) > 0 && len(s.Answer) > 0
	err = t.c.putSuccession(tx, &history.Succession{Old: s.Old, New: s.New, Statement: s.Statement, Answer: s.Answer, Time: t.c.cfg.now()})
	if err == nil && s.Old == me && m.From == s.New { // its owner decides
		_, err = tx.AddNotice(&history.Notice{Account: s.New, Kind: history.NoticeHeir, Time: t.c.cfg.now(), Other: s.Answer})
	}
	return err
}

// heeds reports whether a word of a succession is its sender's, and of somebody whom
// this account listens to: nobody else fills the few places that there are.
func (c *Client) heeds(tx *history.Tx, m *chat.Message) (bool, error) {
	s, me := m.Content.Succession, c.acc.Fingerprint
	switch {
	case m.Peer.IsZero():
		return false, nil
	case m.From == me: // another device of this account
		return s.Old == me || s.New == me, nil
	case m.From == s.Old && s.New == me:
		list, err := tx.Successions(s.Old)
		return slices.ContainsFunc(list, func(q history.Succession) bool { return q.New == me }), err
	case m.From == s.Old, m.From == s.New && s.Old == me:
		r, err := tx.Relation(m.From)
		return err == nil && r.Contact == chat.Contact && !r.Blocked, err
	}
	return false, nil
}

// maxUnproven bounds the successions that are verified in one round.
const maxUnproven = 64

// proveSuccessions verifies those that have both words, for which certificates may
// have to be fetched. What does not verify is forgotten.
func (c *Client) proveSuccessions(ctx context.Context, s *session) error {
	var list []history.Succession
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		list, err = tx.UnprovenSuccessions(maxUnproven)
		return err
	})
	for i := range list {
		if err == nil && ctx.Err() == nil {
			err = c.proveSuccession(ctx, s, &list[i])
		}
	}
	return err
}

func (c *Client) proveSuccession(ctx context.Context, s *session, q *history.Succession) error {
	certs := map[omega.Fingerprint]*pgp.Certificate{}
	for _, fp := range []omega.Fingerprint{q.Old, q.New} {
		cert, _, err := c.peerBy(ctx, s, fp, 10*peerAge)
		if errors.Is(err, errPeerDeleted) && fp == q.Old {
			cert, err = c.knownPeer(ctx, fp) // it may be deleted after it said so
		}
		switch {
		case err != nil && lasting(err):
			return c.db.Update(ctx, func(tx *history.Tx) error { return tx.DropSuccession(q.Old, q.New) })
		case err != nil:
			c.cfg.log().Info("a succession is not verified yet", "old", q.Old, "successor", q.New, "err", err)
			return nil
		}
		certs[fp] = cert
	}
	now := c.cfg.now()
	wrong := errors.Join(pgp.VerifyStatement(q.Statement, certs[q.Old], certs[q.New], now), pgp.VerifyAnswer(q.Answer, certs[q.Old], certs[q.New], now))
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		if wrong != nil {
			return tx.DropSuccession(q.Old, q.New)
		}
		q.Proven = now
		if err := c.putSuccession(tx, q); err != nil {
			return err
		}
		_, err := tx.AddNotice(&history.Notice{Account: q.Old, Kind: history.NoticeSucceeded, Time: now, Served: q.Statement, Other: q.Answer})
		return err
	})
	if wrong != nil {
		c.cfg.log().Warn("succession refused", "old", q.Old, "successor", q.New, "err", wrong)
	}
	c.changed.notify()
	return err
}

// confirmSuccession makes a contact of the account that another one goes on as, under
// the name that this one had. Nothing else moves.
func (c *Client) confirmSuccession(ctx context.Context, p clientrpc.ContactRef) (*clientrpc.Contact, error) {
	doing := i18n.T("doing.contactsucceed")
	old, err := c.contactRef(ctx, doing, p.Account)
	if err != nil {
		return nil, err
	}
	var next omega.Fingerprint
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if next, err = successor(tx, old); err != nil {
			return err
		}
		if next.IsZero() {
			return fail(clientrpc.CodeNotFound, doing, i18n.T("why.nosuccessor", old), i18n.T("next.contactshow"), nil)
		}
		was, err := tx.Relation(old)
		if err != nil {
			return err
		}
		is, err := tx.Relation(next)
		switch {
		case err != nil:
			return err
		case is.Blocked:
			return errBlocked
		}
		list := []chat.Setting{contactSetting(next, chat.SettingContact, chat.Contact), contactSetting(old, chat.SettingContact), contactSetting(old, chat.SettingVerified)}
		if was.Petname != "" {
			list = append(list, contactSetting(old, chat.SettingPetname))
			if is.Petname == "" {
				list = append(list, contactSetting(next, chat.SettingPetname, []byte(was.Petname)...))
			}
		}
		if err := c.changeIn(ctx, tx, list); err != nil {
			return err
		}
		return tx.SettleNotices(old, history.NoticeSucceeded, 0, c.cfg.now())
	})
	if err != nil {
		return nil, err
	}
	c.queued.notify()
	c.changed.notify()
	return c.contactNow(ctx, next)
}

// noteKey takes down what became of the key of an account that this one has to do
// with, and what of that is over. (CHAT-50)
func (c *Client) noteKey(tx *history.Tx, cert *pgp.Certificate) error {
	fp, now := cert.Fingerprint(), c.cfg.now()
	known, err := c.acquainted(tx, fp)
	if err != nil || !known {
		return err
	}
	n := &history.Notice{Account: fp, Time: now, Other: cert.Bytes()}
	switch err := cert.Check(now); {
	case errors.Is(err, pgp.ErrRevoked):
		n.Kind = history.NoticeRevoked
	case err != nil:
		n.Kind = history.NoticeExpired
	default:
		return tx.SettleNotices(fp, history.NoticeExpired, 0, now)
	}
	_, err = tx.AddNotice(n)
	return err
}

// acquainted reports whether an account is a contact or has a chat with this one.
func (c *Client) acquainted(tx *history.Tx, fp omega.Fingerprint) (bool, error) {
	r, err := tx.Relation(fp)
	if err != nil || r.Contact == chat.Contact {
		return err == nil, err
	}
	_, err = tx.Chat(omega.DirectChat(c.acc.Fingerprint, fp))
	return err == nil, ignoreNotFound(err)
}

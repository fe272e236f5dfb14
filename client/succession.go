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
	"github.com/omega-im/omega/internal/names"
	"github.com/omega-im/omega/pgp"
)

// A succeededError says that an account goes on as another one. (spec/chat.md,
// CHAT-52)
type succeededError struct {
	old, successor omega.Fingerprint
	agreed         bool // its user agreed to that
}

func (e *succeededError) Error() string { return fmt.Sprintf("%s goes on as %s", e.old, e.successor) }

// successor is the account that another one goes on as; zero if that is not proven.
func successor(tx *history.Tx, old omega.Fingerprint) (omega.Fingerprint, error) {
	list, err := tx.Successions(old)
	if err != nil || len(list) == 0 || list[0].Proven.IsZero() {
		return omega.Fingerprint{}, err
	}
	return list[0].New, nil
}

// agreed is the account that the user took in place of another one, and zero while that
// one is a contact, or its successor is none.
func agreed(tx *history.Tx, old omega.Fingerprint) (omega.Fingerprint, error) {
	next, err := successor(tx, old)
	if err != nil || next.IsZero() {
		return omega.Fingerprint{}, err
	}
	was, err := tx.Relation(old)
	if err != nil || was.Contact == chat.Contact {
		return omega.Fingerprint{}, err
	}
	if known, err := isContact(tx, next); err != nil || !known {
		return omega.Fingerprint{}, err
	}
	return next, nil
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
	s, err := c.answered(ctx, next, cert)
	if err == nil && s == nil { // it may be in the mail that waits: this process may have begun just now
		c.takeWaiting(ctx)
		s, err = c.answered(ctx, next, cert)
	}
	if err == nil && s == nil {
		err = fail(clientrpc.CodeRefused, doing, i18n.T("why.noheir", next), i18n.T("next.inherit", c.acc.Fingerprint), nil)
	}
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

// takeWaiting waits until the mail that waits at the homes is here, but not longer than a
// home may be silent.
func (c *Client) takeWaiting(ctx context.Context) {
	wait, cancel := context.WithTimeout(ctx, longQuiet)
	defer cancel()
	if _, err := c.waitOnline(wait); err == nil {
		c.waitCaughtUp(wait)
	}
}

// answered is the succession of this account by one that said yes to it; nil if it did not.
func (c *Client) answered(ctx context.Context, next omega.Fingerprint, cert *pgp.Certificate) (out *history.Succession, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Successions(c.acc.Fingerprint)
		for i := range list {
			if list[i].New == next && pgp.VerifyAnswer(list[i].Answer, c.certificate(), cert, c.cfg.now()) == nil {
				out = &list[i]
			}
		}
		return err
	})
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
	answers := s.Old == me && m.From == s.New
	if answers {
		if err := t.c.makeRoom(tx, s.New); err != nil {
			return err
		}
	}
	err = t.c.putSuccession(tx, &history.Succession{Old: s.Old, New: s.New, Statement: s.Statement, Answer: s.Answer, Time: t.c.cfg.now()})
	if err == nil && answers {
		err = t.c.askHeir(tx, s.New)
	}
	return err
}

// maxStrangersAnswers is how many answers by accounts that are no contacts are kept: the
// new account of this one's owner may be none yet. (spec/chat.md, CHAT-52)
const maxStrangersAnswers = 3

// makeRoom forgets the oldest answers of strangers to this account, so that one by next
// finds room; one that a stranger says again counts as new.
func (c *Client) makeRoom(tx *history.Tx, next omega.Fingerprint) error {
	list, err := tx.Successions(c.acc.Fingerprint)
	if err != nil {
		return err
	}
	room := history.MaxSuccessions - 1 - len(list)
	var strangers []omega.Fingerprint // the oldest first
	for _, s := range list {
		known, err := isContact(tx, s.New)
		switch {
		case err != nil:
			return err
		case s.New == next && !known:
			err = tx.DropSuccession(s.Old, next)
		case s.Proven.IsZero() && !known:
			strangers = append(strangers, s.New)
		}
		if s.New == next {
			room++
		}
		if err != nil {
			return err
		}
	}
	known, err := isContact(tx, next)
	if err != nil {
		return err
	}
	if !known {
		room = min(room, maxStrangersAnswers-1-len(strangers))
	}
	for ; room < 0 && len(strangers) > 0; room++ {
		if err := tx.DropSuccession(c.acc.Fingerprint, strangers[0]); err != nil {
			return err
		}
		strangers = strangers[1:]
	}
	return nil
}

// askHeir has the owner of this account asked whether it goes on as next, if that is a
// contact and said so. No stranger makes it ask.
func (c *Client) askHeir(tx *history.Tx, next omega.Fingerprint) error {
	known, err := isContact(tx, next)
	if err != nil || !known {
		return err
	}
	list, err := tx.Successions(c.acc.Fingerprint)
	for _, s := range list {
		if err == nil && s.New == next && s.Proven.IsZero() && len(s.Answer) > 0 {
			_, err = tx.AddNotice(&history.Notice{Account: next, Kind: history.NoticeHeir, Time: c.cfg.now(), Other: s.Answer})
		}
	}
	return err
}

func isContact(tx *history.Tx, fp omega.Fingerprint) (bool, error) {
	r, err := tx.Relation(fp)
	return err == nil && r.Contact == chat.Contact && !r.Blocked, err
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
	case m.From == s.New && s.Old == me: // a stranger too, but it has few places
		r, err := tx.Relation(m.From)
		return err == nil && !r.Blocked, err
	case m.From == s.Old:
		return isContact(tx, s.Old)
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
		}
		name, err := c.inherited(tx, was, is)
		if err != nil {
			return err
		}
		if name != "" {
			list = append(list, contactSetting(next, chat.SettingPetname, []byte(name)...))
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

// inherited is the petname that a successor gets: that of the old account, or what that
// called itself where the new one said no name; "" if it has one or there is none.
func (c *Client) inherited(tx *history.Tx, was, is *history.Relation) (string, error) {
	if was.Petname != "" || is.Petname != "" {
		if is.Petname != "" {
			return "", nil
		}
		return was.Petname, nil
	}
	said, err := c.profileName(tx, is.Account)
	if err != nil || said != "" {
		return "", err
	}
	name, err := c.profileName(tx, was.Account)
	if name != chat.SanitizeName(name) || names.Blank(name) {
		return "", err
	}
	return name, err
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

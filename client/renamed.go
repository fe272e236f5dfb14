package client

import (
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// hearName takes what an account said at a time that it calls itself, and shows it if that
// is another name than before. (spec/chat.md, CHAT-98, CHAT-99)
func (c *Client) hearName(tx *history.Tx, fp omega.Fingerprint, name string, told time.Time) error {
	if fp == c.acc.Fingerprint {
		return nil
	}
	told = c.noLater(told)
	was, err := tx.HearName(fp, name, told)
	if err != nil || was == "" {
		return err
	}
	return c.noteName(tx, fp, was, told)
}

// noLater is a time that somebody said, but no later than now.
func (c *Client) noLater(t time.Time) time.Time {
	if now := c.cfg.now(); t.After(now) {
		return now
	}
	return t
}

// noteName puts a line that an account calls itself something else than it did into the
// chats where its user meets it: direct ones, and those of groups that both are in and in
// which it may write; none if it is blocked. (spec/chat.md, CHAT-99)
func (c *Client) noteName(tx *history.Tx, fp omega.Fingerprint, was string, told time.Time) error {
	if r, err := tx.Relation(fp); err != nil || r.Blocked {
		return err
	}
	name, _, err := tx.Heard(fp)
	if err != nil {
		return err
	}
	known, err := c.namesKnown(tx)
	if err != nil {
		return err
	}
	line := history.NameLine{Account: fp, Was: was, Name: name, Time: told, Noted: c.cfg.now()}
	for _, a := range known.like(fp, name) {
		line.Like = append(line.Like, a.Account)
	}
	groups, err := c.groupsOf(tx, fp)
	if err != nil {
		return err
	}
	for _, id := range append(groups, omega.DirectChat(c.acc.Fingerprint, fp), c.secureChat(fp)) {
		if seen, err := c.isSeen(tx, id); err != nil {
			return err
		} else if !seen {
			continue
		}
		line.Chat = id
		if err := tx.PutNameLine(&line); err != nil {
			return err
		}
	}
	return nil
}

// groupsOf are the chats of groups that this account reads and in which another one may
// write.
func (c *Client) groupsOf(tx *history.Tx, fp omega.Fingerprint) (out []omega.ChatID, err error) {
	var failed error
	list, err := c.groupsWhere(tx, func(s *group.State) bool {
		if s.Dissolved || s.Role(fp) < neededRole(chat.KindText, s.Rules) {
			return false
		}
		reads, err := s.Role(c.acc.Fingerprint) > 0, error(nil)
		if !reads && s.Rules.Channel() {
			reads, err = subscribes(tx, chat.Hash(s.Group))
			failed = errors.Join(failed, err)
		}
		return reads
	})
	for _, g := range list {
		out = append(out, g.Chat)
	}
	return out, errors.Join(err, failed)
}

// isSeen reports whether there is a chat that people see: a line makes none, and no request
// of one in which devices speak.
func (c *Client) isSeen(tx *history.Tx, id omega.ChatID) (bool, error) {
	ch, err := tx.Chat(id)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	hidden, err := c.isHidden(tx, ch)
	return !hidden, err
}

package client

import (
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
	groups, err := c.groupsWhere(tx, func(s *group.State) bool {
		return s.Role(c.acc.Fingerprint) > 0 && s.Role(fp) >= neededRole(chat.KindText, s.Rules) && !s.Dissolved
	})
	if err != nil {
		return err
	}
	chats := []omega.ChatID{omega.DirectChat(c.acc.Fingerprint, fp), c.secureChat(fp)}
	for _, g := range groups {
		chats = append(chats, g.Chat)
	}
	for _, id := range chats {
		if _, err := tx.Chat(id); err != nil {
			if ignoreNotFound(err) == nil {
				continue
			}
			return err
		}
		line.Chat = id
		if err := tx.PutNameLine(&line); err != nil {
			return err
		}
	}
	return nil
}

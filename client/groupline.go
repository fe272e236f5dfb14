package client

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// noteLines puts what operations did into the group's chat. It says nothing of
// what was before this account, or this device of it, came. (spec/chat.md, CHAT-68)
func (c *Client) noteLines(tx *history.Tx, l *groupLog, title string, placed []*group.Op) error {
	since := l.joined(c.acc.Fingerprint)
	if d, ok := c.certificate().Device(c.acc.Device); ok && d.Added.After(since) {
		since = d.Added.Add(time.Second) // it is cut to seconds
	}
	void, before := l.State().Void, group.Profile{Name: title}
	for _, o := range l.Ops()[:l.Len()-len(placed)] {
		if o.Type == group.TypeProfile || o.Type == group.TypeGenesis {
			before.Picture = o.Profile.Picture
		}
	}
	for _, o := range placed {
		line := lineOf(o, before)
		if o.Type == group.TypeProfile || o.Type == group.TypeGenesis {
			before = o.Profile
		}
		if line == nil || o.Time.Before(since) || slices.Contains(void, o.Hash()) || o.Type == group.TypeGenesis && o.Author.Account != c.acc.Fingerprint {
			continue
		}
		line.Chat, line.Operation, line.Account, line.Device = omega.ChatID(l.ID().Chat()), chat.Hash(o.Hash()), o.Author.Account, o.Author.Device
		line.Time, line.Noted, line.Seen = o.Time, c.cfg.now(), o.Author.Account == c.acc.Fingerprint
		if err := tx.PutGroupLine(line); err != nil {
			return err
		}
	}
	return nil
}

// lineOf is the line of an operation in a group that was called and looked like before;
// nil: there is none.
func lineOf(o *group.Op, before group.Profile) *history.GroupLine {
	switch o.Type {
	case group.TypeGenesis:
		if o.Rules != nil && o.Rules.Channel() {
			return &history.GroupLine{Kind: history.LineChannel, Text: o.Profile.Name}
		}
		return &history.GroupLine{Kind: history.LineCreated, Text: o.Profile.Name}
	case group.TypeAccept:
		return &history.GroupLine{Kind: history.LineJoined, About: []omega.Fingerprint{o.Author.Account}}
	case group.TypeLeave:
		return &history.GroupLine{Kind: history.LineLeft, About: []omega.Fingerprint{o.Author.Account}}
	case group.TypeRemove:
		return &history.GroupLine{Kind: history.LineRemoved, About: o.Accounts}
	case group.TypeBan:
		return &history.GroupLine{Kind: history.LineBanned, About: o.Accounts}
	case group.TypeRole:
		kinds := map[group.Role]string{group.RoleOwner: history.LineMadeOwner, group.RoleAdmin: history.LineMadeAdmin, group.RoleMember: history.LineMadeMember}
		return &history.GroupLine{Kind: kinds[o.Role], About: o.Accounts}
	case group.TypeProfile:
		switch {
		case o.Profile.Name != before.Name:
			return &history.GroupLine{Kind: history.LineRenamed, Text: o.Profile.Name}
		case o.Profile.Picture != before.Picture:
			return &history.GroupLine{Kind: history.LinePictured}
		}
		return &history.GroupLine{Kind: history.LineDescribed}
	case group.TypePolicy:
		return &history.GroupLine{Kind: history.LineRules}
	case group.TypePin:
		return &history.GroupLine{Kind: history.LinePinned}
	case group.TypeDissolve:
		return &history.GroupLine{Kind: history.LineDissolved}
	}
	return nil
}

// noteSubscribed puts it into a channel's chat that this account subscribes to it since
// now, if the chat is here: no operation says so. (spec/chat.md, CHAT-68)
func (c *Client) noteSubscribed(tx *history.Tx, g *history.Group) error {
	if _, err := tx.Chat(g.Chat()); err != nil {
		return ignoreNotFound(err)
	}
	me := c.acc.Fingerprint
	return tx.PutGroupLine(&history.GroupLine{
		Chat: g.Chat(), Operation: chat.Hash(sha256.Sum256(fmt.Appendf(nil, "omega subscription\n%s\n%d\n", g.ID, g.Subscribed.UnixMilli()))),
		Account: me, Device: c.acc.Device, Kind: history.LineSubscribed, About: []omega.Fingerprint{me}, Time: g.Subscribed, Noted: c.cfg.now(),
	})
}

// isChannel reports whether a group is a channel, as far as its operations are here.
func (c *Client) isChannel(tx *history.Tx, id chat.Hash) (bool, error) {
	s, err := c.groupState(tx, id)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	return s.Rules.Channel(), nil
}

// showAbout says whom a line is about, and what its group is.
func (c *Client) showAbout(tx *history.Tx, r *history.Row, m *clientrpc.Message) error {
	if r.Peer.IsZero() {
		id, err := tx.Group(context.Background(), r.Chat)
		if err == nil {
			m.Channel, err = c.isChannel(tx, id)
		}
		if ignoreNotFound(err) != nil {
			return err
		}
	}
	m.Mine, m.AboutCount = r.From == c.acc.Fingerprint && (r.Peer.IsZero() || string(r.Content.Kind) == history.LineSecureEnded), r.AboutCount
	called, err := c.callings(tx, r.About)
	for _, fp := range r.About {
		m.About = append(m.About, clientrpc.NamedAccount{Account: fp, Name: called[fp].name, SelfNamed: called[fp].self, This: fp == c.acc.Fingerprint})
	}
	return err
}

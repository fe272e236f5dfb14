package client

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// groupPrefix starts a link to a group.
const groupPrefix = "omega:group/"

// maxGroupLink is more than the longest link in characters.
const maxGroupLink = 512

var errGroupLink = errors.New("not a link to a group")

// A groupLink is what somebody joins by (spec/group.md, GROUP-23). Before base64url:
//
//	u8 version (2) | 32 group | 16 ticket | fp of who made it | u8 length | name | 4 checksum (SHA-256 of all before)
//
// Version 1 has no name and no length.
type groupLink struct {
	Group  chat.Hash
	Ticket chat.Ticket
	Maker  omega.Fingerprint
	Name   string // of the group, by the word of the link; empty: version 1
}

func (l *groupLink) String() string {
	b := append([]byte{1}, l.Group[:]...)
	b = append(b, l.Ticket[:]...)
	b = l.Maker.AppendTo(b)
	if l.Name != "" {
		b[0] = 2
		b = append(append(b, byte(len(l.Name))), l.Name...)
	}
	sum := sha256.Sum256(b)
	return groupPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:4]...))
}

// maxLinkName bounds the name in a link in octets: the link stands in a QR code.
const maxLinkName = 64

// linkName is as much of a group's name as a link holds.
func linkName(name string) string {
	const cut = "…"
	if len(name) <= maxLinkName {
		return name
	}
	name = name[:maxLinkName-len(cut)]
	for !utf8.ValidString(name) {
		name = name[:len(name)-1]
	}
	return name + cut
}

// parseGroupLink reads a link; white space that copying brought in is ignored.
func parseGroupLink(s string) (*groupLink, error) {
	if len(s) > maxGroupLink {
		return nil, fmt.Errorf("%w: %d characters", errGroupLink, len(s))
	}
	s, ok := strings.CutPrefix(strings.Join(strings.Fields(s), ""), groupPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with %s", errGroupLink, groupPrefix)
	}
	const head = 1 + 32 + 16
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < head+4 || b[0] < 1 || b[0] > 2 {
		return nil, errGroupLink
	}
	end := len(b) - 4
	if sum := sha256.Sum256(b[:end]); string(sum[:4]) != string(b[end:]) {
		return nil, fmt.Errorf("%w: a character is missing or wrong", errGroupLink)
	}
	l := &groupLink{Group: chat.Hash(b[1:33]), Ticket: chat.Ticket(b[33:head])}
	var n int
	if l.Maker, n, err = omega.DecodeFingerprint(b[head:end]); err != nil || l.Ticket == (chat.Ticket{}) {
		return nil, errGroupLink
	}
	rest := b[head+n : end]
	if b[0] == 2 {
		if len(rest) < 2 || int(rest[0]) != len(rest)-1 || len(rest) > 1+maxLinkName || !group.IsName(string(rest[1:])) {
			return nil, errGroupLink
		}
		l.Name, rest = string(rest[1:]), nil
	}
	if len(rest) > 0 {
		return nil, errGroupLink
	}
	return l, nil
}

// A linkKind is what a link makes of who asks by it. (spec/group.md, GROUP-23, GROUP-38)
type linkKind byte

const (
	linkAsks       linkKind = iota // somebody decides
	linkOpen                       // a member
	linkSubscribes                 // a subscriber
)

// linkSubject names the setting of a link: the group, and its kind.
func linkSubject(id chat.Hash, kind linkKind) []byte { return append(slices.Clone(id[:]), byte(kind)) }

// ticketOf reads the ticket of this account's link; zero if there is none.
func ticketOf(tx *history.Tx, id chat.Hash, kind linkKind) (t chat.Ticket, err error) {
	list, err := tx.SettingsOf(chat.SettingGroupLink)
	for _, s := range list {
		if string(s.Subject) == string(linkSubject(id, kind)) && len(s.Value) == len(t) {
			copy(t[:], s.Value)
		}
	}
	return t, err
}

// linkGroup returns this account's link to a group, and makes or ends it.
func (c *Client) linkGroup(ctx context.Context, p clientrpc.LinkGroupParams) (out clientrpc.GroupLink, err error) {
	doing := i18n.T("doing.grouplink")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return out, err
	}
	kind := linkAsks
	switch {
	case p.Subscribe:
		kind = linkSubscribes
	case p.Open:
		kind = linkOpen
	}
	var l groupLink
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if errors.Is(err, history.ErrNotFound) {
			return noGroup(doing, id.String())
		}
		if err != nil {
			return err
		}
		if !s.May(c.acc.Fingerprint, s.Rules.Invite) {
			return fail(clientrpc.CodeRefused, doing, i18n.T("why.groupmaynot"), i18n.T("next.groupinfo"), nil)
		}
		if p.Subscribe && !p.Close && (!s.Rules.Channel() || s.Secure || !s.May(c.acc.Fingerprint, s.Rules.Write)) {
			return fail(clientrpc.CodeRefused, doing, i18n.T("why.nochannel"), i18n.T("next.groupinfo"), nil)
		}
		ticket, err := ticketOf(tx, id, kind)
		if err != nil {
			return err
		}
		set := chat.Setting{Name: chat.SettingGroupLink, Subject: linkSubject(id, kind)}
		switch {
		case p.Close:
			return c.changeIn(ctx, tx, []chat.Setting{set})
		case p.New || ticket == (chat.Ticket{}):
			if _, err := c.cfg.rand().Read(ticket[:]); err != nil {
				return err
			}
			set.Value = ticket[:]
			if err := c.changeIn(ctx, tx, []chat.Setting{set}); err != nil {
				return err
			}
		}
		l = groupLink{id, ticket, c.acc.Fingerprint, linkName(s.Profile.Name)}
		return nil
	})
	c.queued.notify()
	if err != nil || p.Close {
		return out, err
	}
	return clientrpc.GroupLink{Link: l.String(), Open: p.Open, Subscribe: p.Subscribe}, nil
}

// joinGroup asks the maker of a link to be let in.
func (c *Client) joinGroup(ctx context.Context, p clientrpc.JoinGroupParams) (out clientrpc.Group, err error) {
	doing := i18n.T("doing.groupjoin")
	l, err := parseGroupLink(p.Link)
	if err != nil {
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.grouplink"), i18n.T("next.grouplink"), err)
	}
	if len(p.Text) > chat.MaxQuote {
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.toolong", len(p.Text), chat.MaxQuote), i18n.T("next.shorten"), nil)
	}
	if err := c.reachable(ctx, doing, []omega.Fingerprint{l.Maker}); err != nil {
		return out, err
	}
	in := false
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		g, err := tx.KnownGroup(l.Group)
		if errors.Is(err, history.ErrNotFound) {
			g, err = &history.Group{ID: l.Group}, nil
		}
		if err != nil {
			return err
		}
		if taken, err := c.chatTaken(tx, g); err != nil || taken {
			return cmp.Or(err, fail(clientrpc.CodeUsage, doing, i18n.T("why.grouplink"), i18n.T("next.grouplink"), nil))
		}
		if s, err := c.groupState(tx, l.Group); err == nil && s.Role(c.acc.Fingerprint) > group.RoleNone {
			in = true
			return nil
		}
		g.Ticket, g.Maker, g.Refuser, g.Refused = l.Ticket, l.Maker, omega.Fingerprint{}, time.Time{}
		g.Title = cmp.Or(l.Name, g.Title)
		if err := tx.PutGroup(g); err != nil {
			return err
		}
		return c.listAsked(tx, g)
	})
	if err != nil {
		return out, err
	}
	c.letting.notify()
	if !in {
		content := &chat.Content{Kind: chat.KindGroupJoin, Text: p.Text, Group: &chat.GroupNews{ID: l.Group, Ticket: l.Ticket}}
		if err := c.askToJoin(ctx, l.Maker, content); err != nil {
			return out, err
		}
	}
	return c.describeGroup(ctx, l.Group)
}

// chatTaken reports whether the chat of a group that only a link names is another one
// already: who makes up a link can have its group begin as any chat does.
func (c *Client) chatTaken(tx *history.Tx, g *history.Group) (bool, error) {
	id, err := tx.Group(context.Background(), g.Chat())
	if err != nil || id != (chat.Hash{}) {
		return id != g.ID, err
	}
	switch ch, err := tx.Chat(g.Chat()); {
	case err == nil:
		return !ch.Group, nil
	case !errors.Is(err, history.ErrNotFound):
		return false, err
	}
	people, err := tx.Relations()
	return slices.ContainsFunc(people, func(r history.Relation) bool {
		return g.Chat() == omega.DirectChat(c.acc.Fingerprint, r.Account)
	}), err
}

// listAsked has the list of chats show a group that this account asked to be let into.
// (spec/group.md, GROUP-37)
func (c *Client) listAsked(tx *history.Tx, g *history.Group) error {
	title := g.Title
	switch s, err := c.groupState(tx, g.ID); {
	case err == nil:
		title = s.Profile.Name
	case !errors.Is(err, history.ErrNotFound):
		return err
	}
	return tx.PutGroupChat(g.Chat(), title)
}

// askTime is how long who asks to join waits until servers have the request: a
// program that ends earlier would leave it lying until it runs again.
const askTime = 10 * time.Second

// askToJoin sends a request and waits a while until it is stored.
func (c *Client) askToJoin(ctx context.Context, to omega.Fingerprint, content *chat.Content) error {
	id, err := c.newID()
	if err != nil {
		return err
	}
	if err := c.sendControlAs(ctx, to, id, content); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	l := letter{id: id, to: to.String(), wait: clientrpc.StateStored, timeout: askTime}
	if _, err = c.await(wait, l, omega.DirectChat(c.acc.Fingerprint, to)); ctx.Err() == nil && wait.Err() != nil {
		return nil // it goes later
	}
	return err
}

// takeJoin takes a request to join and reports whether it is to be granted at once:
// it came by an open link. Others who may decide are told, but for those in told, which
// grows by them. (spec/group.md, GROUP-27)
func (c *Client) takeJoin(ctx context.Context, m *chat.Message, told map[omega.Fingerprint]bool, given answers) (open bool, err error) {
	g := m.Content.Group
	if !g.Asker.IsZero() {
		return false, c.takePassedOn(ctx, m)
	}
	var heads []chat.Hash
	var deciders []omega.Fingerprint
	called, subscribes := "", false
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, g.ID)
		if err != nil || m.From == c.acc.Fingerprint {
			return ignoreNotFound(err)
		}
		if subscribes, err = c.maySubscribe(tx, s, m); err != nil || subscribes || !mayAsk(s, m.From) {
			return err
		}
		asked, err := ticketOf(tx, g.ID, linkAsks)
		if err != nil {
			return err
		}
		free, err := ticketOf(tx, g.ID, linkOpen)
		if err != nil {
			return err
		}
		if open = free == g.Ticket; !open && asked != g.Ticket {
			return nil // of a link that is good for nothing any more
		}
		if !open {
			deciders = c.deciders(s)
			v, err := c.groupView(tx, g.ID)
			if err != nil {
				return err
			}
			heads = v.heads
			if called, err = c.profileName(tx, m.From); err != nil {
				return err
			}
		}
		return tx.PutGroupRequest(&history.GroupAccount{Group: g.ID, Account: m.From, Text: m.Content.Text, Time: m.Time, Ticket: g.Ticket})
	})
	if err == nil && subscribes {
		err = c.subscribeSometimes(ctx, m, given)
	}
	if err != nil || subscribes {
		return false, err
	}
	news := chat.GroupNews{ID: g.ID, Heads: heads, Ticket: g.Ticket, Asker: m.From, Called: called}
	deciders = slices.DeleteFunc(deciders, func(fp omega.Fingerprint) bool { return told[fp] })
	return open, c.tellDeciders(ctx, deciders, &chat.Content{Kind: chat.KindGroupJoin, Text: m.Content.Text, Group: &news}, told)
}

// tellDeciders tells those who may let people in, as many of them as can be written to,
// and notes in told, if that is not nil, who needs not be told again.
func (c *Client) tellDeciders(ctx context.Context, deciders []omega.Fingerprint, content *chat.Content, told map[omega.Fingerprint]bool) error {
	var errs []error
	for _, fp := range deciders {
		err := unlessMute(c.sendControl(ctx, fp, content))
		if err != nil && !unwritable(err) {
			errs = append(errs, err)
		} else if told != nil {
			told[fp] = true
		}
	}
	return errors.Join(errs...)
}

// maxDeciders is how many are told that somebody wants to join.
const maxDeciders = 32

// deciders are the owners and admins who may let somebody in, but for this account.
func (c *Client) deciders(s *group.State) (out []omega.Fingerprint) {
	for _, role := range []group.Role{group.RoleOwner, group.RoleAdmin} {
		for _, m := range s.Members {
			if m.Role == role && m.Role >= s.Rules.Invite && m.Account != c.acc.Fingerprint && len(out) < maxDeciders {
				out = append(out, m.Account)
			}
		}
	}
	return out
}

// mayAsk reports whether it is of use that an account asks to join.
func mayAsk(s *group.State, who omega.Fingerprint) bool {
	return !s.Dissolved && !slices.Contains(s.Banned, who) && s.Role(who) == group.RoleNone && !slices.Contains(s.Invited, who)
}

// takePassedOn takes a request that came to the maker of a link, who passes it on.
func (c *Client) takePassedOn(ctx context.Context, m *chat.Message) error {
	g := m.Content.Group
	return c.db.Update(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, g.ID)
		if err != nil || !s.May(m.From, s.Rules.Invite) {
			return ignoreNotFound(err)
		}
		if g.Refused {
			return tx.RemoveGroupRequest(g.ID, g.Asker)
		}
		if !mayAsk(s, g.Asker) || !s.May(c.acc.Fingerprint, max(s.Rules.Invite, group.RoleAdmin)) {
			return nil
		}
		return tx.PutGroupRequest(&history.GroupAccount{Group: g.ID, Account: g.Asker, Text: m.Content.Text, Time: m.Time, Ticket: g.Ticket, Called: g.Called})
	})
}

// refused takes it that this account is not let in, from the maker of the link by
// which it asked, or from who knows its ticket. It reports whether that was meant.
// (spec/group.md, GROUP-31)
func (c *Client) refused(tx *history.Tx, m *chat.Message) (bool, error) {
	g, err := tx.KnownGroup(m.Content.Group.ID)
	if err != nil || m.Peer.IsZero() || m.From == c.acc.Fingerprint || g.Ticket == (chat.Ticket{}) || g.Ticket != m.Content.Group.Ticket {
		return false, ignoreNotFound(err)
	}
	g.Ticket, g.Refuser, g.Refused = chat.Ticket{}, m.From, c.cfg.now()
	return true, tx.PutGroup(g)
}

// refuse tells those who asked that they are not let in, and the others who may
// decide, and forgets the requests.
func (c *Client) refuse(ctx context.Context, id chat.Hash, waiting []history.GroupAccount) error {
	var deciders []omega.Fingerprint
	var heads []chat.Hash
	err := c.db.View(ctx, func(tx *history.Tx) error {
		v, err := c.groupView(tx, id)
		if err == nil {
			deciders, heads = c.deciders(v.state), v.heads
		}
		return err
	})
	if err != nil {
		return err
	}
	var accounts []omega.Fingerprint
	for _, r := range waiting {
		accounts = append(accounts, r.Account)
		if r.Ticket == (chat.Ticket{}) {
			continue // it is of an earlier version
		}
		err := c.sendControl(ctx, r.Account, &chat.Content{Kind: chat.KindGroupRefused, Group: &chat.GroupNews{ID: id, Ticket: r.Ticket}})
		if err != nil {
			return err
		}
		news := chat.GroupNews{ID: id, Heads: heads, Ticket: r.Ticket, Asker: r.Account, Refused: true}
		if err := c.tellDeciders(ctx, deciders, &chat.Content{Kind: chat.KindGroupJoin, Group: &news}, nil); err != nil {
			c.cfg.log().Warn("refusal not told to all who decide", "err", err)
		}
	}
	return c.forgetRequests(ctx, id, accounts)
}

// requestsOver forgets the requests of those who are invited, in or banned by now.
func requestsOver(tx *history.Tx, id chat.Hash, placed []*group.Op) error {
	for _, o := range placed {
		list := o.Accounts
		switch o.Type {
		case group.TypeAccept:
			list = []omega.Fingerprint{o.Author.Account}
		case group.TypeInvite, group.TypeBan:
		default:
			continue
		}
		for _, fp := range list {
			if err := tx.RemoveGroupRequest(id, fp); err != nil {
				return err
			}
		}
	}
	return nil
}

// grant invites who asked, and forgets that they did.
func (c *Client) grant(ctx context.Context, doing i18n.Text, id chat.Hash, accounts []omega.Fingerprint) error {
	if _, err := c.invite(ctx, clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: id.String()}, Accounts: accounts}); err != nil {
		return err
	}
	return c.forgetRequests(ctx, id, accounts)
}

func (c *Client) forgetRequests(ctx context.Context, id chat.Hash, accounts []omega.Fingerprint) error {
	return c.db.Update(ctx, func(tx *history.Tx) error {
		for _, fp := range accounts {
			if err := tx.RemoveGroupRequest(id, fp); err != nil {
				return err
			}
		}
		return nil
	})
}

// joinInvited accepts the invitations that this account asked for.
func (c *Client) joinInvited(ctx context.Context) error {
	var list []chat.Hash
	err := c.db.View(ctx, func(tx *history.Tx) error {
		groups, err := tx.KnownGroups()
		for i := range groups {
			g := &groups[i]
			if g.Ticket == (chat.Ticket{}) || err != nil {
				continue
			}
			if s, err := c.groupState(tx, g.ID); err == nil && slices.Contains(s.Invited, c.acc.Fingerprint) {
				list = append(list, g.ID)
			}
		}
		return err
	})
	for _, id := range list {
		err = errors.Join(err, c.accept(ctx, i18n.T("doing.groupjoin"), id))
	}
	return err
}

// groupsAsked says of the groups that this account asked to be let into, and is not in,
// whether it waits or was refused.
func (c *Client) groupsAsked(tx *history.Tx) (map[omega.ChatID]string, error) {
	list, err := tx.GroupsAsked()
	if err != nil {
		return nil, err
	}
	out := make(map[omega.ChatID]string, len(list))
	for i := range list {
		s, err := c.groupState(tx, list[i].ID)
		switch {
		case err != nil && !errors.Is(err, history.ErrNotFound):
			return nil, err
		case err == nil && s.Role(c.acc.Fingerprint) > group.RoleNone, !list[i].Subscribed.IsZero():
		case list[i].Ticket != (chat.Ticket{}):
			out[list[i].Chat()] = clientrpc.RoleAsking
		default:
			out[list[i].Chat()] = clientrpc.RoleRefused
		}
	}
	return out, nil
}

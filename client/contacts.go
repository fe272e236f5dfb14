package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
	"github.com/omega-im/omega/pgp"
)

// errBlocked says that this account blocked the one that it is to write to.
var errBlocked = errors.New("the account is blocked")

// contactPrefix starts the link by which somebody is added. (spec/chat.md, CHAT-49)
const contactPrefix = "omega:contact/"

// contactLink is what others add an account by.
func contactLink(fp omega.Fingerprint) string { return contactPrefix + fp.String() }

// parseContact reads a fingerprint or a link; white space that copying brought in
// is ignored.
func parseContact(text string) (omega.Fingerprint, bool) {
	text = strings.Join(strings.Fields(text), "")
	if n := len(contactPrefix); len(text) > n && strings.EqualFold(text[:n], contactPrefix) {
		text = text[n:]
	}
	fp, err := omega.ParseFingerprint(strings.ToUpper(text))
	return fp, err == nil
}

// contactRef finds the account that somebody means: by fingerprint, by link, by the name
// that one contact has, or by what is shown of a stranger.
func (c *Client) contactRef(ctx context.Context, doing i18n.Text, text string) (omega.Fingerprint, error) {
	if fp, ok := parseContact(text); ok {
		if fp == c.acc.Fingerprint {
			return fp, fail(clientrpc.CodeUsage, doing, i18n.T("why.ownaccount"), i18n.T("next.othersfpr"), nil)
		}
		return fp, nil
	}
	var fp omega.Fingerprint
	err := c.db.View(ctx, func(tx *history.Tx) error {
		found, err := c.contactsNamed(tx, text)
		switch {
		case err != nil:
			return err
		case len(found) > 1:
			return fail(clientrpc.CodeUsage, doing, i18n.T("why.manycontacts", text, len(found)), i18n.T("next.byfpr"), nil)
		case len(found) == 1:
			fp = found[0]
			return nil
		}
		fp, err = c.oneShown(tx, doing, text, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nocontact", text), i18n.T("next.contacts"), nil))
		return err
	})
	return fp, err
}

// contactsNamed are the contacts that have a name.
func (c *Client) contactsNamed(tx *history.Tx, name string) (out []omega.Fingerprint, err error) {
	list, err := tx.Relations()
	if err != nil || name == "" {
		return nil, err
	}
	for i := range list {
		if list[i].Contact != chat.Contact {
			continue
		}
		if called, err := c.nameOf(tx, list[i].Account); err != nil || called == name {
			out = append(out, list[i].Account)
		}
	}
	return out, err
}

// contacts lists other people.
func (c *Client) contacts(ctx context.Context, p clientrpc.ContactsParams) (clientrpc.ContactsResult, error) {
	out := clientrpc.ContactsResult{Contacts: []clientrpc.Contact{}}
	if p.State == "" && !p.Blocked {
		p.State = clientrpc.ContactYes
	}
	err := c.db.View(ctx, func(tx *history.Tx) error {
		people, err := c.people(tx, p.State == clientrpc.ContactRequest)
		if err != nil {
			return err
		}
		known, err := c.namesKnown(tx)
		if err != nil {
			return err
		}
		for i := range people {
			item, err := c.showContact(tx, &people[i], known)
			if err != nil {
				return err
			}
			if p.Blocked && !item.Blocked || p.State != "" && item.State != p.State || !names.Match(item.Name, p.Query) && !names.Match(item.Petname, p.Query) {
				continue
			}
			out.Contacts = append(out.Contacts, item)
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	out.Contacts, out.Rest, err = part(out.Contacts, p.Page, func(x *clientrpc.Contact) string {
		return cmp.Or(x.Petname, x.Name) + "\x00" + x.Account.String()
	})
	return out, err
}

// people is everybody of whom this account thinks something, and, if asked for, those
// who only wrote.
func (c *Client) people(tx *history.Tx, strangers bool) ([]history.Relation, error) {
	list, err := tx.Relations()
	if err != nil || !strangers {
		return list, err
	}
	chats, err := tx.Chats()
	if err != nil {
		return nil, err
	}
	for i := range chats {
		known := slices.ContainsFunc(list, func(r history.Relation) bool { return r.Account == chats[i].Peer })
		if !known && c.isDirect(&chats[i]) {
			list = append(list, history.Relation{Account: chats[i].Peer})
		}
	}
	return list, nil
}

// isDirect reports whether a chat is with one other account.
func (c *Client) isDirect(ch *history.Chat) bool {
	return !ch.Group && !ch.Imported && !ch.Peer.IsZero() && ch.Peer != c.acc.Fingerprint
}

// contactState is the state of an account by what is thought of it.
func (c *Client) contactState(tx *history.Tx, r *history.Relation) (string, error) {
	switch r.Contact {
	case chat.Contact:
		return clientrpc.ContactYes, nil
	case chat.Declined:
		return clientrpc.ContactDeclined, nil
	}
	if next, err := agreed(tx, r.Account); err != nil || !next.IsZero() {
		return clientrpc.ContactStranger, err // nobody waits for an answer there any more
	}
	for _, id := range []omega.ChatID{omega.DirectChat(c.acc.Fingerprint, r.Account), c.secureChat(r.Account)} {
		ch, err := tx.Chat(id)
		switch {
		case err == nil && ch.Last != nil:
			return clientrpc.ContactRequest, nil
		case err != nil && !errors.Is(err, history.ErrNotFound):
			return "", err
		}
	}
	return clientrpc.ContactStranger, nil
}

// showContact is an account as lists show it.
func (c *Client) showContact(tx *history.Tx, r *history.Relation, known knownNames) (out clientrpc.Contact, err error) {
	out = clientrpc.Contact{Account: r.Account, Chat: omega.DirectChat(c.acc.Fingerprint, r.Account), Blocked: r.Blocked, Petname: r.Petname, Key: clientrpc.KeyUnknown}
	if out.State, err = c.contactState(tx, r); err != nil {
		return out, err
	}
	if out.Name, err = c.profileName(tx, r.Account); err != nil {
		return out, err
	}
	next, err := agreed(tx, r.Account)
	if err != nil {
		return out, err
	}
	if out.State != clientrpc.ContactYes && next.IsZero() {
		out.Similar = known.like(r.Account, cmp.Or(r.Petname, out.Name))
	}
	peer, err := tx.Peer(r.Account)
	if err != nil {
		return out, ignoreNotFound(err)
	}
	out.Key, out.Verified, err = c.trust(tx, peer, r)
	return out, err
}

// trust is the state of a peer's key, and of its verification. (CHAT-50)
func (c *Client) trust(tx *history.Tx, peer *history.Peer, r *history.Relation) (key, verified string, err error) {
	if len(r.Verified) > 0 {
		verified = clientrpc.VerifiedChanged
	}
	if next, err := successor(tx, peer.Fingerprint); err != nil || !next.IsZero() {
		return clientrpc.KeySucceeded, verified, err
	}
	if !peer.Deleted.IsZero() {
		return clientrpc.KeyDeleted, verified, nil
	}
	cert, err := c.parsePeer(peer)
	if err != nil {
		c.cfg.log().Warn("certificate of a contact cannot be used", "account", peer.Fingerprint, "err", err)
		return clientrpc.KeyUnknown, verified, nil
	}
	switch err := cert.Check(c.cfg.now()); {
	case errors.Is(err, pgp.ErrRevoked):
		return clientrpc.KeyRevoked, verified, nil
	case err != nil:
		return clientrpc.KeyExpired, verified, nil
	}
	if len(r.Verified) > 0 && len(c.newDevices(cert, r)) == 0 {
		verified = clientrpc.VerifiedYes
	}
	return clientrpc.KeyValid, verified, nil
}

// newDevices are the active ones that a verified account did not have then.
func (c *Client) newDevices(cert *pgp.Certificate, r *history.Relation) (out []pgp.Device) {
	for _, d := range cert.Active(c.cfg.now()) {
		if len(r.Verified) > 0 && !slices.Contains(r.Verified, d.Signing.Fingerprint()) {
			out = append(out, d)
		}
	}
	return out
}

// showWhole adds what only one account is shown with.
func (c *Client) showWhole(tx *history.Tx, r *history.Relation) (*clientrpc.Contact, error) {
	known, err := c.namesKnown(tx)
	if err != nil {
		return nil, err
	}
	out, err := c.showContact(tx, r, known)
	if err != nil {
		return nil, err
	}
	out.Safety, out.Link = chat.SafetyNumber(c.acc.Fingerprint, r.Account), contactLink(r.Account)
	if out.Groups, err = c.groupsWith(tx, r.Account); err != nil {
		return nil, err
	}
	if out.Notices, err = standing(tx, r.Account); err != nil {
		return nil, err
	}
	if out.Successor, err = successor(tx, r.Account); err != nil {
		return nil, err
	}
	peer, err := tx.Peer(r.Account)
	if err != nil {
		return &out, ignoreNotFound(err)
	}
	cert, err := c.parsePeer(peer)
	if err != nil {
		return &out, nil // its key is unknown by that
	}
	if out.Certified, err = c.certifiedBy(tx, cert); err != nil {
		return nil, err
	}
	out.Expires = cert.Expires()
	for _, d := range cert.Devices() {
		out.Devices = append(out.Devices, deviceInfo(d, c.acc.Device, c.cfg.now()))
	}
	for _, d := range c.newDevices(cert, r) {
		out.NewDevices = append(out.NewDevices, deviceInfo(d, c.acc.Device, c.cfg.now()))
	}
	return &out, nil
}

// groupsWith lists the groups that this account and another are in.
func (c *Client) groupsWith(tx *history.Tx, fp omega.Fingerprint) ([]clientrpc.NamedChat, error) {
	return c.groupsWhere(tx, func(s *group.State) bool { return s.Role(fp) > 0 && s.Role(c.acc.Fingerprint) > 0 })
}

// groupsWhere are the groups that are known of which something holds, at most one page.
func (c *Client) groupsWhere(tx *history.Tx, holds func(*group.State) bool) (out []clientrpc.NamedChat, err error) {
	list, err := tx.KnownGroups()
	if err != nil {
		return nil, err
	}
	for i := range list {
		s, err := c.groupState(tx, list[i].ID)
		if errors.Is(err, history.ErrNotFound) {
			continue // only a link to it is known
		}
		if err != nil {
			return nil, err
		}
		if len(out) == clientrpc.PageMax {
			break
		}
		if holds(s) {
			out = append(out, clientrpc.NamedChat{Chat: list[i].Chat(), Name: names.Shown(s.Profile.Name)})
		}
	}
	return out, nil
}

// maxAlike is how many accounts a name is said to look like.
const maxAlike = 8

// knownNames has the accounts by what their names look like. (CHAT-48)
type knownNames map[string][]clientrpc.NamedAccount

// namesKnown are those of contacts, and this account's own.
func (c *Client) namesKnown(tx *history.Tx) (knownNames, error) {
	out := knownNames{}
	own, err := c.ownName(tx)
	if err != nil {
		return nil, err
	}
	out.add(clientrpc.NamedAccount{Account: c.acc.Fingerprint, Name: own, This: true})
	list, err := tx.Relations()
	if err != nil {
		return nil, err
	}
	for i := range list {
		r := &list[i]
		if r.Contact != chat.Contact {
			continue
		}
		name, err := c.profileName(tx, r.Account)
		if err != nil {
			return nil, err
		}
		for _, n := range slices.Compact([]string{r.Petname, name}) {
			out.add(clientrpc.NamedAccount{Account: r.Account, Name: n})
		}
	}
	return out, nil
}

func (k knownNames) add(a clientrpc.NamedAccount) {
	if key := names.Key(a.Name); key != "" {
		k[key] = append(k[key], a)
	}
}

// like are the accounts with a name that a person may take for that of another.
func (k knownNames) like(fp omega.Fingerprint, name string) (out []clientrpc.NamedAccount) {
	for _, a := range k[names.Key(name)] {
		if len(out) < maxAlike && a.Account != fp && !slices.ContainsFunc(out, func(o clientrpc.NamedAccount) bool { return o.Account == a.Account }) {
			out = append(out, a)
		}
	}
	return out
}

// chatNamed finds the chat that a name means: of the one group, or with the one
// contact, that is called so; else with whom is shown so.
func (c *Client) chatNamed(doing i18n.Text, name string) (omega.ChatID, error) {
	var found []omega.Fingerprint
	err := c.db.View(context.Background(), func(tx *history.Tx) (err error) {
		found, err = c.contactsNamed(tx, name)
		return err
	})
	if err != nil {
		return omega.ChatID{}, err
	}
	at, err := c.groupNamed(doing, name)
	switch {
	case len(found) == 0 && isNobody(err):
		return c.chatShown(doing, name, err)
	case len(found) == 0:
		return at, err
	case err == nil || len(found) > 1:
		return at, fail(clientrpc.CodeUsage, doing, i18n.T("why.manynames", name), i18n.T("next.byfpr"), nil)
	}
	return omega.DirectChat(c.acc.Fingerprint, found[0]), nil
}

// chatShown is the chat with whom is shown so; nobody is what is said if there is none.
func (c *Client) chatShown(doing i18n.Text, name string, nobody error) (at omega.ChatID, err error) {
	err = c.db.View(context.Background(), func(tx *history.Tx) error {
		fp, err := c.oneShown(tx, doing, name, nobody)
		if err == nil {
			at = omega.DirectChat(c.acc.Fingerprint, fp)
		}
		return err
	})
	if isNobody(err) {
		return c.chatBeginning(doing, name, false)
	}
	return at, err
}

// isNobody reports whether err says that a name is nobody's.
func isNobody(err error) bool {
	var e *clientrpc.Error
	return errors.As(err, &e) && e.Why.Key == "why.nobody"
}

// isNotFound reports whether nobody, or nothing, is what somebody named.
func isNotFound(err error) bool {
	var e *clientrpc.Error
	return errors.As(err, &e) && e.Code == clientrpc.CodeNotFound
}

// A regard says of the chats of a list what this account thinks of their peers.
type regard struct {
	c     *Client
	tx    *history.Tx
	of    map[omega.Fingerprint]history.Relation
	known knownNames // nil until somebody needs it
}

func (c *Client) regards(tx *history.Tx) (*regard, error) {
	list, err := tx.Relations()
	out := &regard{c: c, tx: tx, of: make(map[omega.Fingerprint]history.Relation, len(list))}
	for _, r := range list {
		out.of[r.Account] = r
	}
	return out, err
}

// show completes a direct chat of the list.
func (g *regard) show(ch *history.Chat, item *clientrpc.Chat) (err error) {
	r := g.of[ch.Peer]
	r.Account, item.Blocked, item.Name = ch.Peer, r.Blocked, cmp.Or(r.Petname, item.Name)
	switch r.Contact {
	case chat.Contact:
		item.Contact = clientrpc.ContactYes
	case chat.Declined:
		item.Contact = clientrpc.ContactDeclined
	default:
		next, err := agreed(g.tx, ch.Peer)
		if err != nil {
			return err
		}
		item.Contact = clientrpc.ContactRequest
		if ch.Last == nil || !next.IsZero() {
			item.Contact = clientrpc.ContactStranger
		}
		if !next.IsZero() {
			break // that it is called like who it was misleads nobody
		}
		if g.known == nil {
			if g.known, err = g.c.namesKnown(g.tx); err != nil {
				return err
			}
		}
		item.Similar = g.known.like(ch.Peer, item.Name)
	}
	if len(r.Verified) == 0 {
		return nil
	}
	peer, err := g.tx.Peer(ch.Peer)
	if err == nil {
		_, item.Verified, err = g.c.trust(g.tx, peer, &r)
	}
	return ignoreNotFound(err)
}

package client

import (
	"errors"
	"maps"
	"slices"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// showReactions names some of those who reacted, this account among them, and counts the others.
func (c *Client) showReactions(r *history.Row, m *clientrpc.Message) {
	room := clientrpc.MaxReactions
	if slices.ContainsFunc(r.Reactions, func(a history.Reaction) bool { return a.Account == c.acc.Fingerprint }) {
		room-- // it has a place, whenever it said so
	}
	others := map[string]int{}
	for _, a := range r.Reactions {
		if own := a.Account == c.acc.Fingerprint; own || room > 0 {
			if m.Reactions = append(m.Reactions, clientrpc.Reaction{From: a.Account, Emoji: a.Emoji, Time: a.Time}); !own {
				room--
			}
			continue
		}
		for _, e := range a.Emoji {
			others[e]++
		}
	}
	for _, e := range slices.Sorted(maps.Keys(others)) {
		m.OtherReactions = append(m.OtherReactions, clientrpc.EmojiCount{Emoji: e, Count: others[e]})
	}
}

// show turns a stored message into what faces get.
func (c *Client) show(tx *history.Tx, r *history.Row) (clientrpc.Message, error) {
	m := clientrpc.Message{
		ID: r.ID, Chat: r.Chat, From: r.From, Device: r.Device, Time: r.Time.UTC(), Received: r.Received,
		Kind: string(r.Content.Kind), Text: r.Now().Text, Verified: r.Verified, Problem: string(r.Problem),
		State: r.State, Sequence: r.Sequence, Place: r.Place, Entities: showEntities(r.Now().Entities),
		Edited: r.EditTime, Deleted: r.Deleted, Pinned: r.Pinned, Silent: r.Content.Silent, Expires: r.Expires(), Forward: showForward(r.Content.Forward), Media: mediaInfo(r.Content), Secure: r.Secure,
	}
	if r.State == clientrpc.StateFailed {
		m.Why = r.Why
	}
	c.showReactions(r, &m)
	if r.Import != 0 {
		m.Name, m.Imported = r.Author, true
		return m, nil
	}
	sender, err := tx.Relation(r.From)
	if err != nil {
		return m, err
	}
	called, err := c.callingBy(tx, sender)
	if err != nil {
		return m, err
	}
	m.Name, m.SelfNamed = called.name, called.self
	// Links and files of a stranger do nothing. (spec/chat.md, CHAT-47)
	m.Inert = c.inert(r, sender)
	if r.Service {
		m.Service, m.Verified = true, true // the account's primary key, or the group's operations, said so
		if m.Kind == history.LineNamed {
			m.Was, m.Text = history.NamesOf(m.Text)
		}
		return m, c.showAbout(tx, r, &m)
	}
	if m.Reply, err = c.showReply(tx, r); err != nil {
		return m, err
	}
	if err := c.showAnswers(tx, r, &m); err != nil {
		return m, err
	}
	if err := c.showTally(tx, r, &m); err != nil {
		return m, err
	}
	m.Mentioned = r.Mentioned
	if err := c.showReach(tx, r, &m); err != nil {
		return m, err
	}
	if g := r.Content.Group; g != nil && (r.Content.Kind == chat.KindGroupInvite || r.Content.Kind == chat.KindGroupRefused) {
		m.Group = g.ID.String()
		if m.Channel, err = c.isChannel(tx, g.ID); err != nil {
			return m, err
		}
		if !r.Own && r.Content.Kind == chat.KindGroupInvite {
			if m.GroupRole, err = c.roleInvited(tx, g.ID); err != nil {
				return m, err
			}
		}
	}
	err = showOperation(tx, r, &m)
	return m, err
}

// inert reports whether a message is of a stranger.
func (c *Client) inert(r *history.Row, sender *history.Relation) bool {
	return !r.Own && !r.Peer.IsZero() && r.Peer != c.acc.Fingerprint && sender.Contact != chat.Contact
}

func showEntities(list []chat.Entity) (out []clientrpc.Entity) {
	for _, e := range list {
		out = append(out, clientrpc.Entity{
			Type: e.Type.String(), Offset: e.Offset, Length: e.Length, Account: e.Account, Address: e.Address, Language: e.Language,
		})
	}
	return out
}

func showForward(f *chat.Forward) *clientrpc.ForwardOf {
	if f == nil {
		return nil
	}
	return &clientrpc.ForwardOf{From: f.Account, Name: f.Name, Time: f.Time, Hidden: f.Account.IsZero()}
}

// showReply looks up the message that r answers. Its link says for sure which it
// is; what the sender quotes is compared with it.
func (c *Client) showReply(tx *history.Tx, r *history.Row) (*clientrpc.Reply, error) {
	reply := r.Content.Reply
	if reply == nil {
		return nil, nil
	}
	out := &clientrpc.Reply{Quote: reply.Quote}
	target, err := tx.Linked(r.Chat, reply.Target)
	if errors.Is(err, history.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.Message, out.From, out.Text = target.ID, target.From, target.Now().Text
	out.Exact = reply.Quote != "" && (reply.Quotes(target.Content.Text) || reply.Quotes(out.Text))
	called, err := c.calling(tx, target.From)
	out.Name, out.SelfNamed = called.name, called.self
	return out, err
}

// chosen are the answers of a poll that a vote is for; nil is no vote.
func chosen(v *chat.Vote, options []string) (out []string) {
	if v == nil {
		return nil
	}
	for _, o := range v.Options {
		if int64(o) < int64(len(options)) {
			out = append(out, options[o])
		}
	}
	return out
}

// showOperation says what an operation is about.
func showOperation(tx *history.Tx, r *history.Row, m *clientrpc.Message) error {
	var links []chat.Link
	switch content := r.Content; {
	case content.Edit != nil:
		links = []chat.Link{content.Edit.Target}
	case content.Delete != nil:
		links = content.Delete.Targets
	case content.Reaction != nil:
		links, m.Emoji = []chat.Link{content.Reaction.Target}, content.Reaction.Emoji
	case content.Vote != nil:
		links = []chat.Link{content.Vote.Target}
	case content.Entry != nil:
		links = []chat.Link{content.Entry.Target}
	case content.Close != nil:
		links = []chat.Link{content.Close.Target}
	case content.Pin != nil:
		links, m.Pinned = []chat.Link{content.Pin.Target}, content.Pin.Pinned
	}
	for _, l := range links {
		target, err := tx.Linked(r.Chat, l)
		switch {
		case err == nil:
			m.Targets = append(m.Targets, target.ID)
			m.Chosen = chosen(r.Content.Vote, target.Content.Options())
		case !errors.Is(err, history.ErrNotFound):
			return err
		}
	}
	return nil
}

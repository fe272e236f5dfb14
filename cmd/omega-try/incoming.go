package main

import (
	"context"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/names"
)

// followFor is how long one call for events waits; mostUnread is how many messages of a
// chat are shown that came while nobody sat at the prompt.
const (
	followFor  = time.Minute
	mostUnread = 20
)

// receive hands on what comes in: what waits unread, and then what is new. It takes
// nothing away from the other faces of the account: only what is shown here, of the chat
// that the prompt is in, is marked as read, by show.
func (c *conversation) receive(ctx context.Context, core clientrpc.Conn) {
	at := clientrpc.FollowParams{Timeout: followFor}
	for {
		r, err := clientrpc.Follow.Call(ctx, core, at)
		if err != nil {
			return
		}
		at.Run, at.After = r.Run, r.Last
		if r.Reset != "" {
			err = c.unread(ctx, core)
		}
		for _, e := range r.Events {
			if d, ok := clientrpc.MessageNew.In(e); ok && !d.Own && err == nil {
				err = c.handOn(ctx, core, d.MessageEvent)
			}
		}
		if err != nil {
			return
		}
	}
}

// unread hands on what nobody has read, chat after chat, of the first page of the list.
func (c *conversation) unread(ctx context.Context, core clientrpc.Conn) error {
	list, err := clientrpc.Chats.Call(ctx, core, clientrpc.Page{Count: clientrpc.PageMax})
	if err != nil {
		return err
	}
	for _, one := range list.Chats {
		n := min(one.Unread, mostUnread)
		if n == 0 {
			continue
		}
		r, err := clientrpc.History.Call(ctx, core, clientrpc.HistoryParams{Chat: one.ID.String(), Count: n})
		if err != nil {
			return err
		}
		for _, m := range r.Messages {
			if err := c.pass(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// handOn fetches what an event is about; what is gone already is nobody's business.
func (c *conversation) handOn(ctx context.Context, core clientrpc.Conn, e clientrpc.MessageEvent) error {
	m, err := clientrpc.Show.Call(ctx, core, clientrpc.MessageRef{Message: e.Message, Chat: e.Chat.String()})
	if err != nil {
		return context.Cause(ctx)
	}
	return c.pass(ctx, m)
}

// pass gives a message of somebody else to who draws. One that it was given is not given
// again: the unread ones of a chat may be new ones too.
func (c *conversation) pass(ctx context.Context, m clientrpc.Message) error {
	if m.State != "" || slices.Contains(c.passed, m.ID) {
		return nil
	}
	select {
	case c.mail <- m:
		c.passed = append(c.passed[max(0, len(c.passed)-maxPassed):], m.ID)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// maxPassed is how many messages are remembered as handed on.
const maxPassed = 1000

// isShown reports whether the prompt draws all of a message, so that whoever sits here has
// read it: a line that the program noted, or a text, also one that takes the place of
// another, of which something can be seen. What has more to it than its text (the answers
// of a poll, the lines of a list, a file) is left to the other faces.
func isShown(m *clientrpc.Message) bool {
	if m.Service {
		return true
	}
	text := m.Kind == string(chat.KindText) || m.Kind == string(chat.KindEdit)
	return text && !names.Blank(m.Text) && len(m.Media) == 0 && m.Poll == nil && m.List == nil
}

// read tells the core which messages were shown.
func (c *conversation) read(ctx context.Context, core clientrpc.Conn, shown <-chan omega.ID) {
	for {
		select {
		case id := <-shown:
			if _, err := clientrpc.Confirm.Call(context.WithoutCancel(ctx), core, clientrpc.ConfirmParams{IDs: []omega.ID{id}}); err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

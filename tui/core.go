package tui

import (
	"context"
	"crypto/rand"
	"errors"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// An effect is what the model wants of the world: it asks the core and says with a
// message what came of it. Updates make effects and never run them.
type effect func(ctx context.Context, core clientrpc.Conn) tea.Msg

// newID makes the id of something that is to happen once.
func newID() (id omega.ID) {
	rand.Read(id[:]) // never fails
	return id
}

// failedMsg says that something did not work.
type failedMsg struct{ err error }

// isGone reports whether the core says that there is no such thing; any other error
// says nothing of that.
func isGone(err error) bool {
	var e *clientrpc.Error
	return errors.As(err, &e) && e.Code == clientrpc.CodeNotFound
}

// doneMsg tells the person something; an empty text tells nothing.
type doneMsg struct{ text i18n.Text }

// call makes an effect of a call whose answer is of no interest but that it worked.
func call[Req, Resp any](method clientrpc.Method[Req, Resp], req Req, said i18n.Text) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		if _, err := method.Call(ctx, core, req); err != nil {
			return failedMsg{err}
		}
		return doneMsg{said}
	}
}

// quietly is call for what a person need not hear of when it fails.
func quietly[Req, Resp any](method clientrpc.Method[Req, Resp], req Req) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		method.Call(ctx, core, req) // others may do without
		return nil
	}
}

// turns lets what a person writes into a chat reach the core in the order in which it was
// written: effects run beside each other, and would overtake each other.
type turns map[omega.ChatID]<-chan struct{} // by chat: closed when the last one is over

// behind makes an effect that runs when those before it in the chat are over. It has to be run.
func (t turns) behind(chat omega.ChatID, do effect) effect {
	before, over := t[chat], make(chan struct{})
	t[chat] = over
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		defer close(over)
		if before != nil {
			select {
			case <-before:
			case <-ctx.Done():
			}
		}
		return do(ctx, core)
	}
}

// explain puts an error into words: what was being done, why it failed, what next.
func (m *Model) explain(err error) string {
	var e *clientrpc.Error
	if !errors.As(err, &e) {
		return m.clean(err.Error())
	}
	s := m.text("error.line", e.Doing.In(m.lang), e.Why.InFace(m.lang))
	if next := e.Next.InFace(m.lang); next != "" {
		s += " → " + next
	}
	return m.clean(s)
}

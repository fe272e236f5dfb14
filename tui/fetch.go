package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// Answers of the core.
type (
	setupMsg   struct{ state *clientrpc.SetupState }
	startedMsg struct {
		me      *clientrpc.AccountInfo
		status  *clientrpc.StatusResult
		chats   clientrpc.ChatsResult
		folders []clientrpc.Folder
		err     error
	}
	chatsMsg struct {
		chats clientrpc.ChatsResult
		after string // the part that this is
	}
	foldersMsg struct{ folders []clientrpc.Folder }
	pageMsg    struct {
		chat     omega.ChatID
		turn     int
		where    place
		messages []clientrpc.Message
		behind   []clientrpc.Message // of around
		target   omega.ID            // of around; of a page before or behind a message that one
		earlier  string              // of a page before a message: what is said of what is before it
		unread   int
		err      error
	}
	pinnedMsg struct {
		turn     int
		messages []clientrpc.Message
	}
	presenceMsg struct {
		chat   omega.ChatID
		result clientrpc.PresenceResult
	}
	sentMsg struct {
		chat omega.ChatID
		id   omega.ID
		written
		task task // what the text was for
		turn int  // rises with each text that is sent
		err  error
	}
)

// A place is where a page belongs.
type place int

const (
	atEnd place = iota
	before
	behind
	around
	again // around the message at the lower end, which stays there
)

// begin asks how the home stands.
func begin(ctx context.Context, core clientrpc.Conn) tea.Msg {
	state, err := clientrpc.Setup.Call(ctx, core, clientrpc.None{})
	if err != nil {
		return failedMsg{err}
	}
	return setupMsg{state}
}

// snapshot fetches what is shown of everything.
func snapshot(ctx context.Context, core clientrpc.Conn) tea.Msg {
	s, err := takeSnapshot(ctx, core)
	s.err = err
	return s
}

func takeSnapshot(ctx context.Context, core clientrpc.Conn) (s startedMsg, err error) {
	if s.me, err = clientrpc.Account.Call(ctx, core, clientrpc.None{}); err != nil {
		return s, err
	}
	if s.status, err = clientrpc.Status.Call(ctx, core, clientrpc.None{}); err != nil {
		return s, err
	}
	if s.chats, err = clientrpc.Chats.Call(ctx, core, clientrpc.Page{Count: 100}); err != nil {
		return s, err
	}
	folders, err := clientrpc.Folders.Call(ctx, core, clientrpc.Page{})
	s.folders = folders.Folders
	return s, err
}

func fetchFolders(ctx context.Context, core clientrpc.Conn) tea.Msg {
	r, err := clientrpc.Folders.Call(ctx, core, clientrpc.Page{})
	if err != nil {
		return failedMsg{err}
	}
	return foldersMsg{r.Folders}
}

// moreChats fetches the next part of the list.
func moreChats(next string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Chats.Call(ctx, core, clientrpc.Page{Count: clientrpc.PageMax, Next: next})
		if err != nil {
			return failedMsg{err}
		}
		return chatsMsg{chats: r, after: next}
	}
}

// history fetches one page of a chat; nobody may have written there yet.
func history(ctx context.Context, core clientrpc.Conn, p clientrpc.HistoryParams) ([]clientrpc.Message, error) {
	p.Count = pageSize
	r, err := clientrpc.History.Call(ctx, core, p)
	if isGone(err) {
		return nil, nil
	}
	return r.Messages, err
}

// newest fetches the end of a chat.
func newest(chat omega.ChatID, turn, unread int) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		messages, err := history(ctx, core, clientrpc.HistoryParams{Chat: chat.String()})
		return pageMsg{chat: chat, turn: turn, where: atEnd, messages: messages, unread: unread, err: err}
	}
}

// beyond fetches the page before or behind a message.
func beyond(chat omega.ChatID, turn int, where place, id omega.ID) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		p := clientrpc.HistoryParams{Chat: chat.String(), Before: id}
		if where == behind {
			p.Before, p.After = omega.ID{}, id
		}
		p.Count = pageSize
		r, err := clientrpc.History.Call(ctx, core, p)
		return pageMsg{chat: chat, turn: turn, where: where, messages: r.Messages, target: id, earlier: r.Earlier, err: err}
	}
}

// jump fetches what is around a message, or around a time if that is zero.
func jump(chat omega.ChatID, turn int, id omega.ID, at time.Time) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		out := pageMsg{chat: chat, turn: turn, where: around, target: id}
		out.messages, out.behind, out.target, out.err = partAround(ctx, core, chat, id, at)
		return out
	}
}

// staying is jump for a place that is on the screen and stays; where its message is gone
// the end is shown.
func staying(chat omega.ChatID, turn int, id omega.ID) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		out := pageMsg{chat: chat, turn: turn, where: again, target: id}
		out.messages, out.behind, out.target, out.err = partAround(ctx, core, chat, id, time.Time{})
		if isGone(out.err) {
			return newest(chat, turn, 0)(ctx, core)
		}
		return out
	}
}

func partAround(ctx context.Context, core clientrpc.Conn, chat omega.ChatID, id omega.ID, at time.Time) (ahead, rest []clientrpc.Message, target omega.ID, err error) {
	p := clientrpc.HistoryParams{Chat: chat.String(), After: id}
	if id.IsZero() {
		p.At = at
	}
	if rest, err = history(ctx, core, p); err != nil {
		return nil, nil, id, err
	}
	switch {
	case !id.IsZero():
		itself, err := clientrpc.Show.Call(ctx, core, clientrpc.MessageRef{Message: id, Chat: chat.String()})
		if err != nil {
			return nil, nil, id, err
		}
		rest = append([]clientrpc.Message{itself}, rest...)
	case len(rest) == 0: // nothing since then
		ahead, err = history(ctx, core, clientrpc.HistoryParams{Chat: chat.String()})
		return ahead, nil, id, err
	}
	ahead, err = history(ctx, core, clientrpc.HistoryParams{Chat: chat.String(), Before: rest[0].ID})
	return ahead, rest, rest[0].ID, err
}

// pins fetches what stands on top of a chat.
func pins(chat omega.ChatID, turn int) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Pinned.Call(ctx, core, clientrpc.PinnedParams{Chat: chat.String(), Page: clientrpc.Page{Count: 20}})
		if err != nil {
			return pinnedMsg{turn: turn} // there is no chat yet
		}
		return pinnedMsg{turn, r.Messages}
	}
}

// lookAt tells the core that the person looks at a chat.
func lookAt(chat omega.ChatID) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Look.Call(ctx, core, clientrpc.LookParams{Chat: chat.String()})
		if err != nil {
			return nil // others may do without
		}
		return presenceMsg{chat, r}
	}
}

// fetchChat looks how a chat stands.
func fetchChat(chat string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		c, err := clientrpc.OneChat.Call(ctx, core, clientrpc.ChatRef{Chat: chat})
		if err != nil {
			return failedMsg{err}
		}
		return refreshedMsg{chats: []clientrpc.Chat{c}}
	}
}

// openPeer opens the chat that a call names in its answer, which is new perhaps.
func openPeer[Req, Resp any](method clientrpc.Method[Req, Resp], req Req, chat func(Resp) omega.ChatID) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := method.Call(ctx, core, req)
		if err != nil {
			return failedMsg{err}
		}
		id := chat(r)
		c, err := clientrpc.OneChat.Call(ctx, core, clientrpc.ChatRef{Chat: id.String()})
		if err != nil {
			return failedMsg{err}
		}
		return openMsg{c}
	}
}

// openMsg asks for a chat to be opened.
type openMsg struct{ chat clientrpc.Chat }

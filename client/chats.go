package client

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
)

// chats lists the conversations: those on top, then the newest first.
func (c *Client) chats(ctx context.Context, p clientrpc.Page) (out clientrpc.ChatsResult, err error) {
	at, err := parseChatPlace(p.Next)
	if err != nil {
		return out, err
	}
	n := pageOf(p)
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := c.chatsBehind(tx, at, n+1)
		if err != nil {
			return err
		}
		if len(list) > n {
			list = list[:n]
			out.Next = list[n-1].String()
		}
		shown := make([]history.Chat, len(list))
		for i := range list {
			shown[i] = list[i].Chat
		}
		out.Chats, err = c.showChats(tx, shown)
		return err
	})
	return out, err
}

// oneChat shows a chat as the list does.
func (c *Client) oneChat(ctx context.Context, p clientrpc.ChatRef) (out clientrpc.Chat, err error) {
	doing := i18n.T("doing.chat")
	id, err := c.chatID(doing, p.Chat)
	if err != nil {
		return out, err
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		ch, err := tx.Chat(id)
		if err != nil {
			return err
		}
		if hidden, err := c.isHidden(tx, ch); hidden || err != nil {
			return cmp.Or(err, history.ErrNotFound)
		}
		shown, err := c.showChats(tx, []history.Chat{*ch})
		if err == nil {
			out = shown[0]
		}
		return err
	})
	return out, noChat(doing, p.Chat, err)
}

// A placedChat is a chat in the list of chats.
type placedChat struct {
	history.Chat
	top bool
}

// String is what names the page behind it.
func (p *placedChat) String() string {
	return fmt.Sprintf("%t.%d.%d", p.top, p.Place.Last, p.Place.Number)
}

// parseChatPlace reads what String wrote; "" is before the first chat.
func parseChatPlace(text string) (p placedChat, err error) {
	if text == "" {
		return placedChat{top: true}, nil
	}
	if n, err := fmt.Sscanf(text, "%t.%d.%d", &p.top, &p.Place.Last, &p.Place.Number); err != nil || n != 3 || p.String() != text {
		return p, badNext(text)
	}
	return p, nil
}

// isHidden reports whether a chat stands in no list: with somebody who is no contact and
// never wrote, where this account did nothing either. Of people who are in one group the
// devices speak there.
func (c *Client) isHidden(tx *history.Tx, ch *history.Chat) (bool, error) {
	if !ch.Silent || ch.ID == c.selfChat() {
		return false, nil
	}
	r, err := tx.Relation(ch.Peer)
	if err != nil || r.Contact == chat.Contact {
		return false, err
	}
	kept, err := tx.Kept(ch.ID)
	return !kept, err
}

// chatsBehind reads at most n chats behind a place. There are few on top: those are
// read at once.
func (c *Client) chatsBehind(tx *history.Tx, at placedChat, n int) (out []placedChat, err error) {
	marked, err := tx.SettingsOf(chat.SettingTop)
	if err != nil {
		return nil, err
	}
	top := map[omega.ChatID]bool{}
	for _, s := range marked {
		var id omega.ChatID
		copy(id[:], s.Subject)
		top[id] = true
	}
	if at.top {
		if out, err = topChats(tx, top, at.Place); err != nil || len(out) >= n {
			return out[:min(n, len(out))], err
		}
		at.Place = history.Place{}
	}
	for len(out) < n {
		list, err := tx.ChatsBehind(at.Place, n)
		if err != nil || len(list) == 0 {
			return out, err
		}
		for i := range list {
			ch := &list[i]
			if top[ch.ID] || len(out) == n {
				continue
			}
			hidden, err := c.isHidden(tx, ch)
			if err != nil {
				return nil, err
			}
			if !hidden {
				out = append(out, placedChat{*ch, false})
			}
		}
		at.Place = list[len(list)-1].Place
	}
	return out, nil
}

// topChats reads those on top behind a place, newest message first.
func topChats(tx *history.Tx, top map[omega.ChatID]bool, at history.Place) (out []placedChat, err error) {
	for id := range top {
		ch, err := tx.Chat(id)
		if errors.Is(err, history.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if at == (history.Place{}) || newer(at, ch.Place) < 0 {
			out = append(out, placedChat{*ch, true})
		}
	}
	slices.SortFunc(out, func(a, b placedChat) int { return newer(a.Place, b.Place) })
	return out, nil
}

// newer orders places, the newest first.
func newer(a, b history.Place) int {
	return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(b.Number, a.Number))
}

// showChats turns stored chats into what faces get.
func (c *Client) showChats(tx *history.Tx, list []history.Chat) ([]clientrpc.Chat, error) {
	worst, err := worstNotices(tx)
	if err != nil {
		return nil, err
	}
	looks, err := chatLooks(tx)
	if err != nil {
		return nil, err
	}
	people, err := c.regards(tx)
	if err != nil {
		return nil, err
	}
	asked, err := c.groupsAsked(tx)
	if err != nil {
		return nil, err
	}
	requests, err := c.requestsToDecide(tx)
	if err != nil {
		return nil, err
	}
	out := []clientrpc.Chat{}
	for _, ch := range list {
		item := looks[ch.ID]
		item.ID, item.Kind, item.Peer, item.Name = ch.ID, clientrpc.ChatDirect, ch.Peer, ch.Name
		item.Unread, item.Notice = ch.Unread, worst[ch.Peer]
		switch {
		case ch.ID == c.selfChat():
			item.Kind = clientrpc.ChatSaved
			if item.Name, err = c.ownName(tx); err != nil {
				return nil, err
			}
		case ch.Imported:
			item.Kind = clientrpc.ChatImported
		case ch.Secure && !ch.Group:
			if err := people.show(&ch, &item); err != nil {
				return nil, err
			}
			item.Kind, item.Secure = clientrpc.ChatSecure, true
			if item.Ended, err = endOf(tx, ch.ID); err != nil {
				return nil, err
			}
		case ch.Group:
			item.Kind, item.Secure = clientrpc.ChatGroup, ch.Secure
			item.Role, item.Requests = asked[ch.ID], requests[ch.ID]
			if ch.Secure {
				if item.Ended, err = endOf(tx, ch.ID); err != nil {
					return nil, err
				}
			}
		default:
			if err := people.show(&ch, &item); err != nil {
				return nil, err
			}
		}
		if !item.Muted.After(c.cfg.now()) {
			item.Muted = time.Time{}
		}
		if ch.Unread > 0 {
			if item.Calls, err = tx.CountMentions(ch.ID); err != nil {
				return nil, err
			}
		}
		if ch.Last != nil {
			m, err := c.show(tx, ch.Last)
			if err != nil {
				return nil, err
			}
			item.Last = &m
		}
		out = append(out, item)
	}
	return out, nil
}

// endOf is when a secure chat was ended; zero: it goes on.
func endOf(tx *history.Tx, id omega.ChatID) (time.Time, error) {
	s, err := tx.SecureChat(id)
	if err != nil {
		return time.Time{}, ignoreNotFound(err)
	}
	return s.Ended, nil
}

// chatLooks reads what the settings of the account say of chats.
func chatLooks(tx *history.Tx) (map[omega.ChatID]clientrpc.Chat, error) {
	out := map[omega.ChatID]clientrpc.Chat{}
	for _, f := range []struct {
		name string
		set  func(*clientrpc.Chat, chat.Setting)
	}{
		{chat.SettingMuted, func(c *clientrpc.Chat, s chat.Setting) { c.Muted = chat.MomentOf(s.Value) }},
		{chat.SettingArchived, func(c *clientrpc.Chat, s chat.Setting) { c.Archived = true }},
		{chat.SettingNoRead, func(c *clientrpc.Chat, s chat.Setting) { c.NoRead = true }},
		{chat.SettingPresence, func(c *clientrpc.Chat, s chat.Setting) { c.Hidden = true }},
		{chat.SettingUnread, func(c *clientrpc.Chat, s chat.Setting) { c.Marked = true }},
		{chat.SettingTop, func(c *clientrpc.Chat, s chat.Setting) { c.Top = true }},
		{chat.SettingDraft, func(c *clientrpc.Chat, s chat.Setting) { c.Draft = string(s.Value) }},
	} {
		list, err := tx.SettingsOf(f.name)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			var id omega.ChatID
			copy(id[:], s.Subject)
			c := out[id]
			f.set(&c, s)
			out[id] = c
		}
	}
	folders, err := foldersOf(tx)
	for _, f := range folders {
		for _, id := range f.Chats {
			c := out[id]
			c.Folders = append(c.Folders, f.ID)
			out[id] = c
		}
	}
	return out, err
}

// setChat changes how a chat stands in the list, on all devices.
func (c *Client) setChat(ctx context.Context, p clientrpc.SetChatParams) (out clientrpc.Chat, err error) {
	doing := i18n.T("doing.chat")
	id, err := c.chatID(doing, p.Chat)
	if err != nil {
		return out, err
	}
	if p.Draft != nil && (len(*p.Draft) > chat.MaxSettingValue || !utf8.ValidString(*p.Draft)) {
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.toolong", len(*p.Draft), chat.MaxSettingValue), i18n.T("next.shorten"), nil)
	}
	list := c.chatSettings(id, p)
	var seen []seenLane
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		ch, err := tx.Chat(id)
		if err != nil {
			return err
		}
		if p.Read {
			if seen, err = unreadLanes(tx, ch); err != nil {
				return err
			}
			if list, err = unmark(tx, list, id); err != nil {
				return err
			}
			for _, s := range seen {
				list = noteRead(list, s.chat, s.device, s.upTo)
			}
		}
		if err := c.changeIn(ctx, tx, list); err != nil {
			return err
		}
		if ch, err = tx.Chat(id); err != nil {
			return err
		}
		shown, err := c.showChats(tx, []history.Chat{*ch})
		if err == nil {
			out = shown[0]
		}
		if out.NoRead {
			seen = nil
		}
		if ch.Group && err == nil {
			var tell bool
			if tell, err = c.tellsOf(tx, ch.ID, maxRead); !tell {
				seen = nil
			}
		}
		return err
	})
	if err != nil {
		return out, noChat(doing, p.Chat, err)
	}
	for _, s := range seen {
		content := &chat.Content{Kind: chat.KindRead, Receipt: &chat.Receipt{Device: s.device, UpTo: s.upTo, Chat: c.receiptChat(s.lane)}}
		if err := c.tellLane(ctx, s.lane, content); err != nil {
			c.cfg.log().Warn("read receipt not sent", "peer", s.peer, "err", err)
		}
	}
	c.queued.notify()
	c.changed.notify()
	return out, nil
}

// chatSettings are the settings that a call asks for.
func (c *Client) chatSettings(id omega.ChatID, p clientrpc.SetChatParams) (out []chat.Setting) {
	add := func(name string, value []byte) {
		out = append(out, chat.Setting{Name: name, Subject: id[:], Value: value})
	}
	on := func(name string, want *bool, value []byte) {
		switch {
		case want == nil:
		case *want:
			add(name, value)
		default:
			add(name, nil)
		}
	}
	if p.Muted != nil {
		var until []byte
		if !p.Muted.IsZero() {
			until = chat.Moment(*p.Muted)
		}
		add(chat.SettingMuted, until)
	}
	on(chat.SettingArchived, p.Archived, []byte{1})
	on(chat.SettingNoRead, p.NoRead, []byte{1})
	on(chat.SettingPresence, p.Hidden, []byte{1})
	on(chat.SettingUnread, p.Marked, []byte{1})
	on(chat.SettingTop, p.Top, chat.Moment(c.cfg.now()))
	if p.Draft != nil {
		add(chat.SettingDraft, []byte(*p.Draft))
	}
	return out
}

// A seenLane is up to where a device's messages in a chat were read.
type seenLane struct {
	lane
	upTo uint32
}

// unmark adds that a chat is not marked as unread any more, if it is.
func unmark(tx *history.Tx, list []chat.Setting, id omega.ChatID) ([]chat.Setting, error) {
	marked, err := tx.SettingsOf(chat.SettingUnread)
	if slices.ContainsFunc(marked, func(s chat.Setting) bool { return string(s.Subject) == string(id[:]) }) {
		list = append(list, chat.Setting{Name: chat.SettingUnread, Subject: id[:]})
	}
	return list, err
}

func unreadLanes(tx *history.Tx, ch *history.Chat) (out []seenLane, err error) {
	unread, err := tx.Unread(ch.ID)
	for device, upTo := range unread {
		l := lane{ch.ID, ch.Peer, device}
		if ch.Group {
			if l.peer, err = tx.AccountOf(ch.ID, device); err != nil {
				return out, err
			}
		}
		out = append(out, seenLane{l, upTo})
	}
	return out, err
}

// noteRead adds that a device's messages were read up to a sequence.
func noteRead(list []chat.Setting, id omega.ChatID, device omega.Fingerprint, sequence uint32) []chat.Setting {
	if sequence == 0 {
		return list
	}
	mark := chat.ReadMark(id, device, sequence)
	for i := range list {
		if list[i].Name == mark.Name && string(list[i].Subject) == string(mark.Subject) {
			if mark.Stamp.Version > list[i].Stamp.Version {
				list[i] = mark
			}
			return list
		}
	}
	return append(list, mark)
}

// folders lists the folders.
func (c *Client) folders(ctx context.Context, p clientrpc.Page) (out clientrpc.FoldersResult, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := foldersOf(tx)
		if err == nil {
			out.Folders, out.Rest, err = part(list, p, func(f *clientrpc.Folder) string { return f.Title + "\x00" + f.ID })
		}
		return err
	})
	return out, err
}

// foldersOf reads the folders. A chat in a folder that was deleted is in
// none.
func foldersOf(tx *history.Tx) ([]clientrpc.Folder, error) {
	titles, err := tx.SettingsOf(chat.SettingFolder)
	if err != nil {
		return nil, err
	}
	members, err := tx.SettingsOf(chat.SettingInFolder)
	if err != nil {
		return nil, err
	}
	out := []clientrpc.Folder{}
	for _, s := range titles {
		f := clientrpc.Folder{ID: hex.EncodeToString(s.Subject), Title: string(s.Value), Chats: []omega.ChatID{}}
		for _, m := range members {
			if len(m.Subject) == len(s.Subject)+len(omega.ChatID{}) && string(m.Subject[:len(s.Subject)]) == string(s.Subject) {
				f.Chats = append(f.Chats, omega.ChatID(m.Subject[len(s.Subject):]))
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// setFolder makes or changes a folder, on all devices.
func (c *Client) setFolder(ctx context.Context, p clientrpc.SetFolderParams) (clientrpc.FoldersResult, error) {
	doing := i18n.T("doing.folders")
	var none clientrpc.FoldersResult
	id, err := hex.DecodeString(p.ID)
	if err != nil || len(id) != len(chat.FolderID{}) {
		return none, fail(clientrpc.CodeUsage, doing, i18n.T("why.folder", p.ID), i18n.T("next.folders"), nil)
	}
	if p.Title != chat.SanitizeName(p.Title) || p.Title != "" && names.Blank(p.Title) {
		return none, fail(clientrpc.CodeUsage, doing, i18n.T("why.foldertitle", chat.MaxName), i18n.T("next.shorten"), nil)
	}
	var list []chat.Setting
	if p.Delete {
		p.Title = ""
	}
	if p.Title != "" || p.Delete {
		list = append(list, chat.Setting{Name: chat.SettingFolder, Subject: id, Value: []byte(p.Title)})
	}
	for _, part := range []struct {
		chats []string
		value []byte
	}{{p.Add, []byte{1}}, {p.Remove, nil}} {
		for _, text := range part.chats {
			chatID, err := c.chatID(doing, text)
			if err != nil {
				return none, err
			}
			subject := append(slices.Clone(id), chatID[:]...)
			list = append(list, chat.Setting{Name: chat.SettingInFolder, Subject: subject, Value: part.value})
		}
	}
	if err := c.change(ctx, list...); err != nil {
		return none, err
	}
	return c.folders(ctx, clientrpc.Page{})
}

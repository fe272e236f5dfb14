package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// chatCommands do something with chats as a whole.
type chatCommands struct {
	Chat struct {
		Mute      muteCmd      `cmd:"" help:"${help_chat_mute}"`
		Unmute    unmuteCmd    `cmd:"" help:"${help_chat_unmute}"`
		Archive   archiveCmd   `cmd:"" help:"${help_chat_archive}"`
		Unarchive unarchiveCmd `cmd:"" help:"${help_chat_unarchive}"`
		Top       topCmd       `cmd:"" help:"${help_chat_top}"`
		Untop     untopCmd     `cmd:"" help:"${help_chat_untop}"`
		Draft     draftCmd     `cmd:"" help:"${help_chat_draft}"`
		Read      readCmd      `cmd:"" help:"${help_chat_read}"`
		Receipts  receiptsCmd  `cmd:"" help:"${help_chat_receipts}"`
		Unread    markCmd      `cmd:"" help:"${help_chat_unread}"`
		Presence  sharedCmd    `cmd:"" help:"${help_chat_presence}"`
		Typing    typingCmd    `cmd:"" help:"${help_chat_typing}"`
		Look      lookCmd      `cmd:"" help:"${help_chat_look}"`
	} `cmd:"" help:"${help_chatset}"`
	Folder struct {
		List   foldersCmd      `cmd:"" default:"1" help:"${help_folder_list}"`
		Make   makeFolderCmd   `cmd:"" help:"${help_folder_make}"`
		Add    addFolderCmd    `cmd:"" help:"${help_folder_add}"`
		Remove removeFolderCmd `cmd:"" help:"${help_folder_remove}"`
		Delete deleteFolderCmd `cmd:"" help:"${help_folder_delete}"`
	} `cmd:"" help:"${help_folder}"`
}

// chatHelp are their texts.
var chatHelp = []string{
	"chatset", "chat_mute", "chat_for", "chat_unmute", "chat_archive", "chat_unarchive", "chat_top", "chat_untop", "chat_draft", "chat_drafttext", "chat_read", "chat_receipts", "chat_onoff", "chat_unread", "chat_presence", "chat_typing", "chat_typingwhat", "chat_look",
	"folder", "folder_list", "folder_make", "folder_title", "folder_add", "folder_remove", "folder_delete", "folder_id", "folder_chats",
}

type chatsCmd struct{}

func (c *chatsCmd) Run(ctx context.Context, a *app) error {
	channels, err := a.channels(ctx)
	if err != nil {
		return err
	}
	return everyPart(ctx, a, clientrpc.Chats, clientrpc.Page{}, "none.chats", func(r clientrpc.ChatsResult) error {
		for _, ch := range r.Chats {
			if err := a.chatLine(ctx, ch, channels[ch.ID]); err != nil {
				return err
			}
		}
		return nil
	})
}

// channels are the chats of channels.
func (a *app) channels(ctx context.Context) (map[omega.ChatID]bool, error) {
	out := map[omega.ChatID]bool{}
	if a.json {
		return out, nil
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return out, clientrpc.Each(ctx, conn, clientrpc.Groups, clientrpc.Page{}, func(r clientrpc.GroupsResult) error {
		for _, g := range r.Groups {
			out[g.Chat] = g.Channel
		}
		return nil
	})
}

// chatLine prints one chat of the list; channel: that of a channel.
func (a *app) chatLine(ctx context.Context, ch clientrpc.Chat, channel bool) error {
	if a.json {
		return a.line(ch)
	}
	parts := []string{a.chatTitle(ch), chatAddress(ch)}
	note := func(on bool, text string) {
		if on {
			parts = append(parts, text)
		}
	}
	note(ch.Kind == clientrpc.ChatGroup && !channel, a.text("chat.group"))
	note(channel, a.text("group.channel"))
	note(ch.Role != "", a.roleName(ch.Role))
	note(ch.Requests > 0, a.text("group.requests", ch.Requests))
	note(ch.Kind == clientrpc.ChatImported, a.text("label.imported"))
	note(ch.Kind == clientrpc.ChatSaved, a.text("chat.saved"))
	note(ch.Secure, "🔒"+a.text("secure.mark"))
	note(ch.Contact == clientrpc.ContactRequest || ch.Contact == clientrpc.ContactDeclined, a.text("contact."+ch.Contact))
	note(ch.Blocked, a.text("contact.blocked"))
	note(ch.Verified != "", a.text("contact."+ch.Verified))
	note(ch.Top, "📌")
	note(ch.Unread > 0, a.text("label.unread", ch.Unread))
	note(ch.Calls > 0, a.text("label.mentions", ch.Calls))
	note(ch.Muted.Equal(clientrpc.MutedForGood), a.text("chat.muted"))
	note(!ch.Muted.IsZero() && !ch.Muted.Equal(clientrpc.MutedForGood), a.text("chat.muteduntil", a.clock(ch.Muted)))
	note(ch.Archived, a.text("chat.archived"))
	note(ch.NoRead, a.text("chat.noread"))
	note(ch.Marked && ch.Unread == 0, a.text("chat.marked"))
	note(ch.Hidden, a.text("chat.hidden"))
	note(ch.Draft != "", a.text("chat.draft"))
	if ch.Notice != "" {
		parts = append(parts, a.text("chat."+ch.Notice))
	}
	a.columns(parts...)
	a.similar(ch.Similar)
	if ch.Last != nil {
		a.printf("    %s\n", a.preview(ctx, ch.Last))
	}
	return nil
}

// chatTitle is how a chat is called; of who said no name the end of the fingerprint
// stands for it.
func (a *app) chatTitle(ch clientrpc.Chat) string {
	if ch.Name == "" && !ch.Peer.IsZero() {
		return keyID(ch.Peer)
	}
	return safe(ch.Name)
}

// chatAddress is what --to and --chat take for a chat: of an account its fingerprint.
func chatAddress(ch clientrpc.Chat) string {
	if ch.Kind == clientrpc.ChatDirect || ch.Kind == clientrpc.ChatSaved {
		return ch.Peer.String()
	}
	return ch.ID.String()
}

// A chatArg names one chat.
type chatArg struct {
	Chat string `arg:"" name:"chat" help:"${help_chat}"`
}

// set changes how a chat stands, and prints it.
func (c *chatArg) set(ctx context.Context, a *app, p clientrpc.SetChatParams) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	p.Chat = c.Chat
	ch, err := clientrpc.SetChat.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	channel := false
	if ch.Kind == clientrpc.ChatGroup && !a.json {
		g, err := clientrpc.ShowGroup.Call(ctx, conn, clientrpc.GroupRef{Group: ch.ID.String()})
		if err != nil {
			return err
		}
		channel = g.Channel
	}
	return a.chatLine(ctx, ch, channel)
}

var yes, no = true, false

type muteCmd struct {
	chatArg
	For time.Duration `help:"${help_chat_for}"`
}

func (c *muteCmd) Run(ctx context.Context, a *app) error {
	if c.For < 0 {
		return badValue(i18n.T("why.parse.negative", "--for"))
	}
	until := clientrpc.MutedForGood
	if c.For > 0 {
		until = time.Now().Add(c.For)
	}
	return c.set(ctx, a, clientrpc.SetChatParams{Muted: &until})
}

type unmuteCmd struct{ chatArg }

func (c *unmuteCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, clientrpc.SetChatParams{Muted: &time.Time{}})
}

type archiveCmd struct{ chatArg }

func (c *archiveCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, clientrpc.SetChatParams{Archived: &yes})
}

type unarchiveCmd struct{ chatArg }

func (c *unarchiveCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, clientrpc.SetChatParams{Archived: &no})
}

type topCmd struct{ chatArg }

func (c *topCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, clientrpc.SetChatParams{Top: &yes})
}

type untopCmd struct{ chatArg }

func (c *untopCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, clientrpc.SetChatParams{Top: &no})
}

type draftCmd struct {
	chatArg
	Text string `arg:"" optional:"" help:"${help_chat_drafttext}"`
}

func (c *draftCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, clientrpc.SetChatParams{Draft: &c.Text})
}

type readCmd struct{ chatArg }

func (c *readCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, clientrpc.SetChatParams{Read: true})
}

type receiptsCmd struct {
	chatArg
	State string `arg:"" enum:"on,off" help:"${help_chat_onoff}"`
}

func (c *receiptsCmd) Run(ctx context.Context, a *app) error {
	off := c.State == "off"
	return c.set(ctx, a, clientrpc.SetChatParams{NoRead: &off})
}

type markCmd struct{ chatArg }

func (c *markCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, clientrpc.SetChatParams{Marked: &yes})
}

type sharedCmd struct {
	chatArg
	State string `arg:"" enum:"on,off" help:"${help_chat_onoff}"`
}

func (c *sharedCmd) Run(ctx context.Context, a *app) error {
	off := c.State == "off"
	return c.set(ctx, a, clientrpc.SetChatParams{Hidden: &off})
}

type foldersCmd struct{}

func (c *foldersCmd) Run(ctx context.Context, a *app) error {
	return everyPart(ctx, a, clientrpc.Folders, clientrpc.Page{}, "none.folders", func(r clientrpc.FoldersResult) error { return a.folderLines(ctx, r) })
}

func (a *app) folderLines(ctx context.Context, r clientrpc.FoldersResult) error {
	for _, f := range r.Folders {
		if a.json {
			if err := a.line(f); err != nil {
				return err
			}
			continue
		}
		a.columns(f.ID, safe(f.Title))
		for _, id := range f.Chats {
			a.printf("    %s\n", a.chatCalled(ctx, id))
		}
	}
	return nil
}

// chatCalled is how a chat is called; its id, where it has no name.
func (a *app) chatCalled(ctx context.Context, id omega.ChatID) string {
	if a.conn == nil {
		return id.String()
	}
	ctx, cancel := context.WithTimeout(ctx, learnTime)
	defer cancel()
	ch, err := clientrpc.OneChat.Call(ctx, a.conn, clientrpc.ChatRef{Chat: id.String()})
	if err != nil || ch.Name == "" && ch.Peer.IsZero() {
		return id.String()
	}
	return a.chatTitle(ch)
}

// setFolder changes a folder and prints all.
func (a *app) setFolder(ctx context.Context, p clientrpc.SetFolderParams) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := clientrpc.SetFolder.Call(ctx, conn, p); err != nil {
		return err
	}
	return a.orNone(clientrpc.Each(ctx, conn, clientrpc.Folders, clientrpc.Page{}, func(r clientrpc.FoldersResult) error { return a.folderLines(ctx, r) }), "none.folders")
}

type makeFolderCmd struct {
	Title string   `arg:"" help:"${help_folder_title}"`
	Chats []string `arg:"" optional:"" name:"chat" help:"${help_folder_chats}"`
}

func (c *makeFolderCmd) Run(ctx context.Context, a *app) error {
	var id [8]byte
	rand.Read(id[:])
	return a.setFolder(ctx, clientrpc.SetFolderParams{ID: hex.EncodeToString(id[:]), Title: c.Title, Add: c.Chats})
}

// A folderChats names a folder and chats.
type folderChats struct {
	Folder string   `arg:"" name:"folder" help:"${help_folder_id}"`
	Chats  []string `arg:"" name:"chat" help:"${help_folder_chats}"`
}

type addFolderCmd struct{ folderChats }

func (c *addFolderCmd) Run(ctx context.Context, a *app) error {
	return a.setFolder(ctx, clientrpc.SetFolderParams{ID: c.Folder, Add: c.Chats})
}

type removeFolderCmd struct{ folderChats }

func (c *removeFolderCmd) Run(ctx context.Context, a *app) error {
	return a.setFolder(ctx, clientrpc.SetFolderParams{ID: c.Folder, Remove: c.Chats})
}

type deleteFolderCmd struct {
	Folder string `arg:"" name:"folder" help:"${help_folder_id}"`
}

func (c *deleteFolderCmd) Run(ctx context.Context, a *app) error {
	return a.setFolder(ctx, clientrpc.SetFolderParams{ID: c.Folder, Delete: true})
}

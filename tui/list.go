package tui

import (
	"cmp"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// Tabs above the list of chats; folders come behind them.
const (
	tabAll = iota
	tabUnread
	tabGroups
	tabRequests
	tabArchive
	tabFolders
)

// A list is the chats, in the order in which the core gives them.
type list struct {
	all     []*clientrpc.Chat
	by      map[omega.ChatID]*clientrpc.Chat
	begun   map[omega.ChatID]*clientrpc.Chat // opened before anybody has written there
	folders []clientrpc.Folder
	tab     int
	shown   []*clientrpc.Chat // those of the tab
	sel     omega.ChatID
	top     int    // of shown, the first one on the screen
	next    string // part of the list that was not fetched yet
	loaded  bool

	unread   int // chats that want to be read, and are not muted
	quiet    int // muted ones in which something is new
	requests int // strangers who wait for an answer
	messages int // unread ones of chats that are not muted
}

// reset takes the first part of the list.
func (l *list) reset(chats []clientrpc.Chat, next string) {
	l.all, l.by = nil, map[omega.ChatID]*clientrpc.Chat{}
	l.next, l.loaded = next, true
	l.put(chats)
}

// find is a chat of the list, or one that begins; nil: there is none.
func (l *list) find(id omega.ChatID) *clientrpc.Chat {
	if c := l.by[id]; c != nil {
		return c
	}
	return l.begun[id]
}

// begin has a chat at hand that is in no list yet.
func (l *list) begin(c *clientrpc.Chat) {
	if l.begun == nil {
		l.begun = map[omega.ChatID]*clientrpc.Chat{}
	}
	l.begun[c.ID] = c
}

// put takes chats as they stand now.
func (l *list) put(chats []clientrpc.Chat) {
	if l.by == nil {
		l.by = map[omega.ChatID]*clientrpc.Chat{}
	}
	for i := range chats {
		c := chats[i]
		if old := l.by[c.ID]; old != nil {
			*old = c
			continue
		}
		l.by[c.ID] = &c
		l.all = append(l.all, &c)
	}
	l.sort()
}

func (l *list) drop(id omega.ChatID) {
	delete(l.by, id)
	l.all = slices.DeleteFunc(l.all, func(c *clientrpc.Chat) bool { return c.ID == id })
	l.filter()
}

// sort has those on top first, then the newest; a list that is nearly sorted costs
// little.
func (l *list) sort() {
	slices.SortStableFunc(l.all, func(a, b *clientrpc.Chat) int {
		switch {
		case a.Top != b.Top && a.Top:
			return -1
		case a.Top != b.Top:
			return 1
		}
		return cmp.Compare(lastTime(b), lastTime(a))
	})
	l.filter()
}

func lastTime(c *clientrpc.Chat) int64 {
	if c.Last == nil {
		return 0
	}
	return c.Last.Time.UnixMilli()
}

// filter finds the chats of the tab, and counts.
func (l *list) filter() {
	l.shown = l.shown[:0]
	l.unread, l.quiet, l.requests, l.messages = 0, 0, 0, 0
	for _, c := range l.all {
		l.count(c)
		if l.in(c) {
			l.shown = append(l.shown, c)
		}
	}
	l.top = max(0, min(l.top, len(l.shown)-1))
}

// in reports whether a chat belongs to the tab.
func (l *list) in(c *clientrpc.Chat) bool {
	switch l.tab {
	case tabArchive:
		return c.Archived
	case tabRequests:
		return isRequest(c)
	case tabUnread:
		return !c.Archived && unread(c)
	case tabGroups:
		return !c.Archived && c.Kind == clientrpc.ChatGroup
	case tabAll:
		return !c.Archived
	}
	i := l.tab - tabFolders
	return i < len(l.folders) && slices.Contains(c.Folders, l.folders[i].ID)
}

func unread(c *clientrpc.Chat) bool { return c.Unread > 0 || c.Marked }

// isRequest reports whether a stranger writes there, whom nobody has answered.
func isRequest(c *clientrpc.Chat) bool {
	return c.Kind == clientrpc.ChatDirect && c.Contact == clientrpc.ContactRequest && !c.Blocked
}

// tabs is how many there are.
func (l *list) tabs() int { return tabFolders + len(l.folders) }

func (l *list) turnTo(tab int) {
	l.tab, l.top = (tab+l.tabs())%l.tabs(), 0
	l.filter()
}

// index is where a chat is in what is shown; -1: it is not.
func (l *list) index(id omega.ChatID) int {
	return slices.IndexFunc(l.shown, func(c *clientrpc.Chat) bool { return c.ID == id })
}

// step is the chat some places on from another one; it stays where the list ends.
func (l *list) step(id omega.ChatID, by int) (omega.ChatID, bool) {
	if len(l.shown) == 0 {
		return id, false
	}
	i := l.index(id)
	if i < 0 {
		i, by = 0, 0
	}
	i = max(0, min(i+by, len(l.shown)-1))
	return l.shown[i].ID, true
}

// reveal scrolls so that the selected chat is among visible ones.
func (l *list) reveal(visible int) {
	i := l.index(l.sel)
	if i < 0 {
		return
	}
	l.top = max(min(l.top, i), i-max(1, visible)+1)
}

// scroll moves the list without the selection.
func (l *list) scroll(by, visible int) {
	l.top = max(0, min(l.top+by, len(l.shown)-visible))
}

func (l *list) count(c *clientrpc.Chat) {
	if isRequest(c) {
		l.requests++
	}
	if c.Archived || !unread(c) {
		return
	}
	if !c.Muted.IsZero() && c.Calls == 0 && !c.Marked {
		l.quiet++
		return
	}
	l.unread++
	if c.Muted.IsZero() {
		l.messages += c.Unread
	} else {
		l.messages += c.Calls
	}
}

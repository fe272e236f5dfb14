package tui

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// How much of a history is asked for at once, and kept at hand.
const (
	pageSize = 60
	maxKept  = 600
)

// An entry is a message of the open chat, and how it looks.
type entry struct {
	msg    clientrpc.Message
	open   bool // shown whole, spoilers as well
	rows   []row
	layout layoutKey // that rows was made for
}

// A conversation is the open chat: one run of its history without gaps, oldest first,
// and which part of that is on the screen. The place is the message at the lower end
// and how many of its lines are below the screen: what is put before or behind moves
// nothing.
type conversation struct {
	chat   omega.ChatID
	open   bool // a chat is
	list   []*entry
	more   bool // before the first one
	atEnd  bool // the newest message is at hand
	bottom int
	skip   int

	sel    omega.ID // the message that keys are about; zero: none
	unread omega.ID // the first that was unread when the chat was opened
	below  int      // messages that came while the person read further up
	pinned []clientrpc.Message
	busy   bool   // a page is on its way
	ahead  bool   // one of what is before is, which members of a group may have to give first
	begun  string // what is said of what is before the first one: missing, lost; "": that is the first
	asked  bool   // and the core was asked
	turn   int    // of opening; answers of other turns are dropped
	bare   bool   // the chat is not at hand yet, nor is its draft
}

// operations are kinds of messages that change others and are no bubbles.
var operations = []string{"edit", "delete", "reaction", "pin", "vote", "entry", "close", "receipt", "state"}

// bubbles are entries of the messages that are shown.
func bubbles(messages []clientrpc.Message) []*entry {
	var out []*entry
	for _, m := range messages {
		if !slices.Contains(operations, m.Kind) {
			out = append(out, &entry{msg: m})
		}
	}
	return out
}

// show begins with a chat.
func (c *conversation) show(chat omega.ChatID) {
	*c = conversation{chat: chat, open: true, atEnd: true, turn: c.turn + 1, busy: true}
}

// leave has no chat open.
func (c *conversation) leave() { *c = conversation{turn: c.turn + 1} }

// page takes the newest page. Messages that are on their way out stay.
func (c *conversation) page(messages []clientrpc.Message, unread int) {
	list := bubbles(messages)
	for _, e := range c.list {
		if e.msg.State == clientrpc.StateQueued && e.msg.Sequence == 0 && !slices.ContainsFunc(list, func(o *entry) bool { return o.msg.ID == e.msg.ID }) {
			list = append(list, e)
		}
	}
	c.keepLooks(list)
	c.list, c.more, c.atEnd, c.busy, c.below = list, len(messages) == pageSize, true, false, 0
	c.ahead, c.asked = false, false
	c.toEnd()
	if unread > 0 && c.unread.IsZero() {
		c.unread = firstUnread(list, unread)
	}
}

// keepLooks lets messages that were opened stay so.
func (c *conversation) keepLooks(list []*entry) {
	for _, e := range list {
		if i := c.at(e.msg.ID); i >= 0 {
			e.open = c.list[i].open
		}
	}
}

// firstUnread is the message at which the unread ones of others begin.
func firstUnread(list []*entry, unread int) (id omega.ID) {
	for i := len(list) - 1; i >= 0 && unread > 0; i-- {
		if list[i].msg.State == "" && !list[i].msg.Service {
			id = list[i].msg.ID
			unread--
		}
	}
	return id
}

// around takes the part of the history around a message, and shows that.
func (c *conversation) around(before, behind []clientrpc.Message, target omega.ID) {
	c.list = append(bubbles(before), bubbles(behind)...)
	c.more, c.atEnd, c.busy, c.below = len(before) == pageSize, len(behind) < pageSize, false, 0
	c.ahead, c.asked = false, false
	c.sel = target
	c.bottom, c.skip = len(c.list)-1, 0
	if i := c.at(target); i >= 0 {
		c.bottom = i
	}
}

// stay takes the part of the history around the message at the lower end, which stays
// there.
func (c *conversation) stay(before, behind []clientrpc.Message, target omega.ID) {
	list, sel, skip, below := append(bubbles(before), bubbles(behind)...), c.sel, c.skip, c.below
	c.keepLooks(list)
	c.around(before, behind, target)
	c.list, c.sel, c.skip, c.below = list, sel, skip, below
}

// earlier puts a page before the others, and lets go of the other end where there
// is too much.
func (c *conversation) earlier(messages []clientrpc.Message, said string) {
	page := bubbles(messages)
	c.ahead, c.begun, c.asked = false, said, true
	c.list = append(page, c.list...)
	c.bottom += len(page)
	c.more = len(messages) == pageSize
	if drop := len(c.list) - maxKept; drop > 0 {
		drop = min(drop, len(c.list)-1-c.bottom)
		c.list = slices.Delete(c.list, len(c.list)-drop, len(c.list))
		c.atEnd = c.atEnd && drop <= 0
	}
}

// later is earlier in the other direction.
func (c *conversation) later(messages []clientrpc.Message) {
	follow := c.following()
	c.list = append(c.list, bubbles(messages)...)
	c.atEnd, c.busy = len(messages) < pageSize, false
	c.bound()
	if follow && c.atEnd && len(messages) == 0 {
		c.toEnd()
	}
}

// at is where a message is; -1: it is not at hand.
func (c *conversation) at(id omega.ID) int {
	for i := len(c.list) - 1; i >= 0; i-- {
		if c.list[i].msg.ID == id {
			return i
		}
	}
	return -1
}

// following reports whether the newest message is on the screen.
func (c *conversation) following() bool { return c.atEnd && c.bottom >= len(c.list)-1 && c.skip == 0 }

// take takes a message as it is now. One that is not at hand is put in if it is new:
// any other stands further up, and comes with its page.
func (c *conversation) take(m clientrpc.Message, fresh bool) {
	if m.Chat != c.chat || slices.Contains(operations, m.Kind) {
		return
	}
	if i := c.at(m.ID); i >= 0 {
		c.list[i] = &entry{msg: m, open: c.list[i].open}
	} else if fresh {
		c.add(m)
	}
}

// insert puts a new message before the one at i. What the screen rests on stays there.
func (c *conversation) insert(i int, m clientrpc.Message) {
	follow := c.following()
	c.list = slices.Insert(c.list, i, &entry{msg: m})
	if i <= c.bottom {
		c.bottom++
	}
	if !follow && m.State == "" {
		c.below++
	}
	c.bound()
}

// spot is where a new message stands: before what has a later place. Those of which the core
// said nothing yet have none. (spec/chat.md, CHAT-96)
func (c *conversation) spot(m *clientrpc.Message) int {
	to := len(c.list)
	for k := to - 1; m.Place > 0 && k >= 0; k-- {
		switch place := c.list[k].msg.Place; {
		case place > m.Place:
			to = k
		case place > 0:
			return to
		}
	}
	return to
}

// add puts a new message where it stands, mostly at the end.
func (c *conversation) add(m clientrpc.Message) {
	if to := c.spot(&m); to < len(c.list) {
		if to > 0 || !c.more { // else it comes with its page
			c.insert(to, m)
		}
		return
	}
	if !c.atEnd {
		c.below++
		return
	}
	follow := c.following()
	c.list = append(c.list, &entry{msg: m})
	switch {
	case follow || m.State != "":
		c.toEnd()
	default:
		c.below++
	}
	c.bound()
}

// bound lets go of what is far from the screen where there is too much: what is above
// it, and else the end, whose messages come again as a page.
func (c *conversation) bound() {
	if drop := min(len(c.list)-maxKept, c.bottom-pageSize); drop > 0 {
		c.list = slices.Delete(c.list, 0, drop)
		c.bottom -= drop
		c.more = true
	}
	if len(c.list) > maxKept && c.bottom < len(c.list)-1 {
		c.list = slices.Delete(c.list, max(maxKept, c.bottom+1), len(c.list))
		c.atEnd = false
	}
}

// patch changes how far a message of one's own is.
func (c *conversation) patch(id omega.ID, state, why string) {
	if i := c.at(id); i >= 0 {
		m := c.list[i].msg
		m.State, m.Why = state, why
		c.list[i] = &entry{msg: m, open: c.list[i].open}
	}
}

// drop takes a message away.
func (c *conversation) drop(id omega.ID) {
	i := c.at(id)
	if i < 0 {
		return
	}
	if c.sel == id {
		c.sel = omega.ID{}
	}
	c.list = slices.Delete(c.list, i, i+1)
	if i <= c.bottom {
		c.bottom = max(0, c.bottom-1)
	}
	if i == c.bottom+1 {
		c.skip = 0
	}
}

// toEnd shows the newest message that is at hand.
func (c *conversation) toEnd() {
	c.bottom, c.skip = max(0, len(c.list)-1), 0
	if c.atEnd {
		c.below = 0
	}
}

// selected is the message that keys are about.
func (c *conversation) selected() *entry {
	if i := c.at(c.sel); !c.sel.IsZero() && i >= 0 {
		return c.list[i]
	}
	return nil
}

// lastOwn is the newest text of one's own that may be edited.
func (c *conversation) lastOwn() *entry {
	for i := len(c.list) - 1; i >= 0; i-- {
		if m := &c.list[i].msg; m.State != "" && m.Kind == "text" && !m.Deleted && m.State != clientrpc.StateFailed {
			return c.list[i]
		}
	}
	return nil
}

// begins reports whether a message begins a day, and whether it is of somebody else
// than the one before it, or of another time.
func (c *conversation) begins(i int) (day, head bool) {
	if i == 0 {
		return true, true
	}
	a, b := &c.list[i-1].msg, &c.list[i].msg
	day = daysAgo(a.Time, b.Time) != 0
	return day, day || a.From != b.From || a.Name != b.Name || a.Service || b.Time.Sub(a.Time) > 5*time.Minute
}

package client

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// A lane is one device in one chat.
type lane struct {
	chat   omega.ChatID
	peer   omega.Fingerprint // who is told what was received; the device's account
	device omega.Fingerprint
}

func laneOf(m *chat.Message) lane { return lane{m.Chat, m.From, m.Device} }

// receiptChat is the chat that a receipt for a lane names: that of a group, since
// it travels in the direct chat with the author, or to all members. (spec/group.md,
// GROUP-18; spec/secure.md, SEC-24)
func (c *Client) receiptChat(l lane) omega.ChatID {
	if l.chat == omega.DirectChat(c.acc.Fingerprint, l.peer) || l.chat == c.secureChat(l.peer) {
		return omega.ChatID{}
	}
	return l.chat
}

// receipt notes that a message was taken: all up to one sequence were, and
// beyond a gap those that are named.
func (t *taken) receipt(m *chat.Message, upTo uint32) {
	l := laneOf(m)
	r := t.receipts[l]
	if r == nil {
		r = &chat.Receipt{Device: m.Device, Chat: t.c.receiptChat(l)}
		t.receipts[l] = r
	}
	r.UpTo = upTo
	if m.Sequence > upTo && len(r.IDs) < chat.MaxIDs {
		r.IDs = append(r.IDs, m.ID)
	}
}

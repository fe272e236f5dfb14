package chat

import (
	"bytes"
	"cmp"
	"strings"
	"time"

	"github.com/omega-im/omega"
)

// A MarkKind says what a mark says of its message. Numbers are stored.
type MarkKind uint8

// The kinds of marks.
const (
	MarkEdit     MarkKind = 1 // its text is another one now; by its author only
	MarkDelete   MarkKind = 2 // its author took it back
	MarkReaction MarkKind = 3 // one account's emoji
	MarkPin      MarkKind = 4 // it stands on top, or does no more
	MarkHide     MarkKind = 5 // deleted for this account only
	MarkVote     MarkKind = 6 // one account's answer to a poll
	MarkEntry    MarkKind = 7 // one line of a list
	MarkClose    MarkKind = 8 // its author ended the poll or list

	// What subscribers of a channel say is kept apart from what members sign: it came by
	// the word of somebody, and is only counted. (spec/group.md, GROUP-53 to GROUP-55)
	MarkSaid   MarkKind = 9  // a subscriber's emoji
	MarkVoted  MarkKind = 10 // a subscriber's answer to a poll
	MarkCounts MarkKind = 11 // what such words come to, as one says who may write
)

// ByAuthor reports whether only the author of a message can make such a mark.
func (k MarkKind) ByAuthor() bool { return k == MarkEdit || k == MarkDelete || k == MarkClose }

// About reports whether a message of a kind can have such a mark.
func (k MarkKind) About(of Kind) bool {
	switch k {
	case MarkEdit:
		return of == KindText
	case MarkVote, MarkVoted:
		return of == KindPoll
	case MarkEntry:
		return of == KindList
	case MarkClose:
		return of == KindPoll || of == KindList
	}
	return true
}

// Answers reports whether such a mark answers a poll or list: once that is closed, what
// came before the close counts. (spec/chat.md, CHAT-83)
func (k MarkKind) Answers() bool { return k == MarkVote || k == MarkEntry || k == MarkVoted }

// Lasting marks are there for good, and end all others of their message.
func (k MarkKind) Lasting() bool { return k == MarkDelete || k == MarkHide }

// A Stamp orders what was said about one thing: the higher one counts. Whoever
// says something makes the version one above the highest that they know of, so
// what was said in knowledge of another counts before it, whatever the clocks
// say; of two said at once the later one counts, then the one by the device whose
// fingerprint is higher. (spec/chat.md, CHAT-26)
type Stamp struct {
	Version uint32
	Time    time.Time // milliseconds
	Device  omega.Fingerprint
}

// Compare is negative if t counts before s.
func (s Stamp) Compare(t Stamp) int {
	return cmp.Or(cmp.Compare(s.Version, t.Version), s.Time.Compare(t.Time), s.Device.Compare(t.Device))
}

// A Mark is what an operation says of one message. Among the marks with one
// place (Chat, Target, Kind, Account, Slot) the one that wins is kept, so the order in
// which they arrive does not matter.
type Mark struct {
	Chat    omega.ChatID
	Target  Link
	Kind    MarkKind
	Account omega.Fingerprint // zero where all accounts share one place
	Slot    Slot              // of a MarkEntry: which line
	Stamp   Stamp
	Value   []byte // what is said; form by Kind
}

// Wins reports whether m counts before o, which has the same place.
func (m *Mark) Wins(o *Mark) bool {
	return cmp.Or(m.Stamp.Compare(o.Stamp), bytes.Compare(m.Value, o.Value)) > 0
}

// pinnedValue is the Value of a MarkPin of a message that is pinned; empty: it is
// not.
var pinnedValue = []byte{1}

// Pinned reports what a MarkPin says.
func (m *Mark) Pinned() bool { return len(m.Value) > 0 }

// Emoji returns what a MarkReaction says.
func (m *Mark) Emoji() []string {
	if len(m.Value) == 0 {
		return nil
	}
	return strings.Split(string(m.Value), " ")
}

// Marks returns what a verified message says of others; none if it is no
// operation. The error is about its own content.
func (m *Message) Marks() ([]Mark, error) {
	c := m.Content
	mark := Mark{Chat: m.Chat, Account: m.From, Stamp: Stamp{Time: m.Time, Device: m.Device}}
	switch {
	case c.Kind == KindEdit && c.Edit != nil:
		raw, err := c.shownForm()
		if err != nil {
			return nil, err
		}
		mark.Target, mark.Kind, mark.Stamp.Version, mark.Value = c.Edit.Target, MarkEdit, c.Edit.Version, raw
	case c.Kind == KindDelete && c.Delete != nil:
		var out []Mark
		for _, t := range c.Delete.Targets {
			mark.Target, mark.Kind = t, MarkDelete
			out = append(out, mark)
		}
		return out, nil
	case c.Kind == KindReaction && c.Reaction != nil:
		mark.Target, mark.Kind, mark.Stamp.Version = c.Reaction.Target, MarkReaction, c.Reaction.Version
		mark.Value = []byte(strings.Join(c.Reaction.Emoji, " "))
	case c.Kind == KindPin && c.Pin != nil:
		mark.Target, mark.Kind, mark.Stamp.Version = c.Pin.Target, MarkPin, c.Pin.Version
		mark.Account = omega.Fingerprint{}
		if c.Pin.Pinned {
			mark.Value = pinnedValue
		}
	case c.Kind == KindVote && c.Vote != nil:
		mark.Target, mark.Kind, mark.Stamp.Version, mark.Value = c.Vote.Target, MarkVote, c.Vote.Version, c.Vote.value()
	case c.Kind == KindEntry && c.Entry != nil:
		mark.Target, mark.Kind, mark.Stamp.Version, mark.Value = c.Entry.Target, MarkEntry, c.Entry.Version, []byte(c.Text)
		mark.Slot = c.Entry.Slot
	case c.Kind == KindClose && c.Close != nil:
		mark.Target, mark.Kind = c.Close.Target, MarkClose
	default:
		return nil, nil
	}
	return []Mark{mark}, nil
}

// shownForm is the text of an edit with its entities, encoded as a text would be.
func (c *Content) shownForm() ([]byte, error) {
	return (&Content{Kind: KindText, Text: c.Text, Entities: c.Entities}).Raw()
}

package clientrpc

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// The methods about single messages. Each carries an id that the caller made:
// the same id again is the same operation.
var (
	Forward = Method[ForwardParams, *SendResult]{"message.forward"}
	Edit    = Method[EditParams, *SendResult]{"message.edit"}
	Remove  = Method[RemoveParams, *SendResult]{"message.delete"}
	React   = Method[ReactParams, *SendResult]{"message.react"}
	Pin     = Method[PinParams, *SendResult]{"message.pin"}
	Pinned  = Method[PinnedParams, MessagesResult]{"message.pinned"}
	Show    = Method[MessageRef, Message]{"message"}

	Reactors = Method[ReactorsParams, ReactorsResult]{"message.reactors"}

	MessageID = Method[MessageIDParams, MessageIDResult]{"message.id"}
	ShortIDs  = Method[ShortIDsParams, ShortIDsResult]{"message.short"}
)

// An Entity says what a part of a text is. Offset and length count UTF-16 code
// units.
type Entity struct {
	Type     string            `json:"type"` // mention, hashtag, link, command, bold, italic, underline, strike, spoiler, code, pre, quote
	Offset   uint32            `json:"offset"`
	Length   uint32            `json:"length"`
	Account  omega.Fingerprint `json:"account,omitzero"`   // of a mention
	Address  string            `json:"address,omitempty"`  // of a link that leads elsewhere than its text says
	Language string            `json:"language,omitempty"` // of pre
}

// A MessageRef names a message. Senders choose ids, so two messages may have one:
// then Chat says which, and where even that does not, it is the first verified
// one.
type MessageRef struct {
	Message omega.ID `json:"message"`
	Chat    string   `json:"chat,omitempty"` // chat id or fingerprint
}

// Bounds of short ids, in hexadecimal digits.
const (
	MinIDDigits   = 4 // what a person may type
	ShortIDDigits = 8 // what is shown at least
)

// MessageIDParams asks for the id that begins with what a person typed: MinIDDigits to
// 32 hexadecimal digits. Only messages that are shown, and those that wait for their
// time, are looked at.
type MessageIDParams struct {
	Typed string `json:"typed"`
	Chat  string `json:"chat,omitempty"` // empty: all chats
}

// MessageIDResult has it.
type MessageIDResult struct {
	ID omega.ID `json:"id"`
}

// ShortIDsParams asks how ids are shown to people; at most PageMax at once.
type ShortIDsParams struct {
	IDs []omega.ID `json:"ids"`
}

// ShortIDsResult has, in the same order, the shortest beginning of each that no other
// message here has, of ShortIDDigits at least.
type ShortIDsResult struct {
	Short []string `json:"short"`
}

// A ReplyTo is the message that a text answers.
type ReplyTo struct {
	Message omega.ID `json:"message"`
	Quote   string   `json:"quote,omitempty"` // a part of its text
}

// A Reply is what a message says of the one that it answers.
type Reply struct {
	Message   omega.ID          `json:"message,omitzero"` // zero: it is not here
	From      omega.Fingerprint `json:"from,omitzero"`
	Name      string            `json:"name,omitempty"`
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	Text      string            `json:"text,omitempty"`       // of the message answered, as it is now
	Quote     string            `json:"quote,omitempty"`      // as the sender quotes it
	Exact     bool              `json:"exact,omitempty"`      // the quote stands so in what was signed, or in what took its place
}

// A ForwardOf is where a text comes from, on the word of who sent it on.
type ForwardOf struct {
	From   omega.Fingerprint `json:"from,omitzero"`
	Name   string            `json:"name,omitempty"`
	Time   time.Time         `json:"time,omitzero"`
	Hidden bool              `json:"hidden,omitempty"` // the sender does not say who wrote it
}

// A Reaction is what one account says about a message by emoji.
type Reaction struct {
	From  omega.Fingerprint `json:"from"`
	Emoji []string          `json:"emoji"`
	Time  time.Time         `json:"time"`
}

// MaxReactions is how many accounts' reactions to a message are named: a page has many messages,
// and a group many members.
const MaxReactions = 128

// A Counted is what subscribers of a channel, who are told nothing of each other, said of a
// message by emoji: what is to be added to the reactions that are known.
type Counted struct {
	By        omega.Fingerprint `json:"by"` // who counted
	Name      string            `json:"name,omitempty"`
	SelfNamed bool              `json:"self_named,omitempty"`
	Emoji     []EmojiCount      `json:"emoji,omitempty"` // the most frequent first

	// Known: this account may write there, and knows who said it: Reactors and Voters name
	// them, and nobody's word is needed.
	Known bool `json:"known,omitempty"`
}

// ReactorsParams asks who says what of a message by emoji.
type ReactorsParams struct {
	MessageRef
	Emoji string `json:"emoji,omitempty"` // only who says this one
	Page
}

// ReactorsResult has them, in the order of their names.
type ReactorsResult struct {
	Reactors []Reactor `json:"reactors"`
	Rest
}

// A Reactor is one account and all that it says of a message by emoji.
type Reactor struct {
	Account   omega.Fingerprint `json:"account"`
	Name      string            `json:"name,omitempty"`
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	Emoji     []string          `json:"emoji"`
	Time      time.Time         `json:"time,omitzero"` // not said of a subscriber

	// Subscriber: of a channel, whom only those who may write there are told of.
	Subscriber bool `json:"subscriber,omitempty"`
}

// SaidByEmoji is how often each emoji was said of a message, known or counted, the first that
// came first.
func (m *Message) SaidByEmoji() (out []EmojiCount) {
	add := func(emoji string, n int) {
		i := slices.IndexFunc(out, func(e EmojiCount) bool { return e.Emoji == emoji })
		if i < 0 {
			i, out = len(out), append(out, EmojiCount{Emoji: emoji})
		}
		out[i].Count += n
	}
	for _, r := range m.Reactions {
		for _, e := range r.Emoji {
			add(e, 1)
		}
	}
	counts := m.OtherReactions
	if m.Counted != nil {
		counts = slices.Concat(counts, m.Counted.Emoji)
	}
	for _, e := range counts {
		add(e.Emoji, e.Count)
	}
	return out
}

// CountedInAll is how many reactions and voters of a message are somebody's word.
func (m *Message) CountedInAll() (n int) {
	if m.Counted == nil {
		return 0
	}
	for _, e := range m.Counted.Emoji {
		n += e.Count
	}
	if m.Poll != nil {
		n += m.Poll.Counted
	}
	return n
}

// An EmojiCount is how often an emoji was said.
type EmojiCount struct {
	Emoji string `json:"emoji"`
	Count int    `json:"count"`
}

// A Delivery says how long a call waits, and for what; as in SendParams.
type Delivery struct {
	Wait    string        `json:"wait,omitempty"`
	Timeout time.Duration `json:"timeout,omitempty"`
}

// ForwardParams sends a text on.
type ForwardParams struct {
	ID omega.ID `json:"id"`
	MessageRef
	To         string `json:"to"`                    // fingerprint of an account, or chat id
	HideOrigin bool   `json:"hide_origin,omitempty"` // do not say who wrote it, and when
	Delivery
}

// EditParams puts another text in the place of one's own message's.
type EditParams struct {
	ID omega.ID `json:"id"`
	MessageRef
	Text     string   `json:"text"`
	Entities []Entity `json:"entities,omitempty"`
	Markup   bool     `json:"markup,omitempty"`
	Delivery
}

// RemoveParams deletes messages of one chat: one's own for all, or any for this
// account only.
type RemoveParams struct {
	ID       omega.ID   `json:"id"`
	Chat     string     `json:"chat,omitempty"`
	Messages []omega.ID `json:"messages"`
	ForMe    bool       `json:"for_me,omitempty"`
	Delivery
}

// ReactParams says everything that this account says about a message by emoji;
// none takes back what it said.
type ReactParams struct {
	ID omega.ID `json:"id"`
	MessageRef
	Emoji []string `json:"emoji"`
	Delivery
}

// PinParams puts a message on top of its chat for all, or takes it down.
type PinParams struct {
	ID omega.ID `json:"id"`
	MessageRef
	Pinned bool `json:"pinned"`
	Delivery
}

// PinnedParams asks for the messages on top of a chat, the newest pin first.
type PinnedParams struct {
	Chat string `json:"chat"`
	Page
}

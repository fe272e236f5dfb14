package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods about what is true for a moment. Nobody stores it, and whoever misses
// it misses nothing. (spec/chat.md, CHAT-53, CHAT-54)
var (
	Type        = Method[TypeParams, None]{"chat.typing"}
	Look        = Method[LookParams, PresenceResult]{"chat.look"}
	SetPresence = Method[SetPresenceParams, PresenceResult]{"account.presence"}
)

// What somebody does in a chat.
const (
	TypingText    = "text"    // writes
	TypingVoice   = "voice"   // records a voice note
	TypingFile    = "file"    // sends a file
	TypingStopped = "stopped" // none of these any more
)

// TypeParams says that the person does something in a chat now. A face says it
// with each key if it likes: the core tells others as often as is good. What was
// not said to have stopped ends by itself after six seconds.
type TypeParams struct {
	Chat string `json:"chat"` // chat id, fingerprint or group
	What string `json:"what"`
}

// LookParams says that the person looks at a chat. A face says it every 20 to 60
// seconds while that is so. In a direct chat the other side is told, and asked for
// the same: what it answers comes as an event.
type LookParams struct {
	Chat string `json:"chat"`
}

// SetPresenceParams says whether others may learn that this account types, or is
// there. Nil changes nothing. It is the same on all devices; SetChat says so for one
// chat.
type SetPresenceParams struct {
	Shared *bool `json:"shared,omitempty"`
}

// PresenceResult is what is known of the other side of a direct chat, if presence
// is shared: who says nothing is told nothing.
type PresenceResult struct {
	Shared bool      `json:"shared"`
	Online bool      `json:"online,omitempty"` // looks at this chat now
	Seen   time.Time `json:"seen,omitzero"`    // when it did last, as far as it says
}

// The kinds of events about what is true for a moment.
var (
	SomebodyTypes = EventOf[TypingEvent]{"typing"}
	Present       = EventOf[PresenceEvent]{"presence"}
)

// A TypingEvent says what somebody does in a chat, until then.
type TypingEvent struct {
	Chat    omega.ChatID      `json:"chat"`
	Account omega.Fingerprint `json:"account"`
	What    string            `json:"what"`
	Until   time.Time         `json:"until,omitzero"`
}

// A PresenceEvent says whether the other side of a direct chat looks at it, until
// then.
type PresenceEvent struct {
	Chat    omega.ChatID      `json:"chat"`
	Account omega.Fingerprint `json:"account"`
	Online  bool              `json:"online"`
	Until   time.Time         `json:"until,omitzero"`
	Seen    time.Time         `json:"seen,omitzero"`
}

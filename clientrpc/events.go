package clientrpc

import (
	"encoding/json"
	"time"

	"github.com/omega-im/omega"
)

// Follow gives what happened after an event, and waits for something to happen. A
// face begins with FollowParams of nothing, which is answered by a reset: it takes
// a snapshot (Chats, History, and what else it shows), and goes on behind
// FollowResult.Last. What the snapshot has already may come as an event as well:
// events say what to look at, and calls how it is now.
var Follow = Method[FollowParams, FollowResult]{"events"}

// FollowParams asks for the events behind one.
type FollowParams struct {
	Run     string        `json:"run,omitempty"`   // of the core that numbered them; empty: the face begins
	After   uint64        `json:"after,omitempty"` // number of the last one that the face has
	Count   int           `json:"count,omitempty"` // at most so many; 0: PageMax, which is the most
	Timeout time.Duration `json:"timeout"`         // wait so long for the first; nanoseconds
}

// FollowResult has the events in order, without a gap: none if nothing happened
// before the time was over. After a reset there are none.
type FollowResult struct {
	Run    string  `json:"run"`
	Last   uint64  `json:"last"` // number behind which to go on
	Events []Event `json:"events"`
	Reset  string  `json:"reset,omitempty"` // why the face has to take a snapshot; empty: it has not
}

// Reasons of a reset.
const (
	ResetStart = "start" // the face begins
	ResetRun   = "run"   // another run of the core: its numbers mean nothing
	ResetLate  = "late"  // more happened than is kept: the face was too slow, or away
)

// MaxEvents is how many events a core keeps for faces that come for them.
const MaxEvents = 4096

// An Event is something that happened in this run of the core.
type Event struct {
	Number uint64          `json:"number"` // 1 higher with each
	Name   string          `json:"event"`
	Data   json.RawMessage `json:"data"`
}

// An EventOf is a kind of events: its name, and the type of what they carry.
type EventOf[T any] struct{ Name string }

// In returns what e carries, if it is of this kind.
func (k EventOf[T]) In(e Event) (data T, ok bool) {
	if e.Name != k.Name {
		return data, false
	}
	return data, json.Unmarshal(e.Data, &data) == nil
}

// The kinds of events.
var (
	MessageNew     = EventOf[NewMessageEvent]{"message.new"}
	MessageChanged = EventOf[MessageEvent]{"message.changed"}
	OrderChanged   = EventOf[ChatEvent]{"message.order"}
	MessageDeleted = EventOf[MessageEvent]{"message.deleted"}
	MessageState   = EventOf[StateEvent]{"message.state"}
	ChatChanged    = EventOf[ChatEvent]{"chat"}
	FoldersChanged = EventOf[None]{"folders"}
	GroupChanged   = EventOf[ChatEvent]{"group"}
	ContactChanged = EventOf[AccountEvent]{"contact"}
	Requested      = EventOf[RequestEvent]{"request"}
	Noticed        = EventOf[AccountEvent]{"notice"}
	DevicesChanged = EventOf[None]{"devices"}
	AccountChanged = EventOf[None]{"account"}
	Connected      = EventOf[ConnectionEvent]{"connection"}
	Transferred    = EventOf[TransferEvent]{"transfer"}
	CatchingUp     = EventOf[CatchUpEvent]{"catchup"}

	PartTransferred = EventOf[PartEvent]{"transfer.part"}

	ScheduledChanged = EventOf[None]{"scheduled"}
	HandoverChanged  = EventOf[DeviceEvent]{"handover"}
)

// A MessageEvent is about a message.
type MessageEvent struct {
	Chat    omega.ChatID `json:"chat"`
	Message omega.ID     `json:"message"`
}

// A NewMessageEvent is about one that is here now. Mentioned and Notify are those of
// the moment at which the event is asked for.
type NewMessageEvent struct {
	MessageEvent
	From      omega.Fingerprint `json:"from"`
	Own       bool              `json:"own,omitempty"`
	Mentioned bool              `json:"mentioned,omitempty"` // it calls this account
	Notify    bool              `json:"notify,omitempty"`    // the person is to be told: the chat is not muted, or it calls this account
	Silent    bool              `json:"silent,omitempty"`    // without a sound
}

// A StateEvent says how far a message of one's own is now.
type StateEvent struct {
	Chat      omega.ChatID `json:"chat"`
	Message   omega.ID     `json:"message,omitzero"` // zero: it is about counts of messages of this chat, any of them
	State     string       `json:"state,omitempty"`
	Delivered int          `json:"delivered,omitempty"` // as in Message
	ReadBy    int          `json:"read_by,omitempty"`
}

// A ChatEvent is about a chat: how it stands in the list, or the group that it is
// of. It may be gone.
type ChatEvent struct {
	Chat omega.ChatID `json:"chat"`
}

// An AccountEvent is about an account.
type AccountEvent struct {
	Account omega.Fingerprint `json:"account"`
}

// A DeviceEvent is about another device of this account.
type DeviceEvent struct {
	Device omega.Fingerprint `json:"device"`
}

// Kinds of requests.
const (
	RequestStranger = "stranger" // somebody writes for the first time, and nobody here wrote there
	RequestJoin     = "join"     // somebody wants to be let into a group
)

// A RequestEvent is about somebody who wants something that this account decides.
type RequestEvent struct {
	Kind    string            `json:"kind"`
	Chat    omega.ChatID      `json:"chat"`
	Account omega.Fingerprint `json:"account"`
}

// A ConnectionEvent says whether the core reaches a server. It comes again once the core
// has learned what that server calls itself.
type ConnectionEvent struct {
	Online     bool   `json:"online"`
	Server     string `json:"server,omitempty"`      // its address
	ServerName string `json:"server_name,omitempty"` // what it calls itself, as in StatusResult
	Problem    *Error `json:"problem,omitempty"`     // why not
}

// A TransferEvent says how far a blob is on its way in or out. Done is Total at the
// end. There are at most four a second of one blob, and the last one.
type TransferEvent struct {
	Blob  string `json:"blob"` // as in Medium
	Done  int64  `json:"done"` // octets
	Total int64  `json:"total"`
}

// A PartEvent says how far a part of a blob is that a call of file.read waits for: it is
// checked as one, so nothing of it is given out before all of it is here. There are at
// most four a second of all blobs, and none at the end: the call is answered then.
type PartEvent struct {
	Blob   string `json:"blob"`   // as in Medium
	Offset int64  `json:"offset"` // where the part begins in the blob
	Done   int64  `json:"done"`   // octets
	Total  int64  `json:"total"`  // of the part
}

// A CatchUpEvent says how far the core is with what waited at the homes when it
// connected, if that was much. Done is Total at the end. There are at most four a
// second, and the last one.
type CatchUpEvent struct {
	Done  int `json:"done"` // mails, of which some are no messages
	Total int `json:"total"`
}

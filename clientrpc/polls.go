package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods about polls, and lists that all add lines to (接龍).
var (
	Ask   = Method[AskParams, *SendResult]{"poll.ask"}
	Vote  = Method[VoteParams, *SendResult]{"poll.vote"}
	Close = Method[CloseParams, *SendResult]{"poll.close"}
	Begin = Method[BeginParams, *SendResult]{"list.begin"}
	Line  = Method[LineParams, *SendResult]{"list.line"}

	Voters = Method[VotersParams, VotersResult]{"poll.voters"}
)

// AskParams asks a chat. Who answers what is signed, so everybody in the chat can
// tell: there are no secret ballots.
type AskParams struct {
	ID       omega.ID `json:"id"`
	To       string   `json:"to"`
	Question string   `json:"question"`
	Options  []string `json:"options"` // 2 to 32, of one line each
	Multiple bool     `json:"multiple,omitempty"`
	Delivery
}

// VoteParams is everything that this account answers; none: no answer any more.
type VoteParams struct {
	ID omega.ID `json:"id"`
	MessageRef
	Options []int `json:"options"` // from 0
	Delivery
}

// CloseParams ends a poll or list of one's own.
type CloseParams struct {
	ID omega.ID `json:"id"`
	MessageRef
	Delivery
}

// BeginParams begins a list.
type BeginParams struct {
	ID    omega.ID `json:"id"`
	To    string   `json:"to"`
	Title string   `json:"title"`
	Delivery
}

// LineParams adds a line to a list, or changes one of one's own.
type LineParams struct {
	ID omega.ID `json:"id"`
	MessageRef
	Line string `json:"line,omitempty"` // name of the line to change; empty: a new one
	Text string `json:"text"`           // of a line that is changed, empty: it is taken out
	Delivery
}

// A Poll as every face shows it.
type Poll struct {
	Options  []Option  `json:"options"`
	Multiple bool      `json:"multiple,omitempty"`
	Closed   time.Time `json:"closed,omitzero"`
	Voters   int       `json:"voters"`
	Counted  int       `json:"counted,omitempty"` // beside them: subscribers of a channel, on the word of Message.Counted.By
	Late     bool      `json:"late,omitempty"`    // this account voted when it was closed already: that does not count, but what it chose before (Option.Mine) does
}

// MaxVoters is how many voters of an option are named: a page of messages has many
// polls, and a group many members. All are counted, and Voters names all.
const MaxVoters = 128

// VotersParams asks who chose an answer of a poll.
type VotersParams struct {
	MessageRef
	Option int `json:"option"` // from 0
	Page
}

// VotersResult has them, in the order of their names.
type VotersResult struct {
	Voters []Voter `json:"voters"`
	Rest
}

// A Voter is one account whose vote counts.
type Voter struct {
	Account   omega.Fingerprint `json:"account"`
	Name      string            `json:"name,omitempty"`
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	Time      time.Time         `json:"time,omitzero"`        // not said of a subscriber

	// Subscriber: of a channel, whom only those who may write there are told of.
	Subscriber bool `json:"subscriber,omitempty"`
}

// An Option is one answer of a poll.
type Option struct {
	Text   string              `json:"text"`
	Votes  int                 `json:"votes"`
	Voters []omega.Fingerprint `json:"voters,omitempty"` // MaxVoters of them at most
	Mine   bool                `json:"mine,omitempty"`   // this account chose it

	Counted int `json:"counted,omitempty"` // votes beside these: of subscribers of a channel, on the word of Message.Counted.By
}

// A List as every face shows it.
type List struct {
	Lines  []ListLine `json:"lines"`
	Closed time.Time  `json:"closed,omitzero"`
	Late   bool       `json:"late,omitempty"` // something that this account wrote when it was closed already does not count
}

// A ListLine is one line, in the order in which they were made.
type ListLine struct {
	Line      string            `json:"line"` // its name
	From      omega.Fingerprint `json:"from"`
	Name      string            `json:"name,omitempty"`
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	Text      string            `json:"text"`
	Time      time.Time         `json:"time"` // of its last change
}

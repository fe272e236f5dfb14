package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods of looking for messages.
var (
	Days = Method[DaysParams, DaysResult]{"history.days"}
)

// SearchParams finds messages. At least one of Text, Chat, From, Author, Kind and
// Since must be there.
type SearchParams struct {
	Text   string            `json:"text"`             // all of its words
	Chat   string            `json:"chat,omitempty"`   // chat id or fingerprint
	From   omega.Fingerprint `json:"from,omitzero"`    // account
	Author string            `json:"author,omitempty"` // name, of imported messages
	Kind   string            `json:"kind,omitempty"`
	Since  time.Time         `json:"since,omitzero"`
	Until  time.Time         `json:"until,omitzero"` // before that
	Count  int               `json:"count"`          // of one page
	Next   string            `json:"next,omitempty"` // SearchResult.Next of the page before
	Total  bool              `json:"total,omitempty"`
}

// SearchResult is a page of what was found, newest first. Next is empty on the
// last one; a page may have fewer messages than were asked for, and yet a next.
type SearchResult struct {
	Messages []FoundMessage `json:"messages"`
	Next     string         `json:"next,omitempty"`
	Total    int            `json:"total,omitempty"`    // of all pages, where that was asked for
	AtLeast  bool           `json:"at_least,omitempty"` // there may be more than Total
}

// A FoundMessage is a message with the places of the words.
type FoundMessage struct {
	Message
	Hits    []Span `json:"hits,omitempty"`    // in Text
	Snippet string `json:"snippet,omitempty"` // of a long text: the part around the first hit
}

// A Span is a part of a text, in UTF-16 code units.
type Span struct {
	Offset int `json:"offset"`
	Length int `json:"length"`
}

// DaysParams asks for the days from Since until before Until on which somebody
// wrote in a chat, a year at most. Days are those of the zone of Since.
type DaysParams struct {
	Chat  string    `json:"chat"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// DaysResult answers Days.
type DaysResult struct {
	Days []Day `json:"days"`
}

// A Day with messages.
type Day struct {
	Date     string   `json:"date"` // YYYY-MM-DD
	Messages int      `json:"messages"`
	First    omega.ID `json:"first"` // its first message
}

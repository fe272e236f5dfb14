package clientrpc

import "github.com/omega-im/omega"

// The methods about calling people (@).
var (
	Mentions        = Method[MentionsParams, MessagesResult]{"mentions"}
	CompleteMention = Method[CompleteMentionParams, CompleteMentionResult]{"mention.complete"}
)

// MentionsParams asks for messages that call this account and were not read, or for all
// that do, the oldest first.
type MentionsParams struct {
	Chat string `json:"chat,omitempty"` // empty: of all chats
	All  bool   `json:"all,omitempty"`  // those that were read, too
	Page
}

// CompleteMentionParams asks for the members of a group whose name begins with what
// was typed: as they call themselves, or as this account calls them.
type CompleteMentionParams struct {
	GroupRef
	Typed string `json:"typed,omitempty"` // with or without @ or ＠
	Page
}

// CompleteMentionResult lists them.
type CompleteMentionResult struct {
	People []Callable `json:"people"`
	Rest
}

// A Callable is somebody who can be called.
type Callable struct {
	Account   omega.Fingerprint `json:"account,omitzero"`
	Name      string            `json:"name,omitempty"`       // as this account knows it
	SelfNamed bool              `json:"self_named,omitempty"` // it calls itself so, and is no contact: nobody proved it
	Role      string            `json:"role,omitempty"`
	Insert    string            `json:"insert"`              // to be put into the text: others read it
	Ambiguous bool              `json:"ambiguous,omitempty"` // the text alone does not say who: send an Entity of type mention with Account
	All       bool              `json:"all,omitempty"`       // everybody in the group
}

package clientrpc

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/i18n"
)

// The methods about commands that people type into a chat (/mute 8h). The core reads
// them, so every face has the same ones.
var (
	Commands   = Method[CommandsParams, CommandsResult]{"commands"}
	RunCommand = Method[RunCommandParams, *CommandResult]{"command.run"}
)

// CommandsParams asks for the commands that begin with what was typed.
type CommandsParams struct {
	Chat  string `json:"chat,omitempty"`  // of use there; empty: anywhere
	Typed string `json:"typed,omitempty"` // with or without the mark: /mu, ／靜
	Page
}

// CommandsResult lists them: those by their names first.
type CommandsResult struct {
	Commands []Command `json:"commands"`
	Rest
}

// A Command as faces show it in a menu.
type Command struct {
	Name    string    `json:"name"`
	Typed   string    `json:"typed"` // the name or alias that begins with what was typed
	Aliases []string  `json:"aliases"`
	Arg     i18n.Text `json:"arg,omitzero"` // what it is given
	Text    i18n.Text `json:"text"`         // what it does
	Where   []string  `json:"where"`        // direct, group, saved, secure, bot
}

// RunCommandParams is a line that a person typed. What is no command is sent as a
// text, of // the text behind the first /.
type RunCommandParams struct {
	ID     omega.ID `json:"id"` // of what it sends, if it does; as in SendParams
	Chat   string   `json:"chat"`
	Text   string   `json:"text"`
	Reply  omega.ID `json:"reply,omitzero"`   // the message that the person answers, if any
	Markup bool     `json:"markup,omitempty"` // of a text, as in SendParams
	Delivery
}

// CommandResult says what a command did. What does not belong to it is left out.
type CommandResult struct {
	Command  string        `json:"command,omitempty"` // name; empty: it was a text
	Done     i18n.Text     `json:"done,omitzero"`     // to be told
	Sent     *SendResult   `json:"sent,omitempty"`
	Commands []Command     `json:"commands,omitempty"`
	Messages []Message     `json:"messages,omitempty"` // that were found; the first page
	Members  []GroupMember `json:"members,omitempty"`  // the first page
	Link     string        `json:"link,omitempty"`
}

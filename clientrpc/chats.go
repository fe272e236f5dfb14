package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods about chats as a whole. What they set is the same on all devices of
// the account; it may be set again.
var (
	OneChat   = Method[ChatRef, Chat]{"chat"}
	SetChat   = Method[SetChatParams, Chat]{"chat.set"}
	Folders   = Method[Page, FoldersResult]{"folders"}
	SetFolder = Method[SetFolderParams, FoldersResult]{"folder.set"}
)

// SecurePrefix before a fingerprint, or the name of a contact, means the secure chat with
// that account wherever a chat is named.
const SecurePrefix = "secure:"

// A ChatRef names a chat.
type ChatRef struct {
	Chat string `json:"chat"` // chat id or fingerprint
}

// Kinds of chats.
const (
	ChatDirect   = "direct"
	ChatGroup    = "group"    // of a group, or a channel
	ChatSaved    = "saved"    // the account's with itself: saved messages
	ChatSecure   = "secure"   // the secure one with an account
	ChatImported = "imported" // from a file of another messenger: nobody can write there
)

// A Chat in the list of chats.
type Chat struct {
	ID     omega.ChatID      `json:"chat"`
	Kind   string            `json:"kind"` // direct, group, secure, saved, imported
	Peer   omega.Fingerprint `json:"peer"`
	Name   string            `json:"name"`
	Secure bool              `json:"secure,omitempty"`   // a secure chat, of two accounts or of a group
	Ended  time.Time         `json:"ended,omitzero"`     // of a secure chat: when its keys were destroyed; who writes in it begins it again
	Unread int               `json:"unread"`             // by this account on any device
	Calls  int               `json:"mentions,omitempty"` // how many of them call it
	Last   *Message          `json:"last,omitempty"`

	// Of groups: asking or refused, where this account asked to be let in and is not; and
	// how many ask to be let into it, where this account decides.
	Role     string `json:"role,omitempty"`
	Requests int    `json:"requests,omitempty"`

	Notice string `json:"notice,omitempty"` // kind of the worst one about the peer that stands

	// Of direct chats: what this account thinks of the peer, as in Contact.
	Contact  string         `json:"contact,omitempty"`
	Blocked  bool           `json:"blocked,omitempty"`
	Verified string         `json:"verified,omitempty"`
	Similar  []NamedAccount `json:"similar,omitempty"` // of a request

	Muted    time.Time `json:"muted,omitzero"` // until then; MutedForGood without an end
	Archived bool      `json:"archived,omitempty"`
	Top      bool      `json:"top,omitempty"` // stands above the others
	Draft    string    `json:"draft,omitempty"`
	NoRead   bool      `json:"no_read,omitempty"`     // its people are not told what was read
	Marked   bool      `json:"marked,omitempty"`      // as unread, by the person
	Hidden   bool      `json:"no_presence,omitempty"` // its people are not told that this account types, or is there
	Folders  []string  `json:"folders,omitempty"`     // ids
}

// MutedForGood is the end of a muting that has none.
var MutedForGood = time.UnixMilli(253402300799999).UTC()

// ChatsResult answers Chats: those that stand on top, then the newest first.
type ChatsResult struct {
	Chats []Chat `json:"chats"`
	Rest
}

// SetChatParams changes how a chat stands in the list. What is nil stays as it is.
type SetChatParams struct {
	Chat     string     `json:"chat"`            // chat id or fingerprint
	Muted    *time.Time `json:"muted,omitempty"` // the zero time: not any more
	Archived *bool      `json:"archived,omitempty"`
	Top      *bool      `json:"top,omitempty"`
	NoRead   *bool      `json:"no_read,omitempty"`
	Hidden   *bool      `json:"no_presence,omitempty"`
	Marked   *bool      `json:"marked,omitempty"` // as unread, until something in it is read
	Draft    *string    `json:"draft,omitempty"`  // "": none
	Read     bool       `json:"read,omitempty"`   // everything that is here was read
}

// A Folder of chats.
type Folder struct {
	ID    string         `json:"folder"` // 16 hexadecimal digits
	Title string         `json:"title"`
	Chats []omega.ChatID `json:"chats"`
}

// FoldersResult lists the folders by title. SetFolder answers with the first ones.
type FoldersResult struct {
	Folders []Folder `json:"folders"`
	Rest
}

// SetFolderParams makes or changes a folder. The caller makes its id.
type SetFolderParams struct {
	ID     string   `json:"folder"` // 16 hexadecimal digits
	Title  string   `json:"title,omitempty"`
	Add    []string `json:"add,omitempty"` // chat ids or fingerprints
	Remove []string `json:"remove,omitempty"`
	Delete bool     `json:"delete,omitempty"` // the folder; chats stay
}

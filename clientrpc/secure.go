package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods about secure chats. One is named by the fingerprint of the other account,
// by the id of the chat, or by the name of a secure group. What is so already changes nothing.
var (
	StartSecure = Method[StartSecureParams, SecureChat]{"secure.start"}
	SecureChats = Method[Page, SecureChatsResult]{"secure.chats"}
	ShowSecure  = Method[SecureRef, SecureChat]{"secure"}
	EndSecure   = Method[SecureRef, SecureChat]{"secure.end"}
)

// A SecureRef names a secure chat.
type SecureRef struct {
	Peer string `json:"peer"` // fingerprint of the other account, chat id, or name of a group
}

// StartSecureParams begins a secure chat: keys for every device of both accounts are
// there when the answer comes. Of a group the same is done for its members.
type StartSecureParams struct {
	SecureRef

	// Classic agrees that a device without a prekey is given keys by its encryption
	// subkey: neither forward secret, nor safe against who keeps them for a quantum
	// computer. Nil changes nothing.
	Classic *bool `json:"classic,omitempty"`
}

// A SecureChat as this device knows it.
type SecureChat struct {
	Chat    omega.ChatID      `json:"chat"`
	Peer    omega.Fingerprint `json:"peer,omitzero"`   // of a chat of two
	Group   string            `json:"group,omitempty"` // of a group
	Name    string            `json:"name,omitempty"`
	Open    bool              `json:"open"`             // this device has keys to send with
	Classic bool              `json:"classic"`          // as agreed
	Ended   time.Time         `json:"ended,omitzero"`   // by one of the two, or since this account is not in the group
	Epochs  []SecureEpoch     `json:"epochs"`           // whose keys are here, the newest first
	Devices []SecureDevice    `json:"devices"`          // of all its accounts that are active now
	Waiting int               `json:"waiting"`          // payloads that cannot be opened yet
	Unsent  int               `json:"unsent,omitempty"` // messages that wait for keys
	Why     *Error            `json:"why,omitempty"`    // they do
}

// A SecureEpoch is a time with keys of its own.
type SecureEpoch struct {
	Epoch   uint32            `json:"epoch"`
	Name    string            `json:"name"`   // 64 hexadecimal digits
	Opener  omega.Fingerprint `json:"opener"` // device that made the keys
	Time    time.Time         `json:"time"`
	Expires time.Time         `json:"expires"` // nothing is sent in it later
	Sent    uint32            `json:"sent"`    // messages by this device
	Limit   uint32            `json:"limit"`
	Current bool              `json:"current"` // this device sends in it
}

// A SecureDevice is one that is in the chat.
type SecureDevice struct {
	Account omega.Fingerprint `json:"account"`
	Device  omega.Fingerprint `json:"device"`
	Name    string            `json:"name,omitempty"`
	Keys    string            `json:"keys"` // how it was given those of the current epoch: once, week, chat, classic; "": it was not, and cannot read
}

// SecureChatsResult lists the secure chats.
type SecureChatsResult struct {
	Chats []SecureChat `json:"chats"`
	Rest
}

package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods of a home that has no account yet, or one whose secrets are not open.
// They are served where a face begins (client.Entry) and by no core.
var (
	Setup        = Method[None, *SetupState]{"setup"}
	SetupServers = Method[SetupServersParams, SetupServersResult]{"setup.servers"}
	SetupKeys    = Method[None, SetupKeysResult]{"setup.keys"}
	SetupCreate  = Method[SetupCreateParams, *AccountInfo]{"setup.create"}
	SetupLink    = Method[SetupLinkParams, *SetupLinkState]{"setup.link"}
	SetupRestore = Method[SetupRestoreParams, *BackupInfo]{"setup.restore"}
	SetupUnlock  = Method[SetupUnlockParams, *SetupState]{"setup.unlock"}
)

// How a home stands.
const (
	SetupEmpty  = "empty"  // there is no account
	SetupLocked = "locked" // the secrets wait for their passphrase
	SetupReady  = "ready"  // every other method may be called
)

// A SetupState says how the home stands.
type SetupState struct {
	State   string            `json:"state"`
	Account omega.Fingerprint `json:"account,omitzero"`
	Home    string            `json:"home"`              // the directory
	Device  string            `json:"device"`            // what this machine calls itself
	Servers []string          `json:"servers,omitempty"` // addresses at which to begin, as the program was told
}

// SetupServersParams asks which servers there are, as one of them tells.
type SetupServersParams struct {
	Server string `json:"server"` // address or link of an invite
}

// SetupServersResult lists servers, those that answered soonest first: at most 32.
// What each says of itself was verified, as far as it answered.
type SetupServersResult struct {
	Servers []SetupServer `json:"servers"`
}

// A SetupServer is a server at which an account may begin.
type SetupServer struct {
	Address      string            `json:"address"`
	Fingerprint  omega.Fingerprint `json:"fingerprint"`
	Name         string            `json:"name,omitempty"`
	Operator     string            `json:"operator,omitempty"`
	Site         string            `json:"site,omitempty"`
	Registration string            `json:"registration,omitempty"` // open, invite, closed; empty: it did not say
	Users        uint32            `json:"users,omitempty"`        // about
	Took         time.Duration     `json:"took,omitempty"`         // to connect, handshake included; nanoseconds
	Problem      *Error            `json:"problem,omitempty"`      // why it is of no use now
}

// SetupKeysResult lists keys of GnuPG on this machine that have a secret: at most 32.
type SetupKeysResult struct {
	Keys    []SetupKey `json:"keys"`
	Problem *Error     `json:"problem,omitempty"` // why none could be looked for
}

// A SetupKey is a primary key that may become an account.
type SetupKey struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	UserID      string            `json:"user_id"`
	Kind        string            `json:"kind"` // of key, as people know it
	Expires     time.Time         `json:"expires,omitzero"`
	Problem     *Error            `json:"problem,omitempty"` // why it may not
}

// SetupCreateParams makes an account.
type SetupCreateParams struct {
	Name       string `json:"name"`
	DeviceName string `json:"device_name,omitempty"` // empty: SetupState.Device
	Server     string `json:"server,omitempty"`
	Invite     string `json:"invite,omitempty"`
	Key        string `json:"key,omitempty"` // fingerprint of a key of GnuPG; empty: a new one is made
	Passphrase string `json:"passphrase,omitempty"`
}

// SetupLinkParams makes this home a device of an account that exists. The first call
// answers with the text to carry to another device; further ones wait for what comes
// next, and one with Confirm says that the account is one's own. It goes on while it
// is asked about.
type SetupLinkParams struct {
	Server     string            `json:"server"`
	DeviceName string            `json:"device_name,omitempty"`
	Passphrase string            `json:"passphrase,omitempty"`
	Step       string            `json:"step,omitempty"`   // that the face knows: waits until there is another
	Confirm    omega.Fingerprint `json:"confirm,omitzero"` // the account
	Cancel     bool              `json:"cancel,omitempty"` // ends it
	Timeout    time.Duration     `json:"timeout"`          // how long to wait; nanoseconds
}

// Steps of linking.
const (
	LinkCarry   = "carry"   // Text is to be brought to the other device
	LinkConfirm = "confirm" // Account answered: is that the person's own?
	LinkDone    = "done"
	LinkFailed  = "failed"
)

// A SetupLinkState says how far linking is.
type SetupLinkState struct {
	Step    string            `json:"step"`
	Text    string            `json:"text,omitempty"`
	Account omega.Fingerprint `json:"account,omitzero"`
	Problem *Error            `json:"problem,omitempty"`
}

// SetupRestoreParams makes this home the one of a backup.
type SetupRestoreParams struct {
	Path       string `json:"path"` // absolute
	Passphrase string `json:"passphrase"`
}

// SetupUnlockParams opens the secrets.
type SetupUnlockParams struct {
	Passphrase string `json:"passphrase"`
}

// setupMethods are what there is before a core.
func setupMethods() []Spec {
	all := []Spec{
		method(Setup, Reads, "How this home stands: without an account, locked, or ready."),
		method(SetupServers, Reads, "Servers at which an account may begin, the nearest first."),
		method(SetupKeys, Reads, "Keys of GnuPG that may become an account."),
		method(SetupCreate, Sets, "Makes an account in this home."),
		method(SetupLink, Sets, "Makes this home a device of an account that exists, step by step."),
		method(SetupRestore, Sets, "Makes this home the one of a backup."),
		method(SetupUnlock, Sets, "Opens the secrets of this home with their passphrase."),
	}
	for i := range all {
		all[i].Before = true
	}
	return all
}

package clientrpc

import (
	"errors"
	"fmt"

	"github.com/omega-im/omega/internal/i18n"
)

// ErrHandover is returned by a Conn whose core went away. The caller opens a
// new one and repeats the call.
var ErrHandover = errors.New("the client core that served this call has ended")

// Error codes of the core, beside the names of omega.Code for what a server
// said. They are stable: scripts read them.
const (
	CodeUsage      = "usage"      // the parameters make no sense
	CodeNotFound   = "not_found"  // no such account, chat or message
	CodeRefused    = "refused"    // by policy or by the other side
	CodeOffline    = "offline"    // no server can be reached
	CodeTimeout    = "timeout"    // it took longer than allowed
	CodeVerify     = "verify"     // something that must verify does not
	CodeInternal   = "internal"   // a fault of ours or of the machine
	CodeNoAccount  = "no_account" // the home has no account yet
	CodePassphrase = "passphrase" // the secrets do not open
	CodeKey        = "key"        // the OpenPGP key cannot be used
	CodeExists     = "exists"     // there is one already
	CodeHome       = "home"       // the home directory or a file cannot be used
	CodeDeleted    = "deleted"    // the account, of this device or of the other side, was deleted by its owner
)

// An Error says what was being done, to what, why it failed, and what to do
// next; each in the reader's language.
type Error struct {
	Code  string    `json:"code"`
	Doing i18n.Text `json:"doing"`
	Why   i18n.Text `json:"why"`
	Next  i18n.Text `json:"next"`
	Cause string    `json:"cause,omitempty"` // technical detail, English
}

// Error returns the English form.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s", e.Doing.In(i18n.English), e.Why.In(i18n.English))
	if e.Cause != "" {
		s += " (" + e.Cause + ")"
	}
	return s
}

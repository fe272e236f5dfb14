// Package group is what makes a conversation of more than two people a group:
// signed operations, each naming those that its author knew, and the rules by
// which everybody who has the same operations has the same group. It is pure:
// time is what operations say, keys are found by the caller. Servers never see
// any of it. The normative text is spec/group.md.
//
//	op, err := group.Genesis(...)            // or parsed with Parse
//	log := group.NewLog(op)                  // everything known of one group
//	missing, err := log.Add(op2)             // in any order of arrival
//	state := log.State()                     // members, roles, rules, pins …
package group

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// A Hash is a SHA-256: it names an operation, a group (by its genesis) or a
// state.
type Hash [32]byte

// String returns 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Chat returns the id of the chat of the group that h names: its first 16
// octets. (spec/group.md, GROUP-2)
func (h Hash) Chat() omega.ChatID { return omega.ChatID(h[:16]) }

// Limits of this package; readers check them before they take memory.
const (
	MaxParents   = 16       // of one operation
	MaxCosigners = 31       // of one operation
	MaxItems     = 256      // accounts, messages or operations that one operation names
	MaxText      = 48 << 10 // octets of an operation's text
	MaxName      = 128      // octets of a group's name
	MaxCalled    = 64       // octets of what an author calls itself
	MaxAbout     = 512      // octets of what it is about
	MaxHistory   = 10_000   // messages that a newcomer may be given

	// MaxOperations is how many operations one group may have here, whose
	// pasts then take 25 MB, MaxWaiting how many may wait for others, and
	// MaxWaitingShare how many of those one account may have made.
	MaxOperations   = 20_000
	MaxWaiting      = 16_384
	MaxWaitingShare = 512
)

// Grace is how long after a checkpoint operations still count that do not know
// of it. (spec/group.md, GROUP-8)
const Grace = 72 * time.Hour

// Errors that callers decide on.
var (
	ErrMalformed = errors.New("malformed group operation")            // bytes break spec/group.md
	ErrForeign   = errors.New("operation of another group")           // or a second genesis
	ErrStranger  = errors.New("author has nothing to do with it yet") // is named nowhere in the operation's past
	ErrFull      = errors.New("group has too many operations")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// A Type says what an operation does. (spec/group.md, GROUP-3)
type Type string

// The types of this version.
const (
	TypeGenesis    Type = "genesis"
	TypeInvite     Type = "invite"
	TypeAccept     Type = "accept"
	TypeLeave      Type = "leave"
	TypeRemove     Type = "remove"
	TypeBan        Type = "ban"
	TypeUnban      Type = "unban"
	TypeRole       Type = "role"
	TypeProfile    Type = "profile"
	TypePolicy     Type = "policy"
	TypePin        Type = "pin"
	TypeUnpin      Type = "unpin"
	TypeRedact     Type = "redact"
	TypeRevert     Type = "revert"
	TypeCheckpoint Type = "checkpoint"
	TypeMerge      Type = "merge"
	TypeDissolve   Type = "dissolve"
)

// A Role is what an account is in a group.
type Role uint8

// The roles, the lowest first.
const (
	RoleNone Role = iota
	RoleMember
	RoleAdmin
	RoleOwner
)

var roleNames = [...]string{RoleNone: "none", RoleMember: "member", RoleAdmin: "admin", RoleOwner: "owner"}

// String returns none, member, admin or owner.
func (r Role) String() string { return roleNames[r] }

// ParseRole reads member, admin or owner.
func ParseRole(s string) (Role, bool) {
	for r := RoleMember; r <= RoleOwner; r++ {
		if roleNames[r] == s {
			return r, true
		}
	}
	return RoleNone, false
}

// Rules say who may do what: each is the lowest role that may.
type Rules struct {
	Invite, Pin, Profile, Write, MentionAll Role
	History                                 History
}

// DefaultRules are those of a genesis without any.
var DefaultRules = Rules{
	Invite: RoleMember, Pin: RoleAdmin, Profile: RoleAdmin, Write: RoleMember, MentionAll: RoleAdmin, History: 100,
}

// Channel reports whether these are the rules of a channel: not all members
// may write.
func (r Rules) Channel() bool { return r.Write > RoleMember }

// A History says what newcomers are given: the last so many messages, or one
// of the constants.
type History int

// What a newcomer is given besides a number of messages.
const (
	HistoryNone History = 0
	HistoryPins History = -1
	HistoryAll  History = -2
)

// A Profile is what a group is called and looks like.
type Profile struct {
	Name    string
	About   string
	Picture Hash // zero for none
}

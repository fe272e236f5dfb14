package transport

import (
	"fmt"
	"strings"

	"github.com/omega-im/omega"
)

// invitePrefix starts an invite link, so that people and programs see what it is.
const invitePrefix = "omega-invite:"

// InviteLink is an invite together with the address of the server that takes it:
// omega-invite:CODE@ADDRESS.
func InviteLink(code omega.Invite, address string) string {
	return invitePrefix + code.String() + "@" + address
}

// ParseInvite reads an invite link, or a code alone: then the address is empty.
func ParseInvite(s string) (code omega.Invite, address string, err error) {
	text, link := strings.CutPrefix(strings.TrimSpace(s), invitePrefix)
	if link {
		if text, address, link = strings.Cut(text, "@"); !link {
			return code, "", fmt.Errorf("%w: the link names no server", omega.ErrInvite)
		}
	}
	code, err = omega.ParseInvite(text)
	return code, address, err
}

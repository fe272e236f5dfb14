package omega

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// InviteSize is the length of an invite in octets: 80 random bits, which nobody
// guesses over a session that costs a handshake, and 16 characters, which can be
// read out over a telephone. (spec/handshake.md, SHAKE-6)
const InviteSize = 10

// An Invite is the secret that lets somebody register at a server which takes new
// accounts by invitation only.
type Invite [InviteSize]byte

// ErrInvite is returned for text that is no invite.
var ErrInvite = errors.New("not an invite code")

// inviteAlphabet is Crockford's base 32: no letters that are taken for digits.
var inviteAlphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// misread are letters that people write for the digits that they look like.
var misread = strings.NewReplacer("-", "", "O", "0", "I", "1", "L", "1")

// String writes an invite as people copy it: four groups of four characters.
func (i Invite) String() string {
	s := inviteAlphabet.EncodeToString(i[:])
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// ParseInvite reads what String wrote, in either case, with or without hyphens and
// spaces.
func ParseInvite(s string) (i Invite, err error) {
	if len(s) > 64 {
		return i, fmt.Errorf("%w: %d characters", ErrInvite, len(s))
	}
	characters := misread.Replace(strings.ToUpper(strings.Join(strings.Fields(s), "")))
	b, err := inviteAlphabet.DecodeString(characters)
	if err != nil || len(characters) != InviteSize*8/5 {
		return i, fmt.Errorf("%w: want four groups of four letters and digits", ErrInvite)
	}
	return Invite(b), nil
}

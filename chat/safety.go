package chat

import (
	"crypto/sha512"
	"fmt"
	"strings"

	"github.com/omega-im/omega"
)

// The safety number of two accounts: spec/chat.md, CHAT-49.
const (
	safetyLabel  = "omega-im/safety/v1\n"
	safetyRounds = 5200 // a number that fits by half takes so much longer to look for
	safetyGroups = 6    // of five digits, per account
)

// SafetyNumber is what two people compare to know that each has the other's key:
// twelve groups of five digits, the same whichever account asks.
func SafetyNumber(a, b omega.Fingerprint) string {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return strings.Join(append(safetyDigits(a), safetyDigits(b)...), " ")
}

func safetyDigits(fp omega.Fingerprint) (out []string) {
	wire := fp.Wire()
	h := sha512.Sum512(append([]byte(safetyLabel), wire...))
	for range safetyRounds {
		h = sha512.Sum512(append(h[:], wire...))
	}
	for i := range safetyGroups {
		var n uint64
		for _, b := range h[5*i : 5*i+5] {
			n = n<<8 | uint64(b)
		}
		out = append(out, fmt.Sprintf("%05d", n%100_000))
	}
	return out
}

// SameSafetyNumber reports whether two texts are one number: digits, with anything
// between them that is no digit.
func SameSafetyNumber(a, b string) bool { return digits(a) == digits(b) && digits(a) != "" }

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		}
		return -1
	}, s)
}

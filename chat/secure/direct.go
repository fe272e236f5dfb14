package secure

import (
	"crypto/sha256"

	"github.com/omega-im/omega"
)

// Direct returns the id of the secure chat of two accounts. (spec/secure.md, SEC-12)
func Direct(a, b omega.Fingerprint) omega.ChatID {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	sum := sha256.Sum256(b.AppendTo(a.AppendTo([]byte("omega-im/chat/secure/v1\n"))))
	return omega.ChatID(sum[:16])
}

// Sequence orders what one device sent in a chat. (spec/secure.md, SEC-16)
func Sequence(epoch, number uint32) uint32 { return epoch*128 + number + 1 }

// Package chat is what two clients say to each other inside the envelopes that
// servers carry: sending keys wrapped for devices, sealed and signed messages,
// the readable transcript that every signature covers, receipts and requests to
// send again. It is pure: time and randomness are arguments, what has to be
// remembered stands in plain structs (SenderState, Key, Track, Sighting) that
// the caller keeps. The normative text is spec/chat.md.
//
// A message goes out by Sender.Seal and comes in by Receiver.Open:
//
//	roster, err := chat.NewRoster(own, device, peer, now)
//	sealed, err := sender.Seal(ctx, now, roster, chat.NewText("hello"))
//	// sealed.KeyRecord, if any, and sealed.Payload go into envelopes;
//	// sender.State() and sealed.Message are stored in the same commit.
//
//	result, err := receiver.Open(ctx, store, &chat.Arrival{ID: id, Payload: payload, Now: now})
//	// result.Verdict says what to do; result.Message.Verified whether to trust it.
package chat

import (
	"errors"
	"fmt"
	"time"
)

// Limits of this package; readers check them before they take memory.
const (
	// MaxName is the longest profile name in octets of UTF-8.
	MaxName = 64

	// MaxLines is how many additional transcript lines a message may have, and
	// MaxLine how long one may be in octets, its name included.
	MaxLines = 64
	MaxLine  = 512

	// MaxIDs is how many ids or sequences one receipt or request may list.
	MaxIDs = 256

	// MaxMessageLife is the longest time after which a message may be erased
	// (spec/chat.md, CHAT-31).
	MaxMessageLife = 366 * 24 * time.Hour

	// maxRecord is the longest text of a key record in octets: 256 accounts
	// with a few devices each fit, and an envelope holds no more.
	maxRecord = 64 << 10
)

// Errors that callers decide on.
var (
	ErrMalformed = errors.New("malformed chat data")                 // bytes break spec/chat.md
	ErrTooLarge  = errors.New("message is too large")                // over omega.MaxText or a limit of this package
	ErrNoReaders = errors.New("no device can read it")               // the roster has no active device but the sender's
	ErrUnsealed  = errors.New("cannot be opened with any known key") // damaged, or made by somebody without the key
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// A Problem says why a message must not be trusted. Its text is stable.
// (spec/chat.md, CHAT-14)
type Problem string

// The problems, the most serious first. A message has at most one: the first
// that applies.
const (
	ProblemNone      Problem = ""
	ProblemSignature Problem = "signature" // the signature is not by the device that the key record names
	ProblemDevice    Problem = "device"    // that device is not bound to the sender, revoked or expired, or another device signed
	ProblemForwarded Problem = "forwarded" // properly signed, but for other readers or another chat
	ProblemMember    Problem = "member"    // properly signed, but its sender may not write in the group
	ProblemReplay    Problem = "replay"    // a second content for one sequence, or an old signature in a new place
	ProblemClock     Problem = "clock"     // properly signed, but its time cannot be right
)

// A Verdict says what a client does with what Receiver.Open was given.
type Verdict int

// The verdicts.
const (
	// VerdictRefused: nothing can be read. Acknowledge it, count it, forget it.
	// Result.Reason tells why.
	VerdictRefused Verdict = iota

	// VerdictMessage: Result.Message is there to be shown or acted upon. Only
	// if Message.Verified is true may anything but showing it happen.
	VerdictMessage

	// VerdictDuplicate: exactly this message was taken before.
	VerdictDuplicate

	// VerdictKey: Result.Key is known now. Open what was parked under its
	// locator again.
	VerdictKey

	// VerdictNeedKey: park the envelope under Result.Locator, and ask its
	// sender again when the key record does not come.
	VerdictNeedKey

	// VerdictNeedCert: fetch the newest certificate of Result.Account, then
	// Open again with Arrival.Fresh set.
	VerdictNeedCert

	// VerdictGroupKey: Result.GroupKey is known now. Open what was parked under
	// its locator again.
	VerdictGroupKey

	// VerdictNeedGroup: operations of Result.Group are missing. Park the envelope
	// until they come, and ask Result.Account for them.
	VerdictNeedGroup
)

var verdictNames = [...]string{"refused", "message", "duplicate", "key", "need key", "need certificate", "group key", "need group"}

// String returns the verdict's name.
func (v Verdict) String() string {
	if v >= 0 && int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict %d", int(v))
}

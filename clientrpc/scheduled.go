package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods about texts that wait for their time. Only the device that was told
// knows of them.
var (
	Scheduled = Method[Page, ScheduledResult]{"scheduled"}
	Cancel    = Method[CancelParams, None]{"scheduled.cancel"}
)

// MaxScheduled is how many texts may wait for their time, MaxAhead for how long.
const (
	MaxScheduled = 1000
	MaxAhead     = 366 * 24 * time.Hour
)

// A ScheduledText waits for its time.
type ScheduledText struct {
	ID   omega.ID          `json:"id"`
	To   omega.Fingerprint `json:"to"` // empty in a group
	Text string            `json:"text"`
	At   time.Time         `json:"at"`
	Chat omega.ChatID      `json:"chat"`
}

// ScheduledResult lists them, the next first.
type ScheduledResult struct {
	Texts []ScheduledText `json:"texts"`
	Rest
}

// CancelParams names one that is not to be sent.
type CancelParams struct {
	ID omega.ID `json:"id"`
}

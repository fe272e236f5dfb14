package omega

import "time"

// Limits of the protocol. A number here is the largest that an honest peer
// sends; readers check it before they take memory. (spec/wire.md, WIRE-8)
const (
	// MaxFrame is the largest frame of a client session in octets, its
	// 8-octet header included: an envelope and room for the frame around it.
	MaxFrame = 128 << 10

	// MaxPeerFrame is the largest frame between servers in octets: one client
	// frame with the hop header and its destinations around it.
	MaxPeerFrame = 160 << 10

	// MaxEnvelope is the largest envelope in octets, header included. Long
	// texts are 64 KiB in the client; wraps for 200 devices take 20 KiB.
	MaxEnvelope = 96 << 10

	// MaxRecipients is how many accounts one envelope may name. More go by a
	// list handle (reserved, WIRE-6).
	MaxRecipients = 256

	// MaxText is the longest text of one message in octets of UTF-8.
	MaxText = 64 << 10

	// MaxCertificate is the largest certificate a server takes, in octets:
	// protocol.md's uniform NEED-CERT bound.
	MaxCertificate = 32 << 10

	// MaxTokens is how many delivery tokens an account has in force: 64 KiB of
	// them, in one frame.
	MaxTokens = 4096

	// MaxDevices is how many active devices an account may have.
	MaxDevices = 32

	// MaxHomes is how many homes a location record may name.
	MaxHomes = 5

	// MaxLifetime is how long a home keeps mail for devices that do not come,
	// and DefaultLifetime what clients ask for (40 days: a device silent for
	// longer is dormant).
	MaxLifetime     = 40 * 24 * time.Hour
	DefaultLifetime = 40 * 24 * time.Hour

	// MaxLease bounds how long a device may attach itself to a proxy with one
	// signature.
	MaxLease = 24 * time.Hour

	// MaxTicket bounds how long a session can be resumed without OpenPGP.
	MaxTicket = 24 * time.Hour

	// ClockTolerance is how far two honest clocks may differ.
	ClockTolerance = 2 * time.Minute
)

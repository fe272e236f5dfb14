package mesh

import (
	"time"

	"github.com/omega-im/omega"
)

// Limits of an announcement. (spec/cloud.md, CLOUD-1)
const (
	// MaxAnnouncement is the largest encoded announcement in octets, its
	// signature included. At eight links one takes about 450.
	MaxAnnouncement = 4 << 10

	// MaxLinks is how many links one announcement may list. A server keeps
	// at most LinkCap of them; the rest is room for later.
	MaxLinks = 32

	// MaxAge is the longest life of an announcement: a server that is
	// silent for a day is forgotten (MaxAge of RFC 2328 is one hour; that
	// is thinking for one local network).
	MaxAge = 24 * time.Hour

	// RefreshAfter is when a server announces itself again although nothing
	// changed, so that three refreshes may be lost before MaxAge.
	RefreshAfter = 6 * time.Hour

	maxAddress   = 255 // octets of an address or URL
	maxText      = 64  // octets of UTF-8 in a name, operator, site or version
	maxExtension = 512 // octets that a later version may add
	maxLoad      = 1000
)

// Flags say what a server does and what state it is in. Unknown bits are kept,
// so that a later version can add some.
type Flags uint16

const (
	FlagTransit  Flags = 1 << 0 // forwards packets for others
	FlagNAT      Flags = 1 << 1 // cannot be dialled; keeps outbound links only
	FlagDraining Flags = 1 << 2 // going away: no new links, no transit
	FlagAnswers  Flags = 1 << 3 // its answers to other servers say what they answer (spec/delivery.md, DELIV-25)
	FlagPlaces   Flags = 1 << 4 // its key server knows placement, trees of digests and receipts (spec/keys.md, KEYS-7)
)

// Registration is a server's policy for new accounts.
type Registration uint8

const (
	RegistrationClosed Registration = 0 // nobody new
	RegistrationOpen   Registration = 1 // everybody
	RegistrationInvite Registration = 2 // who was invited
)

// String returns the word of the HTTP surface: closed, open or invite.
func (r Registration) String() string {
	switch r {
	case RegistrationOpen:
		return "open"
	case RegistrationInvite:
		return "invite"
	}
	return "closed"
}

// An Announcement is what one server says about itself and its links: the
// router-LSA of OSPF. An immutable value once signed. (spec/cloud.md, CLOUD-1)
type Announcement struct {
	Server   omega.Fingerprint // who speaks: the server's primary key
	Sequence uint64            // grows with every announcement of this server, for ever
	Issued   time.Time         // whole milliseconds
	Expires  time.Time         // whole milliseconds, at most MaxAge after Issued

	// Certificate is the SHA-256 of the server's certificate. Certificates
	// travel apart, by fingerprint; this tells a reader whether the one at
	// hand is the current one.
	Certificate [32]byte

	Flags        Flags
	Registration Registration
	Load         uint16 // per mille of capacity, 0 to 1000
	Users        uint32 // about how many accounts live here

	Client string // host:port for clients, "" for none
	Peer   string // host:port for servers, "" for none
	HTTP   string // URL of the web site, "" for none

	Name     string // for people; like the next three at most 64 octets of UTF-8
	Operator string // who runs it; servers of one operator may fail together
	Site     string // where it stands
	Version  string // of the software

	Links []Link // ascending by Peer, without Server itself, at most MaxLinks

	// Extension is kept, signed and forwarded; package directory reads it
	// (spec/directory.md, DIR-3), this package does not. A later version may
	// put fields here without breaking this one.
	Extension []byte
}

// A Link is one direction of a link between servers, as its near end
// announces it. It counts only when the far end announces it too.
type Link struct {
	Peer omega.Fingerprint
	RTT  time.Duration // whole microseconds, below 2^32 of them
}

// Dialable reports whether another server can open a connection to this one.
func (a *Announcement) Dialable() bool { return a.Peer != "" && a.Flags&FlagNAT == 0 }

// Transit reports whether the server forwards for others now.
func (a *Announcement) Transit() bool {
	return a.Flags&FlagTransit != 0 && a.Flags&(FlagNAT|FlagDraining) == 0
}

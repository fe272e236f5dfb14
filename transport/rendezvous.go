package transport

import (
	"time"
)

// MaxBlob is the largest blob of a Rendezvous in octets.
const MaxBlob = 8 << 10

// A Handle names a blob of a Rendezvous. It is chosen at random by whoever
// leaves or awaits the blob, and knowing it is what permits to pick it.
type Handle [16]byte

// A Rendezvous is where two devices that cannot reach each other meet: one
// drops a small blob under a handle, the other picks it. Blobs stay in memory
// for a few minutes. Its methods may be called concurrently.
type Rendezvous struct {
}

// NewRendezvous returns one that keeps blobs for ttl (zero: 5 minutes), at
// most max octets of them (zero: 16 MiB). A nil clock is time.Now.
func NewRendezvous(max int, ttl time.Duration, clock func() time.Time) *Rendezvous {
	return &Rendezvous{}
}

// Drop keeps a copy of blob. The same again changes nothing; another blob
// under the same handle is omega.CodeConflict, one over MaxBlob
// omega.CodeTooLarge, and no room omega.CodeRateLimited.
func (r *Rendezvous) Drop(handle Handle, blob []byte) error { return nil }

// Pick returns the blob, which the caller must not change, or
// omega.CodeNotFound. It stays until its time is over, so that an answer that
// was lost can be asked for again.
func (r *Rendezvous) Pick(handle Handle) ([]byte, error) { return nil, nil }

// Package media is what blobs are: names, chunks, the tree over them, and the
// contract of a store that keeps them (spec/media.md). It is pure but for
// Store, whose driver is media/disk and whose suite is media/mediatest. Servers
// and clients use it alike; it knows nothing of messages, sessions and frames.
package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// Sizes in octets. (spec/media.md, MEDIA-1, MEDIA-3)
const (
	ChunkSize = 1 << 20  // of a chunk: what is checked by itself
	MaxSize   = 4 << 30  // of a blob
	MaxPart   = 64 << 10 // of what one frame carries; a chunk is 16 of them
	MaxChunks = MaxSize / ChunkSize
)

// MaxClaim is for how long a claim may be made, and DefaultClaim for how long
// clients make them. (spec/media.md, MEDIA-2)
const (
	MaxClaim     = 400 * 24 * time.Hour
	DefaultClaim = 200 * 24 * time.Hour
)

// A Hash is a SHA-256: of a blob, which is its name, of a leaf, or of a tree.
type Hash [sha256.Size]byte

// String is the form that URLs and people use.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// ParseHash reads what String writes, and nothing else.
func ParseHash(s string) (h Hash, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) || hex.EncodeToString(b) != s {
		return h, fmt.Errorf("%.80q is not 64 lower-case hexadecimal digits", s)
	}
	return Hash(b), nil
}

// Why a store does not do what it was asked. Drivers wrap them.
var (
	ErrNotFound = errors.New("no such blob")
	ErrFull     = errors.New("the quota of the account, or the room of all, is used up")
	ErrDiskFull = errors.New("no space left for blobs")
	ErrWrong    = errors.New("the octets are not those that the name says")
	ErrBad      = errors.New("the request makes no sense")
	ErrFailed   = errors.New("the store of blobs failed")
)

// A Claim is what an account says of a blob that it wants kept.
type Claim struct {
	Account omega.Fingerprint
	Name    Hash
	Size    int64     // octets
	Issued  time.Time // of two claims the later one counts
	Until   time.Time // not after Issued: the claim is taken back
}

// A State is how an upload stands.
type State struct {
	Offset int64 // octets that are there
	Stored bool  // all of them, and the claim, are on stable storage
}

// A Store keeps blobs. Its methods may be called concurrently; what they are
// given they do not keep. mediatest.Run states the rest of the contract as tests.
type Store interface {
	// Claim notes a claim, and opens the upload of a blob that is not there, or
	// finds an open one. If the blob is there the claim is on stable storage when
	// Claim returns. The same claim again changes nothing. ErrFull if the account
	// may not have so much, ErrBad if the blob is there with another size, or too
	// many uploads are open. Taking a claim back ends the account's upload, and the
	// blob if nobody else claims it; it is on stable storage when Claim returns.
	Claim(ctx context.Context, c Claim) (State, error)

	// Append adds octets at an offset to an open upload of the account: if that is
	// where it stands. If not nothing changes, and the State says where it stands. With
	// the last octet the name is checked, and blob and claim are on stable storage when
	// Append returns. ErrWrong throws the octets away: the upload stands at 0.
	// ErrNotFound if no such upload is open. Append keeps no reference to b.
	Append(ctx context.Context, account omega.Fingerprint, name Hash, offset int64, b []byte) (State, error)

	// Read fills b with octets of a blob from an offset on, fewer than len(b) only
	// where the blob ends. It returns how many, and the size of the whole; ErrBad for an
	// offset that is not before its end, ErrNotFound if it is not there.
	Read(ctx context.Context, name Hash, offset int64, b []byte) (n int, size int64, err error)

	// Leaves is Read of the leaves of the blob's chunks, 32 octets each. offset
	// counts octets too; size is that of the blob.
	Leaves(ctx context.Context, name Hash, offset int64, b []byte) (n int, size int64, err error)

	// Usage returns how many octets an account has claimed, and how many it may have
	// at this moment: its quota, or what the room of all leaves it.
	Usage(ctx context.Context, account omega.Fingerprint) (used, most int64, err error)

	// Forget takes back all claims of an account, with what that does.
	Forget(ctx context.Context, account omega.Fingerprint) error

	// Expire drops claims that are over, uploads that nobody goes on with, and
	// blobs without a claim, and returns how many blobs it dropped.
	Expire(ctx context.Context) (int, error)

	// Stats returns the figures of this moment.
	Stats() Stats

	// Failed is closed when stable storage failed for good: only a new process may
	// go on.
	Failed() <-chan struct{}

	Close() error
}

// Stats are figures for monitoring; none names anybody.
type Stats struct {
	Blobs, Bytes   int64 // that are kept, and octets of them
	Uploads        int64 // open now
	Reserved       int64 // octets of open uploads, whole
	Claims         int64 // in force or just over
	Stored         int64 // blobs that came, since the start
	Deduplicated   int64 // claims of blobs that were there already, since the start
	Wrong          int64 // uploads whose octets were others than the name says
	Appended, Read int64 // octets, since the start
	Dropped        int64 // blobs that nobody claims any more
	Refused        int64 // claims without room or quota
}

package transport

import (
	"bytes"
	"container/list"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// MaxBlob is the largest blob of a Rendezvous in octets.
const MaxBlob = 8 << 10

// HandleSize is the length of a Handle in octets.
const HandleSize = 16

// A Handle names a blob of a Rendezvous. Whoever leaves or awaits the blob
// makes it so that nobody can guess it: knowing it is what permits to pick.
type Handle [HandleSize]byte

// A Rendezvous is where two devices that cannot reach each other meet: one
// drops a small blob under a handle, the other picks it. Blobs stay in memory
// for a few minutes. Its methods may be called concurrently.
type Rendezvous struct {
	max   int // octets
	ttl   time.Duration
	clock func() time.Time

	mu    sync.Mutex
	size  int            // octets of all blobs, and blobCost for each; guarded by mu
	of    map[string]int // the same of each who dropped; guarded by mu
	blobs map[Handle]*list.Element
	order *list.List // of *dropped, oldest first
}

type dropped struct {
	from   string
	handle Handle
	blob   []byte
	until  time.Time
}

// dropShare is how much of a Rendezvous one who drops can have: a sixteenth.
const dropShare = 16

// blobCost is what a blob takes besides its octets, about.
const blobCost = 256

// NewRendezvous returns one that keeps blobs for ttl (zero: 5 minutes), at
// most max octets of them (zero: 16 MiB). A nil clock is time.Now.
func NewRendezvous(max int, ttl time.Duration, clock func() time.Time) *Rendezvous {
	if max <= 0 {
		max = 16 << 20
	}
	if ttl <= 0 {
		ttl = 5 * time.Minute
	}
	if clock == nil {
		clock = time.Now
	}
	return &Rendezvous{max: max, ttl: ttl, clock: clock, of: make(map[string]int), blobs: make(map[Handle]*list.Element), order: list.New()}
}

// Drop keeps a copy of blob. from names who drops it, an account or an address,
// and has its share of the room; nobody's share is that of "". The same again changes nothing; another blob
// under the same handle is omega.CodeConflict, one over MaxBlob
// omega.CodeTooLarge, and no room omega.CodeRateLimited.
func (r *Rendezvous) Drop(from string, handle Handle, blob []byte) error {
	if len(blob) > MaxBlob {
		return omega.Errorf(omega.CodeTooLarge, "blob of %d octets, at most %d", len(blob), MaxBlob)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if e := r.blobs[handle]; e != nil {
		if bytes.Equal(e.Value.(*dropped).blob, blob) {
			return nil
		}
		return omega.Errorf(omega.CodeConflict, "the handle is taken")
	}
	size := len(blob) + blobCost
	if r.size+size > r.max || from != "" && r.of[from]+size > max(r.max/dropShare, size) {
		return omega.Errorf(omega.CodeRateLimited, "no room for blobs now")
	}
	r.size += size
	r.of[from] += size
	r.blobs[handle] = r.order.PushBack(&dropped{from, handle, bytes.Clone(blob), r.clock().Add(r.ttl)})
	return nil
}

// Pick returns the blob, which the caller must not change, or
// omega.CodeNotFound. It stays until its time is over, so that an answer that
// was lost can be asked for again.
func (r *Rendezvous) Pick(handle Handle) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if e := r.blobs[handle]; e != nil {
		return e.Value.(*dropped).blob, nil
	}
	return nil, omega.Errorf(omega.CodeNotFound, "nothing under this handle")
}

// expire forgets what is over. All live equally long, so the oldest go first.
func (r *Rendezvous) expire() {
	now := r.clock()
	for e := r.order.Front(); e != nil; e = r.order.Front() {
		d := e.Value.(*dropped)
		if now.Before(d.until) {
			return
		}
		r.order.Remove(e)
		delete(r.blobs, d.handle)
		size := len(d.blob) + blobCost
		r.size -= size
		if r.of[d.from] -= size; r.of[d.from] == 0 {
			delete(r.of, d.from)
		}
	}
}

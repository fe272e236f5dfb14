package mailbox

import "encoding/binary"

// recent remembers the keys of removed mail: a table of buckets in which the
// newest displaces the oldest. A look-up touches one bucket, a map of this size
// would cost the processor's cache three times as much. The table is made with
// the first key.
type recent struct {
	max     int // keys, about
	buckets []recentBucket
}

// recentBucket is 96 octets, one or two lines of the processor's cache.
type recentBucket [4]struct {
	key Key
	seq uint64 // 0 when empty
}

func (r *recent) bucket(k Key) *recentBucket {
	return &r.buckets[binary.LittleEndian.Uint64(k[:])&uint64(len(r.buckets)-1)]
}

func (r *recent) find(k Key) (uint64, bool) {
	if r.buckets == nil {
		return 0, false
	}
	b := r.bucket(k)
	for i := range b {
		if b[i].key == k && b[i].seq != 0 {
			return b[i].seq, true
		}
	}
	return 0, false
}

func (r *recent) add(k Key, seq uint64) {
	if r.buckets == nil {
		n := 1
		for n*len(recentBucket{}) < r.max {
			n *= 2
		}
		r.buckets = make([]recentBucket, n)
	}
	b := r.bucket(k)
	oldest := 0
	for i := range b {
		if b[i].seq < b[oldest].seq {
			oldest = i
		}
	}
	b[oldest].key, b[oldest].seq = k, seq
}

// with mixes a mailbox's salt into k. Salts are parts of fingerprints and keys
// are hashes, so that nobody can aim one pair at another.
func (k Key) with(salt Key) Key {
	for i := range k {
		k[i] ^= salt[i]
	}
	return k
}

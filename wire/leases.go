package wire

import (
	"crypto/sha256"
	"encoding/binary"
)

// LeaseBuckets are the parts in which a proxy and a home compare leases: with
// 64 of them a list of each fits a frame up to 600,000 leases. (DELIV-27)
const LeaseBuckets = 64

// MaxLeaseList is how many leases one list names: 157 KiB.
const MaxLeaseList = 10_000

// A LeaseKey is the first 16 octets of SHA-256 over a lease's wire form.
type LeaseKey [16]byte

// KeyOfLease returns the key of a lease in its wire form.
func KeyOfLease(lease []byte) (k LeaseKey) {
	sum := sha256.Sum256(lease)
	copy(k[:], sum[:])
	return k
}

// Bucket is the part in which a lease is compared.
func (k LeaseKey) Bucket() int { return int(k[0]) % LeaseBuckets }

// A Tally is a set of leases, bucket by bucket: the exclusive or of octets 8 to
// 15 of their keys. Adding a lease a second time takes it out.
//
//	64 x u64
type Tally [LeaseBuckets]uint64

// Toggle adds a lease, or takes it out.
func (t *Tally) Toggle(k LeaseKey) { t[k.Bucket()] ^= binary.BigEndian.Uint64(k[8:]) }

// Differs returns a bit for each bucket in which t and u differ, the first one's
// the lowest.
func (t *Tally) Differs(u *Tally) (buckets uint64) {
	for i := range t {
		if t[i] != u[i] {
			buckets |= 1 << i
		}
	}
	return buckets
}

// AppendTally appends the body of TypeLeases.
func AppendTally(b []byte, t *Tally) []byte {
	for _, n := range t {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// DecodeTally reads what AppendTally wrote.
func DecodeTally(b []byte) (*Tally, error) {
	if len(b) != 8*LeaseBuckets {
		return nil, malformed("tally of %d octets", len(b))
	}
	t := new(Tally)
	for i := range t {
		t[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return t, nil
}

// A LeaseList names leases of one bucket.
//
//	u8 bucket | u8 answer | n x 16 key
type LeaseList struct {
	Bucket byte
	Answer bool // a home's: the leases that it lacks
	Keys   []LeaseKey
}

// AppendLeaseList appends the body of TypeLeaseList.
func AppendLeaseList(b []byte, l *LeaseList) []byte {
	b = append(b, l.Bucket, 0)
	if l.Answer {
		b[len(b)-1] = 1
	}
	for _, k := range l.Keys {
		b = append(b, k[:]...)
	}
	return b
}

// DecodeLeaseList reads what AppendLeaseList wrote.
func DecodeLeaseList(b []byte) (*LeaseList, error) {
	const size = len(LeaseKey{})
	if len(b) < 2 || b[0] >= LeaseBuckets || b[1] > 1 || (len(b)-2)%size != 0 || (len(b)-2)/size > MaxLeaseList {
		return nil, malformed("list of leases of %d octets", len(b))
	}
	l := &LeaseList{Bucket: b[0], Answer: b[1] == 1}
	for b = b[2:]; len(b) > 0; b = b[size:] {
		k := LeaseKey(b[:size])
		if k.Bucket() != int(l.Bucket) {
			return nil, malformed("list of leases: one of another bucket")
		}
		l.Keys = append(l.Keys, k)
	}
	return l, nil
}

package mesh

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// Buckets is how many parts the fingerprints are divided into for comparing
// two databases.
const Buckets = 256

// DigestSize is the length of an encoded Digest in octets.
const DigestSize = Buckets * 8

// A Digest stands for the contents of a database: per bucket the XOR of the
// first 8 octets of each record's hash. Equal databases have equal digests;
// two that differ have equal ones by accident once in 2^64. (An origin that
// grinds its own announcements for a collision hides its own news only.)
//
// Encoded it is 256 numbers of 8 octets, big endian. (spec/cloud.md, CLOUD-3)
type Digest [Buckets]uint64

// Bucket is the part of the database that a server's record falls in: the
// first octet of the fingerprint after the version.
func Bucket(fp omega.Fingerprint) uint8 {
	var buf [omega.MaxFingerprintSize]byte
	return fp.AppendTo(buf[:0])[1]
}

func (d *Digest) toggle(rec *Record) {
	d[Bucket(rec.Server)] ^= binary.BigEndian.Uint64(rec.Hash[:])
}

// AppendTo appends the encoding of d to b.
func (d *Digest) AppendTo(b []byte) []byte {
	for _, v := range d {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// DecodeDigest reads what AppendTo wrote.
func DecodeDigest(b []byte) (*Digest, error) {
	if len(b) != DigestSize {
		return nil, fmt.Errorf("malformed digest: %d octets, want %d", len(b), DigestSize)
	}
	d := new(Digest)
	for i := range d {
		d[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return d, nil
}

// Differ lists the buckets in which d and e differ.
func (d *Digest) Differ(e *Digest) []uint8 {
	var out []uint8
	for i := range d {
		if d[i] != e[i] {
			out = append(out, uint8(i))
		}
	}
	return out
}

// Digest returns the digest of the database.
func (db *DB) Digest() Digest { return db.digest }

// InBuckets returns the records that fall in the given buckets, ascending by
// fingerprint.
func (db *DB) InBuckets(buckets []uint8) []*Record {
	var want [Buckets]bool
	for _, b := range buckets {
		want[b] = true
	}
	var out []*Record
	for fp, rec := range db.records {
		if want[Bucket(fp)] {
			out = append(out, rec)
		}
	}
	slices.SortFunc(out, func(x, y *Record) int { return x.Server.Compare(y.Server) })
	return out
}

// snapshotLabel starts a snapshot. After it follow the announcements, each
// with its length in 2 octets before it, and nothing else.
const snapshotLabel = "omega-im/lsdb/v1\n"

// ErrSnapshot is returned by Load for octets that are no snapshot.
var ErrSnapshot = errors.New("damaged snapshot of the link-state database")

// Snapshot returns the database as octets for the disk, this server's own
// announcement included: its sequence must survive a restart.
func (db *DB) Snapshot() []byte {
	b := []byte(snapshotLabel)
	for _, rec := range db.Records() {
		b = binary.BigEndian.AppendUint16(b, uint16(len(rec.Bytes)))
		b = append(b, rec.Bytes...)
	}
	return b
}

// eachIn calls f for every announcement of a snapshot.
func eachIn(snapshot []byte, f func(b []byte)) error {
	if len(snapshot) < len(snapshotLabel) || string(snapshot[:len(snapshotLabel)]) != snapshotLabel {
		return fmt.Errorf("%w: no label", ErrSnapshot)
	}
	r := reader{b: snapshot[len(snapshotLabel):]}
	for len(r.b) > 0 {
		b := r.take(int(r.u16()))
		if r.short {
			return fmt.Errorf("%w: cut short", ErrSnapshot)
		}
		f(b)
	}
	return nil
}

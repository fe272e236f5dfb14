package hkp_test

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"testing"
	"time"

	"github.com/omega-im/omega/pgp"
)

// A rogue is the owner of a key who signs whatever there is: the worst that can
// come with signatures that verify.
type rogue struct {
	pub *pgp.PublicKey
	key ed25519.PrivateKey
}

func newRogue(t *testing.T, at time.Time) *rogue {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	body := binary.BigEndian.AppendUint32([]byte{4}, uint32(at.Unix()))
	body = append(body, 22, 9, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01, 0x01, 0x07, 0x40)
	pub, err := pgp.ParsePublicKey(frame(6, append(body, public...)...))
	if err != nil {
		t.Fatal(err)
	}
	return &rogue{pub, key}
}

func (r *rogue) Public() *pgp.PublicKey { return r.pub }

// SignDigest signs any digest.
func (r *rogue) SignDigest(_ context.Context, _ crypto.Hash, digest []byte) ([]byte, error) {
	sig := ed25519.Sign(r.key, digest)
	return append(integer(sig[:32]), integer(sig[32:])...), nil
}

// integer is a multiprecision integer (RFC 9580, section 3.2).
func integer(b []byte) []byte {
	b = bytes.TrimLeft(b, "\x00")
	n := 0
	if len(b) > 0 {
		n = 8*(len(b)-1) + bits.Len8(b[0])
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(n)), b...)
}

// Hash algorithms as OpenPGP numbers them.
var hashes = map[byte]func([]byte) []byte{
	1: func(b []byte) []byte { s := md5.Sum(b); return s[:] },
	2: func(b []byte) []byte { s := sha1.Sum(b); return s[:] },
	8: func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
}

// sign makes a version 4 signature packet that verifies, whatever it says.
func (r *rogue) sign(typ, hash byte, at time.Time, covered []byte, subpackets ...byte) []byte {
	area := binary.BigEndian.AppendUint32([]byte{5, 2}, uint32(at.Unix()))
	area = append(append(area, 22, 33), r.pub.Fingerprint().Wire()...)
	area = append(area, subpackets...)
	head := append([]byte{4, typ, 22, hash}, binary.BigEndian.AppendUint16(nil, uint16(len(area)))...)
	head = append(head, area...)
	signed := append(bytes.Clone(covered), head...)
	signed = binary.BigEndian.AppendUint32(append(signed, 4, 0xFF), uint32(len(head)))
	digest := hashes[hash](signed)
	mpis, _ := r.SignDigest(context.Background(), 0, digest) // it does not fail
	return frame(2, append(append(append(head, 0, 0), digest[:2]...), mpis...)...)
}

// covers are what signatures of a primary key are about.
func (r *rogue) coversKey() []byte {
	body := r.pub.Body()
	return append(binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(body))), body...)
}

func (r *rogue) coversUID(uid string) []byte {
	b := binary.BigEndian.AppendUint32(append(r.coversKey(), 0xB4), uint32(len(uid)))
	return append(b, uid...)
}

// hostileSignatures are keys whose owner signed what must not count: known is
// registered under r. After each the certificate is what it was.
func hostileSignatures(r *rogue, known *account, now time.Time) map[string][]byte {
	uid := known.cert.UserID()
	primary, name := r.pub.Packet(false), frame(13, []byte(uid)...)
	onKey := func(sig []byte) []byte { return append(bytes.Clone(primary), sig...) }
	onName := func(sig []byte) []byte { return append(append(bytes.Clone(primary), name...), sig...) }
	expires := []byte{5, 9, 0, 0, 0, 60} // of the key, after a minute
	later, before := now.AddDate(1, 0, 0), r.pub.Created().Add(-time.Hour)
	nested := []byte{}
	for range 6 {
		sig := r.sign(0x19, 8, now, r.coversKey(), nested...)[6:]
		nested = append([]byte{0xFF, 0, 0, byte((len(sig) + 1) >> 8), byte(len(sig) + 1), 32}, sig...)
	}
	packed := func(in []byte) []byte {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestCompression) // of a buffer: nothing fails
		_, _ = w.Write(in)
		_ = w.Close()
		return frame(8, append([]byte{1}, b.Bytes()...)...)
	}
	bogus := newSignatureBy(known.devices[0].Signing.Public())
	return map[string][]byte{
		"name signed in the future":        onName(r.sign(0x13, 8, later, r.coversUID(uid), expires...)),
		"name signed before the key":       onName(r.sign(0x13, 8, before, r.coversUID(uid), expires...)),
		"name signed for a while":          onName(r.sign(0x13, 8, now.Add(-time.Minute), r.coversUID(uid), 5, 3, 0, 0, 0, 1)),
		"name signed with SHA-1":           onName(r.sign(0x13, 2, now, r.coversUID(uid), expires...)),
		"name signed with MD5":             onName(r.sign(0x13, 1, now, r.coversUID(uid), expires...)),
		"name signed locally":              onName(r.sign(0x13, 8, now, r.coversUID(uid), 2, 4, 0)),
		"name signed with what is unknown": onName(r.sign(0x13, 8, now, r.coversUID(uid), 2, 0x80|60, 0)),
		"two dates of expiry":              onName(r.sign(0x13, 8, now, r.coversUID(uid), append(expires, expires...)...)),
		"revoked in the future":            onKey(r.sign(0x20, 8, later, r.coversKey())),
		"revoked with SHA-1":               onKey(r.sign(0x20, 2, now, r.coversKey())),
		"revoked with MD5":                 onKey(r.sign(0x20, 1, now, r.coversKey())),
		"revocation of another":            onKey(r.sign(0x20, 8, now, r.coversUID(uid))),
		"direct signature with an expiry":  onKey(r.sign(0x1F, 8, now, r.coversKey(), expires...)),
		"signatures in signatures":         onKey(r.sign(0x18, 8, now, r.coversKey(), nested...)),
		"another name, signed":             append(append(bytes.Clone(primary), frame(13, []byte("The President")...)...), r.sign(0x13, 8, now, r.coversUID("The President"))...),
		"its primary key as a subkey":      append(onName(nil), append(frame(14, r.pub.Body()...), r.sign(0x18, 8, now, append(r.coversKey(), r.coversKey()...))...)...),
		"a device that has it as subkey":   append(known.devices[0].Signing.Public().Packet(false), frame(14, r.pub.Body()...)...),
		"compressed in compressed":         packed(packed(onName(nil))),
		"compressed 5 megabytes":           packed(make([]byte, 5<<20)),
		"5,000 bogus signatures by others": append(onName(nil), bytes.Repeat(bogus, 5000)...),
	}
}

// newSignatureBy is a signature packet that says k made it, and does not hold.
func newSignatureBy(k *pgp.PublicKey) []byte {
	area := append([]byte{5, 2, 0x60, 0, 0, 0, 22, 33}, k.Fingerprint().Wire()...)
	body := append([]byte{4, 0x10, 22, 8, 0, byte(len(area))}, area...)
	body = append(body, 0, 0, 0xAB, 0xCD)
	return frame(2, append(body, append(integer(bytes.Repeat([]byte{7}, 32)), integer(bytes.Repeat([]byte{9}, 32))...)...)...)
}

// TestRogueSigns makes sure that a rogue's signatures are taken where they may
// be: what hostileSignatures refuses is not refused for being badly made.
func TestRogueSigns(t *testing.T) {
	now := noon()
	s := newServiceAt(t, func() time.Time { return now })
	r := newRogue(t, s.made())
	a := s.enter(r, 1)
	in := append(append(r.pub.Packet(false), frame(13, []byte(a.cert.UserID())...)...), r.sign(0x13, 8, now, r.coversUID(a.cert.UserID()), 5, 9, 0, 1, 0, 0)...)
	if status, text := s.add(in); status != 200 || !bytes.Contains([]byte(text), []byte("updated")) {
		t.Errorf("a new date of expiry: %d %q", status, text)
	}
	if status, text := s.add(append(r.pub.Packet(false), r.sign(0x20, 8, now, r.coversKey())...)); status != 200 || !bytes.Contains([]byte(text), []byte("updated")) {
		t.Errorf("a revocation: %d %q", status, text)
	}
}

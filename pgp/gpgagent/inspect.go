package gpgagent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/omega-im/omega/pgp"
)

// Packet types (RFC 9580, section 5).
const (
	tagSignature    = 2
	tagPublicKey    = 6
	tagUserID       = 13
	tagPublicSubkey = 14
)

// weakHashes are the hash algorithms by which others could forge a
// self-signature (RFC 9580, section 9.5).
var weakHashes = map[byte]string{1: "MD5", 2: "SHA-1", 3: "RIPEMD-160"}

// maxSignatures limits how many self-signatures are verified.
const maxSignatures = 256

// An exported is what the public export of a key says about its primary key.
type exported struct {
	version byte
	body    []byte // of the Public-Key packet
	good    bool   // a self-signature with a strong hash verifies
	certify bool   // the newest of those does not deny the right to certify
	weak    string // hash of a weak self-signature, or ""
}

// inspect reads the packets of an export up to the first subkey.
func inspect(b []byte, now time.Time) (*exported, error) {
	r := packet.NewOpaqueReader(bytes.NewReader(b))
	var in *inspector
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) || err == nil && p.Tag == tagPublicSubkey {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read exported key: %w: %w", pgp.ErrMalformed, err)
		}
		if in == nil {
			if p.Tag != tagPublicKey || len(p.Contents) < 6 {
				return nil, fmt.Errorf("read exported key: %w: does not begin with a public key", pgp.ErrMalformed)
			}
			in = newInspector(p, now)
			continue
		}
		in.take(p)
	}
	if in == nil {
		return nil, fmt.Errorf("read exported key: %w: nothing was exported", pgp.ErrMalformed)
	}
	return &in.exported, nil
}

type inspector struct {
	exported
	now    time.Time
	key    *packet.PublicKey // nil if the library does not know its kind
	userID string            // the one that signatures now belong to; "" before the first
	left   int               // signatures that may still be verified
	newest time.Time         // of the good self-signatures that have key flags
}

func newInspector(p *packet.OpaquePacket, now time.Time) *inspector {
	in := &inspector{now: now, left: maxSignatures}
	in.certify = true // gpg's own default for a primary key
	in.version, in.body = p.Contents[0], p.Contents
	if parsed, err := p.Parse(); err == nil {
		in.key, _ = parsed.(*packet.PublicKey)
	}
	return in
}

func (in *inspector) take(p *packet.OpaquePacket) {
	switch p.Tag {
	case tagUserID:
		in.userID = string(p.Contents)
	case tagSignature:
		in.takeSignature(p)
	}
}

// takeSignature judges one signature by the primary key over itself.
func (in *inspector) takeSignature(p *packet.OpaquePacket) {
	if in.key == nil || len(p.Contents) < 10 || p.Contents[0] != 4 {
		return
	}
	parsed, err := p.Parse()
	sig, ok := parsed.(*packet.Signature)
	hash, weak := weakHashes[p.Contents[3]]
	switch {
	case err != nil || !ok:
		if weak && in.weak == "" { // MD5, which the library does not read
			in.weak = hash
		}
		return
	case !sig.CheckKeyIdOrFingerprint(in.key) || in.left == 0:
		return
	case weak:
		in.weak = hash
		return
	}
	in.left--
	if !in.verify(sig) || sig.SigExpired(in.now) {
		return
	}
	in.good = true
	if sig.FlagsValid && !sig.CreationTime.Before(in.newest) {
		in.newest, in.certify = sig.CreationTime, sig.FlagCertify
	}
}

// verify checks a direct-key signature or a certification of a User ID.
func (in *inspector) verify(sig *packet.Signature) bool {
	switch sig.SigType {
	case packet.SigTypeDirectSignature:
		return in.key.VerifyDirectKeySignature(sig) == nil
	case packet.SigTypeGenericCert, packet.SigTypePersonaCert, packet.SigTypeCasualCert, packet.SigTypePositiveCert:
		return in.userID != "" && in.key.VerifyUserIdSignature(in.userID, in.key, sig) == nil
	}
	return false
}

// publicKey returns the primary key as package pgp has it.
func (e *exported) publicKey() (*pgp.PublicKey, error) {
	packet := []byte{0xC0 | tagPublicKey, 0xFF, byte(len(e.body) >> 24), byte(len(e.body) >> 16), byte(len(e.body) >> 8), byte(len(e.body))}
	return pgp.ParsePublicKey(append(packet, e.body...))
}

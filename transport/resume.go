package transport

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// resumeLabel starts what the MAC of a Resume covers.
const resumeLabel = "omega-im/resume/v1\n"

// A resume is the frame by which a client goes on with an earlier session
// instead of sending an Auth:
//
//	u16 n | n sealed ticket | 32 client nonce | u8 highest version | u8 lowest version
//	| u8 mode | u8 role | u8 m | m X25519 public key (m is 0 over TLS, otherwise 32) | 32 MAC
//
// MAC is HMAC-SHA256 under the ticket's secret over the label, SHA-256 of the
// ServerHello body, everything before the MAC, and the TLS exporter (32 zeros
// without one). The server's nonce in the hello makes it good for one use.
// (spec/handshake.md, SHAKE-9)
type resume struct {
	ticket      []byte
	clientNonce [32]byte
	maxVersion  uint8
	minVersion  uint8
	mode        Mode
	role        Role
	ephemeral   []byte // nil over TLS
	mac         [32]byte
}

func (r *resume) appendFields(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.ticket)))
	b = append(b, r.ticket...)
	b = append(b, r.clientNonce[:]...)
	b = append(b, r.maxVersion, r.minVersion, byte(r.mode), byte(r.role))
	return appendOptional32(b, r.ephemeral)
}

func (r *resume) bytes() []byte { return append(r.appendFields(nil), r.mac[:]...) }

// sum computes the MAC for one connection.
func (r *resume) sum(secret, helloHash [32]byte, bind *binding) (out [32]byte) {
	h := hmac.New(sha256.New, secret[:])
	b := append([]byte(resumeLabel), helloHash[:]...)
	b = r.appendFields(b)
	h.Write(append(b, bind.exporter[:]...))
	h.Sum(out[:0])
	return out
}

// decodeResume reads a Resume body. It refers to b.
func decodeResume(b []byte) (*resume, error) {
	c := cursor{b: b}
	n := int(c.u16())
	if n > maxSealedTicket {
		return nil, malformed("resume: ticket")
	}
	r := &resume{
		ticket: c.take(n), clientNonce: c.b32(), maxVersion: c.u8(), minVersion: c.u8(),
		mode: Mode(c.u8()), role: Role(c.u8()), ephemeral: c.optional32(), mac: c.b32(),
	}
	if r.minVersion == 0 || r.minVersion > r.maxVersion {
		return nil, malformed("resume: versions")
	}
	return r, c.end("resume")
}

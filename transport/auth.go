package transport

import (
	"crypto/subtle"

	"github.com/omega-im/omega"
)

// maxAuth is more than the longest Auth body: a proof is at most 2 KiB.
const maxAuth = 2<<10 + 2*omega.MaxFingerprintSize

// An auth is the frame by which a client says and proves who it is:
//
//	fp account | fp signing subkey of the device | proof
//
// proof is an OpenPGP message signed by that subkey, whose literal data is an
// OpenPGP message encrypted to the server's encryption subkey, whose literal
// data is a proofText. (pgp.SealProof; spec/handshake.md, SHAKE-4)
type auth struct {
	account omega.Fingerprint
	device  omega.Fingerprint
	proof   []byte
}

func (a *auth) bytes() []byte {
	b := a.account.AppendTo(make([]byte, 0, len(a.proof)+2*omega.MaxFingerprintSize))
	b = a.device.AppendTo(b)
	return append(b, a.proof...)
}

// decodeAuth reads an Auth body. The proof is a copy.
func decodeAuth(b []byte) (*auth, error) {
	if len(b) > maxAuth {
		return nil, malformed("auth: too long")
	}
	c := cursor{b: b}
	a := &auth{account: c.fp(), device: c.fp()}
	a.proof = append([]byte(nil), c.take(len(c.b))...)
	if len(a.proof) == 0 {
		return nil, malformed("auth: no proof")
	}
	return a, c.end("auth")
}

// A proofText is the plaintext of a proof:
//
//	20 magic | 32 server nonce | 32 client nonce | 32 SHA-256 of the ServerHello body
//	| u8 highest version | u8 lowest version | u8 mode | u8 role
//	| fp account | fp signing subkey | fp server
//	| 32 TLS exporter, or the client's X25519 public key
//
// Because the signature is outside, anybody could take it off and sign the
// inner message himself: the names inside are what makes that worthless. The
// hash repeats all that the server offered, so nobody can have changed it.
// (spec/handshake.md, SHAKE-5)
type proofText struct {
	serverNonce [32]byte
	clientNonce [32]byte // secret: everything that both sides derive comes from it
	hello       [32]byte
	maxVersion  uint8
	minVersion  uint8
	mode        Mode
	role        Role
	account     omega.Fingerprint
	device      omega.Fingerprint
	server      omega.Fingerprint
	channel     [32]byte // exporter or ephemeral key
}

func (p *proofText) bytes() []byte {
	b := append(make([]byte, 0, 256), Magic[:]...)
	b = append(b, p.serverNonce[:]...)
	b = append(b, p.clientNonce[:]...)
	b = append(b, p.hello[:]...)
	b = append(b, p.maxVersion, p.minVersion, byte(p.mode), byte(p.role))
	b = p.account.AppendTo(b)
	b = p.device.AppendTo(b)
	b = p.server.AppendTo(b)
	return append(b, p.channel[:]...)
}

func decodeProofText(b []byte) (*proofText, error) {
	c := cursor{b: b}
	magic := c.take(len(Magic))
	if subtle.ConstantTimeCompare(magic, Magic[:]) != 1 {
		return nil, malformed("proof: magic word")
	}
	p := &proofText{
		serverNonce: c.b32(), clientNonce: c.b32(), hello: c.b32(),
		maxVersion: c.u8(), minVersion: c.u8(), mode: Mode(c.u8()), role: Role(c.u8()),
		account: c.fp(), device: c.fp(), server: c.fp(), channel: c.b32(),
	}
	if p.minVersion == 0 || p.minVersion > p.maxVersion {
		return nil, malformed("proof: versions")
	}
	return p, c.end("proof")
}

// matches compares the proof with what the server knows for itself. The
// ephemeral key of ModeTerminated is the one thing that it does not know.
func (p *proofText) matches(s *shake, a *auth) bool {
	return p.serverNonce == s.hello.nonce && p.hello == s.helloHash &&
		p.mode == s.bind.mode && p.role == s.role &&
		p.account == a.account && p.device == a.device && p.server == s.hello.server &&
		(s.bind.mode != ModeExporter || p.channel == s.bind.exporter)
}

package transport

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/omega-im/omega/wire"
)

// A binding is what makes one connection different from every other.
type binding struct {
	mode      Mode
	spki      [32]byte         // SHA-256 of the TLS key's SubjectPublicKeyInfo; zero without TLS
	exporter  [32]byte         // of the TLS session (RFC 9266); zero without TLS
	ephemeral *ecdh.PrivateKey // this side's, for ModeTerminated; nil over TLS
}

// signed appends what a server signs of the connection.
func (b *binding) signed(buf []byte) []byte {
	buf = append(buf, byte(b.mode))
	buf = append(buf, b.spki[:]...)
	return append(buf, b.exporter[:]...)
}

// channel is what the client's proof says of the connection.
func (b *binding) channel() [32]byte {
	if b.mode == ModeTerminated {
		return [32]byte(b.ephemeral.PublicKey().Bytes())
	}
	return b.exporter
}

// tlsBinding binds to a TLS 1.3 session that the key of leaf authenticated.
func tlsBinding(state *tls.ConnectionState, leaf *x509.Certificate) (*binding, error) {
	if state.Version != tls.VersionTLS13 {
		return nil, errors.New("not TLS 1.3")
	}
	exporter, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil, fmt.Errorf("export from TLS: %w", err)
	}
	b := &binding{mode: ModeExporter, spki: sha256.Sum256(leaf.RawSubjectPublicKeyInfo)}
	copy(b.exporter[:], exporter)
	return b, nil
}

// terminatedBinding binds to a fresh X25519 key.
func terminatedBinding(rand io.Reader) (*binding, error) {
	key, err := ecdh.X25519().GenerateKey(rand)
	if err != nil {
		return nil, fmt.Errorf("make ephemeral key: %w", err)
	}
	return &binding{mode: ModeTerminated, ephemeral: key}, nil
}

// shared is the Diffie-Hellman value of both ephemeral keys, or nothing over
// TLS, which has made its own.
func (b *binding) shared(peer []byte) ([]byte, error) {
	if b.mode != ModeTerminated {
		if len(peer) != 0 {
			return nil, errors.New("an ephemeral key where TLS is the binding")
		}
		return nil, nil
	}
	key, err := ecdh.X25519().NewPublicKey(peer)
	if err != nil {
		return nil, fmt.Errorf("the other side's ephemeral key: %w", err)
	}
	return b.ephemeral.ECDH(key)
}

// A transcript is a hash over the bodies of the frames of a handshake in their
// order: ServerHello, Resume or Auth or both, and Cert if there was one. Error
// frames are not in it. (spec/handshake.md, SHAKE-7)
type transcript struct{ h hash.Hash }

func newTranscript() transcript {
	t := transcript{sha256.New()}
	t.h.Write([]byte("omega-im/handshake/v1\n"))
	return t
}

// add appends u8 type | 32 SHA-256 of the body.
func (t transcript) add(typ wire.Type, body []byte) (sum [32]byte) {
	sum = sha256.Sum256(body)
	t.h.Write([]byte{byte(typ)})
	t.h.Write(sum[:])
	return sum
}

// sum is SHA-256 of the hash so far and what the connection is. More may be
// added afterwards.
func (t transcript) sum(b *binding) []byte {
	sum := sha256.Sum256(b.signed(t.h.Sum(nil)))
	return sum[:]
}

// keys are what both sides derive when the handshake is over:
//
//	PRK = HKDF-Extract(salt = transcript, secret = client nonce, or the ticket's secret, | X25519 | )
//	key = HKDF-Expand(PRK, "omega-im/" name "/v1\n", length)
//
// where X25519 stands only in ModeTerminated. (spec/handshake.md, SHAKE-7)
type keys struct {
	welcome  [32]byte // name "welcome-key": of the proof in the Welcome
	resume   [32]byte // name "ticket-secret": of the ticket
	toServer [44]byte // name "client-to-server": AES-256 key | first nonce
	toClient [44]byte // name "server-to-client"
}

func deriveKeys(transcript []byte, secret [32]byte, shared []byte, mode Mode) (*keys, error) {
	prk, err := hkdf.Extract(sha256.New, append(secret[:], shared...), transcript)
	if err != nil {
		return nil, fmt.Errorf("derive keys: %w", err)
	}
	expand := func(out []byte, name string) {
		var k []byte
		if err == nil {
			k, err = hkdf.Expand(sha256.New, prk, "omega-im/"+name+"/v1\n", len(out))
			copy(out, k)
		}
	}
	k := &keys{}
	expand(k.welcome[:], "welcome-key")
	expand(k.resume[:], "ticket-secret")
	if mode == ModeTerminated {
		expand(k.toServer[:], "client-to-server")
		expand(k.toClient[:], "server-to-client")
	}
	if err != nil {
		return nil, fmt.Errorf("derive keys: %w", err)
	}
	return k, nil
}

package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/omega-im/omega/pgp"
)

// linkPrefix starts a link text, so that people and programs see what it is.
const linkPrefix = "omega-link:"

// maxLinkText is more than the longest link text in characters.
const maxLinkText = 2048

var errLinkText = errors.New("not a link text")

// A linkText is what a new device shows to be bound to an account
// (spec/identity.md, IDENT-10). Before base64url:
//
//	u8 version (1) | 16 secret | u16 n | n signing key packet | u16 n | n encryption key packet
//	| u8 n | n device name | u8 n | n server address | 4 checksum (SHA-256 of all before)
type linkText struct {
	Secret     [16]byte
	Signing    []byte // public key packet
	Encryption []byte // public key packet
	Name       string
	Server     string
}

func (l *linkText) String() string {
	b := append([]byte{1}, l.Secret[:]...)
	for _, p := range [][]byte{l.Signing, l.Encryption} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
		b = append(b, p...)
	}
	for _, s := range []string{l.Name, l.Server} {
		b = append(b, byte(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return linkPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:4]...))
}

// parseLinkText reads a link text; white space that copying brought in is
// ignored.
func parseLinkText(s string) (*linkText, error) {
	if len(s) > maxLinkText {
		return nil, fmt.Errorf("%w: %d characters", errLinkText, len(s))
	}
	s = strings.Join(strings.Fields(s), "")
	s, ok := strings.CutPrefix(s, linkPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with %s", errLinkText, linkPrefix)
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 1+16+2+2+1+1+4 || b[0] != 1 {
		return nil, errLinkText
	}
	sum := sha256.Sum256(b[:len(b)-4])
	if string(sum[:4]) != string(b[len(b)-4:]) {
		return nil, fmt.Errorf("%w: a character is missing or wrong", errLinkText)
	}
	l := &linkText{Secret: [16]byte(b[1:17])}
	rest := b[17 : len(b)-4]
	take := func(prefix int) []byte {
		if len(rest) < prefix {
			err = errLinkText
			return nil
		}
		n := int(rest[0])
		if prefix == 2 {
			n = int(binary.BigEndian.Uint16(rest))
		}
		rest = rest[prefix:]
		if len(rest) < n {
			err = errLinkText
			return nil
		}
		out := rest[:n]
		rest = rest[n:]
		return out
	}
	l.Signing, l.Encryption = take(2), take(2)
	l.Name, l.Server = string(take(1)), string(take(1))
	if err != nil || len(rest) != 0 {
		return nil, errLinkText
	}
	return l, nil
}

// handle names the rendezvous of one step (spec/identity.md, IDENT-10).
func (l *linkText) handle(step byte) [16]byte {
	sum := sha256.Sum256(append(append([]byte("omega-im/link/v1\n"), l.Secret[:]...), step))
	return [16]byte(sum[:16])
}

// seal puts a MAC under the link's secret before content, so that the server
// that carries it cannot change it.
func (l *linkText) seal(step byte, content []byte) []byte {
	return append(l.mac(step, content), content...)
}

// open checks and removes the MAC.
func (l *linkText) open(step byte, blob []byte) ([]byte, error) {
	if len(blob) < sha256.Size || !hmac.Equal(blob[:sha256.Size], l.mac(step, blob[sha256.Size:])) {
		return nil, fmt.Errorf("%w: the answer was changed on the way", errLinkText)
	}
	return blob[sha256.Size:], nil
}

func (l *linkText) mac(step byte, content []byte) []byte {
	m := hmac.New(sha256.New, l.Secret[:])
	m.Write([]byte("omega-im/link-mac/v1\n"))
	m.Write([]byte{step})
	m.Write(content)
	return m.Sum(nil)
}

// keys parses the two public keys of the new device.
func (l *linkText) keys() (signing, encryption *pgp.PublicKey, err error) {
	if signing, err = pgp.ParsePublicKey(l.Signing); err != nil {
		return nil, nil, fmt.Errorf("%w: signing key: %w", errLinkText, err)
	}
	if encryption, err = pgp.ParsePublicKey(l.Encryption); err != nil {
		return nil, nil, fmt.Errorf("%w: encryption key: %w", errLinkText, err)
	}
	return signing, encryption, nil
}

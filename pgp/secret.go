package pgp

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
)

// A secret file is a line and then OpenPGP packets. The line is this label, and
// " primary" and " device" as far as they are in the file. A primary is a
// Secret-Key packet; a device is its name in a User ID packet, then the
// Secret-Subkey packets of its signing and its encryption subkey. With a
// passphrase each is protected by AES-256-OCB under a key that Argon2id makes
// of it (RFC 9580, sections 3.7.1.4 and 5.5.3). (spec/identity.md)
const secretLabel = "omega-im/secrets/v1"

const maxSecrets = 4 << 10 // octets of a secret file; three protected keys take 500

// Cost of Argon2id for new files: the second choice of RFC 9106, section 4,
// which a phone and a browser tab can afford. Files may ask for more, up to
// the limits beside it: a hostile file must not take all memory.
const (
	argonPasses  = 3
	argonLanes   = 4
	argonMemory  = 64 << 10 // KiB
	maxArgonPass = 8
	maxArgonLane = 8
	maxArgonMem  = 18 // exponent: 256 MiB
)

// MarshalSecrets writes a secret file. The primary is nil if its secret is
// elsewhere, dev if there is no device. An empty passphrase leaves the keys
// unprotected; then the file's mode is all that guards them. The caller owns
// the result and should not let it linger.
func MarshalSecrets(primary *SecretKey, dev *DeviceSecrets, passphrase []byte) ([]byte, error) {
	return marshalSecrets(primary, dev, passphrase, argonMemory)
}

// marshalSecrets is MarshalSecrets with as much memory for Argon2 as a test
// can spare, in KiB.
func marshalSecrets(primary *SecretKey, dev *DeviceSecrets, passphrase []byte, memory uint32) ([]byte, error) {
	var keys []*SecretKey
	var tags []byte
	if primary != nil {
		keys, tags = append(keys, primary), append(tags, tagSecretKey)
	}
	if dev != nil {
		if err := CheckDeviceName(dev.Name); err != nil {
			return nil, fmt.Errorf("write secrets: %w", err)
		}
		keys, tags = append(keys, dev.Signing, dev.Encryption), append(tags, tagSecretSubkey, tagSecretSubkey)
	}
	packets := make([][]byte, len(keys))
	for i, k := range keys {
		packets[i] = appendPacket(nil, tags[i], k.secretBody())
	}
	if len(passphrase) > 0 {
		var err error
		if packets, err = protect(packets, passphrase, memory); err != nil {
			return nil, fmt.Errorf("write secrets: %w", err)
		}
	}
	b := []byte(secretLine(primary != nil, dev != nil))
	for i, p := range packets {
		if dev != nil && i == len(packets)-2 {
			b = appendPacket(b, tagUserID, []byte(dev.Name))
		}
		b = append(b, p...)
	}
	return b, nil
}

func secretLine(primary, device bool) string {
	line := secretLabel
	if primary {
		line += " primary"
	}
	if device {
		line += " device"
	}
	return line + "\n"
}

// UnmarshalSecrets reads a secret file. What the file does not hold is nil. It
// fails with ErrLocked for a wrong or missing passphrase, and with
// ErrMalformed.
func UnmarshalSecrets(b, passphrase []byte) (primary *SecretKey, dev *DeviceSecrets, err error) {
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	if !bytes.HasPrefix(line, []byte(secretLabel)) || len(b) > maxSecrets {
		return nil, nil, fmt.Errorf("read secrets: %w: not a secret file of version 1", ErrMalformed)
	}
	f, err := splitSecrets(rest)
	if err == nil && string(line)+"\n" != secretLine(f.primary, f.device) {
		err = fmt.Errorf("%w: file was cut", ErrMalformed)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read secrets: %w", err)
	}
	bodies, err := unprotect(f.keys, passphrase)
	if err != nil {
		return nil, nil, fmt.Errorf("read secrets: %w", err)
	}
	keys := make([]*SecretKey, len(bodies))
	for i, body := range bodies {
		if keys[i], err = parseSecretBody(body); err != nil {
			return nil, nil, fmt.Errorf("read secrets: %w", err)
		}
	}
	return f.assign(keys)
}

// secretFile is a secret file taken apart.
type secretFile struct {
	keys    [][]byte // whole packets
	primary bool     // the first key is the primary
	device  bool     // the last two keys are a device's
	name    string
}

// splitSecrets takes the packets apart: [5] [13 7 7].
func splitSecrets(b []byte) (*secretFile, error) {
	f := new(secretFile)
	var tags []byte
	for len(b) > 0 {
		tag, body, rest, err := nextPacket(b)
		if err != nil {
			return nil, err
		}
		if tags = append(tags, tag); tag == tagUserID {
			f.name = string(body)
		} else {
			f.keys = append(f.keys, b[:len(b)-len(rest)])
		}
		b = rest
	}
	switch string(tags) {
	case string([]byte{tagSecretKey}):
		f.primary = true
	case string([]byte{tagUserID, tagSecretSubkey, tagSecretSubkey}):
		f.device = true
	case string([]byte{tagSecretKey, tagUserID, tagSecretSubkey, tagSecretSubkey}):
		f.primary, f.device = true, true
	default:
		return nil, fmt.Errorf("%w: packets of types %v", ErrMalformed, tags)
	}
	if f.device {
		return f, CheckDeviceName(f.name)
	}
	return f, nil
}

// assign says what the keys are for.
func (f *secretFile) assign(keys []*SecretKey) (primary *SecretKey, dev *DeviceSecrets, err error) {
	if f.primary {
		primary, keys = keys[0], keys[1:]
		if primary.ed == nil {
			return nil, nil, fmt.Errorf("read secrets: %w: primary key cannot sign", ErrMalformed)
		}
	}
	if f.device {
		dev = &DeviceSecrets{Signing: keys[0], Encryption: keys[1], Name: f.name}
		if dev.Signing.ed == nil || dev.Encryption.x == nil {
			return nil, nil, fmt.Errorf("read secrets: %w: device keys of the wrong kinds", ErrMalformed)
		}
	}
	return primary, dev, nil
}

// secretBody is the unprotected body of a secret key packet (RFC 9580, section
// 5.5.3): the public body, 0, the secret as an integer, its checksum.
func (k *SecretKey) secretBody() []byte {
	secret := k.scalar()
	mpi := appendMPI(nil, secret)
	var sum uint16
	for _, b := range mpi {
		sum += uint16(b)
	}
	b := append(slices.Clip(k.pub.Body()), 0)
	b = append(b, mpi...)
	return append(b, byte(sum>>8), byte(sum))
}

// scalar is the secret as OpenPGP stores it: the seed of Ed25519, and the
// scalar of Curve25519 from its most significant octet on.
func (k *SecretKey) scalar() []byte {
	if k.ed != nil {
		return k.ed.Seed()
	}
	s := k.x.Bytes()
	slices.Reverse(s)
	return s
}

// parseSecretBody reads what secretBody writes. The public half must belong to
// the secret one.
func parseSecretBody(body []byte) (*SecretKey, error) {
	bad := fmt.Errorf("%w: secret key packet", ErrMalformed)
	n := publicSize(body)
	if n == 0 || len(body) < n+1 || body[n] != 0 {
		return nil, bad
	}
	pub, err := parseKeyBody(bytes.Clone(body[:n]))
	if err != nil {
		return nil, err
	}
	value, rest, err := nextMPI(body[n+1:], 32)
	if err != nil || len(rest) != 2 {
		return nil, bad
	}
	var secret [32]byte
	copy(secret[32-len(value):], value)
	var k *SecretKey
	if pub.alg == EdDSA {
		k, err = newSigning(secret[:], pub.created)
	} else {
		slices.Reverse(secret[:])
		k, err = newEncryption(secret[:], pub.created)
	}
	if err != nil || !bytes.Equal(k.secretBody(), body) {
		return nil, bad
	}
	return k, nil
}

// publicSize is the length of the public body that begins a secret one of our
// two algorithms, or 0.
func publicSize(body []byte) int {
	n := 0
	if len(body) > 5 {
		switch Algorithm(body[5]) {
		case EdDSA:
			n = 6 + len(ed25519Prefix) + 32
		case ECDH:
			n = 6 + len(x25519Prefix) + 32 + len(kdfParams)
		}
	}
	if n > len(body) {
		return 0
	}
	return n
}

// protect encrypts the packets under one passphrase.
func protect(packets [][]byte, passphrase []byte, memory uint32) ([][]byte, error) {
	keys, err := readSecrets(packets)
	if err != nil {
		return nil, err
	}
	err = packet.EncryptPrivateKeys(keys, passphrase, &packet.Config{
		DefaultCipher: packet.CipherAES256,
		AEADConfig:    &packet.AEADConfig{DefaultMode: packet.AEADModeOCB},
		S2KConfig: &s2k.Config{
			S2KMode:      s2k.Argon2S2K,
			Argon2Config: &s2k.Argon2Config{NumberOfPasses: argonPasses, DegreeOfParallelism: argonLanes, Memory: memory},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("protect secret keys: %w", err)
	}
	return writeSecrets(keys)
}

// unprotect returns the unprotected bodies of the packets.
func unprotect(packets [][]byte, passphrase []byte) ([][]byte, error) {
	protected := 0
	for _, p := range packets {
		is, err := isProtected(p)
		if err != nil {
			return nil, err
		}
		if is {
			protected++
		}
	}
	if protected != 0 {
		if protected != len(packets) {
			return nil, fmt.Errorf("%w: only some secret keys are protected", ErrMalformed)
		}
		if len(passphrase) == 0 {
			return nil, ErrLocked
		}
		keys, err := readSecrets(packets)
		if err != nil {
			return nil, err
		}
		if packet.DecryptPrivateKeys(keys, passphrase) != nil {
			return nil, ErrLocked
		}
		if packets, err = writeSecrets(keys); err != nil {
			return nil, err
		}
	}
	bodies := make([][]byte, len(packets))
	for i, p := range packets {
		_, bodies[i], _, _ = nextPacket(p) // they were split or written just now
	}
	return bodies, nil
}

// isProtected reads how a packet is protected and bounds what undoing it may
// cost.
func isProtected(p []byte) (bool, error) {
	_, body, _, err := nextPacket(p)
	if err != nil {
		return false, err
	}
	n := publicSize(body)
	if n == 0 || n >= len(body) {
		return false, fmt.Errorf("%w: secret key packet", ErrMalformed)
	}
	how := body[n:]
	switch {
	case how[0] == 0:
		return false, nil
	case len(how) < 4+16+3 || how[0] != byte(packet.S2KAEAD) || how[1] != cipherAES256 || how[2] != byte(packet.AEADModeOCB) || how[3] != byte(s2k.Argon2S2K):
		return false, fmt.Errorf("%w: secret key is not protected by Argon2 and AES-256-OCB", ErrPolicy)
	case how[20] > maxArgonPass || how[21] > maxArgonLane || how[22] > maxArgonMem:
		return false, fmt.Errorf("%w: secret key asks for too much memory or time", ErrPolicy)
	}
	return true, nil
}

// readSecrets hands packets to the library.
func readSecrets(packets [][]byte) ([]*packet.PrivateKey, error) {
	keys := make([]*packet.PrivateKey, len(packets))
	for i, b := range packets {
		p, err := packet.Read(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%w: secret key packet: %w", ErrMalformed, err)
		}
		k, ok := p.(*packet.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("%w: not a secret key packet", ErrMalformed)
		}
		keys[i] = k
	}
	return keys, nil
}

// writeSecrets takes packets back from the library.
func writeSecrets(keys []*packet.PrivateKey) ([][]byte, error) {
	packets := make([][]byte, len(keys))
	for i, k := range keys {
		var b bytes.Buffer
		if err := k.Serialize(&b); err != nil {
			return nil, fmt.Errorf("write secret key packet: %w", err)
		}
		packets[i] = b.Bytes()
	}
	return packets, nil
}

// String names the device and hides its secrets.
func (d *DeviceSecrets) String() string {
	return fmt.Sprintf("DeviceSecrets(%q, %s)", d.Name, d.Signing)
}

// LogValue keeps the secrets out of logs.
func (d *DeviceSecrets) LogValue() slog.Value { return slog.StringValue(d.String()) }

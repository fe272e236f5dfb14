package pgp

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// Signature subpacket type ids (RFC 9580, section 5.2.3.7).
const (
	subCreation    = 2
	subSigExpires  = 3
	subExportable  = 4
	subTrust       = 5
	subRevocable   = 7
	subKeyExpires  = 9
	subPrefCipher  = 11
	subIssuerID    = 16
	subNotation    = 20
	subPrefHash    = 21
	subPrefPack    = 22
	subServerPrefs = 23
	subPrefServer  = 24
	subPrimaryUID  = 25
	subPolicyURI   = 26
	subKeyFlags    = 27
	subSignersUID  = 28
	subReason      = 29
	subFeatures    = 30
	subTarget      = 31
	subEmbedded    = 32
	subIssuer      = 33

	// For private use (RFC 9580, section 5.2.3.7); other programs skip them. Both stand
	// only where nothing is signed.
	subWords   = 100 // what other devices say of the subkey's device (spec/keys.md, KEYS-35)
	subDormant = 101 // body of a revocation of the subkey that does not count, or not yet
)

// Notations that pair a device's subkeys (spec/identity.md). They are not
// critical: gpg shows and keeps them, and other programs need not know them.
const (
	notationDevice = "device@omega-im.github.io"
	notationKey    = "device-key@omega-im.github.io"

	// notationDeleted in the revocation of a primary key says that the account
	// is deleted: its devices are forgotten (IDENT-13).
	notationDeleted = "deleted@omega-im.github.io"

	// notationBefore in the revocation of a subkey says that it was made before
	// there was a reason: its creation time means nothing (spec/keys.md, KEYS-24).
	notationBefore = "made-before@omega-im.github.io"
)

// Key flags (RFC 9580, section 5.2.3.29).
const (
	flagCertify      = 0x01
	flagSign         = 0x02
	flagEncryptComms = 0x04
	flagEncryptStore = 0x08
	flagAuth         = 0x20
)

// appendSub appends one subpacket that is not critical.
func appendSub(dst []byte, kind byte, body ...byte) []byte {
	dst = appendLength(dst, 1+len(body))
	dst = append(dst, kind)
	return append(dst, body...)
}

// appendSubTime appends the time or number of seconds n.
func appendSubTime(dst []byte, kind byte, n uint32) []byte {
	return appendSub(dst, kind, binary.BigEndian.AppendUint32(nil, n)...)
}

// appendSubNotation appends a notation that people can read.
func appendSubNotation(dst []byte, name, value string) []byte {
	body := []byte{0x80, 0, 0, 0}
	body = binary.BigEndian.AppendUint16(body, uint16(len(name)))
	body = binary.BigEndian.AppendUint16(body, uint16(len(value)))
	body = append(body, name...)
	return appendSub(dst, subNotation, append(body, value...)...)
}

// facts are what the hashed area of a signature says.
type facts struct {
	created    time.Time
	issuer     omega.Fingerprint // zero: not said
	keyExpires uint32            // seconds after the key's creation; 0: never
	flags      byte
	device     string // device name; hasDevice says whether the notation stood there
	hasDevice  bool
	deviceKey  omega.Fingerprint
	embedded   []byte // body of the embedded signature
	reason     byte   // revocation reason; hasReason says whether it stood there
	hasReason  bool
	deleted    bool
	before     bool // a revocation that was made before there was a reason
}

// parseFacts reads a hashed area (RFC 9580, section 5.2.3.7). Subpackets that
// are critical and unknown, and a second one of a kind that we rely on, are
// refused: no two readers may take a signature differently.
func parseFacts(area []byte) (*facts, error) {
	f := new(facts)
	var seen [256]bool
	for len(area) > 0 {
		n, head, err := subLength(area)
		if err != nil || n < 1 || n > len(area)-head {
			return nil, fmt.Errorf("%w: signature subpacket length", ErrMalformed)
		}
		sub := area[head : head+n]
		area = area[head+n:]
		kind, critical := sub[0]&0x7F, sub[0]&0x80 != 0
		if seen[kind] && single(kind) {
			return nil, fmt.Errorf("%w: two signature subpackets of type %d", ErrMalformed, kind)
		}
		seen[kind] = true
		if err := f.take(kind, critical, sub[1:]); err != nil {
			return nil, err
		}
	}
	if !seen[subCreation] {
		return nil, fmt.Errorf("%w: signature without a creation time", ErrMalformed)
	}
	return f, nil
}

func single(kind byte) bool {
	switch kind {
	case subCreation, subSigExpires, subExportable, subKeyExpires, subKeyFlags, subReason, subEmbedded, subIssuer:
		return true
	}
	return false
}

// subLength reads a subpacket length: like a packet's, without partial ones.
func subLength(b []byte) (n, size int, err error) {
	if b[0] >= 192 && b[0] < 255 {
		if len(b) < 2 {
			return 0, 0, ErrMalformed
		}
		return int(b[0]-192)<<8 + int(b[1]) + 192, 2, nil
	}
	return newLength(b)
}

// take records one subpacket.
func (f *facts) take(kind byte, critical bool, b []byte) error {
	switch kind {
	case subCreation, subKeyExpires, subSigExpires:
		if len(b) != 4 {
			return badSubpacket(kind)
		}
		return f.takeTime(kind, binary.BigEndian.Uint32(b))
	case subIssuer:
		if len(b) == 0 {
			return badSubpacket(kind)
		}
		fp, n, err := omega.DecodeFingerprint(b)
		if err != nil || n != len(b) {
			return badSubpacket(kind)
		}
		f.issuer = fp
	case subKeyFlags:
		if len(b) > 0 {
			f.flags = b[0]
		}
	case subEmbedded:
		f.embedded = b
	case subReason:
		if len(b) == 0 {
			return badSubpacket(kind)
		}
		f.reason, f.hasReason = b[0], true
	case subExportable:
		if len(b) != 1 || b[0] != 1 {
			return fmt.Errorf("%w: signature is marked as local", ErrPolicy)
		}
	case subNotation:
		return f.takeNotation(critical, b)
	case subTrust, subRevocable, subPrefCipher, subIssuerID, subPrefHash, subPrefPack, subServerPrefs, subPrefServer,
		subPrimaryUID, subPolicyURI, subSignersUID, subFeatures, subTarget:
		// Known, and nothing that we act on.
	default:
		if critical {
			return fmt.Errorf("%w: unknown critical signature subpacket of type %d", ErrPolicy, kind)
		}
	}
	return nil
}

func badSubpacket(kind byte) error {
	return fmt.Errorf("%w: signature subpacket of type %d", ErrMalformed, kind)
}

func (f *facts) takeTime(kind byte, n uint32) error {
	switch {
	case kind == subCreation:
		f.created = time.Unix(int64(n), 0).UTC()
	case kind == subKeyExpires:
		f.keyExpires = n
	case n != 0:
		// What a certificate holds would change with the clock of its reader.
		return fmt.Errorf("%w: signature with an expiration time of its own", ErrPolicy)
	}
	return nil
}

// takeNotation records our notations (RFC 9580, section 5.2.3.24).
func (f *facts) takeNotation(critical bool, b []byte) error {
	if len(b) < 8 {
		return fmt.Errorf("%w: notation is cut short", ErrMalformed)
	}
	n, m := int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
	if len(b) != 8+n+m {
		return fmt.Errorf("%w: notation lengths", ErrMalformed)
	}
	name, value := string(b[8:8+n]), string(b[8+n:])
	switch {
	case name == notationDevice && !f.hasDevice:
		if err := CheckDeviceName(value); err != nil {
			return err
		}
		f.device, f.hasDevice = value, true
	case name == notationKey && f.deviceKey.IsZero():
		fp, err := omega.ParseFingerprint(value)
		if err != nil || fp.String() != value {
			return fmt.Errorf("%w: notation %s is no fingerprint", ErrMalformed, notationKey)
		}
		f.deviceKey = fp
	case name == notationDeleted && !f.deleted:
		f.deleted = true
	case name == notationBefore && !f.before:
		f.before = true
	case name == notationDevice, name == notationKey, name == notationDeleted, name == notationBefore:
		return fmt.Errorf("%w: two notations %s", ErrMalformed, name)
	case critical:
		return fmt.Errorf("%w: unknown critical notation", ErrPolicy)
	}
	return nil
}

package wire

import "encoding/binary"

// MaxKeyHost is the longest name of a public key server in octets.
const MaxKeyHost = 253

// A PublicKey is what a public key server answered. (spec/keys.md, KEYS-16)
//
//	u8 n | n host | u16 m | m key
type PublicKey struct {
	Host string // host[:port] of the server that had it
	Key  []byte // packets that pgp.ReadStranger reads; at most 64 KiB less one octet
}

// AppendPublicKey appends the answer to TypePublic. A longer host is cut.
func AppendPublicKey(b []byte, k *PublicKey) []byte {
	host := k.Host[:min(len(k.Host), MaxKeyHost)]
	b = append(append(b, byte(len(host))), host...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(k.Key)))
	return append(b, k.Key...)
}

// DecodePublicKey reads what AppendPublicKey wrote. The key lies in b.
func DecodePublicKey(b []byte) (*PublicKey, error) {
	r := reader{b: b}
	n := int(r.u8())
	if n == 0 || n > MaxKeyHost {
		return nil, malformed("public key: host of %d octets", n)
	}
	k := &PublicKey{Host: string(r.take(n))}
	k.Key = r.take(int(r.u16()))
	for _, c := range []byte(k.Host) {
		if c <= ' ' || c >= 0x7f {
			return nil, malformed("public key: host %q", k.Host)
		}
	}
	return k, r.end("public key")
}

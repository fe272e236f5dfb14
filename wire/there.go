package wire

import "github.com/omega-im/omega"

// AppendThere appends the answer to TypeWhere: the proxy that a user is on, zero
// for none. (spec/directory.md, DIR-8)
//
//	u8 n, 0 or 1 | n × fp proxy
func AppendThere(b []byte, proxy omega.Fingerprint) []byte {
	if proxy.IsZero() {
		return append(b, 0)
	}
	return proxy.AppendTo(append(b, 1))
}

// DecodeThere reads what AppendThere wrote.
func DecodeThere(b []byte) (proxy omega.Fingerprint, err error) {
	r := reader{b: b}
	switch n := r.u8(); n {
	case 0:
	case 1:
		proxy = r.fp()
	default:
		return proxy, malformed("answer to where: %d proxies", n)
	}
	return proxy, r.end("answer to where")
}

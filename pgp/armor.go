package pgp

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// Armor returns b as text of the given kind, such as "PGP SIGNATURE" or "PGP
// MESSAGE" (RFC 9580, section 6.2). It ends with a line feed.
func Armor(kind string, b []byte) string {
	var text strings.Builder
	w, err := armor.Encode(&text, kind, nil)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil { // a strings.Builder does not fail
		return ""
	}
	return text.String() + "\n"
}

// dearmor returns b itself if it is binary, or what its armor holds, in either
// case at most max octets.
func dearmor(b []byte, max int) ([]byte, error) {
	if len(b) > 2*max {
		return nil, fmt.Errorf("%w: %d octets", ErrMalformed, len(b))
	}
	if len(b) > 0 && b[0]&0x80 == 0 {
		block, err := armor.Decode(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%w: neither binary nor armored: %w", ErrMalformed, err)
		}
		if b, err = io.ReadAll(block.Body); err != nil {
			return nil, fmt.Errorf("%w: armor: %w", ErrMalformed, err)
		}
	}
	if len(b) > max {
		return nil, fmt.Errorf("%w: %d octets", ErrMalformed, len(b))
	}
	return b, nil
}

package gpgagent

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A listed is one key of gpg's --with-colons listing (doc/DETAILS in GnuPG,
// "Format of the colon listings").
type listed struct {
	validity    string
	bits        int
	algorithm   int // OpenPGP public-key algorithm id
	curve       string
	expires     time.Time // zero: never
	can         string    // capabilities; lower-case letters are the primary key's own, D is disabled
	fingerprint string    // upper-case hexadecimal digits
	keygrip     string
	userID      string // first one, which gpg calls the primary one
}

// Fields of a record, numbered from 0.
const (
	fieldType     = 0
	fieldValidity = 1
	fieldBits     = 2
	fieldAlgo     = 3
	fieldExpires  = 6
	fieldName     = 9 // User ID, fingerprint or keygrip
	fieldCan      = 11
	fieldCurve    = 16
)

// parseListing reads the primary keys of a listing. Records that it does not
// know are skipped, as DETAILS asks.
func parseListing(b []byte) ([]listed, error) {
	var keys []listed
	primary := false // whether the next fpr and grp belong to a primary key
	for line := range bytes.Lines(b) {
		f := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
		switch field(f, fieldType) {
		case "pub", "sec":
			k, err := parsePub(f)
			if err != nil {
				return nil, err
			}
			keys, primary = append(keys, k), true
		case "sub", "ssb":
			primary = false
		}
		if len(keys) > 0 {
			keys[len(keys)-1].take(f, primary)
		}
	}
	for _, k := range keys {
		if err := k.check(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// take adds what a record that follows pub or sub says.
func (k *listed) take(f []string, primary bool) {
	name := field(f, fieldName)
	switch field(f, fieldType) {
	case "fpr":
		if primary && k.fingerprint == "" {
			k.fingerprint = name
		}
	case "grp":
		if primary && k.keygrip == "" {
			k.keygrip = name
		}
	case "uid":
		if k.userID == "" {
			k.userID = unescapeField(name)
		}
	}
}

// check refuses what must not go into a command line.
func (k *listed) check() error {
	for _, s := range []string{k.fingerprint, k.keygrip} {
		if len(s) < 32 || len(s) > 64 || strings.Trim(s, "0123456789ABCDEF") != "" {
			return fmt.Errorf("read key listing: %q is no fingerprint or keygrip", clip(s, 80))
		}
	}
	return nil
}

func parsePub(f []string) (listed, error) {
	k := listed{validity: field(f, fieldValidity), can: field(f, fieldCan), curve: field(f, fieldCurve)}
	var err error
	if k.bits, err = number(field(f, fieldBits)); err != nil {
		return k, fmt.Errorf("read key listing: size: %w", err)
	}
	if k.algorithm, err = number(field(f, fieldAlgo)); err != nil {
		return k, fmt.Errorf("read key listing: algorithm: %w", err)
	}
	expires, err := number(field(f, fieldExpires))
	if err != nil {
		return k, fmt.Errorf("read key listing: expiry: %w", err)
	}
	if expires != 0 {
		k.expires = time.Unix(int64(expires), 0).UTC()
	}
	return k, nil
}

func field(f []string, i int) string {
	if i >= len(f) {
		return ""
	}
	return f[i]
}

// number reads digits; no digits are 0.
func number(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err
}

// unescapeField decodes the \xXX of a field. What is no UTF-8 is replaced.
func unescapeField(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], `\x`) && i+4 <= len(s) {
			if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), string(utf8.RuneError))
}

// kind names the algorithm as people know it.
func (k *listed) kind() string {
	switch k.algorithm {
	case 1, 2, 3:
		return fmt.Sprintf("RSA %d bits", k.bits)
	case 16, 20:
		return fmt.Sprintf("ElGamal %d bits", k.bits)
	case 17:
		return fmt.Sprintf("DSA %d bits", k.bits)
	}
	switch k.curve {
	case "ed25519":
		return "Ed25519"
	case "":
		return fmt.Sprintf("of algorithm %d", k.algorithm)
	}
	return "ECC " + clip(k.curve, 40)
}

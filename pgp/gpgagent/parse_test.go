package gpgagent

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/pgp"
)

func TestSignatureMPIs(t *testing.T) {
	r32 := strings.Repeat("\x01", 32)
	for _, row := range []struct {
		name string
		alg  pgp.Algorithm
		sexp string
		want string
	}{
		{"eddsa", pgp.EdDSA, "(7:sig-val(5:eddsa(1:r32:" + r32 + ")(1:s1:\xff)))", "\x00\xf9" + r32 + "\x00\x08\xff"},
		{"leading zeros", pgp.ECDSA, "(7:sig-val(5:ecdsa(1:r3:\x00\x80\x00)(1:s2:\x00\x01)))", "\x00\x10\x80\x00\x00\x01\x01"},
		{"rsa", pgp.RSA, "(7:sig-val(3:rsa(1:s2:\x7f\x00))(4:hash6:sha256))", "\x00\x0f\x7f\x00"},
		{"any order", pgp.ECDSA, "(7:sig-val(5:ecdsa(1:s1:\x02)(1:r1:\x01)))", "\x00\x01\x01\x00\x02\x02"},
		{"other algorithm", pgp.RSA, "(7:sig-val(5:eddsa(1:r1:a)(1:s1:b)))", ""},
		{"no form", pgp.ECDH, "(7:sig-val(3:rsa(1:s1:a)))", ""},
		{"no s", pgp.EdDSA, "(7:sig-val(5:eddsa(1:r1:a)))", ""},
		{"zero", pgp.RSA, "(7:sig-val(3:rsa(1:s1:\x00)))", ""},
		{"too long", pgp.RSA, "(7:sig-val(3:rsa(1:s2049:" + strings.Repeat("x", 2049) + ")))", ""},
		{"list for integer", pgp.RSA, "(7:sig-val(3:rsa(1:s(1:a))))", ""},
		{"not sig-val", pgp.RSA, "(7:enc-val(3:rsa(1:s1:a)))", ""},
		{"empty list", pgp.RSA, "()", ""},
		{"only the name", pgp.RSA, "(7:sig-val)", ""},
		{"atom", pgp.RSA, "1:a", ""},
		{"nothing", pgp.RSA, "", ""},
	} {
		got, err := signatureMPIs(row.alg, []byte(row.sexp))
		if string(got) != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%s: %x, %v, want %x", row.name, got, err, row.want)
		}
	}
}

func TestParseSexp(t *testing.T) {
	for _, bad := range []string{
		"", "a", "(", ")", "(1:a", "(1:a))", "(1:a)x", "(2:a)", "(01:a)", "(:a)", "(-1:a)", "(1a)", "(99999999999:a)", "(1", "(1:",
		strings.Repeat("(", 9) + strings.Repeat(")", 9), "(" + strings.Repeat("0:", 64) + ")",
	} {
		if _, err := parseSexp([]byte(bad)); !errors.Is(err, errSexp) {
			t.Errorf("%.30q: %v, want %v", bad, err, errSexp)
		}
	}
}

// write is the inverse of parseSexp.
func (n node) write(b *bytes.Buffer) {
	if n.list == nil {
		b.WriteString(itoa(len(n.atom)) + ":")
		b.Write(n.atom)
		return
	}
	b.WriteByte('(')
	for _, c := range n.list {
		c.write(b)
	}
	b.WriteByte(')')
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func FuzzSexp(f *testing.F) {
	f.Add([]byte("(7:sig-val(5:eddsa(1:r2:ab)(1:s0:)))"))
	f.Add([]byte("(((()))"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parseSexp(b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if n.write(&again); !bytes.Equal(again.Bytes(), b) {
			t.Errorf("%q came back as %q", b, again.Bytes())
		}
		for alg := range signatureForms {
			signatureMPIs(alg, b)
		}
	})
}

const listing = `tru:t:0:0:0:0:0:0
pub:e:255:22:CD81D0EFA5B9C7AA:1795354347:1795354400::-:::scESC:::+::ed25519:::0:
fpr:::::::::28C86E940BA5529F72F6EF6BCD81D0EFA5B9C7AA:
grp:::::::::5833A4A320FACF4C2EB42E2499E330059A9E83E8:
uid:-::::1795354347::230162C5BA27CB835FEFA182F7362D77F77BB1A7::T\x3aest \xff<t@example.org>::::::::::0:
uid:-::::1795354347::230162C5BA27CB835FEFA182F7362D77F77BB1A7::Other::::::::::0:
sub:-:255:18:D65E6F551B6D6360:1795355357::::::e:::::cv25519::
fpr:::::::::17CCBD3078F49C643342151BD65E6F551B6D6360:
grp:::::::::1111111111111111111111111111111111111111:
new:record:of:a:later:gpg
`

func TestParseListing(t *testing.T) {
	keys, err := parseListing([]byte(listing))
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	want := listed{
		validity: "e", bits: 255, algorithm: 22, curve: "ed25519", can: "scESC",
		expires:     time.Unix(1795354400, 0).UTC(),
		fingerprint: "28C86E940BA5529F72F6EF6BCD81D0EFA5B9C7AA",
		keygrip:     "5833A4A320FACF4C2EB42E2499E330059A9E83E8",
		userID:      "T:est \uFFFD<t@example.org>",
	}
	if keys[0] != want {
		t.Errorf("%+v, want %+v", keys[0], want)
	}
	for _, bad := range []string{
		"pub:-:x:22\n", "pub:-:255:y\n", "pub:-:255:22:::z\n",
		"pub:-:255:22\n",
		"pub:-:255:22\nfpr:::::::::28C86E940BA5529F72F6EF6BCD81D0EFA5B9C7AA:\ngrp:::::::::--output:\n",
	} {
		if _, err := parseListing([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte(listing))
	f.Add([]byte("pub\nuid:::::::::\\x4"))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseListing(b)
		for _, k := range keys {
			if err == nil && strings.HasPrefix(k.fingerprint, "-") {
				t.Errorf("fingerprint %q", k.fingerprint)
			}
			k.kind()
		}
	})
}

func FuzzInspect(f *testing.F) {
	f.Add([]byte("\xc6\x06\x04\x00\x00\x00\x00\x01\xcd\x01a\xc2\x0a\x04\x13\x01\x02\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		exp, err := inspect(b, time.Unix(1795354400, 0))
		if err != nil {
			return
		}
		if pub, err := exp.publicKey(); err != nil && exp.good && !errors.Is(err, pgp.ErrPolicy) {
			t.Errorf("%v for a key with a good signature: %v", pub, err)
		}
	})
}

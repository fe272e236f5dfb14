package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func sameSecret(a, b *SecretKey) bool {
	if a == nil || b == nil {
		return a == b
	}
	return bytes.Equal(a.secretBody(), b.secretBody())
}

func TestSecrets(t *testing.T) {
	primary, dev := testKey(t, 1), testDevice(t, 2, "laptop ω")
	tests := []struct {
		name    string
		primary *SecretKey
		dev     *DeviceSecrets
		pass    string
	}{
		{"open", primary, dev, ""},
		{"open, primary elsewhere", nil, dev, ""},
		{"open, primary alone", primary, nil, ""},
		{"protected", primary, dev, "correct horse"},
	}
	for _, tt := range tests {
		b, err := MarshalSecrets(tt.primary, tt.dev, []byte(tt.pass))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		p, d, err := UnmarshalSecrets(b, []byte(tt.pass))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !sameSecret(p, tt.primary) || (d == nil) != (tt.dev == nil) {
			t.Errorf("%s: other keys came back", tt.name)
		}
		if d != nil && (!sameSecret(d.Signing, dev.Signing) || !sameSecret(d.Encryption, dev.Encryption) || d.Name != dev.Name) {
			t.Errorf("%s: another device came back", tt.name)
		}
		if tt.pass == "" {
			continue
		}
		if bytes.Contains(b, dev.Signing.ed.Seed()) || bytes.Contains(b, primary.ed.Seed()) {
			t.Errorf("%s: a secret stands in the file", tt.name)
		}
	}
}

// protectedFile is a device under the passphrase "pass". Argon2 is slow, so it
// is made once.
var protectedOnce = sync.OnceValues(func() ([]byte, error) {
	d, err := GenerateDevice(seeded(2), "laptop", testTime)
	if err != nil {
		return nil, err
	}
	return marshalSecrets(nil, d, []byte("pass"), 1<<10)
})

func protectedFile(tb testing.TB) []byte {
	tb.Helper()
	b, err := protectedOnce()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestWrongPassphrase(t *testing.T) {
	b := protectedFile(t)
	for _, pass := range []string{"", "pass "} {
		if _, _, err := UnmarshalSecrets(b, []byte(pass)); !errors.Is(err, ErrLocked) {
			t.Errorf("passphrase %q: %v, want %v", pass, err, ErrLocked)
		}
	}
}

func TestFlippedSecrets(t *testing.T) {
	b, err := MarshalSecrets(testKey(t, 1), testDevice(t, 2, "laptop"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		if _, _, err := UnmarshalSecrets(b[:i], nil); err == nil && i < len(b) {
			t.Errorf("read when cut to %d octets", i)
		}
		changed := bytes.Clone(b)
		changed[i] ^= 1 << (i % 8)
		p, d, err := UnmarshalSecrets(changed, nil)
		if err != nil {
			continue
		}
		// Name and creation times are no secrets: the certificate guards them.
		want := testDevice(t, 2, "laptop")
		if !bytes.Equal(p.ed, testKey(t, 1).ed) || !bytes.Equal(d.Signing.ed, want.Signing.ed) || !d.Encryption.x.Equal(want.Encryption.x) {
			t.Errorf("octet %d: another secret", i)
		}
	}
}

func TestHostileSecrets(t *testing.T) {
	dev := testDevice(t, 2, "laptop")
	b := protectedFile(t)
	at := bytes.Index(b, dev.Signing.pub.body) + len(dev.Signing.pub.body) // S2K usage of the first key
	change := func(i int, v byte) []byte {
		c := bytes.Clone(b)
		c[at+i] = v
		return c
	}
	plain, err := MarshalSecrets(nil, dev, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := packets(t, plain[len(secretLine(false, true)):])
	prot := packets(t, b[len(secretLine(false, true)):])
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"Argon2 with 2 TiB", change(22, 31), ErrPolicy},
		{"Argon2 with 255 passes", change(20, 255), ErrPolicy},
		{"Argon2 with 255 lanes", change(21, 255), ErrPolicy},
		{"salted only", change(3, 1), ErrPolicy},
		{"SHA-1 checksum", change(0, 254), ErrPolicy},
		{"another cipher", change(1, 7), ErrPolicy},
		{"protected in part", join([]byte(secretLine(false, true)), list[0], prot[1], list[2]), ErrMalformed},
		{"no label", b[1:], ErrMalformed},
		{"another version", bytes.Replace(b, []byte("v1"), []byte("v2"), 1), ErrMalformed},
		{"nothing in it", []byte(secretLine(false, false)), ErrMalformed},
		{"not what the line says", join([]byte(secretLine(true, true)), join(list...)), ErrMalformed},
		{"name missing", join([]byte(secretLine(false, true)), list[1], list[2]), ErrMalformed},
		{"keys swapped", join([]byte(secretLine(false, true)), list[0], list[2], list[1]), ErrMalformed},
		{"bad name", join([]byte(secretLine(false, true)), appendPacket(nil, tagUserID, []byte("a\nb")), list[1], list[2]), ErrPolicy},
		{"over the size", join(b, make([]byte, maxSecrets)), ErrMalformed},
	}
	for _, tt := range tests {
		if _, _, err := UnmarshalSecrets(tt.b, []byte("pass")); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := MarshalSecrets(nil, &DeviceSecrets{Signing: dev.Signing, Encryption: dev.Encryption}, nil); !errors.Is(err, ErrPolicy) {
		t.Errorf("device without a name: %v, want %v", err, ErrPolicy)
	}
}

func TestSecretsHideThemselves(t *testing.T) {
	k, d := testKey(t, 1), testDevice(t, 2, "laptop")
	seed, scalar := k.ed.Seed(), d.Encryption.x.Bytes()
	var out strings.Builder
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		for _, v := range []any{k, *k, d, *d, d.Encryption, *d.Encryption, []any{k, d}} {
			fmt.Fprintf(&out, format+"\n", v)
		}
	}
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("keys", "k", k, "device", d, "value", *k, "struct", *d)
	for _, secret := range [][]byte{seed, scalar} {
		for _, format := range []string{"%s", "%x", "%X", "%d", "%q"} {
			if strings.Contains(out.String(), strings.Trim(fmt.Sprintf(format, secret[:6]), "[]\"")) {
				t.Errorf("a secret is printed with %s", format)
			}
		}
	}
	if !strings.Contains(out.String(), k.Public().Fingerprint().String()) {
		t.Error("nothing names the key")
	}
}

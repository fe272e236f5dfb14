package pgp

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/golden.txt anew")

// TestGolden keeps the formats: whoever changes one sees it here. The secrets
// are those of seeded, so every octet is known.
func TestGolden(t *testing.T) {
	ctx := t.Context()
	a := newAccount(t, 1, 2)
	s, e := a.devices[0].Signing, a.devices[1].Encryption
	text := []byte("omega-im/test/v1\nhello\n")
	sig, err := SignCompact(ctx, s, text, testTime)
	if err != nil {
		t.Fatal(err)
	}
	wrap, err := SealSessionKey(seeded(3), e.Public(), testSessionKey)
	if err != nil {
		t.Fatal(err)
	}
	record, err := SealRecord(ctx, seeded(4), s, []*PublicKey{e.Public()}, testSessionKey, text, testTime)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := SealProof(ctx, seeded(5), s, e.Public(), text, testTime)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := MarshalSecrets(a.primary.(*SecretKey), a.devices[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := e.SharedSecret(ctx, a.devices[0].Encryption.Public())
	if err != nil {
		t.Fatal(err)
	}
	hash, list := a.cert.Hash(), a.cert.DeviceListHash(testTime)
	var got bytes.Buffer
	for _, line := range []struct {
		name  string
		value []byte
	}{
		{"certificate", a.cert.Bytes()},
		{"certificate-hash", hash[:]},
		{"device-list-hash", list[:]},
		{"signed-data", text},
		{"compact-signature", sig[:]},
		{"detached-signature", DetachedSignature(s.Public(), text, testTime, sig)},
		{"session-key", testSessionKey},
		{"wrapped-session-key", wrap},
		{"record", record},
		{"proof", proof},
		{"secrets", secrets},
		{"shared-secret", shared},
	} {
		fmt.Fprintf(&got, "%s %s\n", line.name, hex.EncodeToString(line.value))
	}
	const path = "testdata/golden.txt"
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("formats changed:\n%s", got.String())
	}
}

// adoptedFiles are certificates under keys of every adoptable kind, with one
// device. Their keys cannot be made again from a seed.
func adoptedFiles(tb testing.TB) map[string][]byte {
	tb.Helper()
	files := make(map[string][]byte)
	for _, kind := range adoptable {
		path := filepath.Join("testdata", kind.name+".pgp")
		if *update {
			b := adopt(tb, newLibSigner(tb, kind.name), 10, 1).cert.Bytes()
			if err := os.WriteFile(path, b, 0o644); err != nil {
				tb.Fatal(err)
			}
		}
		b, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		files[kind.name] = b
	}
	return files
}

func TestGoldenCertificates(t *testing.T) {
	for name, b := range adoptedFiles(t) {
		c, err := ParseCertificate(b, testTime)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(c.Bytes(), b) || len(c.Active(testTime)) != 1 {
			t.Errorf("%s: reads as another certificate with %d devices", name, len(c.Active(testTime)))
		}
	}
}

package pgp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/omega-im/omega/spec"
)

// TestTombstoneVectors reads spec/vectors/identity.json: an account, and what is
// left of it when it is deleted (IDENT-13). Every octet is determined.
func TestTombstoneVectors(t *testing.T) {
	a := newAccount(t, 1, 2)
	later := testTime.Add(time.Hour)
	made, err := Delete(t.Context(), a.primary, a.cert, later)
	if err != nil {
		t.Fatal(err)
	}
	const file = "vectors/identity.json"
	got := map[string]string{
		"certificate": hex.EncodeToString(a.cert.Bytes()), "tombstone": hex.EncodeToString(made.Bytes()),
		"fingerprint": a.cert.Fingerprint().String(), "deleted at": later.Format(time.RFC3339),
	}
	for _, name := range []string{"certificate", "tombstone"} { // KEYS-6, which keyserver/hkp makes of it: version, kind, length
		got["full view of the "+name] = fmt.Sprintf("0101%08x", len(got[name])/2) + got[name]
	}
	if *update {
		b, _ := json.MarshalIndent(got, "", "  ")
		if err := os.WriteFile("../spec/"+file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := spec.Vectors.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is\n%s, want\n%s", name, got[name], want[name])
		}
	}
	read := func(name string) *Certificate {
		octets, err := hex.DecodeString(want[name])
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCertificate(octets, later)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return c
	}
	live, tomb := read("certificate"), read("tombstone")
	if live.Deleted() || len(live.Devices()) != 2 || !tomb.Deleted() || len(tomb.Devices()) != 0 || live.Fingerprint() != tomb.Fingerprint() {
		t.Errorf("read as deleted %v and %v, with %d and %d devices", live.Deleted(), tomb.Deleted(), len(live.Devices()), len(tomb.Devices()))
	}
	both, err := Merge(live, tomb, later)
	if err != nil || !bytes.Equal(both.Bytes(), tomb.Bytes()) {
		t.Errorf("merged they are not the tombstone: %v", err)
	}
}

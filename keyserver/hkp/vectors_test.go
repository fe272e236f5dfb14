package hkp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/spec"
	"github.com/omega-im/omega/wire"
)

// TestFullViewOfVectors makes the full view (KEYS-6) of the certificates in
// spec/vectors/identity.json, octet by octet.
func TestFullViewOfVectors(t *testing.T) {
	b, err := spec.Vectors.ReadFile("vectors/identity.json")
	if err != nil {
		t.Fatal(err)
	}
	var in map[string]string
	if err := json.Unmarshal(b, &in); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, in["deleted at"])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"certificate", "tombstone"} {
		cert, err := hex.DecodeString(in[name])
		if err != nil {
			t.Fatal(err)
		}
		e, err := keyserver.ParseEntry(wire.Entry{Certificate: cert}, at)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		view, err := hex.DecodeString(in["full view of the "+name])
		if err != nil || len(view) == 0 || !bytes.Equal(accountOctets(e), view) {
			t.Errorf("the full view of the %s is\n%x, want\n%x", name, accountOctets(e), view)
		}
	}
}

package cloud

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/spec"
	"github.com/omega-im/omega/wire"
)

var update = flag.Bool("update", false, "write spec/vectors/packet-mac.json anew")

// A macVector is one packet and its MAC, in hexadecimal. (spec/cloud.md,
// CLOUD-25)
type macVector struct {
	Shared  string     `json:"shared"` // X25519 of both encryption subkeys
	Source  string     `json:"source"`
	To      string     `json:"to"`
	ID      string     `json:"id"`
	Class   wire.Class `json:"class"`
	Payload string     `json:"payload"`
	MAC     string     `json:"mac"`
}

func (v *macVector) sum(t *testing.T) string {
	t.Helper()
	bytes := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	fp := func(s string) omega.Fingerprint {
		f, err := omega.ParseFingerprint(s)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	k, err := newPacketKey(bytes(v.Shared), fp(v.Source), fp(v.To))
	if err != nil {
		t.Fatal(err)
	}
	sum := k.sum(fp(v.Source), fp(v.To), omega.ID(bytes(v.ID)), v.Class, bytes(v.Payload))
	return hex.EncodeToString(sum[:])
}

func TestPacketMACVectors(t *testing.T) {
	const file = "vectors/packet-mac.json"
	a, b := strings.Repeat("11", 20), strings.Repeat("22", 32)
	vectors := []macVector{
		{Shared: strings.Repeat("0f", 32), Source: a, To: b, ID: strings.Repeat("ab", 16), Class: wire.ClassText, Payload: hex.EncodeToString([]byte("payload"))},
		{Shared: strings.Repeat("0f", 32), Source: b, To: a, ID: strings.Repeat("ab", 16), Class: wire.ClassText, Payload: hex.EncodeToString([]byte("payload"))},
		{Shared: strings.Repeat("f0", 32), Source: a, To: b, ID: strings.Repeat("00", 16), Class: wire.ClassBulk},
	}
	if *update {
		for i := range vectors {
			vectors[i].MAC = vectors[i].sum(t)
		}
		out, err := json.MarshalIndent(vectors, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../spec/"+file, append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := spec.Vectors.ReadFile(file)
	if *update {
		raw, err = os.ReadFile("../spec/" + file)
	}
	if err != nil {
		t.Fatal(err)
	}
	var want []macVector
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for i, v := range want {
		if got := v.sum(t); got != v.MAC {
			t.Errorf("vector %d: %s, want %s", i, got, v.MAC)
		}
	}
	if len(want) != len(vectors) {
		t.Errorf("%d vectors, want %d", len(want), len(vectors))
	}
}

// Both ends derive the same key, and another one for each direction.
func TestPacketKeysAgree(t *testing.T) {
	w := newWorkbench(t)
	known := newCerts(identity(t, "B").Certificate, w.cfg.Clock)
	if _, err := known.learn(identity(t, "A").Certificate); err != nil {
		t.Fatal(err)
	}
	other := newSeals(identity(t, "B"), known)
	msg, id := []byte("x"), omega.ID{1}
	here, there := w.seals.with(account(t, "B")), other.with(account(t, "A"))
	out := here.out.sum(account(t, "A"), account(t, "B"), id, 0, msg)
	if in := there.in[0].sum(account(t, "A"), account(t, "B"), id, 0, msg); in != out {
		t.Error("the two ends have different keys")
	}
	if back := here.in[0].sum(account(t, "A"), account(t, "B"), id, 0, msg); back == out {
		t.Error("both directions have one key")
	}
	w.seals.keep(func(omega.Fingerprint) bool { return false })
	if len(w.seals.m) != 0 {
		t.Error("keys of forgotten servers stay")
	}
	if w.seals.with(account(t, "nobody known")) != nil {
		t.Error("a key with a stranger")
	}
}

package keyserver

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/spec"
)

var update = flag.Bool("update", false, "write spec/vectors/keys.json anew")

// A keysVector is spec/vectors/keys.json: two entries, what they contribute to a
// comparison (KEYS-9), and bodies that speak of them (KEYS-8, KEYS-9).
type keysVector struct {
	Entries []vectorEntry     `json:"entries"`
	Bodies  map[string]string `json:"bodies"`
}

type vectorEntry struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Sequence    uint64            `json:"sequence"`
	Hash        string            `json:"hash"`
	Leaf        Leaf              `json:"leaf"`
	Mark        string            `json:"mark"`
}

func TestKeysVectors(t *testing.T) {
	var list []Summary
	var leaves []Leaf
	got := keysVector{}
	for i, text := range []string{"0102030405060708090A0B0C0D0E0F1011121314", "FFFE030405060708090A0B0C0D0E0F1011121314"} {
		fp, err := omega.ParseFingerprint(text)
		if err != nil {
			t.Fatal(err)
		}
		s := Summary{Fingerprint: fp, Sequence: uint64(i) * 0x0102030405060708}
		for j := range s.Hash {
			s.Hash[j] = byte(i<<7 + j)
		}
		list, leaves = append(list, s), append(leaves, LeafOf(fp))
		got.Entries = append(got.Entries, vectorEntry{fp, s.Sequence, hex.EncodeToString(s.Hash[:]), LeafOf(fp), fmt.Sprintf("%016x", s.mark())})
	}
	hold, listed := AppendHold(nil, list), appendSummaries([]byte{1}, list)
	got.Bodies = map[string]string{
		"TypeHold without its nonce": hex.EncodeToString(hold),
		"TypeList, everything":       hex.EncodeToString(AppendList(nil, Everything, leaves)),
		"TypeListed, more follows":   hex.EncodeToString(listed),
	}
	const file = "vectors/keys.json"
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
	var want keysVector
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	read, more, err := DecodeListed(unhex(t, want.Bodies["TypeListed, more follows"]))
	if err != nil || !more || !slices.Equal(read, list) {
		t.Errorf("listed: %v %v %v", read, more, err)
	}
	if read, err = decodeSummaries(unhex(t, want.Bodies["TypeHold without its nonce"])); err != nil || !slices.Equal(read, list) {
		t.Errorf("hold: %v %v", read, err)
	}
}

func unhex(t *testing.T, text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

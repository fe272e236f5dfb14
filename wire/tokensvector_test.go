package wire

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/spec"
)

// TestTokenListVectors compares the names of lists with what another program made.
// (spec/delivery.md, DELIV-45)
func TestTokenListVectors(t *testing.T) {
	b, err := spec.Vectors.ReadFile("vectors/delivery-tokens.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		List []struct {
			Tokens []string
			Hash   string
		}
	}
	if err := json.Unmarshal(b, &v); err != nil || len(v.List) < 3 {
		t.Fatalf("%d vectors, %v", len(v.List), err)
	}
	for _, row := range v.List {
		var list []omega.Token
		for _, s := range row.Tokens {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, omega.Token(b))
		}
		if got := HashTokens(list); hex.EncodeToString(got[:]) != row.Hash {
			t.Errorf("%d tokens: %x, want %s", len(list), got[:], row.Hash)
		}
	}
}

package chat

import (
	"encoding/hex"
	"testing"

	"github.com/omega-im/omega"
)

// A token goes with the first message under a key, with the first after it became
// another one, and with no other; what was told is remembered.
func TestTokenIsTold(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	one, two := omega.Token{1}, omega.Token{2}
	for i, step := range []struct{ token, want omega.Token }{{omega.Token{}, omega.Token{}}, {one, one}, {one, omega.Token{}}, {two, two}, {two, omega.Token{}}} {
		s.Admit(step.token)
		m := s.text(t, roster, "x").Message
		if m.Content.Token != step.want {
			t.Errorf("message %d has the token %x, want %x", i, m.Content.Token[:], step.want[:])
		}
		raw, err := m.Content.Raw()
		must(t, err)
		if back, err := DecodeContent(raw); err != nil || back.Token != step.want || back.Text != "x" {
			t.Errorf("message %d reads as %+v, %v", i, back, err)
		}
	}
	st := s.State()
	if back, err := UnmarshalSenderState(st.Marshal()); err != nil || back.ToldToken != two {
		t.Errorf("state reads as %+v, %v", back, err)
	}
	if _, err := (&Content{Kind: KindToken}).Raw(); err == nil {
		t.Error("a message about a token without one was encoded")
	}
	for name, raw := range map[string][]byte{"short": {0xda, 0x04, 1, 7}, "long": append([]byte{0xda, 0x04, 17}, make([]byte, 17)...)} {
		if c, err := DecodeContent(raw); err == nil {
			t.Errorf("a %s token reads as %+v", name, c)
		}
	}
}

// Tokens depend on all that they are made from, and on nothing else.
func TestTokensDiffer(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1).fp(), w.person(t, 2, 1).fp()
	k, l := &GroupKey{Secret: SessionKey{1}}, &GroupKey{Secret: SessionKey{2}}
	seen := map[omega.Token]bool{}
	for _, x := range []omega.Token{
		ContactToken([]byte{1}, 0, alice), ContactToken([]byte{1}, 1, alice), ContactToken([]byte{2}, 0, alice), ContactToken([]byte{1}, 0, bob),
		k.Token(alice), k.Token(bob), l.Token(alice),
	} {
		if seen[x] || x.IsZero() {
			t.Errorf("token %x twice, or none", x[:])
		}
		seen[x] = true
	}
	if k.Token(alice) != k.Token(alice) {
		t.Error("a token of one key and account is another one the next time")
	}
}

// TestTokenVectors compares with what another program made. (DELIV-47)
func TestTokenVectors(t *testing.T) {
	var v struct {
		Contact []struct {
			Secret, Token string
			Round         uint64 `json:"round,string"`
			Contact       omega.Fingerprint
		}
		Group []struct {
			Key, Token string
			Member     omega.Fingerprint
		}
	}
	readVectors(t, "delivery-tokens.json", &v)
	if len(v.Contact) < 12 || len(v.Group) < 6 {
		t.Fatalf("%d and %d vectors", len(v.Contact), len(v.Group))
	}
	for _, row := range v.Contact {
		secret, err := hex.DecodeString(row.Secret)
		must(t, err)
		if got := ContactToken(secret, row.Round, row.Contact); hex.EncodeToString(got[:]) != row.Token {
			t.Errorf("round %d, contact %s: %x, want %s", row.Round, row.Contact, got[:], row.Token)
		}
	}
	for _, row := range v.Group {
		key, err := hex.DecodeString(row.Key)
		must(t, err)
		if got := (&GroupKey{Secret: SessionKey(key)}).Token(row.Member); hex.EncodeToString(got[:]) != row.Token {
			t.Errorf("member %s: %x, want %s", row.Member, got[:], row.Token)
		}
	}
}

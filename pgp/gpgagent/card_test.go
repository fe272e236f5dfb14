package gpgagent

import (
	"crypto"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/pgp"
)

// cardSerial is the serial number of the card that runCard plays.
const cardSerial = "D2760001240103040006000000010000"

// moveToCard turns the secret of an unprotected Ed25519 key into the stub that
// the agent keeps for a key on a card, and returns the seed that was in it.
func (h *home) moveToCard(keygrip string) []byte {
	h.t.Helper()
	path := filepath.Join(h.dir, "private-keys-v1.d", keygrip+".key")
	b, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	hexes := regexp.MustCompile(`#[0-9A-F]+#`).FindAllString(string(b), 2) // q and d
	if len(hexes) != 2 {
		h.t.Fatalf("key file of another form: %s", b)
	}
	q, _ := hex.DecodeString(strings.Trim(hexes[0], "#"))
	seed, _ := hex.DecodeString(strings.Trim(hexes[1], "#"))
	serial, _ := hex.DecodeString(cardSerial)
	stub := "(20:shadowed-private-key(3:ecc(5:curve7:Ed25519)(5:flags5:eddsa)(1:q33:" + string(q) + ")" +
		"(8:shadowed5:t1-v1(16:" + string(serial) + "9:OPENPGP.1))))"
	if err := os.WriteFile(path, []byte(stub), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return seed
}

func TestCard(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("gpg-agent.conf", "pinentry-program "+filepath.Join(h.side, "pinentry")+"\nscdaemon-program "+h.helper("scdaemon")+"\n")
	fpr := h.generate("", "on a card", "ed25519")
	seed := h.moveToCard(h.list(fpr).keygrip)
	h.forget()
	if err := os.WriteFile(filepath.Join(h.side, "card.seed"), []byte(hex.EncodeToString(seed)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.gpg("", "-K")
	state := h.state()
	key := h.key(fpr)
	if got := key.Card(); got != cardSerial {
		t.Errorf("card %q, want %q", got, cardSerial)
	}
	cert, id := bind(t, key, time.Now())
	if got := h.state(); got != state {
		t.Errorf("the home changed:\n%s\nwas:\n%s", got, state)
	}
	checkWithGnuPG(t, cert, id)

	if err := os.Remove(filepath.Join(h.side, "card.seed")); err != nil { // the card is pulled
		t.Fatal(err)
	}
	var refused *KeyError
	if _, err := h.open().Key(t.Context(), fpr); !errors.As(err, &refused) || refused.Reason != CardMissing {
		t.Errorf("Key without the card = %v, want reason %d", err, CardMissing)
	}
	h.pinentry("cancel") // the agent asks for the card
	if _, err := key.SignDigest(t.Context(), crypto.SHA256, digest[:]); !errors.Is(err, ErrCanceled) && !errors.Is(err, pgp.ErrOffline) {
		t.Errorf("SignDigest without the card = %v", err)
	}
}

package pgp

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// TestArmor compares with the library.
func TestArmor(t *testing.T) {
	for n := range 300 {
		b := make([]byte, n)
		rand.Read(b)
		var want strings.Builder
		w, err := armor.Encode(&want, "PGP MESSAGE", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := Armor("PGP MESSAGE", b)
		if n > 0 && got != want.String()+"\n" {
			t.Fatalf("%d octets:\n%swant\n%s", n, got, want.String())
		}
		if back, err := dearmor([]byte(got), 1024); n > 0 && (err != nil || !bytes.Equal(back, b)) {
			t.Fatalf("%d octets read back: %v", n, err)
		}
	}
}

package wire

import (
	"errors"
	"testing"

	"github.com/omega-im/omega"
)

func TestThere(t *testing.T) {
	fp, err := omega.ParseFingerprint("0123456789ABCDEF0123456789ABCDEF01234567")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []omega.Fingerprint{fp, {}} {
		b := AppendThere(nil, want)
		if got, err := DecodeThere(b); err != nil || got != want {
			t.Errorf("% x: %v %v, want %v", b, got, err, want)
		}
		if _, err := DecodeThere(append(b, 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("an octet too many: %v", err)
		}
	}
	for _, b := range [][]byte{nil, {1}, {2}, AppendThere(nil, fp)[:10]} {
		if _, err := DecodeThere(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: %v", b, err)
		}
	}
}

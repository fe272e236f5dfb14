package pgp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestWrapper: wraps of one Wrapper share the ephemeral point and nothing else,
// each opens for its prekey alone, and another Wrapper has another point.
func TestWrapper(t *testing.T) {
	rnd := rand.NewChaCha8([32]byte{4})
	key := bytes.Repeat([]byte{7}, sessionKeySize)
	w, err := NewWrapper(rnd, key)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []*PrekeySecret{testPrekey(t, 1), testPrekey(t, 2), testPrekey(t, 3)}
	var wraps [][]byte
	for _, s := range secrets {
		b, err := w.Wrap(s.Public())
		if err != nil {
			t.Fatal(err)
		}
		wraps = append(wraps, b)
	}
	const point, ciphertext = 3 + 10, 3 + 10 + 32
	for i, b := range wraps {
		for j, s := range secrets {
			got, err := s.Open(b)
			if (err == nil) != (i == j) || i == j && !bytes.Equal(got, key) {
				t.Errorf("wrap %d, secret %d: %x, %v", i, j, got, err)
			}
		}
		if i > 0 && (!bytes.Equal(b[point:ciphertext], wraps[0][point:ciphertext]) || bytes.Equal(b[ciphertext:], wraps[0][ciphertext:])) {
			t.Errorf("wrap %d: another point, or the same ciphertext", i)
		}
	}
	again, err := w.Wrap(secrets[0].Public())
	if err != nil || bytes.Equal(again[ciphertext:], wraps[0][ciphertext:]) {
		t.Errorf("the same prekey twice: the same ciphertext, %v", err)
	}
	other, err := secrets[0].Public().Wrap(rnd, key)
	if err != nil || bytes.Equal(other[point:ciphertext], wraps[0][point:ciphertext]) {
		t.Errorf("another Wrapper: the same point, %v", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s"} {
		if got := fmt.Sprintf(verb, w); got != "Wrapper(hidden)" {
			t.Errorf("%s shows %q", verb, got)
		}
	}
	for _, size := range []int{0, 16, 31, 33} {
		if _, err := NewWrapper(rnd, make([]byte, size)); err == nil {
			t.Errorf("a session key of %d octets was taken", size)
		}
	}
}

func BenchmarkHybridWrapper(b *testing.B) {
	p := testPrekey(b, 1).Public()
	w, err := NewWrapper(rand.NewChaCha8([32]byte{2}), make([]byte, sessionKeySize))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := w.Wrap(p); err != nil {
			b.Fatal(err)
		}
	}
}

package qr

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// formats of error correction M by mask, and versions, as in the tables of the standard.
var (
	formats  = []int{0x5412, 0x5125, 0x5e7c, 0x5b4b, 0x45f9, 0x40ce, 0x4f97, 0x4aa0}
	versions = map[int]int{7: 0x07c94, 8: 0x085bc, 14: 0x0e60d, 20: 0x149a6}
	squares  = map[int]string{2: "[6 18]", 7: "[6 22 38]", 14: "[6 26 46 66]", 16: "[6 26 50 74]", 20: "[6 34 62 90]"}
)

// read gets the text out of a symbol, and checks everything on the way that a scanner
// relies on.
func read(t *testing.T, c *Code) string {
	t.Helper()
	v := (c.Size - 17) / 4
	first, second := 0, 0
	for i := range 15 { // from the highest bit on
		bit := [][2]int{{0, 8}, {1, 8}, {2, 8}, {3, 8}, {4, 8}, {5, 8}, {7, 8}, {8, 8}, {8, 7}, {8, 5}, {8, 4}, {8, 3}, {8, 2}, {8, 1}, {8, 0}}[i]
		first = first<<1 | index(c.Dark(bit[0], bit[1]))
		x, y := 8, c.Size-1-i
		if i >= 7 {
			x, y = c.Size-15+i, 8
		}
		second = second<<1 | index(c.Dark(x, y))
	}
	mask := -1
	for m, f := range formats {
		if f == first {
			mask = m
		}
	}
	if mask < 0 || first != second {
		t.Fatalf("format %#x and %#x", first, second)
	}
	if want := versions[v]; want != 0 {
		got := 0
		for i := 17; i >= 0; i-- {
			got = got<<1 | index(c.Dark(i/3, c.Size-11+i%3))
		}
		if got != want {
			t.Errorf("version %d is written %#x, want %#x", v, got, want)
		}
	}
	var bits []bool
	up, x := true, c.Size-1
	for x > 0 {
		for i := range c.Size {
			y := i
			if up {
				y = c.Size - 1 - i
			}
			for _, x := range []int{x, x - 1} {
				if !c.function[y*c.Size+x] {
					bits = append(bits, c.Dark(x, y) != masks[mask](x, y))
				}
			}
		}
		up = !up
		if x -= 2; x == 6 {
			x--
		}
	}
	word := func(i int) (b byte) {
		for _, bit := range bits[8*i : 8*i+8] {
			b = b<<1 | byte(index(bit))
		}
		return b
	}
	l := layout[v]
	n := l.first + l.second
	blocks := make([][]byte, n)
	at := 0
	for i := range l.words + 1 {
		for b := range n {
			if i < l.words || b >= l.first {
				blocks[b] = append(blocks[b], word(at))
				at++
			}
		}
	}
	var data []byte
	for _, b := range blocks {
		data = append(data, b...)
	}
	for range l.parity {
		for b := range n {
			blocks[b] = append(blocks[b], word(at))
			at++
		}
	}
	if left := len(bits) - 8*at; left < 0 || left > 7 {
		t.Errorf("version %d: %d bits are left over", v, left)
	}
	for b, block := range blocks { // every power of 2 is a zero of the block
		root := byte(1)
		for i := range l.parity {
			var sum byte
			for _, w := range block {
				sum = multiply(sum, root) ^ w
			}
			if sum != 0 {
				t.Fatalf("block %d has syndrome %d at %d", b, sum, i)
			}
			root = multiply(root, 2)
		}
	}
	return text(t, data, v)
}

func text(t *testing.T, data []byte, v int) string {
	t.Helper()
	at := 0
	take := func(n int) (value int) {
		for range n {
			value = value<<1 | int(data[at/8]>>(7-at%8)&1)
			at++
		}
		return value
	}
	var out strings.Builder
	switch mode := take(4); mode {
	case 2:
		n := take([]int{9, 11}[index(v >= 10)])
		for ; n > 1; n -= 2 {
			pair := take(11)
			out.WriteString(string(alphanumeric[pair/45]) + string(alphanumeric[pair%45]))
		}
		if n == 1 {
			out.WriteByte(alphanumeric[take(6)])
		}
	case 4:
		for range take([]int{8, 16}[index(v >= 10)]) {
			out.WriteByte(byte(take(8)))
		}
	default:
		t.Fatalf("mode %d", mode)
	}
	return out.String()
}

func TestEncode(t *testing.T) {
	sizes := map[int]bool{}
	for n := 0; n <= 660; n += 3 {
		c, err := Encode(strings.Repeat("a1ω", n/4) + "x")
		if err != nil {
			t.Fatal(n, err)
		}
		if got, want := read(t, c), strings.Repeat("a1ω", n/4)+"x"; got != want {
			t.Fatalf("%q is read as %q", want, got)
		}
		sizes[c.Size] = true
	}
	if len(sizes) != MaxVersion {
		t.Errorf("%d versions were made", len(sizes))
	}
	for _, s := range []string{"", "A", "OMEGA:CONTACT/0123456789ABCDEF0123456789ABCDEF01234567", strings.Repeat("A:", 480)} {
		c, err := Encode(s)
		if err != nil || read(t, c) != s {
			t.Errorf("%q: %v", s, err)
		}
	}
	if c, _ := Encode("OMEGA:CONTACT/0123456789ABCDEF0123456789ABCDEF01234567"); c.Size != 29 {
		t.Errorf("a fingerprint takes %d modules", c.Size)
	}
	if _, err := Encode(strings.Repeat("a", 667)); !errors.Is(err, ErrTooLong) {
		t.Errorf("667 octets: %v", err)
	}
	for v, want := range squares {
		if got := fmt.Sprint(alignments(v)); got != want {
			t.Errorf("version %d has its squares at %s, want %s", v, got, want)
		}
	}
}

func TestString(t *testing.T) {
	c, err := Encode("HELLO")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(c.String(), "\n")
	if len(lines) != 16 || len([]rune(lines[0])) != 29 || lines[0] != strings.Repeat("█", 29) || strings.Trim(lines[14], "▀") != "" {
		t.Errorf("%d lines of %d:\n%s", len(lines), len([]rune(lines[0])), c)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("omega:contact/0123456789ABCDEF0123456789ABCDEF01234567")
	f.Add("OMEGA-LINK")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Encode(s)
		if err != nil {
			if len(s) < 600 {
				t.Fatal(err)
			}
			return
		}
		if got := read(t, c); got != s {
			t.Errorf("%q is read as %q", s, got)
		}
	})
}

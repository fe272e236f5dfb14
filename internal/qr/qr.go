// Package qr writes short texts as QR codes (ISO/IEC 18004), for screens that other
// devices look at: byte and alphanumeric mode, versions 1 to 20, error correction M.
// It writes them as pictures, and reads them from pictures.
package qr

import (
	"errors"
	"fmt"
	"strings"
)

// ErrTooLong says that a text does not fit.
var ErrTooLong = errors.New("text too long for a QR code")

// MaxVersion is the largest symbol that is made: 97 modules wide, which a terminal of
// 105 columns shows.
const MaxVersion = 20

// A Code is a symbol without its quiet zone.
type Code struct {
	Size int // modules in a row

	dark     []bool // by row, then column
	function []bool // of the pattern, not of the data
}

// Dark reports whether a module is dark. Outside of the symbol none is.
func (c *Code) Dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < c.Size && y < c.Size && c.dark[y*c.Size+x]
}

// Encode makes the smallest symbol that holds a text.
func Encode(text string) (*Code, error) {
	for v := 1; v <= MaxVersion; v++ {
		if data := dataWords(text, v); data != nil {
			return draw(v, interleave(v, data)), nil
		}
	}
	return nil, fmt.Errorf("%w: %d octets", ErrTooLong, len(text))
}

// layout is how the words of a version stand at error correction M: parity words per
// block, blocks of the first kind and their data words, blocks of the second kind, which
// have one more. (ISO/IEC 18004, table 9)
var layout = [MaxVersion + 1]struct{ parity, first, words, second int }{
	1: {10, 1, 16, 0}, 2: {16, 1, 28, 0}, 3: {26, 1, 44, 0}, 4: {18, 2, 32, 0}, 5: {24, 2, 43, 0}, 6: {16, 4, 27, 0}, 7: {18, 4, 31, 0},
	8: {22, 2, 38, 2}, 9: {22, 3, 36, 2}, 10: {26, 4, 43, 1}, 11: {30, 1, 50, 4}, 12: {22, 6, 36, 2}, 13: {22, 8, 37, 1}, 14: {24, 4, 40, 5},
	15: {24, 5, 41, 5}, 16: {28, 7, 45, 3}, 17: {28, 10, 46, 1}, 18: {26, 9, 43, 4}, 19: {26, 3, 44, 11}, 20: {26, 3, 41, 13},
}

func capacity(v int) int {
	l := layout[v]
	return l.first*l.words + l.second*(l.words+1)
}

// alphanumeric are the characters of that mode, by value.
const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// A bitWriter collects bits, the first one highest.
type bitWriter struct {
	bytes []byte
	n     int
}

func (w *bitWriter) write(value, bits int) {
	for i := bits - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.bytes = append(w.bytes, 0)
		}
		w.bytes[w.n/8] |= byte(value>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// dataWords encodes a text for a version; nil if it does not fit.
func dataWords(text string, v int) []byte {
	size := 8 * capacity(v)
	w := &bitWriter{}
	if strings.Trim(text, alphanumeric) == "" {
		if 17+len(text)*11/2 > size {
			return nil
		}
		w.write(2, 4)
		w.write(len(text), []int{9, 11}[index(v >= 10)])
		for i := 0; i < len(text); i += 2 {
			value := strings.IndexByte(alphanumeric, text[i])
			if i+1 == len(text) {
				w.write(value, 6)
			} else {
				w.write(value*45+strings.IndexByte(alphanumeric, text[i+1]), 11)
			}
		}
	} else {
		if 12+8*len(text) > size {
			return nil
		}
		w.write(4, 4)
		w.write(len(text), []int{8, 16}[index(v >= 10)])
		for _, b := range []byte(text) {
			w.write(int(b), 8)
		}
	}
	if w.n > size {
		return nil
	}
	w.write(0, min(4, size-w.n))
	for pad := 0xec; len(w.bytes) < size/8; pad ^= 0xec ^ 0x11 {
		w.bytes = append(w.bytes, byte(pad))
	}
	return w.bytes
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// interleave cuts the data into blocks, adds their parity, and mixes them.
func interleave(v int, data []byte) (out []byte) {
	l := layout[v]
	var blocks, parity [][]byte
	for i := range l.first + l.second {
		n := l.words + index(i >= l.first)
		blocks, parity = append(blocks, data[:n]), append(parity, remainder(data[:n], l.parity))
		data = data[n:]
	}
	for i := range l.words + 1 {
		for _, b := range blocks {
			if i < len(b) {
				out = append(out, b[i])
			}
		}
	}
	for i := range l.parity {
		for _, p := range parity {
			out = append(out, p[i])
		}
	}
	return out
}

// multiply is the product in GF(256) modulo x⁸+x⁴+x³+x²+1.
func multiply(a, b byte) byte {
	product := 0
	for i := 7; i >= 0; i-- {
		product = product<<1 ^ product>>7*0x11d ^ int(b>>i&1)*int(a)
	}
	return byte(product)
}

// remainder is the parity of a block: what division by the product of (x - 2ⁱ), for i
// below n, leaves.
func remainder(data []byte, n int) []byte {
	generator := make([]byte, n) // without its first coefficient, 1
	generator[n-1] = 1
	power := byte(1)
	for range n {
		for j := range generator {
			generator[j] = multiply(generator[j], power)
			if j+1 < n {
				generator[j] ^= generator[j+1]
			}
		}
		power = multiply(power, 2)
	}
	out := make([]byte, n)
	for _, b := range data {
		factor := b ^ out[0]
		copy(out, out[1:])
		out[n-1] = 0
		for j := range out {
			out[j] ^= multiply(generator[j], factor)
		}
	}
	return out
}

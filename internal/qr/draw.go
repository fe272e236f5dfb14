package qr

import "strings"

// draw places words in a symbol, under the mask that leaves the fewest patterns that
// scanners stumble over.
func draw(v int, words []byte) *Code {
	c := &Code{Size: 17 + 4*v}
	c.dark, c.function = make([]bool, c.Size*c.Size), make([]bool, c.Size*c.Size)
	c.patterns(v)
	c.place(words)
	best, least := 0, -1
	for mask := range masks {
		c.mask(mask)
		c.format(mask)
		if p := c.penalty(); least < 0 || p < least {
			best, least = mask, p
		}
		c.mask(mask) // undone
	}
	c.mask(best)
	c.format(best)
	return c
}

// set draws a module of the pattern.
func (c *Code) set(x, y int, dark bool) {
	c.dark[y*c.Size+x], c.function[y*c.Size+x] = dark, true
}

// patterns draws everything that is the same whatever is encoded, and keeps the place
// of the format.
func (c *Code) patterns(v int) {
	for i := range c.Size {
		c.set(6, i, i%2 == 0)
		c.set(i, 6, i%2 == 0)
	}
	for _, at := range [][2]int{{3, 3}, {c.Size - 4, 3}, {3, c.Size - 4}} {
		for dy := -4; dy <= 4; dy++ {
			for dx := -4; dx <= 4; dx++ {
				x, y, ring := at[0]+dx, at[1]+dy, max(dx, -dx, dy, -dy)
				if x >= 0 && y >= 0 && x < c.Size && y < c.Size {
					c.set(x, y, ring != 2 && ring != 4)
				}
			}
		}
	}
	at := alignments(v)
	for i, y := range at {
		for j, x := range at {
			if i == 0 && j == 0 || i == 0 && j == len(at)-1 || i == len(at)-1 && j == 0 {
				continue // a corner
			}
			for dy := -2; dy <= 2; dy++ {
				for dx := -2; dx <= 2; dx++ {
					c.set(x+dx, y+dy, max(dx, -dx, dy, -dy) != 1)
				}
			}
		}
	}
	c.format(0)
	if v >= 7 {
		bits := v<<12 | checksum(v, 12, 0x1f25)
		for i := range 18 {
			a, b := c.Size-11+i%3, i/3
			c.set(a, b, bits>>i&1 == 1)
			c.set(b, a, bits>>i&1 == 1)
		}
	}
}

// alignments are where the small squares stand, in both directions.
func alignments(v int) (out []int) {
	if v == 1 {
		return nil
	}
	n := v/7 + 2
	step := (v*8 + n*3 + 5) / (n*4 - 4) * 2
	for i, at := n-1, 10+4*v; i > 0; i, at = i-1, at-step {
		out = append([]int{at}, out...)
	}
	return append([]int{6}, out...)
}

// checksum is what dividing value by a polynomial leaves, of so many bits.
func checksum(value, bits, polynomial int) int {
	rest := value
	for range bits {
		rest = rest<<1 ^ rest>>(bits-1)*polynomial
	}
	return rest
}

// format tells the mask, and that error correction is M, twice.
func (c *Code) format(mask int) {
	bits := (mask<<10 | checksum(mask, 10, 0x537)) ^ 0x5412 // M is 00
	bit := func(i int) bool { return bits>>i&1 == 1 }
	for i := range 15 {
		switch {
		case i < 6:
			c.set(8, i, bit(i))
		case i < 8:
			c.set(8, i+1, bit(i))
		case i == 8:
			c.set(7, 8, bit(i))
		default:
			c.set(14-i, 8, bit(i))
		}
		if i < 8 {
			c.set(c.Size-1-i, 8, bit(i))
		} else {
			c.set(8, c.Size-15+i, bit(i))
		}
	}
	c.set(8, c.Size-8, true)
}

// place puts the words on their way, two columns wide, up and down from the right.
func (c *Code) place(words []byte) {
	i := 0
	for right := c.Size - 1; right >= 1; right -= 2 {
		if right == 6 {
			right = 5 // the timing pattern
		}
		for step := range c.Size {
			y := step
			if (right+1)&2 == 0 {
				y = c.Size - 1 - step
			}
			for _, x := range []int{right, right - 1} {
				if !c.function[y*c.Size+x] && i < 8*len(words) {
					c.dark[y*c.Size+x] = words[i/8]>>(7-i%8)&1 == 1
					i++
				}
			}
		}
	}
}

// masks say which modules of the data are turned over.
var masks = []func(x, y int) bool{
	func(x, y int) bool { return (x+y)%2 == 0 },
	func(x, y int) bool { return y%2 == 0 },
	func(x, y int) bool { return x%3 == 0 },
	func(x, y int) bool { return (x+y)%3 == 0 },
	func(x, y int) bool { return (x/3+y/2)%2 == 0 },
	func(x, y int) bool { return x*y%2+x*y%3 == 0 },
	func(x, y int) bool { return (x*y%2+x*y%3)%2 == 0 },
	func(x, y int) bool { return ((x+y)%2+x*y%3)%2 == 0 },
}

// mask turns modules of the data over.
func (c *Code) mask(n int) {
	for y := range c.Size {
		for x := range c.Size {
			i := y*c.Size + x
			c.dark[i] = c.dark[i] != (!c.function[i] && masks[n](x, y))
		}
	}
}

// penalty counts what scanners stumble over: long runs, squares, what looks like a
// corner, and an uneven share of dark.
func (c *Code) penalty() (p int) {
	dark := 0
	for y := range c.Size {
		p += lineCost(func(i int) bool { return c.dark[y*c.Size+i] }, c.Size)
		p += lineCost(func(i int) bool { return c.dark[i*c.Size+y] }, c.Size)
		for x := range c.Size {
			d := c.Dark(x, y)
			dark += index(d)
			if x > 0 && y > 0 && c.Dark(x-1, y) == d && c.Dark(x, y-1) == d && c.Dark(x-1, y-1) == d {
				p += 3
			}
		}
	}
	percent := dark * 100 / (c.Size * c.Size)
	return p + max(percent-50, 50-percent)/5*10
}

// corner is a run that looks like the middle of a corner square with light beside it.
const corner = "10111010000"

func lineCost(dark func(int) bool, n int) (p int) {
	var line strings.Builder
	run := 0
	for i := range n {
		line.WriteByte("01"[index(dark(i))])
		if i > 0 && dark(i) == dark(i-1) {
			run++
		} else {
			run = 1
		}
		switch {
		case run == 5:
			p += 3
		case run > 5:
			p++
		}
	}
	for i := 0; i+len(corner) <= n; i++ {
		if part := line.String()[i : i+len(corner)]; part == corner || part == "00001011101" {
			p += 40
		}
	}
	return p
}

// quiet is how many light modules stand around a symbol.
const quiet = 4

// String draws the symbol for a terminal that writes light on dark, two rows of
// modules per line.
func (c *Code) String() string {
	var out strings.Builder
	for y := -quiet; y < c.Size+quiet; y += 2 {
		for x := -quiet; x < c.Size+quiet; x++ {
			top, bottom := !c.Dark(x, y), !c.Dark(x, y+1) && y+1 < c.Size+quiet
			out.WriteString([]string{" ", "▄", "▀", "█"}[2*index(top)+index(bottom)])
		}
		out.WriteByte('\n')
	}
	return out.String()
}

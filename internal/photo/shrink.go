package photo

import (
	"image"
	"image/color"
)

// shrink makes img as small as side, turned, on white: each pixel is the mean of
// those that it stands for, of at most 4 × 4 samples.
func shrink(img image.Image, orientation, side int) *image.RGBA {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if orientation >= 5 {
		w, h = h, w
	}
	sw, sh := w, h
	if w > side || h > side {
		if w >= h {
			sw, sh = side, max(1, h*side/w)
		} else {
			sw, sh = max(1, w*side/h), side
		}
	}
	out := image.NewRGBA(image.Rect(0, 0, sw, sh))
	for y := range sh {
		for x := range sw {
			out.SetRGBA(x, y, mean(img, orientation, w, h, x*w/sw, max(x*w/sw+1, (x+1)*w/sw), y*h/sh, max(y*h/sh+1, (y+1)*h/sh)))
		}
	}
	return out
}

// samples is how many are taken along each side of what a pixel stands for.
const samples = 4

// mean is the mean colour of a part of the turned picture of w × h pixels.
func mean(img image.Image, orientation, w, h, x0, x1, y0, y1 int) color.RGBA {
	var r, g, b, n uint32
	for y := y0; y < y1; y += max(1, (y1-y0)/samples) {
		for x := x0; x < x1; x += max(1, (x1-x0)/samples) {
			sx, sy := source(orientation, w, h, x, y)
			cr, cg, cb, ca := img.At(img.Bounds().Min.X+sx, img.Bounds().Min.Y+sy).RGBA()
			white := 0xffff - ca
			r, g, b, n = r+(cr+white)>>8, g+(cg+white)>>8, b+(cb+white)>>8, n+1
		}
	}
	return color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), 0xff}
}

// source is where the pixel at x, y of the turned picture is in the file (EXIF
// 2.3, tag 0x0112).
func source(orientation, w, h, x, y int) (sx, sy int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, w - 1 - x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return h - 1 - y, x
	}
	return x, y
}

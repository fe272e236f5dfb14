package qr

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // formats that Read takes
	"image/png"
	"io"

	"github.com/makiuchi-d/gozxing"
	decoder "github.com/makiuchi-d/gozxing/qrcode"
	_ "golang.org/x/image/webp" // and one more
)

// perModule is how many pixels a module is wide in a picture.
const perModule = 8

// Limits of what Read takes: a photo of a phone is half of that.
const (
	MaxPicture = 32 << 20 // octets
	maxPixels  = 64 << 20
)

// Errors of Read.
var (
	// ErrPicture says that a file is no picture, or a larger one than is read.
	ErrPicture = errors.New("no picture that can be read")

	// ErrNone says that no QR code is seen in a picture.
	ErrNone = errors.New("no QR code in the picture")
)

// WritePNG writes the symbol as a picture, with its quiet zone.
func (c *Code) WritePNG(w io.Writer) error {
	size := (c.Size + 2*quiet) * perModule
	img := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, color.Black})
	for y := range size {
		for x := range size {
			if c.Dark(x/perModule-quiet, y/perModule-quiet) {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	return png.Encode(w, img)
}

// WriteSVG writes the symbol as a drawing, with its quiet zone: a path of the dark runs
// of its rows.
func (c *Code) WriteSVG(w io.Writer) error {
	b := bufio.NewWriter(w)
	size := c.Size + 2*quiet
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, size, size, size, size)
	for y := range c.Size {
		for x := 0; x < c.Size; x++ {
			n := 0
			for c.Dark(x+n, y) {
				n++
			}
			if n > 0 {
				fmt.Fprintf(b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, n, n)
				x += n
			}
		}
	}
	b.WriteString("\"/></svg>\n")
	return b.Flush()
}

// Read returns the text of the QR code in a picture: PNG, JPEG or WebP, of at most
// MaxPicture octets. What cannot be read is ErrPicture or ErrNone.
func Read(r io.Reader) (text string, err error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxPicture+1))
	if err != nil {
		return "", err
	}
	cfg, _, err := image.DecodeConfig(bytes.NewReader(raw))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrPicture, err)
	case len(raw) > MaxPicture, cfg.Width <= 0, cfg.Height <= 0, cfg.Width > maxPixels/cfg.Height:
		return "", fmt.Errorf("%w: %d × %d pixels, %d octets", ErrPicture, cfg.Width, cfg.Height, len(raw))
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPicture, err)
	}
	defer func() { // the decoder indexes what it thinks that it sees
		if broken := recover(); broken != nil {
			text, err = "", fmt.Errorf("%w: %v", ErrNone, broken)
		}
	}()
	bits, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNone, err)
	}
	for _, hints := range []map[gozxing.DecodeHintType]any{nil, {gozxing.DecodeHintType_TRY_HARDER: true}, {gozxing.DecodeHintType_PURE_BARCODE: true}} {
		found, err := decoder.NewQRCodeReader().Decode(bits, hints)
		if err == nil {
			return found.GetText(), nil
		}
	}
	return "", ErrNone
}

// Package photo prepares pictures for sending: it takes out what is no picture
// (where and when it was taken, by which camera, small copies of what was cut
// off), keeps the orientation, and makes small pictures that stand for large
// ones. It reads files octet by octet and decodes only for small pictures; all
// of it is pure Go. (spec/media.md, MEDIA-12)
package photo

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/webp"
)

// MaxPixels is how many pixels a picture may have to be decoded: some 400 MB of
// memory at most.
const MaxPixels = 100 << 20

// ErrUnknown says that octets are no picture of a kind that this package knows.
var ErrUnknown = errors.New("not a JPEG, PNG, GIF or WebP picture")

// ErrDamaged says that they begin like one and are not.
var ErrDamaged = errors.New("damaged picture")

// Info is what is known of a picture without decoding it.
type Info struct {
	Type          string // media type
	Width, Height int    // pixels, after turning
	Orientation   int    // of EXIF: 1 to 8
}

// TypeOf is the media type of a picture that begins like this, "" if it is none
// that this package knows.
func TypeOf(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(b, []byte(pngMagic)):
		return "image/png"
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return "image/gif"
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "image/webp"
	}
	return ""
}

// Clean returns a picture without what it tells beside itself. GIF pictures tell
// nothing that is taken out. The result may share memory with b.
func Clean(b []byte) ([]byte, Info, error) {
	info := Info{Type: TypeOf(b), Orientation: 1}
	var out []byte
	var err error
	switch info.Type {
	case "image/jpeg":
		out, info.Orientation, err = cleanJPEG(b)
	case "image/png":
		out, info.Orientation, err = cleanPNG(b)
	case "image/webp":
		out, info.Orientation, err = cleanWebP(b)
	case "image/gif":
		out = b
	default:
		return nil, info, ErrUnknown
	}
	if err != nil {
		return nil, info, fmt.Errorf("%w: %s: %w", ErrDamaged, info.Type, err)
	}
	cfg, err := config(info.Type, out)
	if err != nil {
		return nil, info, fmt.Errorf("%w: %s: %w", ErrDamaged, info.Type, err)
	}
	info.Width, info.Height = cfg.Width, cfg.Height
	if info.Orientation >= 5 {
		info.Width, info.Height = cfg.Height, cfg.Width
	}
	return out, info, nil
}

func config(kind string, b []byte) (image.Config, error) {
	r := bytes.NewReader(b)
	switch kind {
	case "image/jpeg":
		return jpeg.DecodeConfig(r)
	case "image/png":
		return png.DecodeConfig(r)
	case "image/gif":
		return gif.DecodeConfig(r)
	}
	return webp.DecodeConfig(r)
}

func decode(kind string, b []byte) (image.Image, error) {
	r := bytes.NewReader(b)
	switch kind {
	case "image/jpeg":
		return jpeg.Decode(r)
	case "image/png":
		return png.Decode(r)
	case "image/gif":
		return gif.Decode(r)
	}
	return webp.Decode(r)
}

// Thumb makes a JPEG of at most side pixels a side and max octets of a picture
// that Clean returned, turned as it is to be shown.
func Thumb(b []byte, info Info, side, max int) ([]byte, error) {
	if info.Width <= 0 || info.Height <= 0 || info.Width > MaxPixels/info.Height {
		return nil, fmt.Errorf("%w: %d × %d pixels", ErrDamaged, info.Width, info.Height)
	}
	img, err := decode(info.Type, b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	small := shrink(img, info.Orientation, side)
	for quality := 75; quality > 10; quality -= 20 {
		var out bytes.Buffer
		if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: quality}); err != nil {
			return nil, err
		}
		if out.Len() <= max {
			return out.Bytes(), nil
		}
	}
	return nil, fmt.Errorf("%w: no small picture of at most %d octets", ErrDamaged, max)
}

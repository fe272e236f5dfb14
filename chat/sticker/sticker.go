// Package sticker reads sticker files, and archives of them that people have:
// pictures (PNG, animated PNG, WebP), Lottie animations (.tgs), films (.webm), and
// the zip packages of LINE. Whoever made a file may be hostile: sizes are bounded
// before memory is taken, and no name in an archive becomes a path.
package sticker

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/omega-im/omega/internal/film"
	"github.com/omega-im/omega/internal/photo"
)

// Limits.
const (
	MaxFile  = 1 << 20 // octets of one sticker
	MaxCount = 120     // stickers in a pack
	MaxSide  = 2048    // pixels

	maxLottie = 4 << 20 // octets of an animation that was unpacked
)

// TGS is the media type of Lottie animations as Telegram packs them.
const TGS = "application/x-tgsticker"

// ErrBad says that something is no sticker, or none that may be shown. It is wrapped
// with what is wrong.
var ErrBad = errors.New("no sticker")

// A File is one sticker.
type File struct {
	Name          string // as it was called; "" if nothing
	Type          string // media type
	Width, Height int
	Octets        []byte // without what is no picture
}

// Check reads one sticker: what it is by how it begins. The error wraps ErrBad.
func Check(name string, b []byte) (File, error) {
	f := File{Name: name, Octets: b}
	if len(b) == 0 || len(b) > MaxFile {
		return f, fmt.Errorf("%w: %d octets, at most %d", ErrBad, len(b), MaxFile)
	}
	var err error
	switch kind := photo.TypeOf(b); {
	case kind == "image/png" || kind == "image/webp":
		var info photo.Info
		f.Octets, info, err = photo.Clean(b)
		f.Type, f.Width, f.Height = kind, info.Width, info.Height
	case film.TypeOf(b) == "video/webm":
		f.Type = "video/webm"
		err = f.webm()
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		f.Type = TGS
		err = f.lottie()
	default:
		err = errors.New("neither PNG, WebP, WebM nor .tgs")
	}
	if err != nil {
		return f, fmt.Errorf("%w: %w", ErrBad, err)
	}
	if f.Width < 1 || f.Height < 1 || f.Width > MaxSide || f.Height > MaxSide {
		return f, fmt.Errorf("%w: %d by %d pixels, at most %d", ErrBad, f.Width, f.Height, MaxSide)
	}
	return f, nil
}

func (f *File) webm() error {
	info, err := film.Probe(bytes.NewReader(f.Octets), int64(len(f.Octets)))
	if err != nil {
		return err
	}
	f.Width, f.Height = info.Width, info.Height
	f.Octets, err = io.ReadAll(film.Reader(bytes.NewReader(f.Octets), info.Patches))
	return err
}

// lottie reads a Lottie animation: JSON in gzip. Those that bring programs are refused.
func (f *File) lottie() error {
	z, err := gzip.NewReader(bytes.NewReader(f.Octets))
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(z, maxLottie+1))
	switch {
	case err != nil:
		return err
	case len(b) > maxLottie:
		return fmt.Errorf("more than %d octets when it is unpacked", maxLottie)
	}
	var head struct {
		W      float64         `json:"w"`
		H      float64         `json:"h"`
		Rate   float64         `json:"fr"`
		Layers json.RawMessage `json:"layers"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	if len(head.Layers) == 0 || head.Rate <= 0 || head.W < 1 || head.H < 1 || head.W > MaxSide || head.H > MaxSide {
		return errors.New("an animation without layers, rate or size")
	}
	f.Width, f.Height = int(head.W), int(head.H)
	return noScripts(b)
}

// noScripts refuses an animation that has expressions, which players may run, or that
// names files elsewhere: a text under "x", or under "p" or "u" that leads somewhere. It
// refuses repeaters too: players draw as many copies as they ask for, without a bound.
func noScripts(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	type level struct {
		object bool
		key    string // that the next token is the value of
		named  bool
	}
	var stack []level
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		top := len(stack) - 1
		if s, ok := t.(string); ok && top >= 0 && stack[top].object && !stack[top].named {
			stack[top].key, stack[top].named = s, true
			continue
		} else if ok && top >= 0 && stack[top].object {
			key := stack[top].key
			if key == "ty" && s == "rp" {
				return errors.New("an animation that repeats its drawings")
			}
			if key == "x" || (key == "u" || key == "p") && s != "" && !bytes.HasPrefix([]byte(s), []byte("data:image/")) {
				return errors.New("an animation with a program, or that names a file elsewhere")
			}
		}
		if top >= 0 {
			stack[top].named = false
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			stack = append(stack, level{object: t == json.Delim('{')})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
		}
	}
}

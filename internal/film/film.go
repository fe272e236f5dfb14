// Package film reads what sound and film files say of themselves, without decoding
// them: how long and how large they are, and where in them stands what is neither
// picture nor sound, such as the place where they were taken. It knows MP4 and
// QuickTime (ISO/IEC 14496-12), WebM and Matroska (RFC 9559), and Ogg with Opus or
// Vorbis (RFC 3533, RFC 7845). Whoever made a file may be hostile: every read and
// count is bounded.
package film

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"time"
)

// ErrDamaged says that a file begins like one that is known and cannot be read.
var ErrDamaged = errors.New("damaged film or sound")

// Info is what a file says of itself.
type Info struct {
	Width, Height int           // pixels, after turning; 0 if it has no picture or does not say
	Duration      time.Duration // 0 if it does not say
	Patches       []Patch       // what takes out all else, in order of offsets; none overlap
}

// A Patch puts other octets into a file, of which it changes neither size nor
// place of anything else: Data, then zeros.
type Patch struct {
	Offset, Length int64
	Data           []byte // at most Length
}

// Bounds of what is read.
const (
	maxElements = 200_000 // boxes or elements of one file
	maxPatches  = 20_000
	maxSide     = 1 << 16
	maxTime     = 365 * 24 * time.Hour
)

// TypeOf is the media type of a file that begins with these octets, 64 at least if
// there are so many; "" if it is none that Probe reads.
func TypeOf(begin []byte) string {
	switch {
	case len(begin) >= 12 && string(begin[4:8]) == "ftyp":
		return mp4Type(string(begin[8:12]))
	case bytes.HasPrefix(begin, []byte("\x1a\x45\xdf\xa3")):
		if i := bytes.Index(begin[:min(len(begin), 64)], []byte("\x42\x82")); i >= 0 && bytes.Contains(begin[i:min(len(begin), i+16)], []byte("webm")) {
			return "video/webm"
		}
		return "video/x-matroska"
	case bytes.HasPrefix(begin, []byte("OggS")):
		return "audio/ogg"
	}
	return ""
}

// Probe reads a file of size octets that TypeOf knows. The error wraps ErrDamaged, or
// is one of r.
func Probe(r io.ReaderAt, size int64) (Info, error) {
	begin := make([]byte, min(64, size))
	if _, err := r.ReadAt(begin, 0); err != nil && err != io.EOF {
		return Info{}, err
	}
	w := &walker{r: r, size: size}
	var err error
	switch TypeOf(begin) {
	case "":
		return Info{}, ErrDamaged
	case "video/webm", "video/x-matroska":
		err = w.webm()
	case "audio/ogg":
		err = w.ogg()
	default:
		err = w.mp4()
	}
	if err != nil {
		return Info{}, err
	}
	if w.info.Width > maxSide || w.info.Height > maxSide || w.info.Width < 0 || w.info.Height < 0 {
		w.info.Width, w.info.Height = 0, 0
	}
	if w.info.Duration < 0 || w.info.Duration > maxTime {
		w.info.Duration = 0
	}
	return w.info, nil
}

// A walker goes through one file.
type walker struct {
	r     io.ReaderAt
	size  int64
	info  Info
	count int // elements that were seen
}

// step counts an element.
func (w *walker) step() error {
	if w.count++; w.count > maxElements {
		return ErrDamaged
	}
	return nil
}

// read reads exactly len(b) octets.
func (w *walker) read(b []byte, at int64) error {
	if at < 0 || at > w.size-int64(len(b)) {
		return ErrDamaged
	}
	if n, err := w.r.ReadAt(b, at); n < len(b) {
		if err == io.EOF {
			return ErrDamaged
		}
		return err
	}
	return nil
}

// patch adds a patch behind those that there are.
func (w *walker) patch(at, length int64, data ...byte) error {
	if len(w.info.Patches) == maxPatches {
		return ErrDamaged
	}
	w.info.Patches = append(w.info.Patches, Patch{at, length, data})
	return nil
}

// seconds is n of a unit of which there are scale in a second.
func seconds(n, scale uint64) time.Duration {
	if scale == 0 || n/scale > uint64(maxTime/time.Second) {
		return 0
	}
	return time.Duration(n/scale)*time.Second + time.Duration(n%scale*uint64(time.Second)/scale)
}

// Reader reads r, which is at its begin, with patches in it.
func Reader(r io.Reader, patches []Patch) io.Reader {
	return &patched{r: r, patches: slices.Clone(patches)}
}

type patched struct {
	r       io.Reader
	at      int64
	patches []Patch // those that are not behind yet
}

func (p *patched) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	begin, end := p.at, p.at+int64(n)
	p.at = end
	for len(p.patches) > 0 && p.patches[0].Offset < end {
		t := p.patches[0]
		for i := max(t.Offset, begin); i < min(t.Offset+t.Length, end); i++ {
			b[i-begin] = 0
			if i-t.Offset < int64(len(t.Data)) {
				b[i-begin] = t.Data[i-t.Offset]
			}
		}
		if t.Offset+t.Length > end {
			break
		}
		p.patches = p.patches[1:]
	}
	return n, err
}

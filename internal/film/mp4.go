package film

import (
	"encoding/binary"
	"strings"
)

// mp4Type is the media type of a brand.
func mp4Type(brand string) string {
	switch {
	case strings.HasPrefix(brand, "qt"):
		return "video/quicktime"
	case strings.HasPrefix(brand, "M4A"), strings.HasPrefix(brand, "M4B"):
		return "audio/mp4"
	case strings.HasPrefix(brand, "3g"):
		return "video/3gpp"
	}
	for _, still := range []string{"heic", "heix", "hevc", "mif1", "msf1", "avif", "avis", "crx "} {
		if brand == still {
			return ""
		}
	}
	return "video/mp4"
}

// maxDepth is how deep boxes stand in each other where anything is looked for.
const maxDepth = 6

// A box is one of an MP4 file, from at to before end; what is in it begins at body.
type box struct {
	kind          string
	at, body, end int64
}

func (w *walker) mp4() error {
	found, err := w.boxes(0, w.size, 0, "")
	if err == nil && !found {
		err = ErrDamaged // there is no moov
	}
	return err
}

// boxes goes through the boxes between two octets; found says whether one was a
// moov.
func (w *walker) boxes(at, end int64, depth int, in string) (found bool, err error) {
	for at < end {
		if end-at < 8 {
			return found, nil // QuickTime ends lists with a zero
		}
		b, err := w.box(at, end)
		if err != nil {
			return found, err
		}
		found = found || b.kind == "moov" && depth == 0
		if err := w.take(b, depth, in); err != nil {
			return found, err
		}
		at = b.end
	}
	return found, nil
}

func (w *walker) box(at, end int64) (b box, err error) {
	if err := w.step(); err != nil {
		return b, err
	}
	var head [16]byte
	if err := w.read(head[:8], at); err != nil {
		return b, err
	}
	b = box{kind: string(head[4:8]), at: at, body: at + 8}
	size := int64(binary.BigEndian.Uint32(head[:]))
	switch size {
	case 0: // to the end of all
		size = end - at
	case 1:
		if err := w.read(head[8:], at+8); err != nil {
			return b, err
		}
		long := binary.BigEndian.Uint64(head[8:])
		if long > uint64(end-at) {
			return b, ErrDamaged
		}
		size, b.body = int64(long), at+16
	}
	if b.end = at + size; size < b.body-at || b.end > end {
		return b, ErrDamaged
	}
	return b, nil
}

// take reads a box, looks into it, or takes it out.
func (w *walker) take(b box, depth int, in string) error {
	switch b.kind {
	case "moov", "trak", "mdia", "moof", "traf", "edts":
		if depth == maxDepth {
			return ErrDamaged
		}
		_, err := w.boxes(b.body, b.end, depth+1, b.kind)
		return err
	case "mvhd", "tkhd", "mdhd":
		return w.header(b)
	case "udta", "meta", "uuid", "free", "skip", "wide":
		if b.kind == "uuid" && (in == "moof" || in == "traf") || b.end == b.body {
			return nil // of encrypted films; or nothing
		}
		return w.blank(b)
	}
	return nil
}

// blank makes a box one of zeros that means nothing.
func (w *walker) blank(b box) error {
	if err := w.patch(b.at+4, 4, []byte("free")...); err != nil {
		return err
	}
	return w.patch(b.body, b.end-b.body)
}

// header reads a header of film, track or medium, and takes out when that was made.
func (w *walker) header(b box) error {
	body := make([]byte, min(b.end-b.body, 104))
	if err := w.read(body, b.body); err != nil {
		return err
	}
	if len(body) < 24 {
		return ErrDamaged
	}
	times, rest := int64(8), body[12:]
	if body[0] == 1 {
		if times, rest = 16, body[20:]; len(body) < 36 {
			return ErrDamaged
		}
	}
	if err := w.patch(b.body+4, times); err != nil {
		return err
	}
	switch b.kind {
	case "mvhd":
		scale := uint64(binary.BigEndian.Uint32(rest))
		n := uint64(binary.BigEndian.Uint32(rest[4:]))
		if body[0] == 1 {
			n = binary.BigEndian.Uint64(rest[4:])
		}
		w.info.Duration = seconds(n, scale)
	case "tkhd":
		w.track(body)
	}
	return nil
}

// track takes how large the picture of a track is shown; the largest one counts.
func (w *walker) track(body []byte) {
	matrix := 40 // version, flags, 2 times, id, reserved, duration, 16 others
	if body[0] == 1 {
		matrix = 52
	}
	if len(body) < matrix+44 {
		return
	}
	width := int(binary.BigEndian.Uint32(body[matrix+36:]) >> 16)
	height := int(binary.BigEndian.Uint32(body[matrix+40:]) >> 16)
	if a, b := binary.BigEndian.Uint32(body[matrix:]), binary.BigEndian.Uint32(body[matrix+4:]); a == 0 && b != 0 { // turned to its side
		width, height = height, width
	}
	if width*height > w.info.Width*w.info.Height {
		w.info.Width, w.info.Height = width, height
	}
}

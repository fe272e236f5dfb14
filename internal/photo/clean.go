package photo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

var errShort = errors.New("it ends too early")

// tiff is the smallest EXIF that says an orientation.
func tiff(orientation int) []byte {
	return []byte{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, 0, 0, 0, 0}
}

// orientationOf reads EXIF, which begins with its TIFF header; 1 if it says none.
func orientationOf(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := uint64(order.Uint32(b[4:]))
	if at+2 > uint64(len(b)) {
		return 1
	}
	n := uint64(order.Uint16(b[at:]))
	for i := range n {
		e := at + 2 + 12*i
		if e+12 > uint64(len(b)) {
			return 1
		}
		if order.Uint16(b[e:]) == 0x0112 && order.Uint16(b[e+2:]) == 3 {
			if v := int(order.Uint16(b[e+8:])); v >= 1 && v <= 8 {
				return v
			}
		}
	}
	return 1
}

// cleanJPEG keeps what is needed to decode it, and its colour profile (ITU-T T.81,
// annex B).
func cleanJPEG(b []byte) (out []byte, orientation int, err error) {
	out, orientation = append(out, b[:2]...), 1
	for at := 2; ; {
		for at < len(b) && b[at] == 0xff && at+1 < len(b) && b[at+1] == 0xff {
			at++ // fill
		}
		if at+2 > len(b) || b[at] != 0xff {
			return nil, 0, errShort
		}
		marker := b[at+1]
		if marker == 0xd9 { // the end: what stands behind it is no picture
			out = append(out, 0xff, 0xd9)
			return withOrientation(out, orientation), orientation, nil
		}
		if at+4 > len(b) {
			return nil, 0, errShort
		}
		end := at + 2 + int(binary.BigEndian.Uint16(b[at+2:]))
		if end < at+4 || end > len(b) {
			return nil, 0, errShort
		}
		segment := b[at+4 : end]
		switch {
		case marker == 0xe0 && bytes.HasPrefix(segment, []byte("JFIF\x00")) && len(segment) >= 14:
			out = append(out, 0xff, 0xe0, 0, 16)
			out = append(append(out, segment[:12]...), 0, 0) // without its thumbnail
		case marker == 0xe1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")):
			orientation = orientationOf(segment[6:])
		case marker == 0xe2 && bytes.HasPrefix(segment, []byte("ICC_PROFILE\x00")), marker == 0xee && bytes.HasPrefix(segment, []byte("Adobe")):
			out = append(out, b[at:end]...)
		case marker >= 0xe0 && marker <= 0xef, marker == 0xfe:
		default:
			out = append(out, b[at:end]...)
		}
		at = end
		if marker == 0xda {
			end = scanEnd(b, at)
			out = append(out, b[at:end]...)
			at = end
		}
	}
}

// scanEnd is where the octets of a scan that begin at a place end: at a marker
// that is none of restarts.
func scanEnd(b []byte, at int) int {
	for ; at+1 < len(b); at++ {
		if b[at] == 0xff && b[at+1] != 0 && b[at+1] != 0xff && (b[at+1] < 0xd0 || b[at+1] > 0xd7) {
			return at
		}
	}
	return len(b)
}

// withOrientation puts EXIF with nothing but the orientation behind the first
// marker.
func withOrientation(b []byte, orientation int) []byte {
	if orientation == 1 {
		return b
	}
	exif := append([]byte("Exif\x00\x00"), tiff(orientation)...)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, 0, byte(2+len(exif)))
	return append(append(out, exif...), b[2:]...)
}

// pngKeeps are the chunks that show something (PNG, third edition, section 11).
var pngKeeps = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "gAMA": true, "cHRM": true, "sRGB": true, "iCCP": true,
	"cICP": true, "sBIT": true, "bKGD": true, "pHYs": true, "acTL": true, "fcTL": true, "fdAT": true,
}

func cleanPNG(b []byte) (out []byte, orientation int, err error) {
	out, orientation = append(out, pngMagic...), 1
	for at := len(pngMagic); ; {
		if at+12 > len(b) {
			return nil, 0, errShort
		}
		size := uint64(binary.BigEndian.Uint32(b[at:]))
		if size > uint64(len(b)-at-12) {
			return nil, 0, errShort
		}
		end := at + 12 + int(size)
		kind := string(b[at+4 : at+8])
		switch {
		case kind == "eXIf":
			if orientation = orientationOf(b[at+8 : end-4]); orientation != 1 {
				out = appendPNG(out, kind, tiff(orientation))
			}
		case pngKeeps[kind]:
			out = append(out, b[at:end]...)
		}
		if kind == "IEND" {
			return out, orientation, nil
		}
		at = end
	}
}

func appendPNG(out []byte, kind string, data []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	at := len(out)
	out = append(append(out, kind...), data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[at:]))
}

// Flags of a WebP's VP8X chunk that say what stands beside the picture.
const webpEXIF, webpXMP = 0x08, 0x04

// cleanWebP keeps the chunks that show something (RFC 9649).
func cleanWebP(b []byte) (out []byte, orientation int, err error) {
	orientation = 1
	if size := uint64(binary.LittleEndian.Uint32(b[4:])); size+8 > uint64(len(b)) || size < 4 {
		return nil, 0, errShort
	} else {
		b = b[:size+8]
	}
	out = append(out, b[:12]...)
	flags := -1 // where they stand
	for at := 12; at < len(b); {
		if at+8 > len(b) {
			return nil, 0, errShort
		}
		size := uint64(binary.LittleEndian.Uint32(b[at+4:]))
		if size > uint64(len(b)-at-8) {
			return nil, 0, errShort
		}
		end := min(at+8+int(size)+int(size&1), len(b))
		switch string(b[at : at+4]) {
		case "VP8X":
			if size < 10 {
				return nil, 0, errShort
			}
			flags = len(out) + 8
			out = append(out, b[at:end]...)
			out[flags] &^= webpEXIF | webpXMP
		case "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF", "ICCP":
			out = append(out, b[at:end]...)
		case "EXIF":
			orientation = orientationOf(bytes.TrimPrefix(b[at+8:at+8+int(size)], []byte("Exif\x00\x00")))
		}
		at = end
	}
	if orientation != 1 && flags >= 0 {
		exif := tiff(orientation)
		out[flags] |= webpEXIF
		out = binary.LittleEndian.AppendUint32(append(out, "EXIF"...), uint32(len(exif)))
		out = append(out, exif...)
	} else {
		orientation = 1
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out, orientation, nil
}

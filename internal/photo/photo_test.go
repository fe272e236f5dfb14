package photo

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
)

// secret is what must not be left of a picture.
const secret = "25.0339N121.5645E"

// picture is 60 × 40: red in the upper left quarter, else blue.
func picture() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 60, 40))
	for y := range 40 {
		for x := range 60 {
			c := color.RGBA{0, 0, 255, 255}
			if x < 30 && y < 20 {
				c = color.RGBA{255, 0, 0, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

// exifWith is EXIF of a camera: the orientation in one entry and a place in another.
func exifWith(orientation int, order binary.AppendByteOrder) []byte {
	b := []byte("MM\x00*")
	if order.String() == "LittleEndian" {
		b = []byte("II*\x00")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(order.AppendUint16(b, 0x010e), 2)
	b = order.AppendUint32(order.AppendUint32(b, uint32(len(secret))), 38)
	b = order.AppendUint16(order.AppendUint16(b, 0x0112), 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(order.AppendUint16(b, uint16(orientation)), 0)
	return append(order.AppendUint32(b, 0), secret...)
}

func jpegWith(t *testing.T, orientation int) []byte {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture(), nil); err != nil {
		t.Fatal(err)
	}
	b := out.Bytes()
	segment := func(marker byte, data string) []byte {
		return append([]byte{0xff, marker, byte((len(data) + 2) >> 8), byte(len(data) + 2)}, data...)
	}
	head := append([]byte{0xff, 0xd8}, segment(0xe1, "Exif\x00\x00"+string(exifWith(orientation, binary.LittleEndian)))...)
	head = append(head, segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"+secret)...)
	head = append(head, segment(0xe2, "ICC_PROFILE\x00\x01\x01profile")...)
	head = append(head, segment(0xed, "Photoshop 3.0\x00"+secret)...)
	head = append(head, segment(0xfe, secret)...)
	return append(append(head, b[2:]...), secret...)
}

func pngWith(t *testing.T, orientation int) []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, picture()); err != nil {
		t.Fatal(err)
	}
	b := out.Bytes()
	chunk := func(kind string, data []byte) []byte {
		c := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
		c = append(append(c, kind...), data...)
		return binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	}
	more := append(chunk("tEXt", []byte("Comment\x00"+secret)), chunk("eXIf", exifWith(orientation, binary.BigEndian))...)
	more = append(more, chunk("iTXt", []byte("XML:com.adobe.xmp\x00"+secret))...)
	more = append(more, chunk("zzZz", []byte(secret))...)
	return append(append(append(bytes.Clone(b[:33]), more...), b[33:]...), secret...)
}

// webpWith is a lossless WebP of 1 × 1 pixel in the extended form.
func webpWith(orientation int) []byte {
	chunk := func(kind string, data []byte) []byte {
		c := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(data)))
		c = append(c, data...)
		return append(c, make([]byte, len(data)&1)...)
	}
	body := chunk("VP8X", []byte{webpEXIF | webpXMP, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	body = append(body, chunk("VP8L", []byte("\x2f\x00\x00\x00\x00\x07\x10\x11\x11\x88\x88\xfe\x07\x00"))...)
	body = append(body, chunk("EXIF", exifWith(orientation, binary.LittleEndian))...)
	body = append(body, chunk("XMP ", []byte(secret))...)
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body)))
	return append(append(append(out, "WEBP"...), body...), secret...)
}

func TestCleanTakesOutWhatIsNoPicture(t *testing.T) {
	for name, make := range map[string]func(int) []byte{
		"jpeg": func(o int) []byte { return jpegWith(t, o) }, "png": func(o int) []byte { return pngWith(t, o) }, "webp": webpWith,
	} {
		for orientation := 1; orientation <= 8; orientation++ {
			b := make(orientation)
			if !bytes.Contains(b, []byte(secret)) {
				t.Fatalf("%s: the test has no secret", name)
			}
			clean, info, err := Clean(b)
			if err != nil {
				t.Fatalf("%s, orientation %d: %v", name, orientation, err)
			}
			if bytes.Contains(clean, []byte(secret)) || info.Orientation != orientation {
				t.Errorf("%s, orientation %d: secret left %v, orientation %d", name, orientation, bytes.Contains(clean, []byte(secret)), info.Orientation)
			}
			again, same, err := Clean(clean)
			if err != nil || !bytes.Equal(again, clean) || same != info {
				t.Errorf("%s, orientation %d: cleaned again it differs: %v, %v", name, orientation, same, err)
			}
			if _, err := decode(info.Type, clean); err != nil {
				t.Errorf("%s, orientation %d: it is no picture any more: %v", name, orientation, err)
			}
			if w := info.Width; name != "webp" && (w == 40) != (orientation >= 5) {
				t.Errorf("%s, orientation %d: width %d", name, orientation, w)
			}
		}
		if name == "jpeg" {
			if clean, _, _ := Clean(jpegWith(t, 6)); !bytes.Contains(clean, []byte("ICC_PROFILE")) {
				t.Error("the colour profile is gone")
			}
		}
	}
}

// Small pictures are turned: the red quarter is where EXIF says it is.
func TestThumbIsTurned(t *testing.T) {
	corner := map[int]int{1: 0, 2: 1, 3: 3, 4: 2, 5: 0, 6: 1, 7: 3, 8: 2} // upper left, upper right, lower left, lower right
	for orientation, want := range corner {
		clean, info, err := Clean(jpegWith(t, orientation))
		if err != nil {
			t.Fatal(err)
		}
		small, err := Thumb(clean, info, 30, 64<<10)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(small))
		if err != nil {
			t.Fatal(err)
		}
		w, h := img.Bounds().Dx(), img.Bounds().Dy()
		if max(w, h) != 30 || (w == 20) != (orientation >= 5) {
			t.Errorf("orientation %d: %d × %d", orientation, w, h)
		}
		for i, p := range []image.Point{{w / 4, h / 4}, {3 * w / 4, h / 4}, {w / 4, 3 * h / 4}, {3 * w / 4, 3 * h / 4}} {
			r, _, b, _ := img.At(p.X, p.Y).RGBA()
			if (r > b) != (i == want) {
				t.Errorf("orientation %d, corner %d: red %v", orientation, i, r > b)
			}
		}
	}
}

func TestGIFAndOthers(t *testing.T) {
	var out bytes.Buffer
	if err := gif.Encode(&out, picture(), nil); err != nil {
		t.Fatal(err)
	}
	clean, info, err := Clean(out.Bytes())
	if err != nil || info.Width != 60 || !bytes.Equal(clean, out.Bytes()) {
		t.Errorf("GIF: %+v, %v", info, err)
	}
	for _, s := range []string{"", "text", "\xff\xd8\xff", "RIFF\xff\xff\xff\xffWEBP", pngMagic, pngMagic + "\xff\xff\xff\xffIHDR", "GIF89a"} {
		if _, _, err := Clean([]byte(s)); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	if _, err := Thumb(clean, Info{Type: "image/gif", Width: 1 << 20, Height: 1 << 20}, 320, 1000); err == nil {
		t.Error("a picture that would fill the memory is decoded")
	}
}

func FuzzClean(f *testing.F) {
	t := &testing.T{}
	for _, b := range [][]byte{jpegWith(t, 6), pngWith(t, 3), webpWith(8)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		clean, info, err := Clean(b)
		if err != nil {
			return
		}
		again, same, err := Clean(clean)
		if err != nil || !bytes.Equal(again, clean) || same != info {
			t.Fatalf("cleaned again: %v, %v, %v", same, info, err)
		}
		if info.Width*info.Height < 1<<16 {
			_, _ = Thumb(clean, info, 32, 1<<16)
		}
	})
}

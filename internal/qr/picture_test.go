package qr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func picture(t testing.TB, text string) []byte {
	t.Helper()
	c, err := Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is written as a picture is read back, by a reader that somebody else wrote.
func TestPicturesAreRead(t *testing.T) {
	for _, text := range []string{
		"OMEGA:CONTACT/DA1444B918D9998ADE0A4119E0E770124D278AE0", "omega-link:Ab3_-xyz@127.0.0.1:1", "王小明 ω", strings.Repeat("x", 600),
	} {
		if got, err := Read(bytes.NewReader(picture(t, text))); err != nil || got != text {
			t.Errorf("%.40q reads as %.40q, %v", text, got, err)
		}
	}
}

// A photo of a screen is larger, darker at one side, and compressed.
func TestPhotoIsRead(t *testing.T) {
	const text = "OMEGA:CONTACT/DA1444B918D9998ADE0A4119E0E770124D278AE0"
	small, err := png.Decode(bytes.NewReader(picture(t, text)))
	if err != nil {
		t.Fatal(err)
	}
	at := small.Bounds().Size()
	photo := image.NewGray(image.Rect(0, 0, at.X+300, at.Y+200))
	for y := range at.Y + 200 {
		for x := range at.X + 300 {
			light := uint32(0xb0)
			if p := image.Pt(x-120, y-90); p.In(small.Bounds()) {
				r, _, _, _ := small.At(p.X, p.Y).RGBA()
				light = 0x20 + r>>8*3/4
			}
			photo.SetGray(x, y, color.Gray{Y: uint8(light - uint32(x)/24)})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, photo, &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(&b); err != nil || got != text {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestUnreadablePictures(t *testing.T) {
	var blank bytes.Buffer
	if err := png.Encode(&blank, image.NewGray(image.Rect(0, 0, 200, 200))); err != nil {
		t.Fatal(err)
	}
	huge := append([]byte(nil), blank.Bytes()...) // says that it is 100,000 pixels wide and high
	binary.BigEndian.PutUint32(huge[16:], 100_000)
	binary.BigEndian.PutUint32(huge[20:], 100_000)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	for name, tt := range map[string]struct {
		b    []byte
		want error
	}{
		"no picture": {[]byte("omega:contact/"), ErrPicture}, "nothing": {nil, ErrPicture}, "a blank one": {blank.Bytes(), ErrNone},
		"a huge one": {huge, ErrPicture}, "half of one": {picture(t, "x")[:200], ErrPicture},
	} {
		if got, err := Read(bytes.NewReader(tt.b)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %q, %v; want %v", name, got, err, tt.want)
		}
	}
}

// A drawing has the dark modules and no others.
func TestDrawing(t *testing.T) {
	c, err := Encode("OMEGA")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	dark := map[string]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`).FindAllStringSubmatch(b.String(), -1) {
		x, _ := strconv.Atoi(m[1])
		n, _ := strconv.Atoi(m[3])
		for i := range n {
			dark[fmt.Sprint(x+i, " ", m[2])] = true
		}
	}
	for y := range c.Size {
		for x := range c.Size {
			if dark[fmt.Sprint(x+quiet, " ", y+quiet)] != c.Dark(x, y) {
				t.Fatalf("module %d,%d is drawn wrong", x, y)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(picture(f, "x"))
	f.Add(picture(f, strings.Repeat("x", 600)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Read(bytes.NewReader(b)); err != nil && !errors.Is(err, ErrPicture) && !errors.Is(err, ErrNone) {
			t.Errorf("%v", err)
		}
	})
}

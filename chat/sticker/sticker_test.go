package sticker

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"
)

func somePNG(t testing.TB, side int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tgs(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const lottie = `{"v":"5.5.2","fr":60,"ip":0,"op":180,"w":512,"h":512,"layers":[{"ty":4,"ks":{"p":{"a":0,"k":[1,2],"x":5}},"nm":"x"}]%s}`

type entry struct {
	name string
	body []byte
}

func archive(t testing.TB, list ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range list {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if len(e.body) == 0 {
			h.Method = zip.Store // a compressor for each of thousands would take most of the time of these tests
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(e.body)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		b    []byte
		kind string // "": refused
	}{
		"png":                     {somePNG(t, 64), "image/png"},
		"animation":               {tgs(t, fmt.Sprintf(lottie, "")), TGS},
		"nothing":                 {nil, ""},
		"too much":                {append(somePNG(t, 64), make([]byte, MaxFile)...), ""},
		"too large":               {somePNG(t, MaxSide+1), ""},
		"text":                    {[]byte("hello"), ""},
		"a page":                  {[]byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), ""},
		"cut off":                 {somePNG(t, 64)[:40], ""},
		"gzip of a gibibyte":      {tgs(t, strings.Repeat(" ", maxLottie+1)), ""},
		"gzip of no JSON":         {tgs(t, "hello"), ""},
		"without layers":          {tgs(t, `{"w":512,"h":512,"fr":60}`), ""},
		"with a program":          {tgs(t, fmt.Sprintf(lottie, `,"assets":[{"k":{"x":"var $bm_rt; fetch('//evil')"}}]`)), ""},
		"that names a file":       {tgs(t, fmt.Sprintf(lottie, `,"assets":[{"u":"https://evil.example/","p":"a.png"}]`)), ""},
		"with a picture in it":    {tgs(t, fmt.Sprintf(lottie, `,"assets":[{"u":"","p":"data:image/png;base64,AA"}]`)), TGS},
		"with a repeater":         {tgs(t, fmt.Sprintf(lottie, `,"assets":[{"id":"a","layers":[{"ty":4,"shapes":[{"ty":"gr","it":[{"ty":"rp","c":{"a":0,"k":1e9}}]}]}]}]`)), ""},
		"with a repeater, hidden": {tgs(t, fmt.Sprintf(lottie, `,"assets":[{"shapes":[{"t\u0079":"r\u0070","c":{"k":1e9}}]}]`)), ""},
		"deep":                    {tgs(t, strings.Repeat("[", 1<<20)), ""},
		"gzip with another after": {append(tgs(t, fmt.Sprintf(lottie, "")), tgs(t, "x")...), ""},
	} {
		f, err := Check(name, tt.b)
		if tt.kind == "" {
			if !errors.Is(err, ErrBad) {
				t.Errorf("%s: %v, %v", name, f.Type, err)
			}
			continue
		}
		if err != nil || f.Type != tt.kind || f.Width < 64 || f.Height < 64 {
			t.Errorf("%s: %q, %d by %d, %v", name, f.Type, f.Width, f.Height, err)
		}
	}
}

const meta = `{"packageId":11952172,"title":{"en":"Birds","zh-Hant":"黃山雀"},"author":{"en":"A-way"},"stickers":[{"id":1,"width":64,"height":64},{"id":2},{"id":3},{"id":4}],"hasAnimation":true}`

func TestLINE(t *testing.T) {
	a, err := ReadZip(archive(t, entry{"productInfo.meta", []byte(meta)}, entry{"1@2x.png", somePNG(t, 64)}, entry{"1_key@2x.png", somePNG(t, 3)},
		entry{"2@2x.png", somePNG(t, 65)}, entry{"animation@2x/2@2x.png", somePNG(t, 66)}, entry{"3@2x.png", []byte("broken")}, entry{"tab_on@2x.png", somePNG(t, 9)},
		entry{"../../etc/passwd.png", somePNG(t, 64)}))
	if err != nil {
		t.Fatal(err)
	}
	if a.Title != "黃山雀" || a.Author != "A-way" || len(a.Files) != 2 || a.Skipped != 1 {
		t.Errorf("%q by %q: %d stickers, %d skipped", a.Title, a.Author, len(a.Files), a.Skipped)
	}
	if a.Files[0].Width != 64 || a.Files[1].Width != 66 || a.Files[0].Name != "1.png" {
		t.Errorf("%+v", a.Files)
	}
}

func TestPlainZip(t *testing.T) {
	a, err := ReadZip(archive(t, entry{"b.png", somePNG(t, 65)}, entry{`..\..\a.tgs`, tgs(t, fmt.Sprintf(lottie, ""))}, entry{"/abs/c.PNG", somePNG(t, 67)},
		entry{"readme.txt", []byte("x")}, entry{"__MACOSX/._b.png", []byte("x")}))
	if err != nil || len(a.Files) != 3 || a.Skipped != 0 {
		t.Fatalf("%+v, %v", a, err)
	}
	for _, f := range a.Files {
		if strings.ContainsAny(f.Name, `/\`) {
			t.Errorf("called %q", f.Name)
		}
	}
}

func TestHostileZip(t *testing.T) {
	var list []entry
	picture := somePNG(t, 64)
	for i := range MaxCount + 1 {
		list = append(list, entry{fmt.Sprintf("%03d.png", i), picture})
	}
	many := archive(t, list...)
	listed := strings.Replace(meta, `"stickers":[`, `"stickers":[`+strings.Repeat(`{"id":1},`, MaxCount), 1)
	names := []entry{{"a.png", picture}} // without the others it is a pack
	for i := range 20_000 {
		names = append(names, entry{fmt.Sprintf("%s%d", strings.Repeat("n", 60), i), nil})
	}
	lies := archive(t, entry{"a.png", picture})
	at := bytes.LastIndex(lies, []byte("PK\x05\x06"))
	copy(lies[at+16:], []byte{0xff, 0xff, 0xff, 0x7f})
	for name, b := range map[string][]byte{
		"nothing in it": archive(t), "no sticker": archive(t, entry{"a.txt", []byte("x")}), "many": many, "a list of many": archive(t, entry{"productInfo.meta", []byte(listed)}),
		"a long list": archive(t, entry{"productInfo.meta", []byte(meta + strings.Repeat(" ", maxMeta))}), "no list": archive(t, entry{"productInfo.meta", []byte("{")}),
		"a bomb":     archive(t, entry{"a.png", make([]byte, 40<<20)}),
		"long names": archive(t, names...), "a list elsewhere": lies, "cut off": many[:500], "not an archive": []byte("PK\x03\x04"), "large": make([]byte, MaxZip+1),
	} {
		if _, err := ReadZip(b); !errors.Is(err, ErrBad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadZip(f *testing.F) {
	f.Add(archive(f, entry{"productInfo.meta", []byte(meta)}, entry{"1@2x.png", somePNG(f, 4)}))
	f.Add(archive(f, entry{"a.tgs", tgs(f, fmt.Sprintf(lottie, ""))}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ReadZip(b)
		if err != nil {
			return
		}
		if len(a.Files) == 0 || len(a.Files) > MaxCount {
			t.Fatalf("%d stickers", len(a.Files))
		}
		for _, file := range a.Files {
			if strings.ContainsAny(file.Name, `/\`) || len(file.Octets) > MaxFile+1024 {
				t.Fatalf("%q of %d octets", file.Name, len(file.Octets))
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add(somePNG(f, 4))
	f.Add(tgs(f, fmt.Sprintf(lottie, "")))
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPVP8L"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Check("", b); err == nil && (s.Width > MaxSide || s.Type == "") {
			t.Fatalf("%+v", s)
		}
	})
}

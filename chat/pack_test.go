package chat

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

func somePack() *Pack {
	return &Pack{Title: "黃山雀", Author: "阿華", Stickers: []MediaItem{
		{What: Sticker, Ref: media.Ref{Name: media.Hash{1}, Size: 900}, Type: "image/webp", Width: 512, Height: 400, Emoji: "🐦"},
		{What: Sticker, Ref: media.Ref{Name: media.Hash{2}, Size: 9}, Type: "application/x-tgsticker", Width: 512, Height: 512},
	}}
}

func TestPack(t *testing.T) {
	raw, err := somePack().Encode()
	must(t, err)
	got, err := DecodePack(raw)
	if err != nil || !reflect.DeepEqual(got, somePack()) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, edit := range map[string]func(*Pack){
		"no title":         func(p *Pack) { p.Title = "" },
		"a title of lines": func(p *Pack) { p.Title = "a\nb" },
		"an author turned": func(p *Pack) { p.Author = "a\u202eb" },
		"no sticker":       func(p *Pack) { p.Stickers = nil },
		"121 stickers":     func(p *Pack) { p.Stickers = append(p.Stickers, make([]MediaItem, 119)...) },
		"a photo":          func(p *Pack) { p.Stickers[0].What = Photo },
		"a page":           func(p *Pack) { p.Stickers[0].Type = "text/html" },
		"a large one":      func(p *Pack) { p.Stickers[0].Ref.Size = MaxSticker + 1 },
		"a path":           func(p *Pack) { p.Stickers[0].FileName = "x.png" },
		"an empty one":     func(p *Pack) { p.Stickers[0].Ref.Size = 0 },
		"a sealed one":     func(p *Pack) { p.Stickers[0].Seal = &media.Seal{Key: [32]byte{1}, Size: 9, Hash: media.Hash{1}} },
		"a long emoji":     func(p *Pack) { p.Stickers[0].Emoji = strings.Repeat("🐦", 20) },
	} {
		p := somePack()
		if edit(p); p.check() == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := p.Encode(); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func TestPackRef(t *testing.T) {
	ref := PackRef{Ref: media.Ref{Name: media.Hash{7}, Size: 1234}, Servers: []omega.Fingerprint{testAccount(t, 3), testAccount(t, 4)}}
	link := ref.Link()
	got, err := ParsePackLink(" " + link[:30] + "\n" + link[30:])
	if err != nil || !reflect.DeepEqual(got, ref) {
		t.Errorf("%+v, %v", got, err)
	}
	s := PackSetting(&ref, "黃山雀")
	s.Stamp = Stamp{1, testTime, testAccount(t, 9)}
	read, title, err := s.PackOf()
	if err != nil || title != "黃山雀" || !reflect.DeepEqual(read, ref) || !s.valid() {
		t.Errorf("%+v, %q, %v", read, title, err)
	}
	for name, bad := range map[string]string{
		"nothing": "", "of a group": strings.Replace(link, "stickers", "group", 1), "cut off": link[:len(link)-1], "longer": link + "A",
		"another character": strings.Replace(link, link[40:41], "-", 1), "huge": link + strings.Repeat("A", maxPackLink),
	} {
		if _, err := ParsePackLink(bad); !errors.Is(err, ErrPackLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, value := range map[string][]byte{"cut off": s.Value[:8], "no title": s.Value[:len(s.Value)-9], "no server": {0, 0, 0, 9, 0, 'x'}, "of no size": append(make([]byte, 4), s.Value[4:]...)} {
		with := s
		if with.Value = value; with.valid() {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzDecodePack(f *testing.F) {
	raw, err := somePack().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := DecodePack(raw)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if q, err := DecodePack(again); err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("%+v, %v", q, err)
		}
		if bytes.Contains([]byte(p.Title), []byte("\n")) {
			t.Fatal("a title of lines")
		}
	})
}

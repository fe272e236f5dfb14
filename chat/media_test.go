package chat

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

func someMedia() []MediaItem {
	server, err := omega.ParseFingerprint(strings.Repeat("3", 40))
	if err != nil {
		panic(err)
	}
	return []MediaItem{
		{What: Photo, Ref: media.Ref{Name: media.Hash{1}, Size: 1000}, Type: "image/jpeg", FileName: "山.jpg", Width: 640, Height: 480,
			Servers: []omega.Fingerprint{server}, Thumb: media.Ref{Name: media.Hash{2}, Size: 500}},
		{What: Video, Ref: media.Ref{Name: media.Hash{3}, Size: 5 << 20, Root: media.Hash{4}}, Type: "video/mp4", Duration: 1500 * time.Millisecond},
		{What: Sticker, Ref: media.Ref{Name: media.Hash{5}, Size: 9}, Type: "image/webp", Emoji: "🐦"},
	}
}

// Media travel as they are, signed with lines that a person can check, or unsigned
// without a trace in what is signed.
func TestMediaContent(t *testing.T) {
	for _, unsigned := range []bool{false, true} {
		c := NewMedia("caption", someMedia(), unsigned)
		raw, err := c.Raw()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeContent(raw)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Media) != 3 || got.Unsigned != unsigned || got.Text != "caption" || !got.mediaFit() {
			t.Fatalf("unsigned %v: read as %+v", unsigned, got)
		}
		again, err := NewMedia(got.Text, got.Media, got.Unsigned).Raw()
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("unsigned %v: written again it differs (%v)", unsigned, err)
		}
		sent, err := c.contentHash(raw)
		if err != nil || sent != got.hash {
			t.Errorf("unsigned %v: the hash differs at the two ends (%v)", unsigned, err)
		}
		if (sent == Hash{}) != unsigned || (len(c.Lines) == 0) != unsigned {
			t.Errorf("unsigned %v: hash %x, lines %q", unsigned, sent, c.Lines)
		}
	}
	if got := NewMedia("", someMedia(), false).Lines[1]; got != "Media: 03"+strings.Repeat("0", 62)+" 5242880 video" {
		t.Errorf("line %q", got)
	}
}

// Items that the lines do not name are no signed media.
func TestMediaLinesFit(t *testing.T) {
	c := NewMedia("", someMedia(), false)
	for name, edit := range map[string]func(*Content){
		"another blob":     func(c *Content) { c.Media[0].Ref.Name[0]++ },
		"another size":     func(c *Content) { c.Media[0].Ref.Size++ },
		"called a file":    func(c *Content) { c.Media[0].What = File },
		"another order":    func(c *Content) { slices.Reverse(c.Media) },
		"a line less":      func(c *Content) { c.Lines = c.Lines[:2] },
		"a line more":      func(c *Content) { c.Lines = append(c.Lines, c.Lines[0]) },
		"said unsigned":    func(c *Content) { c.Unsigned = true },
		"lines on nothing": func(c *Content) { c.Media = nil },
	} {
		with := *c
		with.Media, with.Lines = slices.Clone(c.Media), slices.Clone(c.Lines)
		if edit(&with); with.mediaFit() {
			t.Errorf("%s: fits", name)
		}
	}
	c.Lines = append([]string{"Other: line"}, c.Lines...)
	if !c.mediaFit() {
		t.Error("a line of something else does not fit")
	}
}

func TestMediaLimits(t *testing.T) {
	for name, edit := range map[string]func(*MediaItem){
		"no size": func(m *MediaItem) { m.Ref.Size = 0 }, "too large": func(m *MediaItem) { m.Ref.Size = media.MaxSize + 1 },
		"a root too many": func(m *MediaItem) { m.Ref.Root[0] = 1 }, "no root": func(m *MediaItem) { m.Ref.Size = 2 << 20 },
		"a path": func(m *MediaItem) { m.FileName = "../x" }, "a name that turns": func(m *MediaItem) { m.FileName = "a\u202eb" },
		"a long name": func(m *MediaItem) { m.FileName = strings.Repeat("a", 256) }, "a type": func(m *MediaItem) { m.Type = "jpeg" },
		"a type with more": func(m *MediaItem) { m.Type = "text/html; x" }, "what": func(m *MediaItem) { m.What = "song" },
		"servers":     func(m *MediaItem) { m.Servers = make([]omega.Fingerprint, 6) },
		"large thumb": func(m *MediaItem) { m.Thumb.Size = MaxThumb + 1 },
	} {
		items := someMedia()
		if edit(&items[0]); NewMedia("", items, false).check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if NewMedia("", nil, false).check() == nil || NewMedia("", make([]MediaItem, 11), false).check() == nil {
		t.Error("none or eleven are taken")
	}
	text := NewText("x")
	text.Media = someMedia()
	if text.check() == nil {
		t.Error("a text with media is taken")
	}
	for in, want := range map[string]string{"a/b.jpg": "a_b.jpg", "..": "_", "": "", "x\ny": "x_y", strings.Repeat("a", 300) + ".png": strings.Repeat("a", 251) + ".png"} {
		if got := CleanFileName(in); got != want {
			t.Errorf("CleanFileName(%q) = %q, want %q", in, got, want)
		}
	}
}

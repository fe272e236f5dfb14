package tui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// flagPicture is a picture of two halves.
func flagPicture(w, h int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{200, 30, 30, 255}
			if y >= h/2 {
				c = color.RGBA{30, 30, 200, 255}
			}
			img.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	png.Encode(&b, img)
	return b.Bytes()
}

// withPicture is a world whose picture can be read, in parts.
func withPicture(b []byte) *fake {
	f := world()
	f.serve["file.read"] = func(params []byte) (any, error) {
		var p clientrpc.ReadFileParams
		json.Unmarshal(params, &p)
		end := min(int64(len(b)), p.Offset+min(int64(p.Length), 1000))
		return clientrpc.ReadFileResult{Data: b[p.Offset:end], Size: int64(len(b)), Type: "image/png"}, nil
	}
	return f
}

// TestPictures: the sequences by which each kind of terminal shows a picture.
func TestPictures(t *testing.T) {
	img, err := decode(flagPicture(12, 8))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := decode(flagPicture(12, 1)) // of one colour: which of several comes first is the encoder's mood
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{byKitty, byITerm2, bySixel} {
		img := img
		if way == bySixel {
			img = plain
		}
		golden(t, "picture-"+way, strings.ReplaceAll(strings.ReplaceAll(encoded(way, img, 4, 2, 10, 20), "\x1b", "ESC"), "\x07", "BEL"))
	}
	var out strings.Builder
	for _, r := range blocks(img, 6, 3) {
		newTheme(true, false, false).write(&out, r)
		out.WriteByte('\n')
	}
	golden(t, "picture-blocks", strings.ReplaceAll(out.String(), "\x1b", "ESC"))
}

func TestPictureInHistory(t *testing.T) {
	f := withPicture(flagPicture(64, 48))
	d := zh(t, f, 80, 40)
	d.do(d.m.openChat(withBob))
	d.wants("▀▀▀▀▀▀▀▀")
	d.press("ctrl+up", "k", "o")
	if s := d.screen(); strings.Count(s, "▀") < 200 || strings.Contains(s, "還在路上") {
		t.Errorf("the picture does not fill the screen:\n%s", s)
	}
	d.press("q")
	d.wants("還在路上")

	stranger := said(650, 6, "陳怡勻", "", noon)
	stranger.Kind, stranger.Inert, stranger.Chat, stranger.Media = "media", true, withEve, []clientrpc.Medium{{What: "photo", Blob: "bb", Size: 1, Name: "x.png"}}
	f.history[withEve] = append(f.history[withEve], stranger)
	n := f.count("file.read")
	d.do(d.m.openChat(withEve))
	if f.count("file.read") != n {
		t.Error("a picture of a stranger was read without being asked for")
	}
}

// TestPictureBounds: pictures that say that they are huge, or are none, are not
// decoded.
func TestPictureBounds(t *testing.T) {
	huge := flagPicture(4, 4)
	copy(huge[16:24], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536 by 65536
	for name, b := range map[string][]byte{"huge": huge, "empty": {}, "text": []byte("no picture")} {
		if _, err := decode(b); err == nil {
			t.Errorf("%s was decoded", name)
		}
	}
	f := withPicture(nil)
	f.serve["file.read"] = func([]byte) (any, error) {
		return clientrpc.ReadFileResult{Data: make([]byte, 1000), Size: maxPicture + 1}, nil
	}
	d := zh(t, f, 80, 40)
	d.do(d.m.openChat(withBob))
	d.wants("［照片］象山.jpg")
	if n := f.count("file.read"); n != 1 {
		t.Errorf("a file that is too large was read %d times", n)
	}
}

// TestSixelSize: a picture is no larger than xterm draws, nor than the screen, whose
// characters are measured also where the person chose the way.
func TestSixelSize(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 640, 400))
	for _, row := range []struct{ w, h, cellW, cellH, wide, high int }{{200, 60, 10, 20, 1000, 625}, {80, 24, 7, 14, 537, 336}} {
		got := encoded(bySixel, img, row.w, row.h, row.cellW, row.cellH)
		if want := fmt.Sprintf("\"1;1;%d;%d", row.wide, row.high); !strings.Contains(got, want) {
			t.Errorf("%+v: %.60q does not say %q", row, got, want)
		}
	}
	for images, want := range map[string]bool{bySixel: true, byKitty: true, byITerm2: true, byBlocks: false, byNothing: false} {
		d := newDriver(t, world(), 80, 24, Options{Images: images})
		if got := slices.Contains(d.raw, ansi.WindowOp(ansi.RequestCellSizeWinOp)); got != want {
			t.Errorf("%s: asks for the size of characters: %v", images, got)
		}
	}
}

// TestDetection: what a terminal says of itself decides how it is given pictures.
func TestDetection(t *testing.T) {
	for _, row := range []struct {
		o    Options
		msg  tea.Msg
		want string
	}{
		{Options{}, nil, byBlocks},
		{Options{Term: Terminal{Name: "xterm-kitty"}}, nil, byKitty},
		{Options{Term: Terminal{Name: "xterm-kitty", Inside: true}}, nil, byBlocks},
		{Options{Term: Terminal{Program: "WezTerm"}}, nil, byITerm2},
		{Options{}, tea.TerminalVersionMsg{Name: "kitty(0.40.1)"}, byKitty},
		{Options{}, tea.TerminalVersionMsg{Name: "iTerm2 3.5"}, byITerm2},
		{Options{}, uv.PrimaryDeviceAttributesEvent{62, 4, 22}, bySixel},
		{Options{}, uv.PrimaryDeviceAttributesEvent{62, 22}, byBlocks},
		{Options{Images: byNothing}, uv.PrimaryDeviceAttributesEvent{62, 4}, byNothing},
	} {
		p := newPictures(row.o)
		if row.msg != nil && !p.learn(row.msg) {
			t.Errorf("%v is not understood", row.msg)
		}
		if p.way != row.want {
			t.Errorf("%+v, %v: %s, want %s", row.o, row.msg, p.way, row.want)
		}
	}
	d := newDriver(t, withPicture(flagPicture(8, 8)), 80, 40, Options{Lang: i18n.Chinese, Theme: "mono"})
	d.do(d.m.openChat(withBob))
	d.wantsNot("▀")
}

func TestSave(t *testing.T) {
	f := world()
	for name, want := range map[string]string{"../../etc/passwd": "/dl/passwd", `C:\x\y.txt`: "/dl/y.txt", ".bashrc": "/dl/bashrc-aa", "\x1b[2J.png": "/dl/�[2J.png"} {
		f.history[withBob][5].Media[0].Name = name
		d := newDriver(t, f, 80, 24, Options{Lang: i18n.Chinese, Downloads: "/dl"})
		d.do(d.m.openChat(withBob))
		d.press("ctrl+up", "k", "s", "enter")
		if p := params[clientrpc.GetFileParams](t, f, "file.get"); p.Path != want {
			t.Errorf("%q is saved as %q, want %q", name, p.Path, want)
		}
	}
}

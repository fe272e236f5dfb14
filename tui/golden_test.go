package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" != string(want) {
		t.Errorf("%s is not as it was; look at it, and run the test with -update:\n%s", name, got)
	}
}

// TestScreens are what a person sees, in both languages and on screens of three
// sizes.
func TestScreens(t *testing.T) {
	scenes := []struct {
		name string
		do   func(d *driver)
	}{
		{"list", func(d *driver) {}},
		{"chat", func(d *driver) { d.do(d.m.openChat(withBob)) }},
		{"group", func(d *driver) { d.do(d.m.openChat(inGroup)) }},
		{"secure", func(d *driver) { d.do(d.m.openChat(inSecret)); d.typing("密碼是") }},
		{"request", func(d *driver) { d.do(d.m.openChat(withEve)) }},
		{"menu", func(d *driver) { d.do(d.m.openChat(withBob)); d.press("ctrl+up", "enter") }},
		{"switcher", func(d *driver) { d.press("ctrl+k"); d.typing("陳") }},
		{"account", func(d *driver) { d.press("f2") }},
		{"groupmenu", func(d *driver) { d.do(d.m.openChat(inGroup)); d.press("ctrl+t") }},
		{"mentions", func(d *driver) { d.press("alt+m") }},
		{"servers", func(d *driver) { d.do(d.m.run(nearServers)) }},
		{"code", func(d *driver) { d.do(d.m.run(card)) }},
		{"archive", func(d *driver) { d.m.archiveMenu() }},
		{"export", func(d *driver) {
			d.do(d.m.openChat(withBob))
			d.m.push(d.m.exportForm(d.m.text("tui.export"), d.m.chat(), clientrpc.ExportHTML))
		}},
		{"before", func(d *driver) {
			d.do(d.m.openChat(inGroup))
			d.press("ctrl+up", "up", "up", "up", "up")
		}},
		{"help", func(d *driver) { d.press("f1") }},
		{"channel", func(d *driver) { d.do(d.m.openChat(inChannel)) }},
		{"reactions", func(d *driver) { d.do(d.m.openChat(withBob)); d.press("ctrl+up", "up", "up", "up", "+") }},
	}
	for lang, code := range map[i18n.Lang]string{i18n.Chinese: "zh", i18n.English: "en"} {
		for _, size := range [][2]int{{80, 24}, {120, 40}, {50, 20}, {40, 20}} {
			for _, s := range scenes {
				if narrow := size[0] == 40; narrow && !slices.Contains([]string{"mentions", "servers", "code", "archive", "export", "before", "channel", "reactions"}, s.name) {
					continue
				}
				name := fmt.Sprintf("%s-%s-%dx%d", s.name, code, size[0], size[1])
				t.Run(name, func(t *testing.T) {
					f := world()
					if s.name == "channel" {
						f = channels()
					}
					d := newDriver(t, f, size[0], size[1], Options{Lang: lang})
					s.do(d)
					golden(t, name, d.screen())
				})
			}
		}
	}
}

// TestPicture: the pictures of README are what a person sees.
func TestPicture(t *testing.T) {
	for file, lang := range map[string]string{"README.md": "zh", "README.en.md": "en"} {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		screen, err := os.ReadFile(filepath.Join("testdata", "chat-"+lang+"-80x24.golden"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "```\n"+string(screen)+"```\n") {
			t.Errorf("%s shows the terminal not as chat-%s-80x24.golden has it: put that there", file, lang)
		}
	}
}

// TestColours: what inks look like, on both backgrounds and without colours.
func TestColours(t *testing.T) {
	for _, theme := range []string{"dark", "light", "mono"} {
		d := newDriver(t, world(), 80, 24, Options{Lang: i18n.Chinese, Theme: theme})
		d.do(d.m.openChat(inSecret))
		d.screen()
		content := d.m.View().Content
		if theme == "mono" && strings.Contains(content, "8;2;") {
			t.Error("a terminal without colours is given some")
		}
		golden(t, "colours-"+theme, strings.ReplaceAll(content, "\x1b", "ESC"))
	}
}

// TestSmallest: no size of the screen breaks it.
func TestSmallest(t *testing.T) {
	for w := 1; w <= 130; w += 3 {
		for _, h := range []int{1, 2, 3, 5, 8, 10, 13, 19, 40} {
			d := newDriver(t, world(), w, h, Options{Lang: i18n.Chinese})
			for _, chat := range d.m.chats.all {
				d.do(d.m.openChat(chat.ID))
				d.m.View()
			}
			d.press("ctrl+up", "enter")
			d.m.View()
			d.press("esc", "f1")
			d.m.View()
		}
	}
	d := newDriver(t, world(), 40, 10, Options{Lang: i18n.Chinese})
	d.do(d.m.openChat(withBob))
	d.typing("很小的畫面")
	d.wants("很小的畫面")
	d.wants("還在路上")
}

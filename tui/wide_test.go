package tui

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/omega-im/omega/internal/i18n"
)

// TestWide: where characters of open width take two columns, no line is drawn with
// them, and every line is as wide as the screen. The measure is read when a program
// starts, so this runs in one of its own.
func TestWide(t *testing.T) {
	if os.Getenv("RUNEWIDTH_EASTASIAN") != "1" {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestWide$", "-test.v")
		cmd.Env = append(os.Environ(), "RUNEWIDTH_EASTASIAN=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestWide") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if w := (metric{}).width("…Ω①"); w != 6 {
		t.Fatalf("three characters of open width have %d columns, want 6", w)
	}
	for _, size := range [][2]int{{80, 24}, {50, 20}} {
		d := newDriver(t, world(), size[0], size[1], Options{Lang: i18n.Chinese})
		for _, c := range d.m.chats.all {
			d.do(d.m.openChat(c.ID))
			d.screen()
		}
		d.do(d.m.openChat(withBob))
		d.typing("α…①")
		x0 := d.m.promptWidth() + d.m.measure().paneX
		if x, _ := d.cursor(); x != x0+6 {
			t.Errorf("cursor in column %d, want %d", x, x0+6)
		}
		for _, c := range "│─═║▌▎›" {
			d.wantsNot(string(c))
		}
		d.press("ctrl+up", "enter")
		d.screen()
	}
}

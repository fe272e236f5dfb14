package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A terminal is a tmux session of this test's own.
type terminal struct {
	t    *testing.T
	name string
}

// openTerminal runs a program in a terminal of so many columns; "rc=" and its
// exit code are the last it shows.
func openTerminal(t *testing.T, columns int, dir, lang, program string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is missing")
	}
	term := &terminal{t, fmt.Sprintf("omega-e2e-%d-%d", os.Getpid(), columns)}
	term.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(columns), "-y", "60",
		fmt.Sprintf("cd '%s' && LC_ALL=%s '%s'; echo rc=$?; exec cat", dir, lang, program))
	t.Cleanup(func() { exec.Command("tmux", "-L", term.name, "kill-server").Run() })
	return term
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-u", "-L", term.name}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (term *terminal) screen() string {
	term.t.Helper()
	return term.tmux("capture-pane", "-p")
}

// await waits until the screen shows something.
func (term *terminal) await(pattern string) {
	term.t.Helper()
	re := regexp.MustCompile(pattern)
	if err := await(func() bool { return re.MatchString(term.screen()) }); err != nil {
		term.t.Fatalf("the screen does not show %q: %v\n%s", pattern, err, term.screen())
	}
}

// typeText types characters as they are, press keys by their tmux names.
func (term *terminal) typeText(text string)  { term.tmux("send-keys", "-l", text) }
func (term *terminal) press(names ...string) { term.tmux(append([]string{"send-keys"}, names...)...) }
func (term *terminal) cursor() (column string) {
	return strings.TrimSpace(term.tmux("display", "-p", "#{cursor_x}"))
}

// TestConversation is what somebody sees who types `make run` and writes, in
// Chinese, on a narrow terminal.
func TestConversation(t *testing.T) {
	noteSources(t)
	t.Parallel()
	dir := t.TempDir()
	term := openTerminal(t, 60, dir, "zh_TW.UTF-8", filepath.Join(bin, "omega-try"))
	term.await(`(?m)^你> *$`)
	for line := range strings.Lines(term.screen()) {
		if strings.HasPrefix(line, " │") && strings.HasSuffix(strings.TrimRight(line, "\n"), "…") {
			t.Errorf("cut off: %q", line)
		}
	}

	// The cursor counts columns: a Chinese character has two.
	term.typeText("今天去爬山嗎？")
	term.press("BSpace", "BSpace")
	term.typeText("吧")
	term.await(`你> 今天去爬山吧`)
	if got := term.cursor(); got != "16" {
		t.Errorf("cursor in column %s, want 16", got)
	}
	term.press("Left", "Left")
	if err := await(func() bool { return term.cursor() == "12" }); err != nil {
		t.Errorf("cursor in column %s after two steps to the left, want 12", term.cursor())
	}
	term.press("Enter")
	term.await(`(?s)✓ [0-9.]+ ms.*✓✓ [0-9.]+ ms.*已讀 [0-9.]+ ms`) // on one line, unless this machine is slow
	term.await(`回聲> 今天去爬山吧  ✓ 簽章正確`)

	// What is typed before the prompt is back is not lost.
	term.typeText("一\r二\r")
	term.await(`(?s)回聲> 一.*回聲> 二`)

	term.typeText("／nosuch\r")
	term.await(`這裡只有 /quit`)
	term.typeText("／quit\r")
	term.await(`(?s)雲端已關閉.*rc=0`)

	// The same people come back, and Ctrl+C ends as well.
	again := openTerminal(t, 61, dir, "C", filepath.Join(bin, "omega-try"))
	again.await(`(?m)^You> *$`)
	if s := again.screen(); strings.Contains(s, "(new)") {
		t.Errorf("accounts were made anew:\n%s", s)
	}
	again.press("C-c")
	again.await(`(?s)Cloud closed.*rc=0`)
}

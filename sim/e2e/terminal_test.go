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

// openTerminal runs a command line in a terminal of so many columns; "rc=" and
// its exit code are the last it shows, before whether the terminal echoes.
func openTerminal(t *testing.T, columns int, dir, lang, command string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is missing")
	}
	term := &terminal{t, fmt.Sprintf("omega-e2e-%d-%d", os.Getpid(), columns)}
	term.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(columns), "-y", "60",
		fmt.Sprintf("cd '%s' && export LC_ALL=%s; %s; echo rc=$? $(stty | tr ' ' '\\n' | grep -x -e -echo -e -icanon); exec cat", dir, lang, command))
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

// end waits until the program has ended with an exit code, and wants the
// terminal to be as it was.
func (term *terminal) end(code int) {
	term.t.Helper()
	term.await(`rc=\d+ *\n`)
	if s := term.screen(); !regexp.MustCompile(fmt.Sprintf(`rc=%d *\n`, code)).MatchString(s) {
		term.t.Errorf("exit code and terminal are not as they should be, want %d:\n%s", code, s)
	}
}

func (term *terminal) cursor() (column string) {
	return strings.TrimSpace(term.tmux("display", "-p", "#{cursor_x}"))
}

// TestConversation is what somebody sees who types `make run` and writes, in
// Chinese, on a narrow terminal.
func TestConversation(t *testing.T) {
	noteSources(t)
	t.Parallel()
	dir := t.TempDir()
	term := openTerminal(t, 60, dir, "zh_TW.UTF-8", "'"+filepath.Join(bin, "omega-try")+"'")
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

	// A long line that is pasted, and a terminal that becomes narrower.
	pasted := filepath.Join(dir, "pasted")
	if err := os.WriteFile(pasted, []byte(strings.Repeat("長長的一行", 2000)+"完"), 0o600); err != nil {
		t.Fatal(err)
	}
	term.tmux("load-buffer", pasted)
	term.tmux("paste-buffer")
	term.await(`(?m)^你> [長的一行]{20,}完 *$`)
	term.tmux("resize-window", "-x", "40")
	term.await(`(?m)^你> [長的一行]{10,18}完 *$`)
	term.press("C-u")
	term.await(`(?m)^你> *$`)
	if s := term.screen(); strings.Contains(s, "長長的") {
		t.Errorf("a piece of the line is left:\n%s", s)
	}

	term.typeText("／nosuch\r")
	term.await(`這裡只有 /quit`)
	term.typeText("／quit\r")
	term.await(`(?s)雲端已關閉.*rc=0`)

	// The same people come back, and Ctrl+C ends as well.
	again := openTerminal(t, 61, dir, "C", "'"+filepath.Join(bin, "omega-try")+"'")
	again.await(`(?m)^You> *$`)
	if s := again.screen(); strings.Contains(s, "(new)") {
		t.Errorf("accounts were made anew:\n%s", s)
	}
	again.press("C-c")
	again.await(`(?s)Cloud closed.*rc=0`)
}

// TestEchoInAGroup: while `make run` is open, somebody makes a group with the echo in it from
// another terminal. It joins, answers who calls it there, by what it was asked, and nobody else.
func TestEchoInAGroup(t *testing.T) {
	noteSources(t)
	t.Parallel()
	dir := t.TempDir()
	term := openTerminal(t, 62, dir, "zh_TW.UTF-8", "'"+filepath.Join(bin, "omega-try")+"'")
	term.await(`(?m)^你> *$`)
	omega := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, "omega"), append([]string{"--home", filepath.Join(dir, "run", "me")}, args...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=zh_TW.UTF-8")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("omega %q: %v\n%s\n%s", args, err, out, term.screen())
		}
		return string(out)
	}
	omega("group", "create", "--name", "家", "回聲")
	if err := await(func() bool { return strings.Contains(omega("--json", "group", "info", "家"), `"size":2`) }); err != nil {
		t.Fatalf("the echo does not join: %v\n%s", err, omega("group", "members", "家"))
	}
	omega("send", "--to", "家", "這句沒有叫誰")
	omega("send", "--to", "家", "@回聲 在嗎")
	if err := await(func() bool { return strings.Contains(omega("history", "--chat", "家"), "：@回聲 在嗎\n") }); err != nil {
		t.Errorf("the echo does not answer: %v\n%s", err, omega("history", "--chat", "家"))
	}
	if got := strings.Count(omega("--json", "history", "--chat", "家"), `"text":"在嗎"`); got != 1 {
		t.Errorf("it answers %d times:\n%s", got, omega("history", "--chat", "家"))
	}
	if got := strings.Count(omega("--json", "history", "--chat", "家"), `"text":"這句沒有叫誰"`); got != 1 {
		t.Errorf("it answers what was not for it:\n%s", omega("history", "--chat", "家"))
	}
	term.typeText("／quit\r")
	term.await(`(?s)雲端已關閉.*rc=0`)
}

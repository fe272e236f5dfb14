package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A person sits before the terminal face of a home.
type person struct {
	*terminal
	home string
}

// sitDown opens the face of a home on a screen of its own.
func sitDown(t *testing.T, name, lang, server string, columns, rows int) *person {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("tmux is missing")
		}
		t.Skip("tmux is missing")
	}
	p := &person{&terminal{t, fmt.Sprintf("omega-tui-%d-%s", os.Getpid(), name)}, filepath.Join(t.TempDir(), name)}
	p.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), fmt.Sprintf(
		"export LC_ALL=%s OMEGA_SERVER='%s' GNUPGHOME='%s'; '%s' --home '%s' tui; echo rc=$? $(stty | tr ' ' '\\n' | grep -x -e -echo -e -icanon); exec cat",
		lang, server, t.TempDir(), filepath.Join(bin, "omega"), p.home))
	t.Cleanup(func() { exec.Command("tmux", "-L", p.name, "kill-server").Run() })
	return p
}

// makeAccount goes through the first run with the keyboard.
func (p *person) makeAccount(name string) {
	p.t.Helper()
	p.await(`歡迎使用 ω IM`)
	p.press("Enter")
	p.await(`你的名字`)
	p.typeText(name)
	p.press("Tab", "Tab", "Tab", "Enter")
	p.await(`還沒有聊天`)
	p.await(`已連線 (玉山|雪山|南湖|合歡)`) // and not its address
}

// fingerprint is the account of the home.
func (p *person) fingerprint() string {
	p.t.Helper()
	out, err := exec.Command(filepath.Join(bin, "omega"), "--home", p.home, "--json", "id").Output()
	var id struct{ Fingerprint string }
	if err == nil {
		err = json.Unmarshal(out, &id)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return id.Fingerprint
}

// column waits until the cursor is in one.
func (p *person) column(want int) {
	p.t.Helper()
	if err := await(func() bool { return p.cursor() == strconv.Itoa(want) }); err != nil {
		p.t.Fatalf("the cursor is in column %s, want %d\n%s", p.cursor(), want, p.screen())
	}
}

// close closes what lies above, and waits until that is gone: Escape and a key that come
// as one are another key.
func (p *person) close(shown string) {
	p.t.Helper()
	p.press("Escape")
	if err := await(func() bool { return !strings.Contains(p.screen(), shown) }); err != nil {
		p.t.Fatalf("the screen still shows %q:\n%s", shown, p.screen())
	}
}

// choose takes the entry of a list that begins with label, from the top on.
func (p *person) choose(label string) {
	p.t.Helper()
	chosen := regexp.MustCompile(`› ` + regexp.QuoteMeta(label))
	for range 30 {
		if chosen.MatchString(p.screen()) {
			p.press("Enter")
			return
		}
		before := p.screen()
		p.press("Down")
		_ = await(func() bool { return p.screen() != before })
	}
	p.t.Fatalf("%q cannot be chosen:\n%s", label, p.screen())
}

// click clicks as a terminal tells it: an SGR report of pressing and letting go;
// columns and lines are from 0.
func (p *person) click(x, y int) {
	p.typeText(fmt.Sprintf("\x1b[<0;%d;%dM\x1b[<0;%d;%dm", x+1, y+1, x+1, y+1))
}

// line is where on the screen a text stands.
func (p *person) line(pattern string) int {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	for y, l := range strings.Split(p.screen(), "\n") {
		if re.MatchString(l) {
			return y
		}
	}
	p.t.Fatalf("no line shows %q:\n%s", pattern, p.screen())
	return -1
}

// TestTerminalFace: two people make accounts, meet and talk in Chinese, each before a
// terminal; one is resized, the servers die and come back.
func TestTerminalFace(t *testing.T) {
	t.Parallel()
	noteSources(t)
	dir := filepath.Join(t.TempDir(), "cloud")
	c, err := startCloud(dir, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { c.stop() }() // it may have logged that it was killed
	ann := sitDown(t, "ann", "zh_TW.UTF-8", c.servers[0].Client, 100, 30)
	bob := sitDown(t, "bob", "zh_TW.UTF-8", c.servers[1].Client, 90, 24)
	ann.makeAccount("王小明")
	bob.makeAccount("陳怡君")

	// Meeting: by the fingerprint, and by accepting who asks.
	ann.press("C-n")
	ann.await(`加入聯絡人`)
	ann.press("Enter")
	ann.await(`對方的連結或指紋`)
	ann.typeText(bob.fingerprint())
	ann.press("Enter")
	ann.await(`一般聊天：速度優先，不保證安全`)
	ann.column(37)
	ann.typeText("你好，我是小明")
	ann.column(37 + 14)
	ann.press("BSpace", "BSpace")
	ann.column(37 + 10)
	ann.typeText("王小明")
	ann.press("Enter")
	ann.await(`你好，我是王小明 .*✓`)

	bob.await(`王小明`)
	bob.await(`\? +1`)
	bob.click(4, bob.line(`^.?王小明`))
	bob.await(`不是你的聯絡人`)
	bob.press("M-a")
	bob.await(`已接受`)
	bob.typeText("收到，週六去爬山？")
	bob.press("Enter")
	ann.await(`收到，週六去爬山？`)
	bob.await(`收到，週六去爬山？ .*已讀`)

	// Answering and recalling.
	ann.press("C-Up")
	ann.press("r")
	ann.await(`回覆 陳怡君`)
	ann.typeText("好")
	ann.press("Enter")
	bob.await(`(?s)▎ 收到，週六去爬山？.*好 `)
	bob.press("C-Up")
	bob.press("+")
	bob.await(`你給過的再選就收回`)
	bob.choose(`推  贊成`)
	bob.await(`\[推 1\]`)
	ann.await(` 推 1`)
	bob.press("Escape")
	ann.press("C-Up")
	ann.press("d")
	ann.await(`收回`)
	ann.press("Down", "Enter")
	bob.await(`（訊息已收回）`)
	ann.press("Escape")

	// Typing is seen on the other side.
	if err := await(func() bool { bob.typeText("讓"); return strings.Contains(ann.screen(), "正在輸入…") }); err != nil {
		t.Errorf("typing is not seen:\n%s", ann.screen())
	}
	bob.press("C-u")

	// Who calls, one's own link as a code, and servers by how soon they answer.
	ann.press("M-m")
	ann.await(`沒有未讀的訊息提到你`)
	ann.close(`沒有未讀的訊息提到你`)
	ann.press("C-n")
	ann.await(`我的連結`)
	ann.press("Down", "Enter")
	ann.await(`██ ▄▄▄▄▄ █`)
	ann.await(`(?i)omega:contact/` + ann.fingerprint())
	ann.close(`▄▄▄▄▄`)
	ann.press("F2")
	ann.await(`匯入、匯出、備份`)
	ann.choose(`伺服器，從最快的開始`)
	ann.await(`✓ 目前連線`)
	ann.close(`✓ 目前連線`)

	// A smaller screen, and back.
	ann.tmux("resize-window", "-x", "44", "-y", "12")
	ann.await(`(?m)^ < 陳怡君`)
	ann.typeText("窄")
	ann.column(5)
	ann.press("BSpace")
	ann.tmux("resize-window", "-x", "100", "-y", "30")
	ann.await(`(?m)^ 全部.*│ 陳怡君`)

	// The servers die; what is written waits, and goes when they are back.
	c.cmd.Process.Kill()
	<-c.ended
	ann.await(`離線`)
	ann.typeText("離線時寫的")
	ann.press("Enter")
	ann.await(`離線時寫的 .*◷`)
	if c, err = startCloud(dir, 4); err != nil {
		t.Fatal(err)
	}
	ann.await(`已連線`)
	bob.await(`離線時寫的`)
	ann.await(`離線時寫的 .*(✓|已讀)`)

	// Both end, and the terminals are as they were.
	for _, p := range []*person{ann, bob} {
		p.press("C-q")
		p.end(0)
	}
}

// TestTerminalFaceNeedsOne: without a terminal it says so.
func TestTerminalFaceNeedsOne(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(filepath.Join(bin, "omega"), "--home", t.TempDir(), "tui")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "no terminal") {
		t.Errorf("%v: %s", err, out)
	}
}

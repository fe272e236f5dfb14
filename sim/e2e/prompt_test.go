package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestPassphrasePrompt: questions for a passphrase show nothing of it, and
// Ctrl+C and Ctrl+D leave at once, whatever was typed.
func TestPassphrasePrompt(t *testing.T) {
	noteSources(t)
	t.Parallel()
	dir := t.TempDir()
	omega := filepath.Join(bin, "omega")
	command := fmt.Sprintf("unset OMEGA_PASSPHRASE; %s --home a init --name a --server '%s'", omega, shared.servers[0].Client)
	for i, key := range []string{"C-c", "C-d"} {
		term := openTerminal(t, 64+i, dir, "zh_TW.UTF-8", command)
		term.await(`新密碼.*： *`)
		term.typeText("half a ")
		term.press(key)
		term.end(130)
		if s := term.screen(); strings.Contains(s, "half") {
			t.Errorf("the passphrase is shown:\n%s", s)
		}
		if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
			t.Error("a folder was left")
		}
	}
	term := openTerminal(t, 66, dir, "C", command)
	term.await(`New passphrase`)
	term.typeText("黃山雀x")
	term.press("BSpace", "Enter")
	term.await(`Once more`)
	term.typeText("黃山雀\r")
	term.end(0)
	term = openTerminal(t, 67, dir, "C", omega+" --home a id | head -2")
	term.await(`Passphrase:`)
	term.typeText("黃山雀\r")
	term.end(0)
}

// TestInterruptedPinentry: Ctrl+C while GnuPG asks on the terminal ends that
// question too, and the terminal is as before.
func TestInterruptedPinentry(t *testing.T) {
	noteSources(t)
	t.Parallel()
	for _, program := range []string{"gpg", "gpgconf", "pinentry-curses"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is missing")
		}
	}
	dir := t.TempDir()
	gnupg := filepath.Join(dir, "gnupg")
	pinentry, _ := exec.LookPath("pinentry-curses")
	if err := makeGnuPG(gnupg, "pinentry-program "+pinentry+"\n"); err != nil {
		t.Fatal(err)
	}
	gpg := func(program string, args ...string) {
		cmd := exec.Command(program, append([]string{"--homedir", gnupg}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", program, args, err, out)
		}
	}
	t.Cleanup(func() { gpg("gpgconf", "--kill", "all") })
	gpg("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "secret", "--quick-generate-key", "Ann <ann@example.org>", "ed25519", "cert", "2y")
	gpg("gpgconf", "--kill", "gpg-agent") // it remembers the passphrase

	term := openTerminal(t, 90, dir, "C.UTF-8", fmt.Sprintf(
		"export GNUPGHOME='%s' GPG_TTY=$(tty); unset DISPLAY WAYLAND_DISPLAY; echo above; %s --home a init --name a --server '%s' --no-passphrase --gpg ann@example.org",
		gnupg, filepath.Join(bin, "omega"), shared.servers[0].Client))
	term.await(`<OK>`)
	term.press("C-c")
	term.end(130)
	if s := term.screen(); !strings.Contains(s, "above") || strings.Contains(s, "<OK>") {
		t.Errorf("the screen is not as before:\n%s", s)
	}
	// What is typed now goes to whoever runs in the terminal, not to a prompt.
	term.typeText("hello there")
	term.await(`hello there`)
}

// TestLinkAsks: who sits at the new device is asked whether the account that
// answered is theirs, and joins nothing otherwise.
func TestLinkAsks(t *testing.T) {
	noteSources(t)
	t.Parallel()
	dir := t.TempDir()
	omega, server := filepath.Join(bin, "omega"), shared.servers[0].Client
	run := func(args ...string) error {
		cmd := exec.Command(omega, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	if err := run("--home", "ann", "init", "--name", "ann", "--server", server, "--no-passphrase"); err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		lang, question, answer, said string
		joins                        bool
	}{
		{"zh_TW.UTF-8", "這是你的帳號嗎", "n", "你沒有確認這個帳號", false},
		{"C", "Is this your account", "y", "This device has joined the account", true},
	} {
		home := fmt.Sprintf("phone%d", i)
		link := filepath.Join(dir, home+".link")
		term := openTerminal(t, 93+i, dir, tt.lang, fmt.Sprintf("%s --home %s device link --server '%s' --name %s --no-passphrase | tee %s", omega, home, server, home, link))
		text := regexp.MustCompile(`omega-link:\S+`)
		var found string
		for deadline := time.Now().Add(time.Minute); found == ""; time.Sleep(20 * time.Millisecond) {
			b, _ := os.ReadFile(link)
			if found = text.FindString(string(b)); time.Now().After(deadline) {
				t.Fatalf("no link text:\n%s", term.screen())
			}
		}
		approved := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		cmd := exec.CommandContext(ctx, omega, "--home", "ann", "device", "approve", found)
		cmd.Dir = dir
		go func() { approved <- cmd.Run() }()
		term.await(tt.question)
		term.typeText(tt.answer + "\r")
		term.await(tt.said)
		_, err := os.Stat(filepath.Join(dir, home, "account.json"))
		if tt.joins {
			if approveErr := <-approved; approveErr != nil || err != nil {
				t.Errorf("not joined: %v, %v", approveErr, err)
			}
			continue
		}
		cancel()
		<-approved
		if err == nil {
			t.Error("joined without consent")
		}
	}
}

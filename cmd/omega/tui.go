package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/term"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/tui"
)

// tuiHelp are the texts of the terminal face's help.
var tuiHelp = []string{"tui", "tui_ambiguous", "tui_theme", "tui_notify", "tui_images", "tui_nomouse"}

// tuiCmd shows the account in the terminal.
type tuiCmd struct {
	Server    []string `help:"${help_web_server}" env:"OMEGA_SERVER" placeholder:"HOST:PORT[#FPR]"`
	Ambiguous string   `help:"${help_tui_ambiguous}" env:"OMEGA_AMBIGUOUS" enum:",1,2" default:"" placeholder:"1|2"`
	Theme     string   `help:"${help_tui_theme}" env:"OMEGA_THEME" enum:"auto,light,dark,mono" default:"auto" placeholder:"auto"`
	Notify    string   `help:"${help_tui_notify}" env:"OMEGA_NOTIFY" enum:"auto,off,bell,osc9,osc777" default:"auto" placeholder:"auto"`
	Images    string   `help:"${help_tui_images}" env:"OMEGA_IMAGES" enum:"auto,none,blocks,kitty,iterm2,sixel" default:"auto" placeholder:"auto"`
	NoMouse   bool     `name:"no-mouse" help:"${help_tui_nomouse}" env:"OMEGA_NO_MOUSE"`
}

// envWide is where the library that measures characters is told that those of open
// width take two columns. It reads that once, when the program starts.
const envWide = "RUNEWIDTH_EASTASIAN"

func (c *tuiCmd) Run(ctx context.Context, a *app) error {
	if !isTerminal(os.Stdin) || !isTerminal(os.Stdout) {
		return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.tui"), Why: i18n.T("why.noterminal"), Next: i18n.T("next.noterminal")}
	}
	if want := map[string]string{"1": "0", "2": "1"}[c.Ambiguous]; want != "" && (os.Getenv(envWide) == "1") != (want == "1") {
		return again(ctx, want)
	}
	scratch, err := os.MkdirTemp("", "omega-")
	if err != nil {
		return tuiProblem(err)
	}
	defer os.RemoveAll(scratch)
	entry, _ := (&webCmd{Server: c.Server}).entry(a)
	defer entry.Close()
	opts := tui.Options{
		Lang: a.lang, Theme: c.Theme, Notify: c.Notify, Images: c.Images, Mouse: !c.NoMouse, Scratch: scratch, Downloads: downloads(),
		Term: tui.Terminal{Name: os.Getenv("TERM"), Program: os.Getenv("TERM_PROGRAM"), Inside: os.Getenv("TMUX") != "" || os.Getenv("STY") != ""},
	}
	if hasDisplay() {
		opts.Open = openFile
	}
	opts.Play, opts.Record = player(), recorder()
	if err := tui.Run(ctx, entry, opts); err != nil {
		return tuiProblem(err)
	}
	return nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func tuiProblem(err error) error {
	return &clientrpc.Error{Code: clientrpc.CodeInternal, Doing: i18n.T("doing.tui"), Why: i18n.T("why.io", "tty"), Next: i18n.T("next.noterminal"), Cause: err.Error()}
}

// again runs this command anew with another width of characters.
func again(ctx context.Context, wide string) error {
	program, err := os.Executable()
	if err != nil {
		return tuiProblem(err)
	}
	cmd := exec.CommandContext(ctx, program, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return len(s) > len(envWide) && s[:len(envWide)+1] == envWide+"=" }), envWide+"="+wide)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return silent{max(exitInternal, cmd.ProcessState.ExitCode())}
	}
	return nil
}

// downloads is where people look for what they saved.
func downloads() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "."
	}
	if dir := filepath.Join(home, "Downloads"); isDir(dir) {
		return dir
	}
	return home
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// openFile has the system open a file with the program that is for it.
func openFile(path string) error {
	program := map[string]string{"darwin": "open", "windows": "explorer"}[runtime.GOOS]
	if program == "" {
		program = "xdg-open"
	}
	cmd := exec.Command(program, path)
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait() // it ends when it handed the file over
	return nil
}

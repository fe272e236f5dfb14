package main

import (
	"errors"
	"io/fs"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/help"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/pgp/gpgagent"
)

// TestCause: technical details are said in Chinese where there are words, and
// every line of them is one of its own.
func TestCause(t *testing.T) {
	a := &app{lang: i18n.Chinese}
	text := "connect to 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused\n" +
		"connect to 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused\nsomething else"
	if got, want := a.cause(text), "（127.0.0.1:1 拒絕連線，可能沒有程式在監聽\nsomething else）"; got != want {
		t.Errorf("cause = %q, want %q", got, want)
	}
	a.lang = i18n.English
	if got := a.cause("x: connection refused"); got != "(x: connection refused)" {
		t.Errorf("cause = %q", got)
	}
}

// TestKeyError: everything that may be wrong with GnuPG has words.
func TestKeyError(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{gpgagent.ErrNoPinentry, "GPG_TTY=$(tty)"}, {gpgagent.ErrNoAgent, "gpgconf --launch"}, {gpgagent.ErrCanceled, "try again"},
		{errors.Join(gpgagent.ErrNoGnuPG, exec.ErrNotFound), "install gnupg"}, {errors.Join(gpgagent.ErrNoGnuPG, fs.ErrNotExist), "GNUPGHOME"},
		{gpgagent.ErrLocale, "LC_ALL"}, {pgp.ErrLocked, "try again"},
	} {
		var e *clientrpc.Error
		if err := keyError("KEY", tt.err); !errors.As(err, &e) || !strings.Contains(e.Next.In(i18n.English), tt.want) {
			t.Errorf("%v: %v", tt.err, err)
		}
	}
	var e *clientrpc.Error
	if err := keyError("", &gpgagent.KeyError{Reason: gpgagent.Unsupported, Key: "K", Detail: "RSA 1024 bits"}); !errors.As(err, &e) || !strings.Contains(e.Why.In(i18n.Chinese), "1024 位元的 RSA") {
		t.Errorf("a short key: %v", err)
	}
}

// TestReadSecret: what is typed at a question for a passphrase.
func TestReadSecret(t *testing.T) {
	for typed, want := range map[string]string{"abc\r": "abc", "黃山雀\x7f\x7f\n": "黃", "wrong\x15right\r": "right", "\r": "", "\x7f\r": ""} {
		if got, err := readSecret(strings.NewReader(typed)); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v, want %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{"\x03", "\x04", "abc\x04", "abc\x03", "abc"} {
		if _, err := readSecret(strings.NewReader(typed)); !errors.Is(err, errQuit) {
			t.Errorf("%q: %v, want %v", typed, err, errQuit)
		}
	}
}

// TestQuoted: paths come out of a shell as they went in.
func TestQuoted(t *testing.T) {
	for path, want := range map[string]string{"/tmp/out": "/tmp/out", "/tmp/a b": "'/tmp/a b'", "/tmp/it's": `'/tmp/it'\''s'`, "/tmp/匯出": "/tmp/匯出"} {
		if got := quoted(path); got != want {
			t.Errorf("quoted(%q) = %s, want %s", path, got, want)
		}
	}
}

// TestNearest: a word with a slip of the finger finds its command, others find none.
func TestNearest(t *testing.T) {
	words := []string{"send", "search", "recv", "history", "id", "init", "do"}
	for word, want := range map[string]string{
		"sned": "send", "sen": "send", "serach": "search", "histroy": "history", "recieve": "", "x": "", "": "", "send": "send", "傳送": "",
	} {
		if got := nearest(word, words); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

// TestHelp: every command and all that it takes are explained in whole sentences, in both
// languages, and every command has an example.
func TestHelp(t *testing.T) {
	for _, l := range []i18n.Lang{i18n.Chinese, i18n.English} {
		parser := newParser(&cli{}, l, func(int) {})
		for _, n := range parser.Model.Leaves(true) {
			path := help.Path(n)
			if key := "example." + strings.ReplaceAll(path, " ", "."); i18n.T(key).In(l) == key {
				t.Errorf("%s: no example", path)
			}
			helps := []string{n.Help}
			for _, f := range n.Flags {
				helps = append(helps, f.Help)
			}
			for _, p := range n.Positional {
				helps = append(helps, p.Help)
			}
			for _, h := range helps {
				if !strings.HasSuffix(h, "。") && !strings.HasSuffix(h, ".") && !strings.HasSuffix(h, ")") && !strings.HasSuffix(h, "）") {
					t.Errorf("%s: %q is no sentence", path, h)
				}
			}
		}
	}
}

// TestArgumentsInChinese: what is to be typed has a Chinese name in the usage of every
// command.
func TestArgumentsInChinese(t *testing.T) {
	parser := newParser(&cli{}, i18n.Chinese, func(int) {})
	latin := regexp.MustCompile(`<[a-z-]+>`)
	for _, n := range parser.Model.Leaves(true) {
		if left := latin.FindString(help.Names(n.Summary(), i18n.Chinese)); left != "" {
			t.Errorf("%s: %s", n.FullPath(), left)
		}
	}
}

package gpgagent

import (
	"context"
	"errors"
	"os"
	"strings"
)

// optionVars are the agent's options that say where and how a pinentry shows
// itself, with the variables whose first set one is their value.
var optionVars = []struct {
	option string
	vars   []string
}{
	{"ttytype", []string{"TERM"}},
	{"display", []string{"DISPLAY"}},
	{"xauthority", []string{"XAUTHORITY"}},
	{"lc-ctype", []string{"LC_ALL", "LC_CTYPE", "LANG"}},
	{"lc-messages", []string{"LC_ALL", "LC_MESSAGES", "LANG"}},
	{"pinentry-user-data", []string{"PINENTRY_USER_DATA"}},
}

// putVars are handed to the pinentry as variables.
var putVars = []string{"WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "QT_QPA_PLATFORM", "DBUS_SESSION_BUS_ADDRESS", "INSIDE_EMACS"}

// sendOptions tells the agent where the person is. An agent that does not know
// an option, or takes none through a restricted socket, still signs; only
// loopback has to be allowed.
func (a *Agent) sendOptions(ctx context.Context, c *conn) error {
	for _, o := range a.options() {
		_, err := c.ask(ctx, "OPTION "+o)
		var answer *AgentError
		if err != nil && !errors.As(err, &answer) {
			return err
		}
	}
	if a.cfg.Passphrase == nil {
		// So that a prompt that nobody needs any more can be ended.
		_, err := c.ask(ctx, "OPTION allow-pinentry-notify")
		var answer *AgentError
		if errors.As(err, &answer) {
			return nil
		}
		return err
	}
	_, err := c.ask(ctx, "OPTION pinentry-mode=loopback")
	return err
}

// options returns the options as NAME=VALUE. Values that do not fit a line are
// left out.
func (a *Agent) options() []string {
	var out []string
	add := func(name, value string) {
		if value != "" && len(value) < 800 && !strings.ContainsAny(value, "\r\n\x00") {
			out = append(out, name+"="+value)
		}
	}
	add("ttyname", a.ttyName())
	for _, o := range optionVars {
		add(o.option, a.firstSet(o.vars...))
	}
	for _, v := range putVars {
		if value := a.getenv(v); value != "" {
			add("putenv", v+"="+value)
		}
	}
	return out
}

func (a *Agent) firstSet(vars ...string) string {
	for _, v := range vars {
		if value := a.getenv(v); value != "" {
			return value
		}
	}
	return ""
}

// ttyName is $GPG_TTY, else the terminal on this process's standard input.
func (a *Agent) ttyName() string {
	if tty := a.getenv("GPG_TTY"); tty != "" || a.cfg.Env != nil {
		return tty
	}
	name, err := os.Readlink("/proc/self/fd/0") // Linux; elsewhere users set GPG_TTY
	if err != nil || !strings.HasPrefix(name, "/dev/pts/") && !strings.HasPrefix(name, "/dev/tty") {
		return ""
	}
	return name
}

// utf8 reports whether the person's terminal or desktop shows UTF-8. Pinentries
// of Windows and macOS always do, and set no variable.
func (a *Agent) utf8(goos string) bool {
	locale := strings.ToUpper(a.firstSet("LC_ALL", "LC_CTYPE", "LANG"))
	return strings.Contains(strings.ReplaceAll(locale, "-", ""), "UTF8") || goos == "windows" || goos == "darwin"
}

// chinese reports whether the person reads Chinese.
func (a *Agent) chinese() bool {
	return strings.HasPrefix(a.firstSet("LC_ALL", "LC_MESSAGES", "LANG"), "zh")
}

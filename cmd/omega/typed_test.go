package main

import (
	"strings"
	"testing"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// TestCommandNames: a list of commands begins with what one types in its language.
func TestCommandNames(t *testing.T) {
	m := &clientrpc.Command{Name: "at", Aliases: []string{"schedule", "預約"}}
	for l, want := range map[i18n.Lang]string{i18n.Chinese: "預約 schedule at", i18n.English: "at schedule 預約"} {
		if name, others := commandNames(m, l); strings.Join(append([]string{name}, others...), " ") != want {
			t.Errorf("%s and %q, want %s", name, others, want)
		}
	}
	if m.Aliases[0] != "schedule" {
		t.Errorf("the list itself was changed: %q", m.Aliases)
	}
}

// TestAsTyped: commands in advice can be typed where the person is: by the path of the
// program and for the home that it was given.
func TestAsTyped(t *testing.T) {
	for _, row := range []struct {
		called string
		args   []string
		text   string
		want   string
	}{
		{"omega", nil, "omega send --to 小美 'hi'", "omega send --to 小美 'hi'"},
		{"bin/omega", []string{"--home", "run/me", "init"}, "看「omega history」；omega recv --follow", "看「bin/omega --home run/me history」；bin/omega --home run/me recv --follow"},
		{"bin/omega", []string{"--home=run/my home", "id"}, "omega id", "bin/omega --home 'run/my home' id"},
		{"omega", []string{"--home", "a", "send"}, "see “omega send --help”", "see “omega send --help”"},
		{"bin/omega", nil, "see “omega contact add --help”", "see “bin/omega contact add --help”"},
		{"bin/omega", nil, "it is connected when omega looks again, omega.example", "it is connected when omega looks again, omega.example"},
		{"omega", []string{"send", "--", "--home", "x"}, "omega id", "omega id"},
	} {
		a := &app{called: row.called, args: row.args, names: []string{"send", "history", "recv", "id", "contact"}}
		if got := a.asTyped(row.text); got != row.want {
			t.Errorf("%s %q: %q, want %q", row.called, row.args, got, row.want)
		}
	}
	a := &app{called: "bin/omega", args: []string{"--home", "run/me"}, names: []string{"id", "doctor"}, lang: i18n.English}
	if got := a.next(i18n.T("next.fingerprint")); strings.Contains(got, "run/me") || !strings.Contains(got, "omega id") {
		t.Errorf("advice about the other side is %q", got)
	}
	for _, key := range elsewhere {
		if a.text(key) == key {
			t.Errorf("there is no advice %s", key)
		}
	}
}

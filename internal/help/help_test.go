package help

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/omega-im/omega/internal/i18n"
)

// TestTexts: struct tags get their words, beside the library's variables, and a name
// that is in no catalogue is found when the command line is made.
func TestTexts(t *testing.T) {
	var c struct {
		N int `short:"n" default:"4" help:"${help_dev_n} (${default})"`
		X struct {
			Y string `arg:"" help:"${help_serve}"`
		} `cmd:"" help:"${help_serve}"`
	}
	k, err := kong.New(&c, Texts(i18n.English, "omegad.help.", []string{"dev_n", "serve"}))
	if err != nil {
		t.Fatal(err)
	}
	n, serve := i18n.T("omegad.help.dev_n").In(i18n.English), i18n.T("omegad.help.serve").In(i18n.English)
	x := k.Model.Children[0]
	for _, f := range k.Model.Flags {
		if f.Name == "n" && f.Help != n+" (4)" {
			t.Errorf("help %q, want %q", f.Help, n+" (4)")
		}
	}
	if x.Help != serve || x.Positional[0].Help != serve {
		t.Errorf("help %q and %q, want %q", x.Help, x.Positional[0].Help, serve)
	}
	if _, err := kong.New(&c, Texts(i18n.English, "omegad.help.", []string{"dev_n"})); err == nil || !strings.Contains(err.Error(), "help_serve") {
		t.Errorf("a text that there is not: %v", err)
	}
}

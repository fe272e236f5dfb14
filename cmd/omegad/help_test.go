package main

import (
	"regexp"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/omega-im/omega/internal/help"
	"github.com/omega-im/omega/internal/i18n"
)

// TestArgumentsInChinese: what is to be typed has a Chinese name in the usage of every
// command, unless it is a word that is typed so.
func TestArgumentsInChinese(t *testing.T) {
	var c cli
	parser := kong.Must(&c, kong.Name("omegad"), kong.Vars{"version": "x"}, help.Texts(i18n.Chinese, "omegad.help.", helpKeys))
	latin := regexp.MustCompile(`<[a-z-]+>`)
	for _, n := range parser.Model.Leaves(true) {
		if left := latin.FindString(help.Names(n.Summary(), i18n.Chinese)); left != "" {
			t.Errorf("%s: %s", n.FullPath(), left)
		}
	}
}

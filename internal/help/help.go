// Package help gives the help of command lines in the person's language. The
// struct tags of a command line name its texts, such as ${help_send}; the library's
// own words, which are English, are replaced.
package help

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/omega-im/omega/internal/i18n"
)

// Texts gives struct tags their words: ${help_KEY} is the catalogue's prefix + KEY.
func Texts(l i18n.Lang, prefix string, keys []string) kong.Vars {
	vars := kong.Vars{}
	for _, k := range keys {
		vars["help_"+k] = i18n.T(prefix + k).In(l)
	}
	return vars
}

// library are the words of the library's help by the catalogue's names of what
// is said instead.
var library = []struct{ english, key string }{
	{"Usage: ", "help.usage"}, {"\nFlags:\n", "help.flags"}, {"\nCommands:\n", "help.commands"}, {"\nArguments:\n", "help.arguments"},
	{"Show context-sensitive help.", "help.help"},
}

// everywhere are words of the library that may stand in any line of a usage.
var everywhere = []struct{ english, key string }{{" [flags]", "help.anyflags"}, {" <command>", "help.anycommand"}}

// more is how the library says how to get more.
var more = regexp.MustCompile(`Run "(.+?)(?: <command>)? --help" for more information(?: on a command)?\.`)

// alternatives writes required flags that exclude each other, which the library
// shows as if all of them were wanted, as (--a=A | --b=B).
func alternatives(text string, n *kong.Node) string {
	groups, order := map[string][]string{}, []string{}
	for _, f := range n.Flags {
		if !f.Required {
			continue
		}
		for _, g := range f.Xor {
			if groups[g] == nil {
				order = append(order, g)
			}
			groups[g] = append(groups[g], "--"+f.Name+"="+f.FormatPlaceHolder())
		}
	}
	for _, g := range order {
		if len(groups[g]) > 1 {
			text = strings.ReplaceAll(text, " "+strings.Join(groups[g], " "), " ("+strings.Join(groups[g], " | ")+")")
		}
	}
	for _, c := range n.Children {
		text = alternatives(text, c)
	}
	return text
}

// Print is the library's help, in the person's language. The last line says how
// to get more.
func Print(l i18n.Lang) kong.HelpPrinter {
	return func(o kong.HelpOptions, ctx *kong.Context) error {
		var text bytes.Buffer
		out := ctx.Stdout
		ctx.Stdout = &text
		err := kong.DefaultHelpPrinter(o, ctx)
		ctx.Stdout = out
		if err != nil {
			return err
		}
		s := more.ReplaceAllString(text.String(), i18n.T("help.more", "${1}").In(l))
		s = alternatives(s, ctx.Model.Node)
		for _, w := range library {
			s = strings.Replace(s, w.english, i18n.T(w.key).In(l), 1)
		}
		for _, w := range everywhere {
			s = strings.ReplaceAll(s, w.english, i18n.T(w.key).In(l))
		}
		if ctx.Selected() == nil {
			s += "\n" + i18n.T("help.codes."+ctx.Model.Name).In(l) + "\n"
		}
		_, err = io.WriteString(out, s)
		return err
	}
}

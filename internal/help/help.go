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
// They are no variables of the library, which for every flag reads all of those again.
func Texts(l i18n.Lang, prefix string, keys []string) kong.Option {
	texts := make(map[string]string, len(keys))
	for _, k := range keys {
		texts["${help_"+k+"}"] = i18n.T(prefix + k).In(l)
	}
	give := func(help *string) {
		*help = named.ReplaceAllStringFunc(*help, func(name string) string {
			if text, ok := texts[name]; ok {
				return text
			}
			return name // which the library calls a mistake
		})
	}
	return kong.PostBuild(func(k *kong.Kong) error {
		return kong.Visit(k.Model.Node, func(v kong.Visitable, next kong.Next) error {
			switch v := v.(type) {
			case *kong.Node:
				give(&v.Help)
			case *kong.Value:
				give(&v.Help)
			}
			return next(nil)
		})
	})
}

// named is a text in a struct tag.
var named = regexp.MustCompile(`\$\{help_[a-z_]+\}`)

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

// Path is a command as it is typed, without its other names: omega contact add.
func Path(n *kong.Node) string { return aliases.ReplaceAllString(n.FullPath(), "") }

// aliases are how the library writes the other names of a command.
var aliases = regexp.MustCompile(` \([^)]*\)`)

// example shows how a command is used, where the catalogue has an example of it.
func example(n *kong.Node, l i18n.Lang) string {
	key := "example." + strings.ReplaceAll(Path(n), " ", ".")
	text := i18n.T(key).In(l)
	if text == key {
		return ""
	}
	return "\n" + i18n.T("help.example").In(l) + "\n  " + strings.ReplaceAll(text, "\n", "\n  ") + "\n"
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
		s = layOut(s, l)
		switch n := ctx.Selected(); {
		case n == nil:
			s += "\n" + i18n.T("help.codes."+ctx.Model.Name).In(l) + "\n"
		default:
			s += example(n, l)
		}
		_, err = io.WriteString(out, s)
		return err
	}
}

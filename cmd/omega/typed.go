package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/omega-im/omega/internal/i18n"
)

// advised are the commands that a text names: omega send, omega contact add --help.
var advised = regexp.MustCompile(`\bomega((?: [a-z]+)+)( --help)?`)

// advice is a text of the catalogue whose commands can be typed where the person is.
func (a *app) advice(key string, args ...any) string { return a.asTyped(a.text(key, args...)) }

// elsewhere are the keys of advice that is followed on another device, by another person, or
// for another home: its commands stay as they are.
var elsewhere = []string{
	"next.fingerprint", "next.scan", "next.relink", "next.inherit", "next.younger", "next.primarycontest", "next.oldkeys", "next.linkagain", "next.otherdevice",
}

// next is the advice of an error.
func (a *app) next(t i18n.Text) string {
	if slices.Contains(elsewhere, t.Key) {
		return t.In(a.lang)
	}
	return a.asTyped(t.In(a.lang))
}

// asTyped writes the commands in a text as this one was typed: by the path of the program,
// and for the home that it was given. A home of the environment needs no word, and help
// needs no home.
func (a *app) asTyped(text string) string {
	return advised.ReplaceAllStringFunc(text, func(match string) string {
		m := advised.FindStringSubmatch(match)
		words, help := m[1], m[2]
		if first := strings.Fields(words)[0]; !slices.Contains(a.names, first) {
			return match // a sentence about the program
		}
		if help == "" {
			words = a.homeFlag() + words
		}
		return a.program() + words + help
	})
}

// program is how the person called this program.
func (a *app) program() string {
	if a.called == "" {
		return "omega"
	}
	return quoted(a.called)
}

// homeFlag is the flag by which this command was told its home; "" if it was not.
func (a *app) homeFlag() string {
	for i, arg := range a.args {
		if dir, ok := strings.CutPrefix(arg, "--home="); ok {
			return " --home " + quoted(dir)
		}
		if arg == "--home" && i+1 < len(a.args) {
			return " --home " + quoted(a.args[i+1])
		}
		if arg == "--" {
			break
		}
	}
	return ""
}

// calledAs is how a person calls this program: by its name where the shell finds it by that,
// else by the path that was typed.
func calledAs() string {
	if len(os.Args) == 0 {
		return ""
	}
	called := os.Args[0]
	if found, err := exec.LookPath(filepath.Base(called)); err == nil && found == called {
		return filepath.Base(called)
	}
	return called
}

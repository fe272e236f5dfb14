package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// advised are the commands that a text names: omega send, omega contact add --help.
var advised = regexp.MustCompile(`\bomega((?: [a-z]+)+)( --help)?`)

// advice is a text of the catalogue whose commands can be typed where the person is.
func (a *app) advice(key string, args ...any) string { return a.asTyped(a.text(key, args...)) }

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

// calledAs is how this process was called: by a path, or by the name that the shell found.
func calledAs() string {
	if len(os.Args) == 0 {
		return ""
	}
	return os.Args[0]
}

package main

import (
	"strings"
	"testing"

	"github.com/omega-im/omega/internal/help"
	"github.com/omega-im/omega/internal/i18n"
)

// TestGroupFirst: a group is named by the first word behind the command, or by --chat.
func TestGroupFirst(t *testing.T) {
	for line, want := range map[string]string{
		"group link G":                              "group link G",
		"group link --chat G":                       "group link G",
		"group link --chat=G --open":                "group link G --open",
		"--home group group role owner F --chat G":  "--home group group role G owner F",
		"group invite F --chat":                     "group invite F --chat",
		"group title G -- --chat x":                 "group title G -- --chat x",
		"group pin --chat G ID":                     "group pin --chat G ID",
		"history --chat G":                          "history --chat G",
		"--json group rules --invite all --chat G ": "--json group rules G --invite all",
		"group": "group", "": "",
	} {
		if got := strings.Join(groupFirst(strings.Fields(line)), " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestOneGroup: the commands that take a group first are just those that the list names.
func TestOneGroup(t *testing.T) {
	named := map[string]bool{}
	for _, name := range oneGroup {
		named["omega group "+name] = true
	}
	for _, n := range newParser(&cli{}, i18n.English, func(int) {}).Model.Leaves(true) {
		path := help.Path(n)
		takes := strings.HasPrefix(path, "omega group ") && len(n.Positional) > 0 && n.Positional[0].Name == "group"
		if takes != named[path] {
			t.Errorf("%s takes a group first: %v, listed: %v", path, takes, named[path])
		}
	}
}

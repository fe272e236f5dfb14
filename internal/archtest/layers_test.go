package archtest

import (
	"fmt"
	"path"
	"slices"
)

// layers is the house: a package imports lower lines only, and packages on one
// line do not know each other. An entry that ends in /* stands for every
// package of that folder. Do not change a line to make a build pass; change
// the import.
var layers = [][]string{
	1: {".", "spec", "internal/*"},
	2: {"pgp", "pgp/gpgagent", "wire", "mesh", "mailbox", "mailbox/mailboxtest", "clientrpc", "media", "media/mediatest"},
	3: {"transport", "keyserver", "prekeys", "keyserver/keyservertest", "chat", "chat/group", "chat/secure", "chat/slash", "chat/sticker", "archive", "clientrpc/gen", "web", "tui"},
	4: {"cloud", "proxy", "directory", "history", "mailbox/mem", "mailbox/pebble", "keyserver/pebble", "keyserver/hkp", "keyserver/fallback", "media/disk"},
	5: {"node", "client"},
	6: {"sim/*"},
	7: {"cmd/*"},
}

// neighbours are the imports along one line that are wanted.
var neighbours = []struct{ from, to, why string }{
	{"internal/*", ".", "test helpers speak the vocabulary"},
	{"internal/help", "internal/i18n", "it is the catalogue's face on a command line"},
	{"pgp/gpgagent", "pgp", "it is a driver of pgp.Signer and pgp.Decrypter"},
	{"mailbox/mailboxtest", "mailbox", "it is the suite of mailbox.Store"},
	{"media/mediatest", "media", "it is the suite of media.Store"},
	{"keyserver/keyservertest", "keyserver", "it is the suite of keyserver.Store"},
}

// matches reports whether dir is what a line of a table names.
func matches(entry, dir string) bool {
	ok, err := path.Match(entry, dir)
	return err == nil && ok
}

// layerOf is the line that dir stands on, 0 when it stands on none.
func layerOf(dir string) int {
	for n, entries := range layers {
		if slices.ContainsFunc(entries, func(e string) bool { return matches(e, dir) }) {
			return n
		}
	}
	return 0
}

// checkTable wants every package in the table and every entry in the tree, so
// that the table cannot rot.
func checkTable(t *tree) []string {
	var problems []string
	dirs := t.packages()
	for _, dir := range dirs {
		if layerOf(dir) == 0 {
			problems = append(problems, fmt.Sprintf("%s: package stands on no line of the layers table", dir))
		}
	}
	for n, entries := range layers {
		for _, entry := range entries {
			if !slices.ContainsFunc(dirs, func(dir string) bool { return matches(entry, dir) }) {
				problems = append(problems, fmt.Sprintf("layers table, line %d: %s does not exist in the tree", n, entry))
			}
		}
	}
	return problems
}

// checkLayers wants imports to go down. Tests may also use packages of their
// own line, such as a driver.
func checkLayers(t *tree) []string {
	var problems []string
	for _, f := range t.goFiles() {
		from := layerOf(f.dir)
		for _, imp := range f.imports() {
			dir, ok := ours(imp.path)
			if !ok || dir == f.dir || from == 0 {
				continue
			}
			to := layerOf(dir)
			if to < from || to == from && (f.test || wanted(f.dir, dir)) {
				continue
			}
			problems = append(problems, t.at(imp.pos, "%s (line %d) imports %s (line %d)", f.dir, from, dir, to))
		}
	}
	return problems
}

func wanted(from, to string) bool {
	for _, n := range neighbours {
		if matches(n.from, from) && matches(n.to, to) {
			return true
		}
	}
	return false
}

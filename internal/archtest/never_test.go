package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"sort"
	"strings"
)

// servers are the packages that run where mail passes; readers are those that
// can open it. A server cannot read mail because no path leads from the first
// to the second.
var (
	servers = []string{"proxy", "cloud", "node", "keyserver", "directory", "mailbox", "media", "transport"}
	readers = []string{"chat", "client", "history"}
)

// checkServersCannotRead follows imports all the way down.
func checkServersCannotRead(t *tree) []string {
	imports := make(map[string]map[string]bool)
	for _, f := range t.goFiles() {
		if f.test {
			continue
		}
		for _, imp := range f.imports() {
			if dir, ok := ours(imp.path); ok {
				if imports[f.dir] == nil {
					imports[f.dir] = make(map[string]bool)
				}
				imports[f.dir][dir] = true
			}
		}
	}
	var problems []string
	for _, dir := range t.packages() {
		if !under(dir, servers...) {
			continue
		}
		for _, reached := range closure(imports, dir) {
			if under(reached, readers...) {
				problems = append(problems, fmt.Sprintf("%s: server package reaches %s", dir, reached))
			}
		}
	}
	return problems
}

// closure lists everything that from imports, directly or not.
func closure(imports map[string]map[string]bool, from string) []string {
	seen := map[string]bool{from: true}
	queue := []string{from}
	for len(queue) > 0 {
		dir := queue[0]
		queue = queue[1:]
		for next := range imports[dir] {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	delete(seen, from)
	out := make([]string, 0, len(seen))
	for dir := range seen {
		out = append(out, dir)
	}
	sort.Strings(out)
	return out
}

// Pure packages get time and randomness as arguments and touch nothing outside.
var (
	pure         = []string{"mesh", "chat"}
	pureImports  = []string{"net", "os", "syscall", "log", "crypto/rand", "math/rand", "runtime"}
	clockReaders = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"}
)

func checkPurity(t *tree) []string {
	var problems []string
	for _, f := range t.goFiles() {
		if f.test || !under(f.dir, pure...) {
			continue
		}
		for _, imp := range f.imports() {
			// A seeded generator of math/rand/v2 is a value; its global functions are not.
			if under(imp.path, pureImports...) && imp.path != "math/rand/v2" {
				problems = append(problems, t.at(imp.pos, "pure package %s imports %s", f.dir, imp.path))
			}
			if imp.path == "time" {
				problems = append(problems, selected(t, f, imp.name, clockReaders, "reads the clock")...)
			}
			if imp.path == "math/rand/v2" {
				problems = append(problems, selected(t, f, imp.name, globalRandom, "uses global randomness")...)
			}
		}
	}
	return problems
}

var globalRandom = []string{"Int", "IntN", "Int64", "Int64N", "Int32", "Int32N", "Uint32", "Uint32N", "Uint64", "Uint64N", "UintN", "N", "Float64", "Float32", "Perm", "Shuffle", "NormFloat64", "ExpFloat64"}

// selected finds pkg.Name for the given names.
func selected(t *tree, f *file, pkg string, names []string, what string) []string {
	var problems []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg && slices.Contains(names, sel.Sel.Name) {
			problems = append(problems, t.at(sel.Pos(), "pure package %s %s: %s.%s", f.dir, what, pkg, sel.Sel.Name))
		}
		return true
	})
	return problems
}

// forbidden are imports that some folders, or all, must not have.
var forbidden = []struct {
	from []string // empty means everywhere
	to   []string
	why  string
}{
	{[]string{"tui", "web", "botapi"},
		[]string{modulePath + "/client", modulePath + "/wire", modulePath + "/pgp", modulePath + "/chat"},
		"a user interface speaks clientrpc"},
	{nil, []string{"golang.org/x/crypto/openpgp"}, "it is unmaintained; pgp uses ProtonMail/go-crypto"},
	{nil, []string{"C"}, "the programs are built without cgo"},
}

func checkForbidden(t *tree) []string {
	var problems []string
	for _, f := range t.goFiles() {
		for _, imp := range f.imports() {
			for _, rule := range forbidden {
				if (rule.from == nil || under(f.dir, rule.from...)) && under(imp.path, rule.to...) {
					problems = append(problems, t.at(imp.pos, "%s imports %s: %s", f.dir, imp.path, rule.why))
				}
			}
		}
	}
	return problems
}

// checkGlobals wants no init functions: nothing happens before main says so.
func checkGlobals(t *tree) []string {
	var problems []string
	for _, f := range t.goFiles() {
		if f.generated || f.test {
			continue
		}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				problems = append(problems, t.at(fn.Pos(), "%s has an init function", f.dir))
			}
		}
	}
	return problems
}

// isGeneratedPackage tells protobuf packages by their folder.
func isGeneratedPackage(dir string) bool {
	return under(dir, "internal") && strings.HasSuffix(dir, "pb")
}

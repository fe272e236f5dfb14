package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
)

const modulePath = "github.com/omega-im/omega"

// A tree is every source and text file of the repository, parsed once.
type tree struct {
	fset  *token.FileSet
	files []*file
}

// A file is one text file. The Go fields are empty for other files.
type file struct {
	path string // from the top of the repository, with slashes
	src  []byte

	dir       string // the package's folder; "." is package omega
	ast       *ast.File
	test      bool // ends in _test.go
	generated bool // carries the "DO NOT EDIT" line of generators
	tools     bool // belongs to the tools module, not to the product
}

// textExts are the files that people read: rules about words apply to them.
var textExts = map[string]bool{
	".go": true, ".md": true, ".ts": true, ".proto": true, ".sql": true, ".sh": true,
	".toml": true, ".css": true, ".html": true, ".mod": true, "": true,
}

// skipped are folders that hold no source of ours.
var skipped = map[string]bool{".git": true, "node_modules": true, "bin": true, "run": true, "dist": true, "testdata": true}

// load reads every text file below fsys.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped[d.Name()]:
			return fs.SkipDir
		case !d.Type().IsRegular() || !textExts[path.Ext(name)]:
			return nil
		}
		return t.add(fsys, name)
	})
	return t, err
}

func (t *tree) add(fsys fs.FS, name string) error {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	f := &file{path: name, src: src, dir: path.Dir(name), tools: strings.HasPrefix(name, "tools/")}
	t.files = append(t.files, f)
	if path.Ext(name) != ".go" {
		return nil
	}
	f.ast, err = parser.ParseFile(t.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	f.test = strings.HasSuffix(name, "_test.go")
	f.generated = ast.IsGenerated(f.ast)
	return nil
}

// goFiles are the product's Go files; the tools module has its own imports.
func (t *tree) goFiles() []*file {
	var out []*file
	for _, f := range t.files {
		if f.ast != nil && !f.tools {
			out = append(out, f)
		}
	}
	return out
}

// packages lists the folders that hold product code, tests left out.
func (t *tree) packages() []string {
	seen := make(map[string]bool)
	for _, f := range t.goFiles() {
		if !f.test {
			seen[f.dir] = true
		}
	}
	out := make([]string, 0, len(seen))
	for dir := range seen {
		out = append(out, dir)
	}
	sort.Strings(out)
	return out
}

// at prefixes a problem with the place it was found at.
func (t *tree) at(pos token.Pos, format string, args ...any) string {
	p := t.fset.Position(pos)
	return fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...))
}

// lineAt is at for files that have no syntax tree.
func (f *file) lineAt(offset int, format string, args ...any) string {
	line := 1 + bytes.Count(f.src[:offset], []byte("\n"))
	return fmt.Sprintf("%s:%d: %s", f.path, line, fmt.Sprintf(format, args...))
}

// An importing is one import line.
type importing struct {
	path string
	name string // the name that the file calls the package by
	pos  token.Pos
}

func (f *file) imports() []importing {
	out := make([]importing, 0, len(f.ast.Imports))
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser refused it already
		}
		name := packageName(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		out = append(out, importing{path: p, name: name, pos: spec.Pos()})
	}
	return out
}

// ours turns an import path into a folder of the repository.
func ours(importPath string) (dir string, ok bool) {
	if importPath == modulePath {
		return ".", true
	}
	return strings.CutPrefix(importPath, modulePath+"/")
}

// under reports whether dir is one of roots or inside one.
func under(dir string, roots ...string) bool {
	for _, root := range roots {
		if dir == root || strings.HasPrefix(dir, root+"/") {
			return true
		}
	}
	return false
}

// packageName guesses a package's name from its path, as its authors want
// people to: the last element that is no version.
func packageName(importPath string) string {
	name := path.Base(importPath)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		return path.Base(path.Dir(importPath))
	}
	return name
}

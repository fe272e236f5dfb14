package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"regexp"
	"strings"
)

// Sizes from which a reader loses the thread, in lines. The codebases that
// people love stay far below.
const (
	maxFileLines = 600
	maxFuncLines = 90
)

func checkFormat(t *tree) []string {
	var problems []string
	for _, f := range t.files {
		if f.ast == nil {
			continue
		}
		want, err := format.Source(f.src)
		if err != nil || !bytes.Equal(want, f.src) {
			problems = append(problems, f.path+": is not what gofmt writes")
		}
	}
	return problems
}

// checkSizes leaves out tests and generated files.
func checkSizes(t *tree) []string {
	var problems []string
	for _, f := range t.files {
		if f.ast == nil || f.test || f.generated {
			continue
		}
		if n := bytes.Count(f.src, []byte("\n")); n > maxFileLines {
			problems = append(problems, fmt.Sprintf("%s: %d lines, the limit is %d", f.path, n, maxFileLines))
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := t.fset.Position(fn.End()).Line - t.fset.Position(fn.Pos()).Line + 1
			if n > maxFuncLines {
				problems = append(problems, t.at(fn.Pos(), "%s has %d lines, the limit is %d", fn.Name.Name, n, maxFuncLines))
			}
		}
	}
	return problems
}

// checkPackageDocs wants one sentence at least on what a package is for.
func checkPackageDocs(t *tree) []string {
	documented := make(map[string]bool)
	for _, f := range t.goFiles() {
		if !f.test && f.ast.Doc != nil {
			documented[f.dir] = true
		}
		if isGeneratedPackage(f.dir) {
			documented[f.dir] = true // its schema says it
		}
	}
	var problems []string
	for _, dir := range t.packages() {
		if !documented[dir] {
			problems = append(problems, dir+": package has no doc comment")
		}
	}
	return problems
}

// checkExportedDocs wants a comment on everything that other packages can use.
// A comment on a group of constants, variables or types serves all of them.
func checkExportedDocs(t *tree) []string {
	var problems []string
	for _, f := range t.goFiles() {
		if f.test || f.generated || f.ast.Name.Name == "main" {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && receiverExported(d) && d.Doc == nil {
					problems = append(problems, t.at(d.Pos(), "%s has no doc comment", d.Name.Name))
				}
			case *ast.GenDecl:
				if d.Doc != nil {
					continue
				}
				for _, spec := range d.Specs {
					if name := undocumented(spec); name != nil {
						problems = append(problems, t.at(name.Pos(), "%s has no doc comment", name.Name))
					}
				}
			}
		}
	}
	return problems
}

// undocumented returns the first exported name of a spec without comment.
func undocumented(spec ast.Spec) *ast.Ident {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && s.Comment == nil {
			return s.Name
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && s.Doc == nil && s.Comment == nil {
				return name
			}
		}
	}
	return nil
}

// marks are the words of unfinished work. They are put together here so that
// this file does not hold them.
var marks = regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}, "|") + `)\b`)

func checkMarks(t *tree) []string {
	var problems []string
	for _, f := range t.files {
		if m := marks.FindIndex(f.src); m != nil {
			problems = append(problems, f.lineAt(m[0], "unfinished work is marked: %s", f.src[m[0]:m[1]]))
		}
	}
	return problems
}

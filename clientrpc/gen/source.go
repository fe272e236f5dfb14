package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// source is what reflection does not know: comments, and constants.
type source struct {
	docs      map[string]string // of a type, and of a field as Type.Field
	constants []constant
}

// A constant is a name for a text that travels.
type constant struct{ name, value, doc string }

func read(dirs ...string) (*source, error) {
	s := &source{docs: map[string]string{}}
	for _, dir := range dirs {
		notTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
		packages, err := parser.ParseDir(token.NewFileSet(), dir, notTests, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			for _, f := range p.Files {
				for _, d := range f.Decls {
					if g, ok := d.(*ast.GenDecl); ok {
						s.declaration(g, filepath.Base(dir) == "clientrpc")
					}
				}
			}
		}
	}
	slices.SortFunc(s.constants, func(a, b constant) int { return strings.Compare(a.name, b.name) })
	return s, nil
}

func (s *source) declaration(g *ast.GenDecl, constants bool) {
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			doc := g.Doc
			if spec.Doc != nil {
				doc = spec.Doc
			}
			s.docs[spec.Name.Name] = flat(doc)
			if st, ok := spec.Type.(*ast.StructType); ok {
				s.fields(spec.Name.Name, st)
			}
		case *ast.ValueSpec:
			if g.Tok == token.CONST && constants && len(spec.Names) == 1 && len(spec.Values) == 1 && spec.Names[0].IsExported() {
				if lit, ok := spec.Values[0].(*ast.BasicLit); ok && spec.Type == nil {
					s.constants = append(s.constants, constant{spec.Names[0].Name, lit.Value, flat(spec.Comment)})
				}
			}
		}
	}
}

func (s *source) fields(typ string, st *ast.StructType) {
	for _, f := range st.Fields.List {
		doc := f.Comment
		if doc == nil {
			doc = f.Doc
		}
		for _, name := range f.Names {
			s.docs[typ+"."+name.Name] = flat(doc)
		}
	}
}

// flat is a comment in one line.
func flat(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	return strings.Join(strings.Fields(c.Text()), " ")
}

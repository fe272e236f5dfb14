package archtest

import (
	"crypto/sha256"
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

// checkOneImporter wants each protobuf package behind one package of ours, so
// that a change of a schema has one place to go to.
func checkOneImporter(t *tree) []string {
	importers := make(map[string][]string)
	for _, f := range t.goFiles() {
		for _, imp := range f.imports() {
			dir, ok := ours(imp.path)
			if ok && isGeneratedPackage(dir) && dir != f.dir && !slices.Contains(importers[dir], f.dir) {
				importers[dir] = append(importers[dir], f.dir)
			}
		}
	}
	var problems []string
	for dir, from := range importers {
		if len(from) > 1 {
			slices.Sort(from)
			problems = append(problems, fmt.Sprintf("%s: generated package has %d importers: %s", dir, len(from), strings.Join(from, ", ")))
		}
	}
	slices.Sort(problems)
	return problems
}

// checkNoGeneratedTypes wants generated types kept out of exported signatures.
func checkNoGeneratedTypes(t *tree) []string {
	var problems []string
	for _, f := range t.goFiles() {
		if f.test || f.generated {
			continue
		}
		for _, imp := range f.imports() {
			dir, ok := ours(imp.path)
			if !ok || !isGeneratedPackage(dir) {
				continue
			}
			for _, expr := range exportedTypes(f.ast) {
				if mentions(expr, imp.name) {
					problems = append(problems, t.at(expr.Pos(), "%s shows a type of %s", f.dir, dir))
				}
			}
		}
	}
	return problems
}

// exportedTypes lists the type expressions that users of a package can see.
func exportedTypes(f *ast.File) []ast.Node {
	var out []ast.Node
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && receiverExported(d) {
				out = append(out, d.Type)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				out = append(out, exportedSpec(spec)...)
			}
		}
	}
	return out
}

func exportedSpec(spec ast.Spec) []ast.Node {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return nil
		}
		structure, ok := s.Type.(*ast.StructType)
		if !ok {
			return []ast.Node{s.Type}
		}
		var out []ast.Node
		for _, field := range structure.Fields.List {
			if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
				out = append(out, field.Type)
			}
		}
		return out
	case *ast.ValueSpec:
		if s.Type != nil && slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
			return []ast.Node{s.Type}
		}
	}
	return nil
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	id, ok := typ.(*ast.Ident)
	return !ok || id.IsExported()
}

func mentions(n ast.Node, pkg string) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg {
				found = true
			}
		}
		return !found
	})
	return found
}

// stamped is what tools/protogen writes below a file's head.
var stamped = regexp.MustCompile(`(?m)^// source: (\S+)\n// source sha256: ([0-9a-f]{64})$`)

// checkFresh compares each generated file's stamp with its schema. make check
// runs the generator itself.
func checkFresh(t *tree) []string {
	schemas := make(map[string]string)
	for _, f := range t.files {
		if strings.HasSuffix(f.path, ".proto") {
			schemas[f.path] = fmt.Sprintf("%x", sha256.Sum256(f.src))
		}
	}
	var problems []string
	generated := make(map[string]bool)
	for _, f := range t.goFiles() {
		if !strings.HasSuffix(f.path, ".pb.go") {
			continue
		}
		m := stamped.FindSubmatch(f.src)
		if m == nil {
			problems = append(problems, f.path+": was not made by make generate")
			continue
		}
		generated[string(m[1])] = true
		if schemas[string(m[1])] != string(m[2]) {
			problems = append(problems, fmt.Sprintf("%s: is older than %s: run make generate", f.path, m[1]))
		}
	}
	for name := range schemas {
		if !generated[name] {
			problems = append(problems, name+": has no generated file: run make generate")
		}
	}
	slices.Sort(problems)
	return problems
}

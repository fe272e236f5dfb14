// Command protogen generates the Go packages of proto/*.proto. It compiles the
// schemas and runs protobuf's own generator in one process, so that no protoc
// binary is needed and everybody gets the same bytes.
//
//	protogen [-root DIR] [-check]
//
// With -check nothing is written; the exit code is 1 when a generated file is
// not what the schemas give.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// modulePath is what a schema's go_package starts with; the rest of it is the
// folder that the Go file is written to.
const modulePath = "github.com/omega-im/omega"

func main() {
	root := flag.String("root", ".", "top `directory` of the repository")
	check := flag.Bool("check", false, "compare instead of writing")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	names, err := schemas(root)
	if err != nil {
		return err
	}
	files, err := generate(root, names)
	if err != nil {
		return err
	}
	paths := make([]string, 0, len(files))
	for path := range files {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	if check {
		return compare(root, paths, files)
	}
	return write(root, paths, files)
}

// schemas lists proto/*.proto, named from the root as they are registered.
func schemas(root string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(root, "proto", "*.proto"))
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(found))
	for _, path := range found {
		names = append(names, "proto/"+filepath.Base(path))
	}
	return names, nil
}

// generate returns the generated files by their path from the root.
func generate(root string, names []string) (map[string][]byte, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			ImportPaths: []string{root},
		}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	linked, err := compiler.Compile(context.Background(), names...)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	plugin, err := protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: names,
		ProtoFile:      inOrder(linked),
		Parameter:      proto.String("module=" + modulePath),
	})
	if err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	plugin.SupportedFeatures = internal_gengo.SupportedFeatures
	for _, f := range plugin.Files {
		if f.Generate {
			internal_gengo.GenerateFile(plugin, f)
		}
	}
	response := plugin.Response()
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	files := make(map[string][]byte)
	for _, f := range response.File {
		content, err := stamp(root, []byte(f.GetContent()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.GetName(), err)
		}
		files[f.GetName()] = content
	}
	return files, nil
}

// inOrder flattens the import graph, imported files before their importers.
func inOrder(roots linker.Files) []*descriptorpb.FileDescriptorProto {
	var out []*descriptorpb.FileDescriptorProto
	seen := make(map[string]bool)
	var visit func(protoreflect.FileDescriptor)
	visit = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		imports := f.Imports()
		for i := range imports.Len() {
			visit(imports.Get(i).FileDescriptor)
		}
		out = append(out, protoutil.ProtoFromFileDescriptor(f))
	}
	for _, f := range roots {
		visit(f)
	}
	return out
}

// sourcePrefix starts the line in which the generator names the schema.
var sourcePrefix = []byte("// source: ")

// stamp adds the schema's SHA-256 below the line that names it, so that the
// everyday tests can tell a stale file without running the generator.
func stamp(root string, content []byte) ([]byte, error) {
	start := bytes.Index(content, sourcePrefix)
	if start < 0 {
		return nil, errors.New("the generator named no source")
	}
	end := start + bytes.IndexByte(content[start:], '\n')
	name := string(content[start+len(sourcePrefix) : end])
	schema, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	line := fmt.Sprintf("\n// source sha256: %x", sha256.Sum256(schema))
	return bytes.Join([][]byte{content[:end], content[end:]}, []byte(line)), nil
}

func write(root string, paths []string, files map[string][]byte) error {
	for _, path := range paths {
		target := filepath.Join(root, filepath.FromSlash(path))
		if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, files[path]) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, files[path], 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", path)
	}
	return nil
}

func compare(root string, paths []string, files map[string][]byte) error {
	var stale []error
	for _, path := range paths {
		old, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		if err != nil || !bytes.Equal(old, files[path]) {
			stale = append(stale, fmt.Errorf("%s is not what its schema gives: run make generate", path))
		}
	}
	return errors.Join(stale...)
}

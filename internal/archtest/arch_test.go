package archtest

import (
	"os"
	"testing"
	"testing/fstest"
)

// A rule looks over the tree and tells what breaks it.
type rule struct {
	name  string
	check func(*tree) []string
}

var rules = []rule{
	{"table", checkTable},
	{"layers", checkLayers},
	{"servers cannot read", checkServersCannotRead},
	{"purity", checkPurity},
	{"forbidden imports", checkForbidden},
	{"outgoing requests", checkOutgoing},
	{"the guarded package only looks up", checkGuarded},
	{"no uploads", checkUploads},
	{"no init", checkGlobals},
	{"generated packages have one importer", checkOneImporter},
	{"generated types stay inside", checkNoGeneratedTypes},
	{"generated files are fresh", checkFresh},
	{"gofmt", checkFormat},
	{"sizes", checkSizes},
	{"package docs", checkPackageDocs},
	{"exported docs", checkExportedDocs},
	{"unfinished marks", checkMarks},
	{"spec clauses", checkClauses},
}

func TestHouse(t *testing.T) {
	repository, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatalf("read the repository: %v", err)
	}
	if len(repository.goFiles()) < 10 {
		t.Fatalf("found %d Go files: the test looks at the wrong folder", len(repository.goFiles()))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, problem := range r.check(repository) {
				t.Error(problem)
			}
		})
	}
}

// TestRulesBite plants one offence per row: a rule that finds nothing in a tree
// that breaks it keeps nothing.
func TestRulesBite(t *testing.T) {
	const mod = modulePath
	for _, tt := range []struct {
		name  string
		check func(*tree) []string
		files map[string]string
		want  int // problems
	}{
		{"clean import down", checkLayers, map[string]string{"proxy/a.go": "package proxy\nimport _ \"" + mod + "/wire\"\n"}, 0},
		{"import up", checkLayers, map[string]string{"wire/a.go": "package wire\nimport _ \"" + mod + "/proxy\"\n"}, 1},
		{"import along the line", checkLayers, map[string]string{"proxy/a.go": "package proxy\nimport _ \"" + mod + "/cloud\"\n"}, 1},
		{"wanted neighbour", checkLayers, map[string]string{"pgp/gpgagent/a.go": "package gpgagent\nimport _ \"" + mod + "/pgp\"\n"}, 0},
		{"test uses a driver", checkLayers, map[string]string{"proxy/a_test.go": "package proxy\nimport _ \"" + mod + "/mailbox/mem\"\n"}, 0},
		{"test imports up", checkLayers, map[string]string{"proxy/a_test.go": "package proxy\nimport _ \"" + mod + "/node\"\n"}, 1},
		{"server reads mail", checkServersCannotRead, map[string]string{
			"node/a.go":  "package node\nimport _ \"" + mod + "/proxy\"\n",
			"proxy/a.go": "package proxy\nimport _ \"" + mod + "/chat\"\n"}, 2},
		{"mesh uses net", checkPurity, map[string]string{"mesh/a.go": "package mesh\nimport _ \"net/netip\"\n"}, 1},
		{"chat reads the clock", checkPurity, map[string]string{"chat/a.go": "package chat\nimport \"time\"\nvar now = time.Now\n"}, 1},
		{"mesh draws lots", checkPurity, map[string]string{"mesh/a.go": "package mesh\nimport \"math/rand/v2\"\nvar n = rand.IntN(3)\n"}, 1},
		{"mesh takes lots", checkPurity, map[string]string{"mesh/a.go": "package mesh\nimport \"math/rand/v2\"\nvar r *rand.Rand\nvar d time.Duration\n"}, 0},
		{"web opens keys", checkForbidden, map[string]string{"web/a.go": "package web\nimport _ \"" + mod + "/pgp\"\n"}, 1},
		{"old openpgp", checkForbidden, map[string]string{"pgp/a.go": "package pgp\nimport _ \"golang.org/x/crypto/openpgp/packet\"\n"}, 1},
		{"asks with the usual client", checkOutgoing, map[string]string{"client/a.go": "package client\nimport \"net/http\"\nvar c = http.DefaultClient\nfunc f() { http.Post(\"\", \"\", nil) }\n"}, 2},
		{"asks under another name", checkOutgoing, map[string]string{"node/a.go": "package node\nimport web \"net/http\"\nvar r = &web.Request{Method: web.MethodPut}\n"}, 1},
		{"answers only", checkOutgoing, map[string]string{"node/a.go": "package node\nimport \"net/http\"\nfunc f(w http.ResponseWriter, r *http.Request) { http.Error(w, \"\", 404) }\n"}, 0},
		{"a client of another library", checkOutgoing, map[string]string{"node/a.go": "package node\nimport _ \"net/smtp\"\n"}, 1},
		{"the guarded package posts", checkGuarded, map[string]string{outside + "/a.go": "package fallback\nimport \"net/http\"\nvar a = &http.Request{Method: http.MethodPost}\nfunc f(r *http.Request) { r.Body = nil }\n"}, 3},
		{"the guarded package has a body", checkGuarded, map[string]string{outside + "/a.go": "package fallback\nimport \"net/http\"\nvar a = &http.Request{Method: http.MethodGet, Body: nil}\n"}, 1},
		{"the guarded package dials", checkGuarded, map[string]string{outside + "/a.go": "package fallback\nimport \"net\"\nvar a, _ = net.Dial(\"tcp\", \"\")\n"}, 1},
		{"an upload", checkUploads, map[string]string{"client/a.go": "package client\nconst a, b = \"/pks/add\", `https://keys.openpgp.org/vks/v1/upload`\n"}, 3},
		{"gpg sends", checkUploads, map[string]string{"pgp/gpgagent/a_test.go": "package gpgagent\nvar a = []string{\"gpg\", \"--send-keys\"}\n"}, 1},
		{"two key servers", checkUploads, map[string]string{"keyserver/hkp/a_test.go": "package hkp\nconst a = \"keyserver hkp://a\\nkeyserver hkp://b\\n\"\n"}, 1},
		{"init", checkGlobals, map[string]string{"wire/a.go": "package wire\nfunc init() {}\n"}, 1},
		{"unknown package", checkTable, map[string]string{"util/a.go": "package util\n"}, 1 + entries()},
		{"two importers", checkOneImporter, map[string]string{
			"chat/a.go": "package chat\nimport _ \"" + mod + "/internal/chatpb\"\n",
			"wire/a.go": "package wire\nimport _ \"" + mod + "/internal/chatpb\"\n"}, 1},
		{"generated type shown", checkNoGeneratedTypes, map[string]string{
			"chat/a.go": "package chat\nimport \"" + mod + "/internal/chatpb\"\nfunc F(*chatpb.Content) {}\nfunc f(*chatpb.Content) {}\ntype T struct { c chatpb.Content; C []chatpb.Content }\n"}, 2},
		{"stale schema", checkFresh, map[string]string{
			"proto/a.proto":            "syntax = \"proto3\";\n",
			"internal/apb/a.pb.go":     "// Code generated by x. DO NOT EDIT.\n// source: proto/a.proto\n// source sha256: " + zeros + "\npackage apb\n",
			"internal/bpb/plain.go":    "package bpb\n",
			"internal/bpb/other.pb.go": "package bpb\n"}, 2},
		{"schema without code", checkFresh, map[string]string{"proto/a.proto": ""}, 1},
		{"format", checkFormat, map[string]string{"wire/a.go": "package wire\nvar  a int\n"}, 1},
		{"no package doc", checkPackageDocs, map[string]string{"wire/a.go": "package wire\n", "mesh/a.go": "// Package mesh is.\npackage mesh\n"}, 1},
		{"exported without doc", checkExportedDocs, map[string]string{
			"wire/a.go": "package wire\nfunc F() {}\nfunc f() {}\ntype t int\nfunc (t) M() {}\nconst A = 1\nconst B = 2 // b\n// Vars.\nvar (\n\tC, D int\n)\ntype T int\n"}, 3},
		{"mark", checkMarks, map[string]string{"README.md": "a " + "TO" + "DO b\n"}, 1},
		{"clause twice", checkClauses, map[string]string{"spec/a.md": "**DEMO-1** x\n\n- **DEMO-1** y\n\n### DEMO-2\n"}, 1},
		{"dead clause", checkClauses, map[string]string{"spec/a.md": "**DEMO-1** x, see DEMO-1 and SHA-256\n", "wire/a.go": "package wire // DEMO-2\n"}, 1},
		{"clause in another file", checkClauses, map[string]string{"spec/a.md": "**DEMO-1** x\n", "spec/b.md": "", "wire/a.go": "package wire // (spec/b.md, DEMO-1) (spec/c.md) (spec/a.md, DEMO-1)\n"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := make(fstest.MapFS)
			for name, src := range tt.files {
				fsys[name] = &fstest.MapFile{Data: []byte(src)}
			}
			planted, err := load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.check(planted); len(got) != tt.want {
				t.Errorf("%d problems, want %d: %q", len(got), tt.want, got)
			}
		})
	}
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// entries counts the layers table.
func entries() int {
	n := 0
	for _, line := range layers {
		n += len(line)
	}
	return n
}

func TestSizesBite(t *testing.T) {
	long := "package wire\n\nfunc f() {\n"
	for range maxFuncLines {
		long += "\tprintln()\n"
	}
	long += "}\n"
	for range maxFileLines {
		long += "\n"
	}
	planted, err := load(fstest.MapFS{"wire/a.go": &fstest.MapFile{Data: []byte(long)}})
	if err != nil {
		t.Fatal(err)
	}
	if got := checkSizes(planted); len(got) != 2 {
		t.Errorf("%d problems, want 2: %q", len(got), got)
	}
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// TestGenerated wants the files that are in the tree to be what gen writes.
func TestGenerated(t *testing.T) {
	files, err := render(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the registry says (%v): run go generate ./clientrpc", name, err)
		}
	}
}

var (
	declares = regexp.MustCompile(`(?m)^export (?:type|interface|const) (\w+)`)
	member   = regexp.MustCompile(`(?m)^  \w+\??: ([^;{]+);$`)
	extends  = regexp.MustCompile(`(?m)^export interface \w+ extends ([^{]+) \{$`)
	calls    = regexp.MustCompile(`(?m)^  "[\w.]+": \{ params: (\w+); result: (\w+) \};$`)
	word     = regexp.MustCompile(`\w+`)
)

// TestScriptIsClosed: every type that the TypeScript names is declared in it, once,
// and its braces match. (No TypeScript compiler is needed for the tests.)
func TestScriptIsClosed(t *testing.T) {
	files, err := render(root)
	if err != nil {
		t.Fatal(err)
	}
	text := string(files["clientrpc/gen/clientrpc.ts"])
	known := map[string]bool{"string": true, "number": true, "boolean": true, "null": true, "unknown": true}
	for _, m := range declares.FindAllStringSubmatch(text, -1) {
		if known[m[1]] {
			t.Errorf("%s is declared twice", m[1])
		}
		known[m[1]] = true
	}
	uses := 0
	for _, re := range []*regexp.Regexp{member, extends, calls} {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			for _, name := range word.FindAllString(strings.Join(m[1:], " "), -1) {
				if uses++; !known[name] {
					t.Errorf("%s is not declared: %s", name, m[0])
				}
			}
		}
	}
	if uses < 300 {
		t.Errorf("only %d uses of types were found", uses)
	}
	code := regexp.MustCompile(`(?s)/\*\*.*?\*/|"[^"]*"`).ReplaceAllString(text, "")
	for _, pair := range []string{"{}", "[]", "<>", "()"} {
		code := strings.ReplaceAll(code, "=>", "")
		if open, shut := strings.Count(code, pair[:1]), strings.Count(code, pair[1:]); open != shut {
			t.Errorf("%d %c and %d %c", open, pair[0], shut, pair[1])
		}
	}
}

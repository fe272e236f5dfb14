package tui

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// manuals are the documentation of this package, in both languages.
var manuals = []string{"../docs/terminal.md", "../docs/terminal.zh-TW.md"}

// TestManualsInStep: the documentation has the same keys, flags and marks in both
// languages, line by line.
func TestManualsInStep(t *testing.T) {
	token := regexp.MustCompile("`[^`]+`|(?:Ctrl|Alt|Shift)\\+(?:[A-Za-z]+|[↑↓←→/])|\\bF[0-9]+\\b|[◷✓✗🔕📌✔⚠🔒]+|[a-zA-Z0-9]+\\.(?:go|md)|OSC 52")
	var said [2][]string
	for i, path := range manuals {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(b), "\n") {
			if n == 2 {
				continue // names the other one
			}
			tokens := token.FindAllString(line, -1)
			slices.Sort(tokens)
			said[i] = append(said[i], strings.Join(slices.Compact(tokens), " "))
		}
	}
	if len(said[0]) != len(said[1]) {
		t.Fatalf("%d lines and %d", len(said[0]), len(said[1]))
	}
	for n := range said[0] {
		if said[0][n] != said[1][n] {
			t.Errorf("line %d says\n%s\nand\n%s", n+1, said[0][n], said[1][n])
		}
	}
}

// TestManualsHaveTheKeys: what the sheet of keys shows stands in the documentation.
func TestManualsHaveTheKeys(t *testing.T) {
	for _, path := range manuals {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range helpKeys {
			for key := range strings.FieldsSeq(k[0]) {
				if k[1] != "" && !strings.Contains(string(b), key) {
					t.Errorf("%s lacks %s", path, key)
				}
			}
		}
	}
}
